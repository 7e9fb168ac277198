//! Transitions of task runs.

use mintaka_core::records::{
    FlowRun, StateType, TaskRun, TaskRunState, TaskRunStateCache, task_run, task_run_state_cache,
};
use mintaka_core::{Batch, Cmp, Direction, Error, Filter, Key, Query, Reader, Time, Versioned};
use uuid::Uuid;

use super::optimistic::{Decision, Lost, optimistic};
use super::transition::{Transitioned, difference, moment, result_artifact, state_of_flow_run, state_of_task_run};
use crate::caller::Caller;
use crate::error::OpError;
use crate::operations::Operations;
use crate::rules::{Case, Effect, Need, TaskAround, TaskPolicy, Verdict, judge, needs};
use crate::state::{Proposed, State};

/// Proposes a state for a task run; `force` passes over most rules.
///
/// # Errors
/// [`OpError::NotFound`] if there is no such run, or the flow run that the rules look at is gone; [`OpError::Storage`],
/// with [`Unavailable`](mintaka_core::Error::Unavailable) when the run is too busy.
pub async fn set_task_run_state(
    ops: &Operations,
    id: Uuid,
    want: Proposed,
    force: bool,
    by: &Caller,
) -> Result<Transitioned, OpError> {
    let want = &want;
    optimistic(ops, "the run", |lost| async move {
        let unknown = || OpError::NotFound(format!("Task run with id {id} not found"));
        let seen = task_run_as_it_is(ops, id, lost).await?.ok_or_else(unknown)?;
        decide(ops, seen, want.clone(), force, by).await
    })
    .await
}

/// Proposes the state that `propose` answers for a task run as it is; it may be called several times. `None`, and nothing
/// is done, if it answers none or there is no such run.
///
/// # Errors
/// As [`set_task_run_state`].
pub async fn propose_task_run_state(
    ops: &Operations,
    id: Uuid,
    force: bool,
    by: &Caller,
    propose: impl Fn(&TaskRun) -> Option<Proposed> + Sync,
) -> Result<Option<Transitioned>, OpError> {
    let propose = &propose;
    optimistic(ops, "the run", |lost| async move {
        let Some(seen) = task_run_as_it_is(ops, id, lost).await? else { return Ok(Decision::Answer(None)) };
        let Some(want) = propose(&seen) else { return Ok(Decision::Answer(None)) };
        Ok(decide(ops, seen, want, force, by).await?.map(Some))
    })
    .await
}

/// A task run, as a lost attempt found it or read anew.
async fn task_run_as_it_is(reader: &Reader, id: Uuid, lost: Option<Lost>) -> Result<Option<Versioned<TaskRun>>, Error> {
    match lost.map(Lost::current::<TaskRun>).transpose()?.flatten().filter(|run| run.id == id) {
        Some(seen) => Ok(Some(seen)),
        None => reader.get::<TaskRun>(id).await,
    }
}

async fn decide(
    reader: &Reader,
    seen: Versioned<TaskRun>,
    want: Proposed,
    force: bool,
    by: &Caller,
) -> Result<Decision<Transitioned>, OpError> {
    let initial = state_of_task_run(reader, &seen).await?;
    let mut judged = judge_task_run(reader, &seen.record, initial.as_ref(), want, force, by).await?;
    let batch = judged.write(reader, Batch::new());
    let (answer, batch) = judged.update(seen, initial, batch, reader.now());
    Ok(Decision::unless_empty(batch, answer))
}

/// A judged transition of a task run, and what its rules looked at.
pub(super) struct Judged {
    pub(super) verdict: Verdict<TaskRun>,
    around: TaskAround,
}

