//! Which tasks have runs that are due, read once for all workers that wait.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mintaka_core::records::{StateType, TaskRun, task_run};
use mintaka_core::{Cmp, Direction, Error, Filter, Query, Record, Value};
use mintaka_orchestration::Operations;
use tokio::sync::watch;
use tokio::time::sleep;

/// How often the store is asked without a commit of this process: others may have written, and times come.
const POLL: Duration = Duration::from_secs(1);
/// How often it is asked at most.
const PACE: Duration = Duration::from_millis(25);
/// Runs of one read. If there are more, every task may have one.
const RUNS: u64 = 200;

/// Runs that are scheduled, and whose time has come.
pub(crate) fn due(store: &Operations) -> Filter {
    let next = task_run::next_scheduled_start_time;
    Filter::And(vec![
        Filter::eq(task_run::state_type, StateType::Scheduled),
        Filter::Or(vec![Filter::cmp(next, Cmp::Le, store.now()), Filter::IsNull(next)]),
    ])
}

/// The tasks that had due runs when it was looked last.
#[derive(Clone, Debug, Default)]
pub(crate) enum Due {
    /// It was not looked yet, it failed, or there are too many.
    #[default]
    Any,
    /// These.
    Of(Arc<BTreeSet<String>>),
}

impl Due {
    /// Whether any of these tasks may have a due run.
    pub(crate) fn has(&self, keys: &[String]) -> bool {
        match self {
            Due::Any => true,
            Due::Of(due) => keys.iter().any(|key| due.contains(key)),
        }
    }

    async fn look(store: &Operations) -> Result<Due, Error> {
        let next = task_run::next_scheduled_start_time;
        let mut query = Query::of(TaskRun::TABLE).filter(due(store)).order(next, Direction::Asc).limit(RUNS);
        query.columns = Some(vec![task_run::task_key]);
        query.check()?;
        let rows = store.rows(query).await?;
        if rows.len() as u64 == RUNS {
            return Ok(Due::Any);
        }
        let keys = rows.into_iter().filter_map(|row| match row.values.into_iter().next() {
            Some(Value::Text(key)) => Some(key.to_string()),
            _ => None,
        });
        Ok(Due::Of(Arc::new(keys.collect())))
    }
}

/// What all workers wait for. It is looked for as long as somebody has this.
pub(crate) struct DueTasks(watch::Sender<Due>);

impl DueTasks {
    /// What is due, told after every look that found something.
    pub(crate) fn watch(&self) -> watch::Receiver<Due> {
        self.0.subscribe()
    }
}

async fn follow(tasks: Weak<DueTasks>, store: Operations) {
    let mut committed = store.committed();
    while tasks.strong_count() > 0 {
        committed.borrow_and_update();
        // A store that fails tells each worker by itself.
        let due = Due::look(&store).await.unwrap_or_default();
        let Some(tasks) = tasks.upgrade() else { return };
        tasks.0.send_if_modified(|told| {
            let tells = !matches!(&due, Due::Of(keys) if keys.is_empty());
            *told = due;
            tells
        });
        drop(tasks);
        sleep(PACE).await;
        tokio::select! {
            Ok(()) = committed.changed() => {}
            () = sleep(POLL) => {}
        }
    }
}

/// What the workers of a server share.
#[derive(Default)]
pub(crate) struct Awaited(Mutex<Weak<DueTasks>>);

impl Awaited {
    /// What is being looked for, from the first worker to the last.
    pub(crate) fn tasks(&self, store: &Operations) -> Arc<DueTasks> {
        let mut awaited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        awaited.upgrade().unwrap_or_else(|| {
            let tasks = Arc::new(DueTasks(watch::Sender::new(Due::default())));
            tokio::spawn(follow(Arc::downgrade(&tasks), store.clone()));
            *awaited = Arc::downgrade(&tasks);
            tasks
        })
    }
}
