//! Deletions, and what goes with what is deleted: the parent first, in a commit of its own, then its children.
//!
//! A crash in between leaves children without a parent, which a service sweeps later.

use mintaka_core::records::{
    Deployment, DeploymentSchedule, Flow, FlowRun, FlowRunInput, FlowRunState, Log, TaskRun, TaskRunState, deployment,
    deployment_schedule, flow_run, flow_run_input, flow_run_state, log, task_run, task_run_state,
};
use mintaka_core::{Batch, Change, Error, Filter, Key, Outcome, Query, Record, Store, Value};
use mintaka_orchestration::caller::ClientLine;
use mintaka_orchestration::ops::lifecycle_events::{Happened, flow_event, tell};
use mintaka_orchestration::ops::sweep;
use uuid::Uuid;

/// Rows of one batch.
const PAGE: u64 = 200;

/// Deletes a row; false if there was none.
pub(crate) async fn remove<R: Record>(store: &Store, id: Uuid) -> Result<bool, Error> {
    match store.commit(Batch::new().delete::<R>(Key::id(id))).await? {
        Outcome::Committed { ops, .. } => Ok(ops.first().is_some_and(|done| done.applied)),
        other => Err(Error::Corrupt(format!("a deletion answered {other:?}"))),
    }
}

/// Deletes rows in one batch.
pub(crate) async fn remove_all<R: Record>(store: &Store, ids: &[Uuid]) -> Result<(), Error> {
    let batch = ids.iter().fold(Batch::new(), |batch, &id| batch.delete::<R>(Key::id(id)));
    store.commit(batch).await.map(|_| ())
}

/// Deletes what a flow leaves: deployments with their schedules, and runs with all of theirs but logs.
pub(crate) async fn after_flow(store: &Store, id: Uuid) -> Result<(), Error> {
    while let Some(ids) = remove_page::<Deployment>(store, Filter::eq(deployment::flow_id, id)).await? {
        sweep::<DeploymentSchedule>(store, Filter::any(deployment_schedule::deployment_id, ids)).await?;
    }
    while let Some(ids) = remove_page::<FlowRun>(store, Filter::eq(flow_run::flow_id, id)).await? {
        after_flow_runs(store, &ids, false).await?;
    }
    Ok(())
}

/// Deletes what flow runs leave: states, inputs, task runs with theirs, and logs if asked. Subflow runs stay, without
/// a parent.
pub(crate) async fn after_flow_runs(store: &Store, ids: &[Uuid], logs: bool) -> Result<(), Error> {
    let of_runs = |column| Filter::any(column, ids.iter().copied());
    sweep::<FlowRunState>(store, of_runs(flow_run_state::flow_run_id)).await?;
    sweep::<FlowRunInput>(store, of_runs(flow_run_input::flow_run_id)).await?;
    while let Some(ids) = remove_page::<TaskRun>(store, of_runs(task_run::flow_run_id)).await? {
        after_task_runs(store, &ids, false).await?;
    }
    if logs {
        sweep::<Log>(store, of_runs(log::flow_run_id)).await?;
    }
    Ok(())
}

/// Deletes what task runs leave: states, and logs if asked. Subflow runs stay, without a parent.
pub(crate) async fn after_task_runs(store: &Store, ids: &[Uuid], logs: bool) -> Result<(), Error> {
    let of_runs = |column| Filter::any(column, ids.iter().copied());
    sweep::<TaskRunState>(store, of_runs(task_run_state::task_run_id)).await?;
    if logs {
        sweep::<Log>(store, of_runs(log::task_run_id)).await?;
    }
    loop {
        let query = Query::of(&flow_run::TABLE).filter(of_runs(flow_run::parent_task_run_id)).limit(PAGE);
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

/// Deletes the first rows that a filter meets; their ids, or `None` if there are none.
async fn remove_page<R: Record>(store: &Store, filter: Filter) -> Result<Option<Vec<Uuid>>, Error> {
    let rows = store.select::<R>(Query::of(R::TABLE).filter(filter).limit(PAGE)).await?;
    let id = |row: &R| match row.key().first() {
        Some(Value::Uuid(id)) => Some(*id),
        _ => None,
    };
    let ids: Vec<Uuid> = rows.iter().filter_map(|row| id(&row.record)).collect();
    if ids.is_empty() {
        return Ok(None);
    }
    remove_all::<R>(store, &ids).await?;
    Ok(Some(ids))
}

/// Deletes a flow and what it leaves; false if there was none.
pub(crate) async fn remove_flow(store: &Store, id: Uuid, line: ClientLine) -> Result<bool, Error> {
    let Some(flow) = store.get::<Flow>(id).await? else { return Ok(false) };
    let batch = Batch::new().present::<Flow>(Key::id(id)).delete::<Flow>(Key::id(id));
    let batch = tell(batch, line, [flow_event(store, Happened::Deleted, &flow)]);
    let removed = matches!(store.commit(batch).await?, Outcome::Committed { .. });
    if removed {
        after_flow(store, id).await?;
    }
    Ok(removed)
}
