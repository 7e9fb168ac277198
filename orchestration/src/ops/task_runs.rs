//! Changes of a task run besides its state.

use mintaka_core::records::{TaskRun, task_run};
use mintaka_core::{Change, Error, Key};
use uuid::Uuid;

use super::Edited;
use super::cascade::after_task_runs;
use super::edit::{delete, edit};
use crate::operations::Operations;

/// Changes a task run's name, if there is a new one; false if there is no such run.
///
/// # Errors
/// What the store answers.
pub async fn rename_task_run(ops: &Operations, id: Uuid, name: Option<String>) -> Result<bool, Error> {
    let mut change = Change::default().set(task_run::updated, ops.now());
    if let Some(name) = name {
        change = change.set(task_run::name, name);
    }
    Ok(matches!(edit::<TaskRun, Error>(ops, Key::id(id), |_| Ok(change.clone())).await?, Edited::Done(_)))
}

/// Deletes a task run with its states and logs; false if there was none.
///
/// # Errors
/// What the store answers.
pub async fn delete_task_run(ops: &Operations, id: Uuid) -> Result<bool, Error> {
    if !delete::<TaskRun>(ops, Key::id(id)).await? {
        return Ok(false);
    }
    after_task_runs(ops, &[id], true).await?;
    Ok(true)
}
