//! Work pools and their workers.

use mintaka_core::records::{WorkPool, WorkQueue, WorkStatus, Worker, WorkerStatus, work_pool, work_queue, worker};
use mintaka_core::{Batch, Change, Error, Filter, Json, Key, Outcome, Reader, Versioned};
use serde_json::json;
use uuid::Uuid;

use super::events::NewEvent;
use super::lifecycle_events::{Happened, pool_event, pool_updated, queue_event, tell};
use super::optimistic::{Decision, optimistic};
use super::status_events::pool_status;
use super::work_queues::{NewQueue, detach_queue};
use super::{Edited, edit_telling, sweep};
use crate::caller::ClientLine;
use crate::error::OpError;
use crate::operations::Operations;

/// The pool of queues that were made without one.
pub const DEFAULT_AGENT_POOL: &str = "default-agent-pool";

/// The type of pools that agents of the 2.x line serve; it has no status.
pub const AGENT_TYPE: &str = "prefect-agent";

/// The queue that every pool begins with.
pub const DEFAULT_QUEUE: &str = "default";

/// What the maker of a pool says about it.
#[derive(Clone, Debug)]
pub struct NewPool {
    /// Name.
    pub name: String,
    /// Text for people.
    pub description: Option<String>,
    /// Worker type.
    pub r#type: String,
    /// How a job is made of job variables.
    pub base_job_template: Json,
    /// Whether its runs are held back.
    pub is_paused: bool,
    /// How many of its runs may be under way.
    pub concurrency_limit: Option<i64>,
    /// Where bundles and results are kept.
    pub storage_configuration: Json,
}

/// A storage configuration with nothing set.
pub fn no_storage() -> Json {
    Json::from(json!({
        "bundle_upload_step": null, "bundle_execution_step": null, "default_result_storage_block_id": null,
    }))
}

/// Makes a pool and its default queue; `None` if the name is taken.
///
/// # Errors
/// What the store answers.
pub async fn create_pool(ops: &Operations, new: NewPool, line: ClientLine) -> Result<Option<WorkPool>, Error> {
    let (id, queue, now) = (ops.new_id(), ops.new_id(), ops.now());
    let status = match (new.r#type.as_str(), new.is_paused) {
        (AGENT_TYPE, _) => None,
        (_, true) => Some(WorkStatus::Paused),
        (_, false) => Some(WorkStatus::NotReady),
    };
    let mut pool = WorkPool {
        id,
        created: now,
        updated: now,
        name: new.name,
        description: new.description,
        r#type: new.r#type,
        base_job_template: new.base_job_template,
        is_paused: new.is_paused,
        concurrency_limit: new.concurrency_limit,
        status,
        storage_configuration: new.storage_configuration,
        default_queue_id: queue,
        last_transitioned_status_at: status.map(|_| now),
        last_status_event_id: None,
    };
    let first = NewQueue {
        name: DEFAULT_QUEUE.into(),
        description: Some("The work pool's default queue.".into()),
        ..NewQueue::default()
    };
    let queue = first.row(queue, id, 1, now);
    let told = [queue_event(ops, Happened::Created, &queue, &pool), pool_event(ops, Happened::Created, &pool)];
    let mut batch = tell(Batch::new(), line, told);
    if let Some(status) = status {
        let event = pool_status(&pool, status, now);
        pool.last_status_event_id = Some(event.id);
        batch = event.add_to(batch, now);
    }
    let batch = batch.insert(pool.clone()).insert(queue);
    Ok(match ops.commit(batch).await? {
        Outcome::Conflict(_) => None,
        _ => Some(pool),
    })
}

/// The pool of that name.
///
/// # Errors
/// What the store answers.
pub async fn pool_named(reader: &Reader, name: &str) -> Result<Option<Versioned<WorkPool>>, Error> {
    reader.find(Key::Unique(vec![name.into()])).await
}

/// The pool of queues without a pool, made when it is first needed, and whether it was made now.
///
/// # Errors
/// What the store answers.
pub async fn default_agent_pool(ops: &Operations, line: ClientLine) -> Result<(WorkPool, bool), OpError> {
    for _ in 0..2 {
        if let Some(found) = pool_named(ops, DEFAULT_AGENT_POOL).await? {
            return Ok((found.record, false));
        }
        let new = NewPool {
            name: DEFAULT_AGENT_POOL.into(),
            description: Some("A work pool for general use.".into()),
            r#type: AGENT_TYPE.into(),
            base_job_template: Json::object(),
            is_paused: false,
            concurrency_limit: None,
            storage_configuration: no_storage(),
        };
        if let Some(made) = create_pool(ops, new, line).await? {
            return Ok((made, true));
        }
    }
    Err(Error::Unavailable("the default agent pool is being made and removed".into()).into())
}

