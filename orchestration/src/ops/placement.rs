//! Where the runs of a deployment wait: pools and queues by their names, and job variables that fit a pool.

use mintaka_core::records::{WorkPool, WorkQueue, deployment};
use mintaka_core::{Batch, Change, Key, Reader, Versioned};
use serde_json::Value;

use super::deployment_run::known_blocks;
use super::work_pools::{DEFAULT_AGENT_POOL, default_agent_pool, pool_named};
use super::work_queues::find_or_create_queue;
use crate::caller::ClientLine;
use crate::error::OpError;
use crate::operations::Operations;
use crate::parameters::{Invalid, JobVariables, Required};

/// Where the runs of a deployment shall wait, as a request names it.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    /// The pool; it must exist.
    pub pool: Option<String>,
    /// The queue, made if it is missing; the pool's default one if absent. Without a pool, a queue of the default agent
    /// pool.
    pub queue: Option<String>,
    /// Job variables that were sent.
    pub job_variables: Option<Value>,
}

impl Placement {
    /// Checks the job variables of a new deployment over the pool's defaults, and guards the pool. (wire W9.5)
    ///
    /// # Errors
    /// [`OpError::NotFound`] for an unknown pool, or for a block that its template names; [`OpError::Invalid`]
    pub(super) async fn checked(&self, reader: &Reader, batch: Batch) -> Result<Batch, OpError> {
        let Some(name) = self.pool.as_deref().filter(|name| *name != DEFAULT_AGENT_POOL) else { return Ok(batch) };
        let pool = pool(reader, name).await?;
        let Some(sent) = self.job_variables.as_ref().filter(|sent| sent.as_object().is_some_and(|all| !all.is_empty()))
        else {
            return Ok(batch);
        };
        let Some(variables) = JobVariables::of(&pool.base_job_template.value()) else { return Ok(batch) };
        known_blocks(reader, &variables).await?;
        variables.check(&[sent], Required::Ignored).map_err(|invalid| match invalid {
            Invalid::Values(why) => OpError::Invalid(format!("Error creating deployment: {why}")),
            other => OpError::Invalid(other.to_string()),
        })?;
        Ok(batch.version(&pool))
    }

    /// Checks sent job variables by themselves, only if a pool is sent too, and guards the pool. (wire W9.5)
    ///
    /// # Errors
    /// [`OpError::NotFound`] for an unknown pool, [`OpError::Conflict`]
    pub(super) async fn checked_alone(&self, reader: &Reader, batch: Batch) -> Result<Batch, OpError> {
        let Some(name) = &self.pool else { return Ok(batch) };
        let pool = pool(reader, name).await?;
        let (Some(sent), Some(variables)) = (&self.job_variables, JobVariables::of(&pool.base_job_template.value()))
        else {
            return Ok(batch);
        };
        let refused = |invalid: Invalid| OpError::Conflict(format!("Error creating deployment: {invalid}"));
        variables.check_alone(sent).map_err(refused)?;
        Ok(batch.version(&pool))
    }

    /// Also sets the queue, and guards that it is there: whoever deletes a queue takes it out of the deployments that
    /// name it by then.
    ///
    /// # Errors
    /// [`OpError::NotFound`] for an unknown pool.
    pub(super) async fn placed(
        &self,
        ops: &Operations,
        batch: Batch,
        change: Change,
        line: ClientLine,
    ) -> Result<(Batch, Change), OpError> {
        let Some(found) = resolve_queue(ops, self.pool.as_deref(), self.queue.as_deref(), line).await? else {
            return Ok((batch, change));
        };
        let change = change
            .set(deployment::work_queue_id, found.id)
            .set(deployment::work_queue_name, self.queue.clone().unwrap_or(found.name));
        Ok((batch.present::<WorkQueue>(Key::id(found.id)), change))
    }
}

async fn pool(reader: &Reader, name: &str) -> Result<Versioned<WorkPool>, OpError> {
    let found = pool_named(reader, name).await?;
    found.ok_or_else(|| OpError::NotFound(format!("Work pool \"{name}\" not found.")))
}

/// The queue that a request names. Queues are made when they are missing, pools are not: a name without a pool is a queue
/// of the default agent pool. (wire W9.3)
async fn resolve_queue(
    ops: &Operations,
    pool_name: Option<&str>,
    queue: Option<&str>,
    line: ClientLine,
) -> Result<Option<WorkQueue>, OpError> {
    let by_name_alone = pool_name.is_none();
    let pool = match (pool_name, queue) {
        (None, None) => return Ok(None),
        (Some(name), _) => pool(ops, name).await?.record,
        (None, Some(_)) => default_agent_pool(ops, line).await?.0,
    };
    match queue {
        // wire W9.3: a queue that is made by its name alone takes priority 1; the pool's others give way.
        Some(name) => find_or_create_queue(ops, &pool, name, by_name_alone.then_some(1), line).await.map(Some),
        None => Ok(ops.get::<WorkQueue>(pool.default_queue_id).await?.map(|seen| seen.record)),
    }
}
