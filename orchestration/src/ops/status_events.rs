//! Events that tell of a new status of a pool, a queue or a deployment. (wire W12.10)
//!
//! They belong into the batch that changes the status, so that one is never there without the other.

use std::time::Duration;

use mintaka_core::records::{Deployment, PollStatus, WorkPool, WorkQueue, WorkStatus};
use mintaka_core::{Error, Reader, Time};
use uuid::Uuid;

use crate::ops::event_labels::{POOL_TYPE, of_deployment, related_pool};
use crate::ops::events::{Labels, NewEvent, RESOURCE_NAME, RESOURCE_ROLE};

/// An event of a pool names the one before it if that is younger than this.
const TIGHT: Duration = Duration::from_secs(600);

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
pub async fn queue_status(
    reader: &Reader,
    queue: &WorkQueue,
    status: WorkStatus,
    now: Time,
) -> Result<NewEvent, Error> {
    let resource = Labels::resource(format!("prefect.work-queue.{}", queue.id))
        .with(RESOURCE_NAME, &*queue.name)
        .with(RESOURCE_ROLE, "work-queue");
    let mut event = NewEvent::new(Uuid::now_v7(), now, format!("prefect.work-queue.{}", spelt(status)), resource);
    event.related.extend(reader.get::<WorkPool>(queue.work_pool_id).await?.map(|pool| related_pool(&pool)));
    Ok(event)
}

/// A deployment gets a status.
///
/// # Errors
/// What the store answers.
pub async fn deployment_status(
    reader: &Reader,
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
    event.related = of_deployment(reader, deployment).await?;
    Ok(event)
}
