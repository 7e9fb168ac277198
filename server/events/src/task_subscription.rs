//! `/task_runs/subscriptions/scheduled`: background task runs are offered to the workers that wait for them.
//!
//! A worker is offered one run at a time, and takes it or lets it go. Within this process a run is in one worker's hands
//! at a time; between processes, and for a worker that never begins, PENDING decides, as always.

use std::fmt::Display;
use std::sync::Arc;

use mintaka_api_filters::task_run_in;
use mintaka_core::records::{TaskRun, TaskRunState, task_run};
use mintaka_core::{Direction, Error, Filter, Query, Record};
use mintaka_http::{Client, Ctx};
use mintaka_orchestration::Operations;
use mintaka_orchestration::State;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::due_tasks::{Awaited, Due, due};
use crate::end::{CloseCode, End};
use crate::socket::{Heard, Serve, Socket};
use crate::task_workers::{Offer, TaskWorkers};

/// Runs of one read.
const PAGE: u64 = 50;
/// The most tasks of a worker.
pub(crate) const MAX_KEYS: usize = 1_000;
/// The longest key of a task and name of a worker, in characters.
const MAX_TEXT: usize = 2_048;
/// A protocol violation (wire W13.5).
const VIOLATION: u16 = 4001;

/// The socket's side of the server.
#[derive(Clone)]
pub(crate) struct TaskSubscription {
    pub(crate) ctx: Ctx,
    pub(crate) workers: Arc<TaskWorkers>,
    pub(crate) awaited: Arc<Awaited>,
}

fn violation(reason: impl Display) -> End {
    End::Close(CloseCode::from(VIOLATION), format!("Protocol violation: {reason}"))
}

impl Serve for TaskSubscription {
    async fn serve(self, socket: &mut Socket) -> Result<(), End> {
        let store = &self.ctx.ops;
        let (keys, client_id) = subscription(socket.hear_soon().await?, &socket.client)?;
        let presence = self.workers.enter(&client_id, &keys, store.now());
        let awaited = self.awaited.tasks(store);
        let mut seen = awaited.watch();
        loop {
            seen.borrow_and_update();
            let returned = self.workers.returned.notified();
            tokio::pin!(returned);
            returned.as_mut().enable();
            if let Some((run, state, offer)) = self.next(&keys).await? {
                socket.send(&task_run_in(&self.ctx, run, Some(state))).await?;
                let answer = socket.hear_soon().await?.unwrap_or_default();
                match answer["type"].as_str() {
                    Some("ack") => offer.taken(),
                    Some("quit") => return Ok(()),
                    _ => return Err(violation("expected 'ack' message")),
                }
                presence.seen(store.now());
                continue;
            }
            let wake = async {
                tokio::select! {
                    () = due_again(&mut seen, &keys) => {}
                    () = returned => {}
                }
            };
            tokio::pin!(wake);
            loop {
                tokio::select! {
                    () = &mut wake => break,
                    heard = socket.hear() => match heard? {
                        Heard::Text(text) if says(&text, "quit") => return Ok(()),
                        Heard::Text(_) | Heard::Binary | Heard::Ping => presence.seen(store.now()),
                    },
                }
            }
        }
    }
}

/// Waits until it was looked again, and one of these tasks may have a due run.
async fn due_again(seen: &mut watch::Receiver<Due>, keys: &[String]) {
    // Whoever waits has what tells it, so it does not end.
    while seen.changed().await.is_ok() && !seen.borrow_and_update().has(keys) {}
}

fn says(text: &str, kind: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|message| message["type"] == kind)
}

/// The keys and the name of the worker in the first frame. (wire W13.5: clients of the 2.x line need no name)
fn subscription(message: Option<Value>, client: &Client) -> Result<(Vec<String>, String), End> {
    let message = message.unwrap_or_default();
    if message["type"] != "subscribe" {
        return Err(violation("expected 'subscribe' message"));
    }
    let texts = message["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let keys: Vec<String> = texts.map(str::to_owned).collect();
    if keys.is_empty() {
        return Err(violation("expected 'keys' in subscribe message"));
    }
    if keys.len() > MAX_KEYS {
        return Err(violation(format!("expected at most {MAX_KEYS} 'keys', not {}", keys.len())));
    }
    let name = message["client_id"].as_str();
    if keys.iter().map(String::as_str).chain(name).any(|text| text.chars().count() > MAX_TEXT) {
        return Err(violation(format!("expected at most {MAX_TEXT} characters in 'keys' and 'client_id'")));
    }
    match name.filter(|id| !id.is_empty()) {
        Some(id) => Ok((keys, id.to_owned())),
        None if client.is_v2() => Ok((keys, Uuid::now_v7().to_string())),
        None => Err(violation("expected 'client_id' in subscribe message")),
    }
}

impl TaskSubscription {
    /// The next run that is due and in nobody's hands, those that have waited longest first.
    async fn next(&self, keys: &[String]) -> Result<Option<(TaskRun, State, Offer)>, Error> {
        let store = &self.ctx.ops;
        let next = task_run::next_scheduled_start_time;
        let filter = due(store).and(Filter::any(task_run::task_key, keys.iter().map(String::as_str)));
        let mut query = Query::of(TaskRun::TABLE).filter(filter).order(next, Direction::Asc).limit(PAGE);
        loop {
            let runs = store.select::<TaskRun>(query.clone()).await?;
            let full = runs.len() as u64 == PAGE;
            query.after = runs.last().map(|run| vec![run.next_scheduled_start_time.into(), run.id.into()]);
            for run in runs {
                let run = run.record;
                let Some(offer) = self.workers.offer(run.id, run.state_id) else { continue };
                if let Some(state) = waiting_state(store, &run).await? {
                    return Ok(Some((run, state, offer)));
                }
                // Not for a worker: its own process goes on with it.
                offer.taken();
            }
            if !full {
                return Ok(None);
            }
        }
    }
}

/// The state of a run that waits for a worker; `None` if it waits for its own process.
///
/// wire W7.11: 3.x marks such a run with `deferred`. In 2.x any scheduled run outside of a flow is one; a task of 3.x
/// that is called outside of a flow is scheduled only for a retry, under the name AwaitingRetry, and without kept
/// parameters.
async fn waiting_state(store: &Operations, run: &TaskRun) -> Result<Option<State>, Error> {
    let Some(id) = run.state_id else { return Ok(None) };
    let Some(state) = store.get::<TaskRunState>(id).await? else { return Ok(None) };
    let state = State::try_from(state.record)?;
    let details = &state.state_details;
    let alone = run.flow_run_id.is_none() && (state.name != "AwaitingRetry" || details.task_parameters_id.is_some());
    Ok((details.deferred == Some(true) || alone).then_some(state))
}
