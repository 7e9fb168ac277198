//! Flows: names under which runs and deployments are kept.

use mintaka_core::records::{Flow, deployment, flow, flow_run};
use mintaka_core::{Batch, Change, Error, Filter, Json, Key, Outcome, Reader, Tags, Versioned};
use uuid::Uuid;

use super::Edited;
use super::cascade::{sweep_deployments, sweep_flow_runs};
use super::edit::{delete_telling, edit_telling};
use super::events::NewEvent;
use super::lifecycle_events::{Happened, changed, flow_event, tell};
use crate::caller::ClientLine;
use crate::error::OpError;
use crate::operations::Operations;

/// Makes a flow, or answers the one of that name as it is; true if it is new.
///
/// # Errors
/// What the store answers.
pub async fn create_flow(
    ops: &Operations,
    name: String,
    tags: Tags,
    labels: Json,
    line: ClientLine,
) -> Result<(Flow, bool), OpError> {
    let now = ops.now();
    let flow = Flow { id: Uuid::new_v4(), created: now, updated: now, name, tags, labels };
    let made = flow_event(ops, Happened::Created, &flow);
    match ops.commit(tell(Batch::new().once(flow.clone()), line, [made])).await? {
        Outcome::Committed { .. } => Ok((flow, true)),
        Outcome::Repeated(row) => Ok((Versioned::<Flow>::from_row(row)?.record, false)),
        _ => Err(OpError::data_integrity()),
    }
}

/// The events of a flow that the line has.
fn told(reader: &Reader, happened: Happened, flow: &Flow, line: ClientLine) -> Vec<NewEvent> {
    match line {
        ClientLine::V2 => Vec::new(),
        ClientLine::V3 => vec![flow_event(reader, happened, flow)],
    }
}

/// Changes a flow's tags, if there are new ones; false if there is no such flow.
///
/// # Errors
/// What the store answers.
pub async fn update_flow(ops: &Operations, id: Uuid, tags: Option<Tags>, line: ClientLine) -> Result<bool, Error> {
    let mut change = Change::default().set(flow::updated, ops.now());
    if let Some(tags) = tags {
        change = change.set(flow::tags, tags);
    }
    let edited = edit_telling::<Flow, Error>(ops, Key::id(id), |seen| {
        let after = changed(seen.record.clone(), &change)?;
        Ok((change.clone(), told(ops, Happened::Updated, &after, line)))
    });
    Ok(matches!(edited.await?, Edited::Done(_)))
}

/// Deletes a flow and what it leaves, deployments with their schedules and runs with all of theirs but logs; false if
/// there was none, or none that meets `only`.
///
/// # Errors
/// What the store answers.
pub async fn delete_flow(ops: &Operations, id: Uuid, only: Option<&Filter>, line: ClientLine) -> Result<bool, Error> {
    let told = |seen: &Versioned<Flow>| Ok::<_, Error>(told(ops, Happened::Deleted, seen, line));
    if delete_telling(ops, Key::id(id), only, told).await?.is_none() {
        return Ok(false);
    }
    sweep_deployments(ops, Filter::eq(deployment::flow_id, id)).await?;
    sweep_flow_runs(ops, Filter::eq(flow_run::flow_id, id)).await?;
    Ok(true)
}
