//! What goes with what is deleted: the parent first, in a commit of its own, then its children.
//!
//! A crash in between leaves children without a parent. Every sweep is safe to repeat.

use mintaka_core::records::{
    Deployment, DeploymentSchedule, FlowRun, FlowRunInput, FlowRunState, Log, TaskRun, TaskRunState,
    deployment_schedule, flow_run, flow_run_input, flow_run_state, log, task_run, task_run_state,
};
use mintaka_core::{Batch, Change, Error, Filter, Key, Query, Record, Store, Value, Versioned};
use uuid::Uuid;

use super::sweep;
use super::sweep::delete_page;

/// Rows of one batch.
const PAGE: u64 = 200;

/// Deletes the deployments that a filter meets, with their schedules. Their runs stay.
///
/// # Errors
/// What the store answers.
pub async fn sweep_deployments(store: &Store, filter: Filter) -> Result<(), Error> {
    loop {
        let gone: Vec<Uuid> =
            delete_page(store, filter.clone()).await?.iter().map(|row: &Versioned<Deployment>| row.id).collect();
        if gone.is_empty() {
            return Ok(());
        }
        sweep::<DeploymentSchedule>(store, Filter::any(deployment_schedule::deployment_id, gone)).await?;
    }
}

/// Deletes the flow runs that a filter meets, with what is theirs but for logs.
///
/// # Errors
/// What the store answers.
pub async fn sweep_flow_runs(store: &Store, filter: Filter) -> Result<(), Error> {
    loop {
        let gone: Vec<Uuid> =
            delete_page(store, filter.clone()).await?.iter().map(|row: &Versioned<FlowRun>| row.id).collect();
        if gone.is_empty() {
            return Ok(());
        }
        after_flow_runs(store, &gone, false).await?;
    }
}

/// Deletes what flow runs leave: states, inputs, task runs with theirs, and logs if asked. Subflow runs stay, without
/// a parent.
///
/// # Errors
/// What the store answers.
pub async fn after_flow_runs(store: &Store, ids: &[Uuid], logs: bool) -> Result<(), Error> {
    let of_runs = |column| Filter::any(column, ids.iter().copied());
    sweep::<FlowRunState>(store, of_runs(flow_run_state::flow_run_id)).await?;
    sweep::<FlowRunInput>(store, of_runs(flow_run_input::flow_run_id)).await?;
    loop {
        let gone = delete_page(store, of_runs(task_run::flow_run_id)).await?;
        let gone: Vec<Uuid> = gone.iter().map(|row: &Versioned<TaskRun>| row.id).collect();
        if gone.is_empty() {
            break;
        }
        after_task_runs(store, &gone, false).await?;
    }
    if logs {
        sweep::<Log>(store, of_runs(log::flow_run_id)).await?;
    }
    Ok(())
}

/// Deletes what task runs leave: states, and logs if asked. Subflow runs stay, without a parent.
///
/// # Errors
/// What the store answers.
pub async fn after_task_runs(store: &Store, ids: &[Uuid], logs: bool) -> Result<(), Error> {
    let of_runs = |column| Filter::any(column, ids.iter().copied());
    sweep::<TaskRunState>(store, of_runs(task_run_state::task_run_id)).await?;
    if logs {
        sweep::<Log>(store, of_runs(log::task_run_id)).await?;
    }
    loop {
        let query = Query::of(FlowRun::TABLE).filter(of_runs(flow_run::parent_task_run_id)).limit(PAGE);
        let subflows = store.select::<FlowRun>(query).await?;
        let batch = subflows.iter().fold(Batch::new(), |batch, run| {
            let alone = Change::default()
                .set(flow_run::parent_task_run_id, Value::Null)
                .set(flow_run::parent_flow_run_id, Value::Null);
            batch.update::<FlowRun>(Key::id(run.id), alone)
        });
        if !batch.ops.is_empty() {
            store.commit(batch).await?;
        }
        if (subflows.len() as u64) < PAGE {
            return Ok(());
        }
    }
}
