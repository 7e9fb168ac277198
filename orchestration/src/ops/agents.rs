//! Agents: processes of the 2.x line that poll a queue.

use mintaka_core::records::{Agent, WorkQueue, agent};
use mintaka_core::{Batch, Change, Error, Key};
use uuid::Uuid;

use crate::names::random_name;
use crate::operations::Operations;

/// Notes that an agent polled a queue, and makes the agent known the first time. Nothing is noted of a queue that is gone.
///
/// # Errors
/// What the store answers.
pub async fn agent_polled(ops: &Operations, id: Uuid, queue: Uuid) -> Result<(), Error> {
    let now = ops.now();
    let seen = ops.get::<Agent>(id).await?;
    // Whoever deletes a queue deletes the agents that are noted by then.
    let batch = Batch::new().present::<WorkQueue>(Key::id(queue));
    let batch = match seen {
        Some(seen) => {
            let mut change = Change::default().max(agent::last_activity_time, now);
            if seen.work_queue_id != queue {
                change = change.set(agent::work_queue_id, queue).set(agent::updated, now);
            }
            batch.update::<Agent>(Key::id(id), change)
        }
        None => batch.insert_or_skip(Agent {
            id,
            created: now,
            updated: now,
            // Names of agents are unique and nobody chooses them.
            name: format!("{}-{}", random_name(), id.simple()),
            work_queue_id: queue,
            last_activity_time: Some(now),
        }),
    };
    ops.commit(batch).await.map(|_| ())
}
