//! How long a task run of a 3.x client ran, over all of its attempts.
//!
//! Clients say so with every state. But early ones count the last attempt only, so the server sums the states that it knows.

use mintaka_core::records::{StateType, TaskRun, TaskRunState, task_run, task_run_state};
use mintaka_core::{Batch, Change, Error, Filter, Key, Reader, Versioned};

use super::optimistic::{Decision, Lost, optimistic};
use super::task_run_events::TaskRunEvent;
use crate::operations::Operations;

/// Differences below this, in seconds, come from how clients round.
const ROUNDING: f64 = 1e-5;

/// Sets the run time of an event's task run to what its recorded states say. Call it after the event was committed.
///
/// Nothing is read for a first attempt whose states arrive in order, as the client knows its time. `was_newest` is false
/// if the run knew of a newer state already. While attempts are missing among the states, the client's time counts if it
/// is longer.
///
/// # Errors
/// What the store answers. It may be called again.
pub async fn sum_run_time(ops: &Operations, event: &TaskRunEvent, was_newest: bool) -> Result<(), Error> {
    if was_newest && event.run.run_count <= 1 {
        return Ok(());
    }
    optimistic(ops, "the task run", |_: Option<Lost>| async move {
        let Some(run) = found(ops, &event.run).await? else { return Ok(Decision::Answer(())) };
        let (attempts, seconds) = attempts(ops, &run).await?;
        let is_whole = attempts >= run.run_count;
        let total = if is_whole { seconds } else { seconds.max(run.total_run_time) };
        if run.run_count <= 1 || (total - run.total_run_time).abs() < ROUNDING {
            return Ok(Decision::Answer(()));
        }
        let change = Change::default().set(task_run::total_run_time, total);
        Ok(Decision::Commit(Batch::new().version(&run).update::<TaskRun>(Key::id(run.id), change), ()))
    })
    .await
}

/// The stored row of a task run that an event describes: by its natural key, under which it may have another id.
async fn found(reader: &Reader, run: &TaskRun) -> Result<Option<Versioned<TaskRun>>, Error> {
    match run.flow_run_id {
        Some(flow_run_id) => {
            let key = [flow_run_id.into(), run.task_key.as_str().into(), run.dynamic_key.as_str().into()];
            reader.find::<TaskRun>(Key::Unique(key.into())).await
        }
        None => reader.get::<TaskRun>(run.id).await,
    }
}

/// How many RUNNING states are recorded, and the seconds from each of them to the state after it.
async fn attempts(reader: &Reader, run: &TaskRun) -> Result<(i64, f64), Error> {
    let mut states = reader.all::<TaskRunState>(Filter::eq(task_run_state::task_run_id, run.id)).await?;
    states.sort_by_key(|state| state.timestamp);
    let is_running = |state: &Versioned<TaskRunState>| state.r#type == StateType::Running;
    let count = states.iter().filter(|state| is_running(state)).count() as i64;
    let left = states.windows(2).filter(|pair| is_running(&pair[0]));
    Ok((count, left.map(|pair| pair[1].timestamp.seconds_since(pair[0].timestamp)).sum()))
}
