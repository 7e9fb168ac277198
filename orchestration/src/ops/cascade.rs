//! What goes with what is deleted: the parent first, in a commit of its own, then its children.
//!
//! A crash in between leaves children without a parent. Every sweep is safe to repeat.

use mintaka_core::records::{
    Deployment, DeploymentSchedule, FlowRun, FlowRunInput, FlowRunState, Log, TaskRun, TaskRunState,
    deployment_schedule, flow_run, flow_run_input, flow_run_state, log, task_run, task_run_state,
};
use mintaka_core::{Batch, Change, Error, Filter, Key, Outcome, Query, Record, Value, Versioned};
use uuid::Uuid;

use super::optimistic::Attempts;
use super::sweep;
use super::sweep::{PAGE, delete_page};
use crate::operations::Operations;

/// Deletes the deployments that a filter meets, with their schedules. Their runs stay. One that is changed so that it does
/// not meet the filter any more stays too.
///
/// # Errors
/// What the store answers; [`Error::Unavailable`] if they are changed too often.
pub async fn sweep_deployments(ops: &Operations, filter: Filter) -> Result<(), Error> {
    let mut attempts = Attempts::at(ops, "a deployment");
    loop {
        let query = Query::of(Deployment::TABLE).filter(filter.clone()).limit(PAGE);
        let page = ops.select::<Deployment>(query).await?;
        if page.is_empty() {
            return Ok(());
        }
        let delete =
            |batch: Batch, row: &Versioned<Deployment>| batch.version(row).delete::<Deployment>(Key::id(row.id));
        if let Outcome::Conflict(conflict) = ops.commit(page.iter().fold(Batch::new(), delete)).await? {
            attempts.lost(&conflict).await?;
            continue;
        }
        let gone = page.iter().map(|deployment| deployment.id);
        sweep::<DeploymentSchedule>(ops, Filter::any(deployment_schedule::deployment_id, gone)).await?;
    }
}

/// Deletes the flow runs that a filter meets, with what is theirs but for logs.
///
/// # Errors
/// What the store answers.
pub async fn sweep_flow_runs(ops: &Operations, filter: Filter) -> Result<(), Error> {
    while let Some(gone) = delete_some(ops, filter.clone(), |run: &FlowRun| run.id).await? {
        after_flow_runs(ops, &gone, false).await?;
    }
    Ok(())
}

/// Deletes what flow runs leave: states, inputs, task runs with theirs, and logs if asked. Subflow runs stay, without
/// a parent.
///
/// # Errors
/// What the store answers.
pub async fn after_flow_runs(ops: &Operations, ids: &[Uuid], logs: bool) -> Result<(), Error> {
    let of_runs = |column| Filter::any(column, ids.iter().copied());
    sweep::<FlowRunState>(ops, of_runs(flow_run_state::flow_run_id)).await?;
    sweep::<FlowRunInput>(ops, of_runs(flow_run_input::flow_run_id)).await?;
    while let Some(gone) = delete_some(ops, of_runs(task_run::flow_run_id), |run: &TaskRun| run.id).await? {
        after_task_runs(ops, &gone, false).await?;
    }
    if logs {
        sweep::<Log>(ops, of_runs(log::flow_run_id)).await?;
    }
    Ok(())
}

/// Deletes what task runs leave: states, and logs if asked. Subflow runs stay, without a parent.
///
/// # Errors
/// What the store answers.
pub async fn after_task_runs(ops: &Operations, ids: &[Uuid], logs: bool) -> Result<(), Error> {
    let of_runs = |column| Filter::any(column, ids.iter().copied());
    sweep::<TaskRunState>(ops, of_runs(task_run_state::task_run_id)).await?;
    if logs {
        sweep::<Log>(ops, of_runs(log::task_run_id)).await?;
    }
    loop {
        let query = Query::of(FlowRun::TABLE).filter(of_runs(flow_run::parent_task_run_id)).limit(PAGE);
        let subflows = ops.select::<FlowRun>(query).await?;
        let batch = subflows.iter().fold(Batch::new(), |batch, run| {
            let alone = Change::default()
                .set(flow_run::parent_task_run_id, Value::Null)
                .set(flow_run::parent_flow_run_id, Value::Null);
            batch.update::<FlowRun>(Key::id(run.id), alone)
        });
        if !batch.ops.is_empty() {
            ops.commit(batch).await?;
        }
        if (subflows.len() as u64) < PAGE {
            return Ok(());
        }
    }
}

/// Deletes the first rows that a filter meets; their ids, or `None` if there are none.
async fn delete_some<R: Record>(
    ops: &Operations,
    filter: Filter,
    id: fn(&R) -> Uuid,
) -> Result<Option<Vec<Uuid>>, Error> {
    let ids: Vec<Uuid> = delete_page::<R>(ops, filter).await?.iter().map(|row| id(&row.record)).collect();
    Ok((!ids.is_empty()).then_some(ids))
}
