//! Runs as clients see them: the record, its state in full, estimates, and the names of queue and pool.

use std::collections::{BTreeSet, HashMap};

use mintaka_core::records::{FlowRun, FlowRunState, StateType, TaskRun, TaskRunState, WorkPool, WorkQueue};
use mintaka_core::{Error, Reader, Record, Time, Versioned};
use mintaka_http::{ApiError, Ctx, View};
use mintaka_orchestration::State;
use poem_openapi::Object;
use serde::Serialize;
use uuid::Uuid;

use crate::wire::Plain;

/// What a flow run is answered with besides its record.
#[derive(Clone, Debug, Object, Serialize)]
#[oai(rename = "FlowRunResponse", read_only_all)]
pub struct FlowRunExtra {
    /// The state that it is in.
    pub state: Option<Plain<State>>,
    /// Seconds in RUNNING so far, with the interval that still runs.
    pub estimated_run_time: f64,
    /// Seconds by which it started late, or is late by now.
    pub estimated_start_time_delta: f64,
    /// The pool of its queue.
    pub work_pool_id: Option<Uuid>,
    /// The name of that pool.
    pub work_pool_name: Option<String>,
}

/// What a task run is answered with besides its record.
#[derive(Clone, Debug, Object, Serialize)]
#[oai(rename = "TaskRun", read_only_all)]
pub struct TaskRunExtra {
    /// The state that it is in.
    pub state: Option<Plain<State>>,
    /// Seconds in RUNNING so far, with the interval that still runs.
    pub estimated_run_time: f64,
    /// Seconds by which it started late, or is late by now.
    pub estimated_start_time_delta: f64,
}

/// A flow run as clients see it.
pub type FlowRunView = View<FlowRun, FlowRunExtra>;
/// A task run as clients see it.
pub type TaskRunView = View<TaskRun, TaskRunExtra>;

/// The records of some ids by id, read at once; those that do not exist are left out.
///
/// # Errors
/// What the store answers.
pub async fn by_id<R: Record>(reader: &Reader, ids: impl IntoIterator<Item = Uuid>) -> Result<HashMap<Uuid, R>, Error> {
    let ids: Vec<Uuid> = ids.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    let records = reader.get_all::<R>(&ids).await?;
    Ok(ids.into_iter().zip(records).filter_map(|(id, seen)| Some((id, seen?.record))).collect())
}

/// Flow runs as clients see them, with one read each for all states, queues and pools.
///
/// # Errors
/// What the store answers.
pub async fn flow_run_views(ctx: &Ctx, seen: Vec<Versioned<FlowRun>>) -> Result<Vec<FlowRunView>, ApiError> {
    let states = by_id::<FlowRunState>(&ctx.reader, seen.iter().filter_map(|run| run.state_id)).await?;
    let runs = seen.into_iter().map(|seen| seen.record).collect();
    dressed(ctx, runs, shown(states)?).await
}

/// One flow run as clients see it.
///
/// # Errors
/// What the store answers.
pub async fn flow_run_view(ctx: &Ctx, seen: Versioned<FlowRun>) -> Result<FlowRunView, ApiError> {
    one(flow_run_views(ctx, vec![seen]).await?)
}

/// A flow run whose state is at hand, as clients see it.
///
/// # Errors
/// What the store answers.
pub async fn flow_run_in(ctx: &Ctx, run: FlowRun, state: Option<State>) -> Result<FlowRunView, ApiError> {
    one(dressed(ctx, vec![run], state.into_iter().map(|state| (state.id, state)).collect()).await?)
}

/// Task runs as clients see them, with one read for all states.
///
/// # Errors
/// What the store answers.
pub async fn task_run_views(ctx: &Ctx, seen: Vec<Versioned<TaskRun>>) -> Result<Vec<TaskRunView>, ApiError> {
    let now = ctx.reader.now();
    let states = by_id::<TaskRunState>(&ctx.reader, seen.iter().filter_map(|run| run.state_id)).await?;
    let mut states = shown(states)?;
    let view = |seen: Versioned<TaskRun>| {
        let state = seen.state_id.and_then(|id| states.remove(&id));
        dressed_task_run(seen.record, state, now)
    };
    Ok(seen.into_iter().map(view).collect())
}

/// One task run as clients see it.
///
/// # Errors
/// What the store answers.
pub async fn task_run_view(ctx: &Ctx, seen: Versioned<TaskRun>) -> Result<TaskRunView, ApiError> {
    one(task_run_views(ctx, vec![seen]).await?)
}

