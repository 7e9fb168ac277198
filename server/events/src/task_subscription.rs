//! `/task_runs/subscriptions/scheduled`: background task runs are offered to the workers that wait for them.
//!
//! A worker is offered one run at a time, and takes it or lets it go. Within this process a run is in one worker's hands
//! at a time; between processes, and for a worker that never begins, PENDING decides, as always.

use std::sync::Arc;
use std::time::Duration;

use mintaka_api_filters::task_run_in;
use mintaka_core::records::{StateType, TaskRun, TaskRunState, task_run};
use mintaka_core::{Cmp, Direction, Error, Filter, Query, Reader, Record};
use mintaka_http::{Client, Ctx};
use mintaka_orchestration::State;
use poem::web::websocket::CloseCode;
use serde_json::Value;
use tokio::time::sleep;
use uuid::Uuid;

use crate::socket::{End, Heard, Serve, Socket};
use crate::task_workers::{Offer, TaskWorkers};

/// Runs of one read.
const PAGE: u64 = 50;
/// How often the store is asked without a commit of this process: others may have written, and times come.
const POLL: Duration = Duration::from_secs(1);
/// How often it is asked at most.
const PACE: Duration = Duration::from_millis(25);
/// A protocol violation (wire: 4001).
const VIOLATION: u16 = 4001;

/// The socket's side of the server.
#[derive(Clone)]
pub(crate) struct TaskSubscription {
    pub(crate) ctx: Ctx,
    pub(crate) workers: Arc<TaskWorkers>,
}

fn violation(reason: &str) -> End {
    End::Close(CloseCode::Reserved(VIOLATION), format!("Protocol violation: {reason}"))
}

impl Serve for TaskSubscription {
    async fn serve(self, socket: &mut Socket) -> Result<(), End> {
        let store = &self.ctx.reader;
        let (keys, client_id) = subscription(socket.hear_first().await?, &socket.client)?;
        let presence = self.workers.enter(&client_id, &keys, store.now());
        let mut committed = store.committed();
        loop {
            committed.borrow_and_update();
            let returned = self.workers.returned.notified();
            tokio::pin!(returned);
            returned.as_mut().enable();
            if let Some((run, state, offer)) = self.next(&keys).await? {
                socket.send(&task_run_in(&self.ctx, run, Some(state))).await?;
                let answer = socket.hear_json().await?.unwrap_or_default();
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
                    changed = committed.changed() => match changed {
                        Ok(()) => sleep(PACE).await,
                        Err(_) => sleep(POLL).await,
                    },
                    () = returned => {}
                    () = sleep(POLL) => {}
                }
            };
            tokio::pin!(wake);
            loop {
                tokio::select! {
                    () = &mut wake => break,
                    heard = socket.hear() => match heard? {
                        Heard::Text(text) if says(&text, "quit") => return Ok(()),
                        Heard::Text(_) | Heard::Binary | Heard::Ping => {}
                    },
                }
            }
            presence.seen(store.now());
        }
    }
}

fn says(text: &str, kind: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|message| message["type"] == kind)
}

/// The keys and the name of the worker in the first frame. (wire: clients of the 2.x line need no name)
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
    match message["client_id"].as_str().filter(|id| !id.is_empty()) {
        Some(id) => Ok((keys, id.to_owned())),
        None if client.is_v2() => Ok((keys, Uuid::now_v7().to_string())),
        None => Err(violation("expected 'client_id' in subscribe message")),
    }
}

impl TaskSubscription {
    /// The next run that is due and in nobody's hands, those that have waited longest first.
    async fn next(&self, keys: &[String]) -> Result<Option<(TaskRun, State, Offer)>, Error> {
        let store = &self.ctx.reader;
        let next = task_run::next_scheduled_start_time;
        let due = Filter::Or(vec![Filter::cmp(next, Cmp::Le, store.now()), Filter::IsNull(next)]);
        let filter = Filter::And(vec![
            Filter::eq(task_run::state_type, StateType::Scheduled),
            Filter::any(task_run::task_key, keys.iter().map(String::as_str)),
            due,
        ]);
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
/// wire: 3.x marks such a run with `deferred`. In 2.x any scheduled run outside of a flow is one; a task of 3.x that is
/// called outside of a flow is scheduled only for a retry, under the name AwaitingRetry, and without kept parameters.
async fn waiting_state(store: &Reader, run: &TaskRun) -> Result<Option<State>, Error> {
    let Some(id) = run.state_id else { return Ok(None) };
    let Some(state) = store.get::<TaskRunState>(id).await? else { return Ok(None) };
    let state = State::try_from(state.record)?;
    let details = &state.state_details;
    let alone = run.flow_run_id.is_none() && (state.name != "AwaitingRetry" || details.task_parameters_id.is_some());
    Ok((details.deferred == Some(true) || alone).then_some(state))
}
