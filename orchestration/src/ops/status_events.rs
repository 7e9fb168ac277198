//! Events that tell of a new status of a pool, a queue or a deployment. (wire: §13.12)
//!
//! They belong into the batch that changes the status, so that one is never there without the other.

use std::time::Duration;

use mintaka_core::records::{Deployment, Flow, PollStatus, WorkPool, WorkQueue, WorkStatus};
use mintaka_core::{Error, Store, Time};
use uuid::Uuid;

use crate::ops::events::{Labels, NewEvent, RESOURCE_NAME, RESOURCE_ROLE};

/// An event of a pool names the one before it if that is younger than this.
const TIGHT: Duration = Duration::from_secs(600);

/// The label that says what a pool's workers are.
const POOL_TYPE: &str = "prefect.work-pool.type";

/// As statuses are spelt in names of events.
const fn spelt(status: WorkStatus) -> &'static str {
    match status {
        WorkStatus::Ready => "ready",
        WorkStatus::NotReady => "not-ready",
        WorkStatus::Paused => "paused",
    }
}

/// A pool gets a status. The change that carries it should remember the event's id as the pool's `last_status_event_id`.
pub fn pool_status(pool: &WorkPool, status: WorkStatus, now: Time) -> NewEvent {
    let resource = Labels::resource(format!("prefect.work-pool.{}", pool.id))
        .with(RESOURCE_NAME, &*pool.name)
        .with(POOL_TYPE, &*pool.r#type);
    let mut event = NewEvent::new(Uuid::now_v7(), now, format!("prefect.work-pool.{}", spelt(status)), resource);
    event.follows = match (pool.last_status_event_id, pool.last_transitioned_status_at) {
        (Some(last), Some(at)) if at + TIGHT > now => Some(last),
        _ => None,
    };
    event
}

/// A queue gets a status.
///
/// # Errors
/// What the store answers.
pub async fn queue_status(store: &Store, queue: &WorkQueue, status: WorkStatus, now: Time) -> Result<NewEvent, Error> {
    let resource = Labels::resource(format!("prefect.work-queue.{}", queue.id))
        .with(RESOURCE_NAME, &*queue.name)
        .with(RESOURCE_ROLE, "work-queue");
    let mut event = NewEvent::new(Uuid::now_v7(), now, format!("prefect.work-queue.{}", spelt(status)), resource);
    event.related.extend(related_pool(store, queue.work_pool_id).await?);
    Ok(event)
}

/// A deployment gets a status.
///
/// # Errors
/// What the store answers.
pub async fn deployment_status(
    store: &Store,
    deployment: &Deployment,
    status: PollStatus,
    now: Time,
) -> Result<NewEvent, Error> {
    let resource =
        Labels::resource(format!("prefect.deployment.{}", deployment.id)).with(RESOURCE_NAME, &*deployment.name);
    let name = match status {
        PollStatus::Ready => "prefect.deployment.ready",
        PollStatus::NotReady => "prefect.deployment.not-ready",
    };
    let mut event = NewEvent::new(Uuid::now_v7(), now, name, resource);
    if let Some(flow) = store.get::<Flow>(deployment.flow_id).await? {
        event.related.push(related("flow", flow.id, &flow.name));
    }
    let queue = match deployment.work_queue_id {
        Some(id) => store.get::<WorkQueue>(id).await?,
        None => None,
    };
    if let Some(queue) = queue {
        event.related.push(related("work-queue", queue.id, &queue.name));
        event.related.extend(related_pool(store, queue.work_pool_id).await?);
    }
    Ok(event)
}

fn related(kind: &str, id: Uuid, name: &str) -> Labels {
    Labels::related(format!("prefect.{kind}.{id}"), kind).with(RESOURCE_NAME, name)
}

async fn related_pool(store: &Store, id: Uuid) -> Result<Option<Labels>, Error> {
    let pool = store.get::<WorkPool>(id).await?;
    Ok(pool.map(|pool| related("work-pool", pool.id, &pool.name).with(POOL_TYPE, &*pool.r#type)))
}