/// A task run whose state is at hand, as clients see it.
pub fn task_run_in(ctx: &Ctx, run: TaskRun, state: Option<State>) -> TaskRunView {
    dressed_task_run(run, state, ctx.reader.now())
}

async fn dressed(
    ctx: &Ctx,
    runs: Vec<FlowRun>,
    mut states: HashMap<Uuid, State>,
) -> Result<Vec<FlowRunView>, ApiError> {
    let now = ctx.reader.now();
    let queues: HashMap<Uuid, WorkQueue> = by_id(&ctx.reader, runs.iter().filter_map(|run| run.work_queue_id)).await?;
    let pools: HashMap<Uuid, WorkPool> = by_id(&ctx.reader, queues.values().map(|queue| queue.work_pool_id)).await?;
    let view = |mut run: FlowRun| {
        let queue = run.work_queue_id.and_then(|id| queues.get(&id));
        // The name is the queue's; that of a queue that was deleted stays as it was noted.
        run.work_queue_id = queue.map(|queue| queue.id);
        if let Some(queue) = queue {
            run.work_queue_name = Some(queue.name.clone());
        }
        let pool = queue.and_then(|queue| pools.get(&queue.work_pool_id));
        let extra = FlowRunExtra {
            state: run.state_id.and_then(|id| states.remove(&id)).map(Plain),
            estimated_run_time: run_time(run.total_run_time, run.state_type, run.state_timestamp, now),
            estimated_start_time_delta: start_delta(run.start_time, run.expected_start_time, run.state_type, now),
            work_pool_id: pool.map(|pool| pool.id),
            work_pool_name: pool.map(|pool| pool.name.clone()),
        };
        View { record: run, extra }
    };
    Ok(runs.into_iter().map(view).collect())
}

fn dressed_task_run(run: TaskRun, state: Option<State>, now: Time) -> TaskRunView {
    let extra = TaskRunExtra {
        state: state.map(Plain),
        estimated_run_time: run_time(run.total_run_time, run.state_type, run.state_timestamp, now),
        estimated_start_time_delta: start_delta(run.start_time, run.expected_start_time, run.state_type, now),
    };
    View { record: run, extra }
}

fn shown<R>(rows: HashMap<Uuid, R>) -> Result<HashMap<Uuid, State>, Error>
where
    State: TryFrom<R, Error = Error>,
{
    rows.into_iter().map(|(id, row)| Ok((id, State::try_from(row)?))).collect()
}

fn one<T>(mut views: Vec<T>) -> Result<T, ApiError> {
    views.pop().ok_or_else(|| Error::Corrupt("a run has no view".into()).into())
}

/// Seconds in RUNNING: those that are over, and the interval that still runs.
pub fn run_time(total: f64, state: Option<StateType>, entered: Option<Time>, now: Time) -> f64 {
    match (state, entered) {
        (Some(StateType::Running), Some(entered)) => total + now.seconds_since(entered),
        _ => total,
    }
}

/// Seconds by which a run started late; for one that has not started and may still, by which it is late now.
pub fn start_delta(start: Option<Time>, expected: Option<Time>, state: Option<StateType>, now: Time) -> f64 {
    let Some(expected) = expected else { return 0.0 };
    let ended = state.is_some_and(StateType::is_terminal);
    let reference = start.or((!ended).then_some(now)).unwrap_or(expected);
    reference.seconds_since(expected).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimates_grow_while_they_may() {
        let at = |seconds: f64| Time::from_micros(0).plus_seconds(seconds);
        let (running, done) = (Some(StateType::Running), Some(StateType::Completed));
        assert_eq!(run_time(5.0, running, Some(at(10.0)), at(12.0)), 7.0);
        assert_eq!(run_time(5.0, done, Some(at(10.0)), at(12.0)), 5.0);
        let table = [
            (Some(at(12.0)), Some(at(10.0)), running, 2.0),
            (Some(at(8.0)), Some(at(10.0)), running, 0.0),
            (None, Some(at(10.0)), Some(StateType::Scheduled), 10.0),
            (None, Some(at(30.0)), Some(StateType::Scheduled), 0.0),
            (None, Some(at(10.0)), done, 0.0),
            (None, None, None, 0.0),
        ];
        for (start, expected, state, delta) in table {
            assert_eq!(start_delta(start, expected, state, at(20.0)), delta, "{start:?} {expected:?} {state:?}");
        }
    }
}
