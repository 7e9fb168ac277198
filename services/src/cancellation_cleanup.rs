//! Cancels what a cancelled run has left behind: its unfinished task runs and subflows, and runs that nobody ends.

use std::time::Duration;

use async_trait::async_trait;
use mintaka_core::records::{FlowRun, StateType, TaskRun, flow_run, task_run};
use mintaka_core::{Cmp, Error, Filter, Reader, Time};
use mintaka_orchestration::ops::{propose_flow_run_state, propose_task_run_state};
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, OpError, Operations, Proposed, State};
use uuid::Uuid;

use crate::each::each;
use crate::pages::RunPages;
use crate::service::{Work, periodic};
use crate::{Ctx, Service, Settings};

/// Its name.
pub const NAME: &str = "cancellation-cleanup";

/// How long ago a run may have been cancelled for its task runs to be looked at.
const LOOK_BACK: Duration = Duration::from_secs(86_400);

const PARENT_CANCELLED: &str = "The parent flow run was cancelled.";
const TIMED_OUT: &str = "Flow run cancellation timed out; marked this flow run as Cancelled.";

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    let settings = &settings.cancellation_cleanup;
    periodic(NAME, settings.every, CancellationCleanup { timeout: settings.cancelling_timeout })
}

struct CancellationCleanup {
    /// How long a run may be CANCELLING.
    timeout: Duration,
}

#[async_trait]
impl Work for CancellationCleanup {
    async fn work(&self, ctx: &Ctx) -> Result<(), OpError> {
        let now = ctx.reader.now();
        let tasks = abandoned_tasks(&ctx.reader, now).await?;
        each(&ctx.ops, tasks, "cancelling a task run", |ops, id| async move { cancel_task(&ops, id).await }).await;

        let subflows = abandoned_subflows(&ctx.reader).await?;
        each(&ctx.ops, subflows, "cancelling a subflow", |ops, id| async move { cancel_subflow(&ops, id).await }).await;

        let limit = now - self.timeout;
        let stuck = stuck_runs(ctx, limit).await?;
        each(
            &ctx.ops,
            stuck,
            "ending a cancellation",
            move |ops, id| async move { end_cancelling(&ops, id, limit).await },
        )
        .await;
        Ok(())
    }
}

/// State types of runs that have not ended.
fn unfinished() -> impl Iterator<Item = StateType> {
    StateType::ALL.iter().copied().filter(|state| !state.is_terminal())
}

/// Unfinished task runs of flow runs that were cancelled lately. It looks from the unfinished ones: they are few, and
/// cancelled flow runs are many.
async fn abandoned_tasks(reader: &Reader, now: Time) -> Result<Vec<Uuid>, Error> {
    let cancelled = Filter::eq(flow_run::state_type, StateType::Cancelled).and(Filter::cmp(
        flow_run::end_time,
        Cmp::Ge,
        now - LOOK_BACK,
    ));
    let filter = Filter::any(task_run::state_type, unfinished()).and(Filter::has(
        task_run::flow_run_id,
        flow_run::id,
        cancelled,
    ));
    Ok(reader.all::<TaskRun>(filter).await?.iter().map(|task| task.id).collect())
}

/// Unfinished subflows of cancelled runs, but for those that are being cancelled and have infrastructure to end.
async fn abandoned_subflows(reader: &Reader) -> Result<Vec<Uuid>, Error> {
    let cancelled = Filter::eq(flow_run::state_type, StateType::Cancelled);
    let under_way = Filter::eq(flow_run::state_type, StateType::Cancelling).and(Filter::some(flow_run::deployment_id));
    let filter = Filter::any(flow_run::state_type, unfinished())
        .and(Filter::some(flow_run::parent_flow_run_id))
        .and(under_way.negate())
        .and(Filter::has(flow_run::parent_flow_run_id, flow_run::id, cancelled));
    Ok(reader.all::<FlowRun>(filter).await?.iter().map(|run| run.id).collect())
}

/// Runs that have been CANCELLING since before `limit`.
async fn stuck_runs(ctx: &Ctx, limit: Time) -> Result<Vec<Uuid>, Error> {
    let mut pages = RunPages::of(Filter::eq(flow_run::state_type, StateType::Cancelling).and(Filter::cmp(
        flow_run::state_timestamp,
        Cmp::Le,
        limit,
    )));
    let mut stuck = Vec::new();
    while let Some(runs) = pages.next(ctx).await? {
        stuck.extend(runs.iter().map(|run| run.id));
    }
    Ok(stuck)
}

async fn cancel_task(ops: &Operations, id: Uuid) -> Result<bool, OpError> {
    let cancelled = |task: &TaskRun| {
        let goes_on = task.state_type.is_none_or(|state| !state.is_terminal());
        goes_on.then(|| Proposed::new(StateType::Cancelled).saying(PARENT_CANCELLED))
    };
    let done = propose_task_run_state(ops, id, true, &Caller::SERVER, cancelled).await?;
    Ok(done.is_some_and(|done| done.wrote))
}

async fn cancel_subflow(ops: &Operations, id: Uuid) -> Result<bool, OpError> {
    let cancelled = |run: &FlowRun, _: Option<&State>| {
        if run.state_type.is_none_or(StateType::is_terminal) {
            return None;
        }
        // A run of a deployment has infrastructure that a worker must end.
        let state = if run.deployment_id.is_some() { StateType::Cancelling } else { StateType::Cancelled };
        Some(Proposed::new(state).saying(PARENT_CANCELLED))
    };
    let done = propose_flow_run_state(ops, id, FlowPolicy::Core, &Caller::SERVER, cancelled).await?;
    Ok(done.is_some_and(|done| done.wrote))
}

async fn end_cancelling(ops: &Operations, id: Uuid, limit: Time) -> Result<bool, OpError> {
    let cancelled = |run: &FlowRun, _: Option<&State>| {
        let still =
            run.state_type == Some(StateType::Cancelling) && run.state_timestamp.is_some_and(|since| since <= limit);
        still.then(|| Proposed::new(StateType::Cancelled).saying(TIMED_OUT))
    };
    let done = propose_flow_run_state(ops, id, FlowPolicy::Core, &Caller::SERVER, cancelled).await?;
    Ok(done.is_some_and(|done| done.wrote))
}