/// What a pool's owner changes; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct PoolEdit {
    /// New text for people.
    pub description: Option<Option<String>>,
    /// Pause or resume.
    pub is_paused: Option<bool>,
    /// New template.
    pub base_job_template: Option<Json>,
    /// New limit.
    pub concurrency_limit: Option<Option<i64>>,
    /// New storage configuration.
    pub storage_configuration: Option<Json>,
}

/// Changes a pool; false if it is gone.
///
/// # Errors
/// What the store answers.
pub async fn update_pool(ops: &Operations, id: Uuid, wanted: PoolEdit, line: ClientLine) -> Result<bool, Error> {
    let online = wanted.is_paused == Some(false) && has_online_worker(ops, id).await?;
    let edited = edit_telling::<WorkPool, Error>(ops, Key::id(id), |seen| {
        let now = ops.now();
        let mut change = Change::default().set(work_pool::updated, now);
        if let Some(description) = &wanted.description {
            change = change.set(work_pool::description, description.clone());
        }
        if let Some(template) = &wanted.base_job_template {
            change = change.set(work_pool::base_job_template, template.clone());
        }
        if let Some(limit) = wanted.concurrency_limit {
            change = change.set(work_pool::concurrency_limit, limit);
        }
        if let Some(storage) = &wanted.storage_configuration {
            change = change.set(work_pool::storage_configuration, storage.clone());
        }
        let mut told: Vec<NewEvent> = match line {
            ClientLine::V2 => Vec::new(),
            ClientLine::V3 => pool_updated(ops, seen, &change).into_iter().collect(),
        };
        if let Some(paused) = wanted.is_paused {
            change = change.set(work_pool::is_paused, paused);
            let status = match (paused, online) {
                (true, _) => WorkStatus::Paused,
                (false, true) => WorkStatus::Ready,
                (false, false) => WorkStatus::NotReady,
            };
            if seen.r#type != AGENT_TYPE {
                let event = pool_status(seen, status, now);
                change = change
                    .set(work_pool::status, status)
                    .set(work_pool::last_transitioned_status_at, now)
                    .set(work_pool::last_status_event_id, event.id);
                told.push(event);
            }
        }
        Ok((change, told))
    })
    .await?;
    Ok(matches!(edited, Edited::Done(_)))
}

/// Whether a worker of the pool is marked as online.
///
/// # Errors
/// What the store answers.
pub async fn has_online_worker(reader: &Reader, pool: Uuid) -> Result<bool, Error> {
    let of_pool = Filter::eq(worker::work_pool_id, pool);
    Ok(reader.count::<Worker>(of_pool.and(Filter::eq(worker::status, WorkerStatus::Online))).await? > 0)
}

/// Deletes a pool with its queues and workers; runs and deployments keep the names as text. False if it was gone.
///
/// # Errors
/// What the store answers.
pub async fn delete_pool(ops: &Operations, id: Uuid, line: ClientLine) -> Result<bool, Error> {
    let queues = delete_pool_row(ops, id, line).await?;
    sweep::<Worker>(ops, Filter::eq(worker::work_pool_id, id)).await?;
    sweep::<WorkQueue>(ops, Filter::eq(work_queue::work_pool_id, id)).await?;
    let there = queues.is_some();
    for queue in queues.into_iter().flatten() {
        detach_queue(ops, queue).await?;
    }
    Ok(there)
}

/// Deletes the row of a pool, and tells that it and its queues are gone; the ids of the queues, or `None` if there was
/// no pool. The pool's version guards them: who adds a queue changes the pool.
async fn delete_pool_row(ops: &Operations, id: Uuid, line: ClientLine) -> Result<Option<Vec<Uuid>>, Error> {
    optimistic(ops, "the work pool", |_| async move {
        let Some(pool) = ops.get::<WorkPool>(id).await? else { return Ok(Decision::Answer(None)) };
        let queues = ops.all::<WorkQueue>(Filter::eq(work_queue::work_pool_id, id)).await?;
        let told = queues.iter().map(|queue| queue_event(ops, Happened::Deleted, queue, &pool));
        let told = told.chain([pool_event(ops, Happened::Deleted, &pool)]);
        let batch = tell(Batch::new().version(&pool).delete::<WorkPool>(Key::id(id)), line, told);
        Ok(Decision::Commit(batch, Some(queues.iter().map(|queue| queue.id).collect())))
    })
    .await
}

/// Deletes a worker; false if there was none of that name.
///
/// # Errors
/// What the store answers.
pub async fn delete_worker(ops: &Operations, pool: Uuid, name: &str) -> Result<bool, Error> {
    let key = Key::Unique(vec![pool.into(), name.into()]);
    let outcome = ops.commit(Batch::new().delete::<Worker>(key)).await?;
    Ok(matches!(outcome, Outcome::Committed { ops, .. } if ops.first().is_some_and(|done| done.applied)))
}
