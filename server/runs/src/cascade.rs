//! Deletions, and what goes with what is deleted: the parent first, in a commit of its own, then its children.
//!
//! A crash in between leaves children without a parent.

use mintaka_core::records::{Flow, deployment, flow_run};
use mintaka_core::{Batch, Error, Filter, Key, Outcome, Record, Store};
use mintaka_orchestration::caller::ClientLine;
pub(crate) use mintaka_orchestration::ops::cascade::{after_flow_runs, after_task_runs};
use mintaka_orchestration::ops::cascade::{sweep_deployments, sweep_flow_runs};
use mintaka_orchestration::ops::lifecycle_events::{Happened, flow_event, tell};
use uuid::Uuid;

/// Deletes a row; false if there was none.
pub(crate) async fn remove<R: Record>(store: &Store, id: Uuid) -> Result<bool, Error> {
    match store.commit(Batch::new().delete::<R>(Key::id(id))).await? {
        Outcome::Committed { ops, .. } => Ok(ops.first().is_some_and(|done| done.applied)),
        other => Err(Error::Corrupt(format!("a deletion answered {other:?}"))),
    }
}

/// Deletes a flow and what it leaves, deployments with their schedules and runs with all of theirs but logs; false if
/// there was none.
pub(crate) async fn remove_flow(store: &Store, id: Uuid, line: ClientLine) -> Result<bool, Error> {
    let Some(flow) = store.get::<Flow>(id).await? else { return Ok(false) };
    let batch = Batch::new().present::<Flow>(Key::id(id)).delete::<Flow>(Key::id(id));
    let batch = tell(batch, line, [flow_event(store, Happened::Deleted, &flow)]);
    let removed = matches!(store.commit(batch).await?, Outcome::Committed { .. });
    if removed {
        sweep_deployments(store, Filter::eq(deployment::flow_id, id)).await?;
        sweep_flow_runs(store, Filter::eq(flow_run::flow_id, id)).await?;
    }
    Ok(removed)
}
