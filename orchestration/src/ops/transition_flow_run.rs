//! Transitions of flow runs.

use mintaka_core::records::{Deployment, FlowRun, FlowRunInput, StateType, TaskRun, flow_run, task_run};
use mintaka_core::{Batch, Error, Filter, Key, Reader, Versioned};
use uuid::Uuid;

use super::flow_run_event;
use super::optimistic::{Decision, Lost, optimistic};
use super::transition::{Transitioned, difference, moment, result_artifact, state_of_flow_run};
use super::transition_task_run::force_task_run;
use crate::caller::Caller;
use crate::error::OpError;
use crate::operations::Operations;
use crate::rules::{Case, Effect, FlowAround, FlowPolicy, Need, Verdict, judge, needs};
use crate::state::{Proposed, State};

/// Proposes a state for a flow run under a policy ([`FlowPolicy::Minimal`] is "force").
///
/// State, run, mirrored parent task, event and whatever else follows are committed together or not at all.
///
/// # Errors
/// [`OpError::NotFound`] if there is no such run; [`OpError::Storage`], with
/// [`Unavailable`](mintaka_core::Error::Unavailable) when the run is too busy.
pub async fn set_flow_run_state(
    ops: &Operations,
    id: Uuid,
    want: Proposed,
    policy: FlowPolicy,
    by: &Caller,
) -> Result<Transitioned, OpError> {
    let want = &want;
    optimistic(ops, "the run", |lost| async move {
        let unknown = || OpError::NotFound(format!("Flow run with id {id} not found"));
        let seen = flow_run_as_it_is(ops, id, lost).await?.ok_or_else(unknown)?;
        let initial = state_of_flow_run(ops, &seen).await?;
        decide(ops, seen, initial, want.clone(), policy, by).await
    })
    .await
}

/// Proposes the state that `propose` answers for a flow run and its state as they are; it may be called several times.
/// `None`, and nothing is done, if it answers none or there is no such run.
///
/// # Errors
/// As [`set_flow_run_state`].
pub async fn propose_flow_run_state(
    ops: &Operations,
    id: Uuid,
    policy: FlowPolicy,
    by: &Caller,
    propose: impl Fn(&FlowRun, Option<&State>) -> Option<Proposed> + Sync,
) -> Result<Option<Transitioned>, OpError> {
    let propose = &propose;
    optimistic(ops, "the run", |lost| async move {
        let Some(seen) = flow_run_as_it_is(ops, id, lost).await? else { return Ok(Decision::Answer(None)) };
        let initial = state_of_flow_run(ops, &seen).await?;
        let Some(want) = propose(&seen, initial.as_ref()) else { return Ok(Decision::Answer(None)) };
        Ok(decide(ops, seen, initial, want, policy, by).await?.map(Some))
    })
    .await
}

/// A flow run, as a lost attempt found it or read anew.
pub(super) async fn flow_run_as_it_is(
    reader: &Reader,
    id: Uuid,
    lost: Option<Lost>,
) -> Result<Option<Versioned<FlowRun>>, Error> {
    match lost.map(Lost::current::<FlowRun>).transpose()?.flatten().filter(|run| run.id == id) {
        Some(seen) => Ok(Some(seen)),
        None => reader.get::<FlowRun>(id).await,
    }
}

/// Judges a proposed state over a run and its state as they were read.
pub(super) async fn decide(
    reader: &Reader,
    seen: Versioned<FlowRun>,
    initial: Option<State>,
    want: Proposed,
    policy: FlowPolicy,
    by: &Caller,
) -> Result<Decision<Transitioned>, OpError> {
    let id = seen.id;
    let moment = moment(reader);
    let rules = policy.rules(by.line);
    let mut batch = Batch::new().version(&seen);
    let mut around = FlowAround::default();
    if let Some(deployment) = seen.deployment_id
        && needs(rules, initial.as_ref().map(|s| s.r#type), want.r#type).contains(&Need::Deployment)
    {
        around.deployment_gone = reader.get::<Deployment>(deployment).await?.is_none();
        if !around.deployment_gone {
            batch = batch.present::<Deployment>(Key::id(deployment));
        }
    }
    let case = Case { run: &seen.record, initial: initial.as_ref(), around: &around, caller: by, moment: &moment };
    let mut verdict = judge(rules, case, want)?;

    batch = write(reader, batch, &mut verdict, initial.as_ref(), by).await?;
    let mut change = difference(seen.record, verdict.run);
    if !change.is_empty() {
        change = change.set(flow_run::updated, moment.now);
    }
    batch = batch.update::<FlowRun>(Key::id(id), change);
    let answer = Transitioned::of(verdict.status, verdict.details, verdict.state, initial);
    Ok(Decision::unless_empty(batch, answer))
}

/// Adds to a batch all that a judged transition of a flow run writes, but for the row of the run itself.
pub(super) async fn write(
    reader: &Reader,
    mut batch: Batch,
    verdict: &mut Verdict<FlowRun>,
    initial: Option<&State>,
    by: &Caller,
) -> Result<Batch, OpError> {
    let run = &verdict.run;
    let now = reader.now();
    if let Some(state) = &mut verdict.state {
        if let Some(artifact) = result_artifact(state, Some(run.id), None, reader.new_id(), now) {
            batch = batch.insert(artifact);
        }
        batch = batch.insert(state.clone().into_flow_run_state(run.id, now));
    }
    for effect in &verdict.effects {
        batch = match (effect, &verdict.state) {
            (Effect::MirrorToParentTask, Some(state)) => mirror(reader, batch, run, state, by).await?,
            (Effect::Emit, Some(state)) => {
                let related = flow_run_event::related(reader, run).await?;
                flow_run_event::flow_run_event(run, &related, initial, state).add_to(batch, now)
            }
            (Effect::DeleteInputs(keys), _) => keys.iter().fold(batch, |batch, key| {
                batch.delete::<FlowRunInput>(Key::Unique(vec![run.id.into(), key.as_str().into()]))
            }),
            (Effect::RetryFailedTaskRuns(time), _) => {
                let failed =
                    Filter::eq(task_run::flow_run_id, run.id).and(Filter::eq(task_run::state_type, StateType::Failed));
                for seen in reader.all::<TaskRun>(failed).await? {
                    let retry = Proposed::awaiting_retry(*time);
                    batch = force_task_run(reader, batch, seen, retry, by, |run| run.run_count = 0).await?;
                }
                batch
            }
            (Effect::MirrorToParentTask | Effect::Emit | Effect::Cache { .. }, _) => batch,
        };
    }
    Ok(batch)
}

/// The task run that stands for a subflow in its parent enters the subflow's state; nothing if it is gone.
async fn mirror(reader: &Reader, batch: Batch, run: &FlowRun, state: &State, by: &Caller) -> Result<Batch, OpError> {
    let Some(parent) = run.parent_task_run_id else { return Ok(batch) };
    let Some(seen) = reader.get::<TaskRun>(parent).await? else { return Ok(batch) };
    let mut want = state.proposed();
    want.details.child_flow_run_id = Some(run.id);
    force_task_run(reader, batch, seen, want, by, |_| {}).await
}
