//! Changes of a flow run besides its state.

use mintaka_core::records::{Deployment, FlowRun, StateType, WorkPool, WorkQueue, flow_run};
use mintaka_core::{Batch, Change, Error, Filter, Json, Key, Reader, Versioned};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Edited;
use super::cascade::after_flow_runs;
use super::edit::{delete, delete_telling, edit};
use super::optimistic::{Decision, Lost, optimistic};
use super::transition_flow_run::flow_run_as_it_is;
use crate::error::OpError;
use crate::operations::Operations;
use crate::parameters::{JobVariables, Required};

/// What changes of a flow run.
#[derive(Clone, Debug, Default)]
pub struct FlowRunEdit {
    /// The columns that were sent; `updated` is set anyway.
    pub change: Change,
    /// Job variables, as an object: only of a run that is scheduled, and if they fit its deployment's pool.
    pub job_variables: Option<Value>,
}

/// Changes a flow run.
///
/// # Errors
/// [`OpError::NotFound`]; [`OpError::Refused`] for job variables of a run that is not scheduled or has no deployment;
/// [`OpError::Invalid`] for job variables that do not fit.
pub async fn update_flow_run(ops: &Operations, id: Uuid, edit: &FlowRunEdit) -> Result<(), OpError> {
    optimistic(ops, "the run", |lost: Option<Lost>| async move {
        let missing = || OpError::NotFound("Flow run not found".into());
        let seen = flow_run_as_it_is(ops, id, lost).await?.ok_or_else(missing)?;
        let mut batch = Batch::new().version(&seen);
        let mut change = edit.change.clone().set(flow_run::updated, ops.now());
        if let Some(sent) = &edit.job_variables {
            batch = checked_job_variables(ops, batch, &seen, sent).await?;
            change = change.set(flow_run::job_variables, Json::from(sent.clone()));
        }
        Ok(Decision::Commit(batch.update::<FlowRun>(Key::id(id), change), ()))
    })
    .await
}

/// wire W7.5: job variables change only while the run is scheduled, and must fit the template of its deployment's pool.
async fn checked_job_variables(reader: &Reader, batch: Batch, run: &FlowRun, sent: &Value) -> Result<Batch, OpError> {
    match run.state_type {
        None => {
            let why = "Flow run state is required to update job variables but none exists";
            return Err(OpError::Refused(why.into()));
        }
        Some(StateType::Scheduled) => {}
        Some(other) => {
            return Err(OpError::Refused(format!("Job variables for a flow run in state {other} cannot be updated")));
        }
    }
    let deployment = match run.deployment_id {
        Some(id) => reader.get::<Deployment>(id).await?,
        None => None,
    };
    let Some(deployment) = deployment else {
        return Err(OpError::Refused("A deployment for the flow run could not be found".into()));
    };
    let batch = batch.version(&deployment);
    let Some(queue_id) = deployment.work_queue_id else { return Ok(batch) };
    let Some(queue) = reader.get::<WorkQueue>(queue_id).await? else { return Ok(batch) };
    let Some(pool) = reader.get::<WorkPool>(queue.work_pool_id).await? else { return Ok(batch) };
    let Some(template) = JobVariables::of(&pool.base_job_template.value()) else { return Ok(batch.version(&pool)) };
    template
        .check(&[&deployment.infra_overrides.value(), sent], Required::Enforced)
        .map_err(|why| OpError::Invalid(format!("Error updating flow run: {why}")))?;
    Ok(batch.version(&pool))
}

/// Adds labels to those of a flow run; false if there is no such run.
///
/// # Errors
/// What the store answers.
pub async fn add_labels(ops: &Operations, id: Uuid, labels: &Map<String, Value>) -> Result<bool, Error> {
    let edited = edit::<FlowRun, Error>(ops, Key::id(id), |seen| {
        let mut all = seen.labels.value().as_object().cloned().unwrap_or_default();
        all.extend(labels.clone());
        let merged = Json::from(Value::Object(all));
        Ok(Change::default().set(flow_run::labels, merged).set(flow_run::updated, ops.now()))
    });
    Ok(matches!(edited.await?, Edited::Done(_)))
}

/// Deletes a flow run with its states, inputs, task runs and logs; false if there was none.
///
/// # Errors
/// What the store answers.
pub async fn delete_flow_run(ops: &Operations, id: Uuid) -> Result<bool, Error> {
    if !delete::<FlowRun>(ops, Key::id(id)).await? {
        return Ok(false);
    }
    after_flow_runs(ops, &[id], true).await?;
    Ok(true)
}

/// Deletes those of some flow runs that meet a filter, with all that is theirs, and answers which they were.
///
/// # Errors
/// What the store answers.
pub async fn delete_flow_runs(ops: &Operations, ids: Vec<Uuid>, only: Filter) -> Result<Vec<Uuid>, Error> {
    let mut deletions = JoinSet::new();
    for id in ids {
        let (ops, only) = (ops.clone(), only.clone());
        let told = |_: &Versioned<FlowRun>| Ok::<_, Error>(Vec::new());
        deletions.spawn(async move { delete_telling(&ops, Key::id(id), Some(&only), told).await });
    }
    let mut deleted = Vec::new();
    while let Some(done) = deletions.join_next().await {
        let gone = done.map_err(|_| Error::Indeterminate("deleting was interrupted".into()))??;
        deleted.extend(gone.map(|run| run.id));
    }
    if !deleted.is_empty() {
        after_flow_runs(ops, &deleted, true).await?;
    }
    // In the order in which they were asked for, which is that of lists.
    deleted.sort_unstable_by(|a, b| b.cmp(a));
    Ok(deleted)
}
