//! Values that are sent to a flow run.

use mintaka_core::records::{FlowRun, FlowRunInput};
use mintaka_core::{Batch, Error, Key, Outcome, Record, Time};
use uuid::Uuid;

use super::edit::delete;
use crate::error::OpError;
use crate::operations::Operations;

/// The key of a value: its run and its name.
pub fn input_key(run: Uuid, name: &str) -> Key {
    Key::Unique(vec![run.into(), name.into()])
}

/// A value as a row.
pub(super) fn input_row(run: Uuid, name: &str, value: String, sender: Option<String>, now: Time) -> FlowRunInput {
    FlowRunInput { id: Uuid::new_v4(), created: now, updated: now, flow_run_id: run, key: name.into(), value, sender }
}

/// Sends a value to a flow run.
///
/// # Errors
/// [`OpError::NotFound`] if there is no such run; [`OpError::Conflict`] if it has a value of that name.
pub async fn send_input(
    ops: &Operations,
    run: Uuid,
    name: &str,
    value: String,
    sender: Option<String>,
) -> Result<(), OpError> {
    let row = input_row(run, name, value, sender, ops.now());
    match ops.commit(Batch::new().present::<FlowRun>(Key::id(run)).insert(row)).await? {
        Outcome::Conflict(conflict) if conflict.table == FlowRun::TABLE => {
            Err(OpError::NotFound("Flow run not found".into()))
        }
        Outcome::Conflict(_) => Err(OpError::Conflict("A flow run input with this key already exists.".into())),
        _ => Ok(()),
    }
}

/// Deletes a value; false if there was none.
///
/// # Errors
/// What the store answers.
pub async fn delete_input(ops: &Operations, run: Uuid, name: &str) -> Result<bool, Error> {
    delete::<FlowRunInput>(ops, input_key(run, name)).await
}
