//! What runs logged.

use mintaka_core::records::Log;
use mintaka_core::{Batch, Outcome, Time};
use uuid::Uuid;

use crate::error::OpError;
use crate::operations::Operations;

/// A log line to be kept.
#[derive(Clone, Debug)]
pub struct NewLog {
    /// Name of the logger.
    pub name: String,
    /// Level, as of Python's logging.
    pub level: i64,
    /// Text.
    pub message: String,
    /// When it was logged.
    pub timestamp: Time,
    /// The flow run; need not exist.
    pub flow_run_id: Option<Uuid>,
    /// The task run; need not exist.
    pub task_run_id: Option<Uuid>,
}

/// Keeps log lines, all or none.
///
/// # Errors
/// What the store answers.
pub async fn keep_logs(ops: &Operations, lines: impl IntoIterator<Item = NewLog>) -> Result<(), OpError> {
    let now = ops.now();
    let batch = lines.into_iter().fold(Batch::new(), |batch, line| {
        batch.insert(Log {
            timestamp: line.timestamp,
            id: ops.new_id(),
            created: now,
            updated: now,
            name: line.name,
            level: line.level,
            message: line.message,
            flow_run_id: line.flow_run_id,
            task_run_id: line.task_run_id,
            // Stamped by the store.
            writer: 0,
            seq: 0,
        })
    });
    if batch.ops.is_empty() {
        return Ok(());
    }
    match ops.commit(batch).await? {
        Outcome::Conflict(_) => Err(OpError::data_integrity()),
        _ => Ok(()),
    }
}
