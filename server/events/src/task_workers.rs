//! Workers that wait for background task runs: who they are, and which runs they hold.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mintaka_core::Time;
use mintaka_http::{ApiError, Ctx, Input, Out, Settings, When};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::Tag;
use crate::task_subscription::MAX_KEYS;

/// How long a run that a worker took is left to it before it is offered again, if it is still waiting then.
const TAKEN_FOR: Duration = Duration::from_secs(60);

/// The workers of one server and the runs in their hands. This saves work; what makes a run start once is the state
/// PENDING, which one worker alone is granted.
pub(crate) struct TaskWorkers {
    state: Mutex<State>,
    /// Somebody gave a run back.
    pub(crate) returned: Notify,
    /// Keeps the address by which this is found.
    _settings: Arc<Settings>,
}

#[derive(Default)]
struct State {
    sockets: BTreeMap<u64, Worker>,
    next: u64,
    held: HashMap<Uuid, Held>,
}

struct Worker {
    identifier: String,
    task_keys: BTreeSet<String>,
    seen: Time,
}

/// A run that was offered, by the state in which it was.
struct Held {
    state: Option<Uuid>,
    /// Until when it is its worker's; without end while the worker has not answered.
    until: Option<Instant>,
}

static OF_SERVERS: LazyLock<Mutex<HashMap<usize, Weak<TaskWorkers>>>> = LazyLock::new(Mutex::default);

impl TaskWorkers {
    /// Those of the server whose context this is: its sockets and its requests share them.
    pub(crate) fn of(ctx: &Ctx) -> Arc<TaskWorkers> {
        let mut all = OF_SERVERS.lock().unwrap_or_else(PoisonError::into_inner);
        let server = Arc::as_ptr(&ctx.settings) as usize;
        if let Some(found) = all.get(&server).and_then(Weak::upgrade) {
            return found;
        }
        all.retain(|_, workers| workers.strong_count() > 0);
        let workers =
            Arc::new(TaskWorkers { state: Mutex::default(), returned: Notify::new(), _settings: ctx.settings.clone() });
        all.insert(server, Arc::downgrade(&workers));
        workers
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker has come; it is there until the answer is dropped.
    pub(crate) fn enter(self: &Arc<Self>, identifier: &str, task_keys: &[String], now: Time) -> Presence {
        let mut state = self.state();
        let socket = state.next;
        state.next += 1;
        let task_keys = task_keys.iter().cloned().collect();
        state.sockets.insert(socket, Worker { identifier: identifier.to_owned(), task_keys, seen: now });
        Presence { workers: self.clone(), socket }
    }

    /// Offers a run in a state to a worker; `None` if another one has it.
    pub(crate) fn offer(self: &Arc<Self>, run: Uuid, in_state: Option<Uuid>) -> Option<Offer> {
        let mut state = self.state();
        let now = Instant::now();
        if state.held.len() > 1024 {
            state.held.retain(|_, held| held.until.is_none_or(|until| until > now));
        }
        let taken = state
            .held
            .get(&run)
            .is_some_and(|held| held.until.is_none_or(|until| until > now && held.state == in_state));
        if taken {
            return None;
        }
        state.held.insert(run, Held { state: in_state, until: None });
        Some(Offer { workers: self.clone(), run, taken: false })
    }

    /// The workers for any of these tasks, or all; one that has several sockets is one.
    fn list(&self, task_keys: &[String]) -> Vec<TaskWorkerResponse> {
        let state = self.state();
        let mut found: BTreeMap<&str, (BTreeSet<&str>, Time)> = BTreeMap::new();
        for worker in state.sockets.values() {
            let (keys, seen) = found.entry(&worker.identifier).or_insert((BTreeSet::new(), worker.seen));
            keys.extend(worker.task_keys.iter().map(String::as_str));
            *seen = (*seen).max(worker.seen);
        }
        let wanted =
            |keys: &BTreeSet<&str>| task_keys.is_empty() || task_keys.iter().any(|k| keys.contains(k.as_str()));
        found
            .into_iter()
            .filter(|(_, (keys, _))| wanted(keys))
            .map(|(identifier, (keys, seen))| TaskWorkerResponse {
                identifier: identifier.to_owned(),
                task_keys: keys.into_iter().map(str::to_owned).collect(),
                timestamp: When(seen),
            })
            .collect()
    }
}

/// A worker that is there.
pub(crate) struct Presence {
    workers: Arc<TaskWorkers>,
    socket: u64,
}

impl Presence {
    /// The worker gave a sign of life.
    pub(crate) fn seen(&self, now: Time) {
        if let Some(worker) = self.workers.state().sockets.get_mut(&self.socket) {
            worker.seen = now;
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.workers.state().sockets.remove(&self.socket);
    }
}

/// A run that is offered to a worker; dropped before it is taken, it goes to the next one.
pub(crate) struct Offer {
    workers: Arc<TaskWorkers>,
    run: Uuid,
    taken: bool,
}

impl Offer {
    /// The worker has taken it.
    pub(crate) fn taken(mut self) {
        self.taken = true;
        if let Some(held) = self.workers.state().held.get_mut(&self.run) {
            held.until = Some(Instant::now() + TAKEN_FOR);
        }
    }
}

impl Drop for Offer {
    fn drop(&mut self) {
        if !self.taken {
            self.workers.state().held.remove(&self.run);
            self.workers.returned.notify_waiters();
        }
    }
}

/// A worker that waits for background task runs.
#[derive(Clone, Debug, Object, Serialize)]
struct TaskWorkerResponse {
    /// The name that it gave itself.
    identifier: String,
    /// The tasks that it runs.
    task_keys: Vec<String>,
    /// When it gave the last sign of life.
    timestamp: When,
}

#[derive(Debug, Object)]
struct TaskWorkerFilter {
    /// Any of these tasks; all if empty.
    #[oai(default)]
    task_keys: Vec<String>,
}

#[derive(Debug, Object)]
struct ReadTaskWorkers {
    /// Which workers.
    task_worker_filter: Option<TaskWorkerFilter>,
}

/// Workers for background tasks.
#[derive(Clone)]
pub struct TaskWorkersApi {
    pub(crate) workers: Arc<TaskWorkers>,
}

#[OpenApi(prefix_path = "/task_workers", tag = "Tag::TaskWorkers")]
impl TaskWorkersApi {
    /// The workers that are connected to this server and wait for background task runs.
    #[oai(path = "/filter", method = "post", operation_id = "filter_task_workers")]
    async fn filter_task_workers(
        &self,
        body: Input<ReadTaskWorkers>,
    ) -> Result<Out<Vec<TaskWorkerResponse>>, ApiError> {
        let keys = body.0.task_worker_filter.map(|filter| filter.task_keys).unwrap_or_default();
        if keys.len() > MAX_KEYS {
            let fault = format!("task_keys takes at most {MAX_KEYS} texts, not {}", keys.len());
            return Err(ApiError::member("task_keys", fault));
        }
        Ok(Out(self.workers.list(&keys)))
    }
}