/// Reads what the rules need, and judges.
pub(super) async fn judge_task_run(
    reader: &Reader,
    run: &TaskRun,
    initial: Option<&State>,
    want: Proposed,
    force: bool,
    by: &Caller,
) -> Result<Judged, OpError> {
    let rules = TaskPolicy::choose(by.line, force, run, &want).rules(by.line);
    let moment = moment(reader);
    let mut around = TaskAround::default();
    for need in needs(rules, initial.map(|s| s.r#type), want.r#type) {
        match need {
            // For flow runs alone.
            Need::Deployment => {}
            Need::FlowRun => {
                let Some(id) = run.flow_run_id else { continue };
                around.flow_run = reader.get::<FlowRun>(id).await?;
                if let Some(flow_run) = &around.flow_run
                    && flow_run.state_type == Some(StateType::Paused)
                {
                    around.flow_run_state = state_of_flow_run(reader, flow_run).await?;
                }
            }
            Need::Cached => {
                if let Some(key) = want.details.cache_key.as_ref().filter(|key| !key.is_empty())
                    && want.details.refresh_cache != Some(true)
                {
                    around.cached = cached(reader, key, moment.now).await?;
                }
            }
        }
    }
    let verdict = judge(rules, Case { run, initial, around: &around, caller: by, moment: &moment }, want)?;
    Ok(Judged { verdict, around })
}

impl Judged {
    /// Adds to a batch all that the transition writes, but for the row of the run itself; and the guards of what the
    /// rules looked at.
    pub(super) fn write(&mut self, reader: &Reader, mut batch: Batch) -> Batch {
        let Judged { verdict, around } = self;
        let now = reader.now();
        let run = &verdict.run;
        let Some(state) = &mut verdict.state else { return batch };
        if let Some(flow_run) = &around.flow_run {
            batch = batch.version(flow_run);
        }
        if let Some(artifact) = result_artifact(state, run.flow_run_id, Some(run.id), reader.new_id(), now) {
            batch = batch.insert(artifact);
        }
        batch = batch.insert(state.clone().into_task_run_state(run.id, now));
        for effect in &verdict.effects {
            if let Effect::Cache { key, expiration } = effect {
                batch = batch.insert(TaskRunStateCache {
                    id: reader.new_id(),
                    created: now,
                    updated: now,
                    cache_key: key.clone(),
                    cache_expiration: *expiration,
                    task_run_state_id: state.id,
                });
            }
        }
        batch
    }

    /// Adds to a batch the change of the run as it was seen, guarded by its version; and says what became of it.
    fn update(
        self,
        seen: Versioned<TaskRun>,
        initial: Option<State>,
        batch: Batch,
        now: Time,
    ) -> (Transitioned, Batch) {
        let Verdict { status, details, state, run, .. } = self.verdict;
        let batch = batch.version(&seen);
        let key = Key::id(seen.id);
        let mut change = difference(seen.record, run);
        if !change.is_empty() {
            change = change.set(task_run::updated, now);
        }
        (Transitioned::of(status, details, state, initial), batch.update::<TaskRun>(key, change))
    }
}

/// Adds to a batch a forced transition of a task run, and what `also` changes of it.
pub(super) async fn force_task_run(
    reader: &Reader,
    batch: Batch,
    seen: Versioned<TaskRun>,
    want: Proposed,
    by: &Caller,
    also: impl FnOnce(&mut TaskRun),
) -> Result<Batch, OpError> {
    let initial = state_of_task_run(reader, &seen).await?;
    let mut judged = judge_task_run(reader, &seen.record, initial.as_ref(), want, true, by).await?;
    also(&mut judged.verdict.run);
    let batch = judged.write(reader, batch);
    Ok(judged.update(seen, initial, batch, reader.now()).1)
}

/// The newest state that is cached under a key and has not expired.
async fn cached(reader: &Reader, key: &str, now: Time) -> Result<Option<State>, OpError> {
    let fresh = Filter::Or(vec![
        Filter::IsNull(task_run_state_cache::cache_expiration),
        Filter::cmp(task_run_state_cache::cache_expiration, Cmp::Gt, now),
    ]);
    let query = Query::of(&task_run_state_cache::TABLE)
        .filter(Filter::eq(task_run_state_cache::cache_key, key).and(fresh))
        .order(task_run_state_cache::created, Direction::Desc);
    let Some(entry) = reader.first::<TaskRunStateCache>(query).await? else { return Ok(None) };
    match reader.get::<TaskRunState>(entry.task_run_state_id).await? {
        Some(row) => Ok(Some(State::try_from(row.record)?)),
        None => Ok(None),
    }
}
