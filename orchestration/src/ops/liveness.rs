//! Who is still there: heartbeats of workers, and what turns stale without them. (wire W11.9)

use mintaka_core::records::{Deployment, PollStatus, WorkPool, WorkQueue, WorkStatus, Worker, WorkerStatus};
use mintaka_core::records::{deployment, work_pool, work_queue, worker};
use mintaka_core::{Batch, Change, Cmp, Col, Condition, Error, Filter, Key, Outcome, Record, Time};
use uuid::Uuid;

use crate::operations::Operations;
use crate::ops::events::NewEvent;
use crate::ops::status_events::{deployment_status, pool_status, queue_status};

/// What a heartbeat did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Whether the pool became READY by it.
    pub pool_became_ready: bool,
    /// Whether the worker is new.
    pub new_worker: bool,
}

/// Notes that a worker of a pool is alive, and makes the worker known the first time.
///
/// A worker that is ONLINE already costs one soft write. `interval` is how often it promises to report, in seconds; the
/// old promise stands when it says nothing. `None` if the pool does not exist.
///
/// # Errors
/// What the store answers.
pub async fn heartbeat(
    ops: &Operations,
    pool_id: Uuid,
    name: &str,
    interval: Option<i64>,
    now: Time,
) -> Result<Option<Heartbeat>, Error> {
    let Some(pool) = ops.get::<WorkPool>(pool_id).await? else { return Ok(None) };
    let seen = ops.find::<Worker>(Key::Unique(vec![pool_id.into(), name.into()])).await?;
    let mut batch = Batch::new().present::<WorkPool>(Key::id(pool_id));
    let same = |known: &Worker| {
        known.status == WorkerStatus::Online
            && interval.is_none_or(|sent| known.heartbeat_interval_seconds == Some(sent))
    };
    batch = match &seen {
        Some(known) if same(known) => {
            batch.update::<Worker>(Key::id(known.id), Change::default().max(worker::last_heartbeat_time, now))
        }
        _ => {
            let mut change = Change::default()
                .set(worker::status, WorkerStatus::Online)
                .set(worker::updated, now)
                .max(worker::last_heartbeat_time, now);
            if let Some(interval) = interval {
                change = change.set(worker::heartbeat_interval_seconds, interval);
            }
            let new = Worker {
                id: Uuid::new_v4(),
                created: now,
                updated: now,
                name: name.into(),
                work_pool_id: pool_id,
                last_heartbeat_time: Some(now),
                heartbeat_interval_seconds: interval,
                status: WorkerStatus::Online,
            };
            batch.upsert(new, change, Vec::new())
        }
    };
    let Outcome::Committed { ops: done, .. } = ops.commit(batch).await? else { return Ok(None) };
    let new_worker = done.first().is_some_and(|op| op.inserted);
    let pool_became_ready = pool.status == Some(WorkStatus::NotReady)
        && set_pool_status(ops, &pool, WorkStatus::NotReady, WorkStatus::Ready, now).await?;
    Ok(Some(Heartbeat { pool_became_ready, new_worker }))
}

fn is(column: Col, value: impl Into<mintaka_core::Value>) -> Condition {
    Condition::new(column, Cmp::Eq, value.into())
}

fn before(column: Col, time: Time) -> Condition {
    Condition::new(column, Cmp::Lt, time)
}

/// Moves a pool from one status to another and tells of it; whether it still had the one.
async fn set_pool_status(
    ops: &Operations,
    pool: &WorkPool,
    from: WorkStatus,
    to: WorkStatus,
    now: Time,
) -> Result<bool, Error> {
    let event = pool_status(pool, to, now);
    let change = Change::default()
        .set(work_pool::status, to)
        .set(work_pool::last_transitioned_status_at, now)
        .set(work_pool::last_status_event_id, event.id)
        .set(work_pool::updated, now);
    change_requiring::<WorkPool>(ops, pool.id, vec![is(work_pool::status, from)], change, Some(&event)).await
}

/// After how long silence means absence. (wire W18.3)
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Patience {
    /// A worker is OFFLINE after so many missed heartbeats.
    pub heartbeats: f64,
    /// Seconds between heartbeats of a worker that promised nothing.
    pub heartbeat_interval: f64,
    /// Seconds after which a deployment that is not polled is NOT_READY.
    pub deployment_poll: f64,
    /// Seconds after which a queue that is not polled is NOT_READY.
    pub queue_poll: f64,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { heartbeats: 3.0, heartbeat_interval: 30.0, deployment_poll: 60.0, queue_poll: 60.0 }
    }
}

/// What turned stale in one pass, as it was before.
#[derive(Clone, Debug, Default)]
pub struct Stale {
    /// Workers that are OFFLINE now.
    pub workers: Vec<Worker>,
    /// Pools that are NOT_READY now.
    pub pools: Vec<WorkPool>,
    /// Deployments that are NOT_READY now.
    pub deployments: Vec<Deployment>,
    /// Queues that are NOT_READY now.
    pub queues: Vec<WorkQueue>,
}

/// Marks whatever has been silent for too long. Safe to run anywhere, any number of times at once: every change holds
/// only while the row is as stale as it looked.
///
/// # Errors
/// What the store answers.
pub async fn mark_stale(ops: &Operations, patience: Patience, now: Time) -> Result<Stale, Error> {
    Ok(Stale {
        workers: stale_workers(ops, patience, now).await?,
        pools: stale_pools(ops, now).await?,
        deployments: stale_deployments(ops, patience, now).await?,
        queues: stale_queues(ops, patience, now).await?,
    })
}

/// Changes one row if the conditions still hold, and tells of it; whether it did.
async fn change_requiring<R: Record>(
    ops: &Operations,
    id: Uuid,
    require: Vec<Condition>,
    change: Change,
    event: Option<&NewEvent>,
) -> Result<bool, Error> {
    let mut batch = Batch::new().update_requiring::<R>(Key::id(id), require, change);
    if let Some(event) = event {
        batch = event.add_to(batch, event.occurred);
    }
    Ok(matches!(ops.commit(batch).await?, Outcome::Committed { .. }))
}

async fn stale_workers(ops: &Operations, patience: Patience, now: Time) -> Result<Vec<Worker>, Error> {
    let mut stale = Vec::new();
    for found in ops.all::<Worker>(Filter::eq(worker::status, WorkerStatus::Online)).await? {
        let interval = found.heartbeat_interval_seconds.map_or(patience.heartbeat_interval, |n| n as f64);
        let limit = now.plus_seconds(-interval * patience.heartbeats);
        if found.last_heartbeat_time.is_none_or(|last| last >= limit) {
            continue;
        }
        let when = vec![is(worker::status, WorkerStatus::Online), before(worker::last_heartbeat_time, limit)];
        let change = Change::default().set(worker::status, WorkerStatus::Offline).set(worker::updated, now);
        if change_requiring::<Worker>(ops, found.id, when, change, None).await? {
            stale.push(found.record);
        }
    }
    Ok(stale)
}

async fn stale_pools(ops: &Operations, now: Time) -> Result<Vec<WorkPool>, Error> {
    let mut stale = Vec::new();
    let online = Filter::eq(worker::status, WorkerStatus::Online);
    let deserted = Filter::eq(work_pool::status, WorkStatus::Ready)
        .and(Filter::has(work_pool::id, worker::work_pool_id, online).negate());
    for found in ops.all::<WorkPool>(deserted).await? {
        // A heartbeat that comes between is not lost: the worker's next one makes the pool READY again.
        if set_pool_status(ops, &found, WorkStatus::Ready, WorkStatus::NotReady, now).await? {
            stale.push(found.record);
        }
    }
    Ok(stale)
}

async fn stale_deployments(ops: &Operations, patience: Patience, now: Time) -> Result<Vec<Deployment>, Error> {
    let limit = now.plus_seconds(-patience.deployment_poll);
    let polled = Filter::cmp(work_queue::last_polled, Cmp::Ge, limit);
    let silent = Filter::eq(deployment::status, PollStatus::Ready)
        .and(Filter::cmp(deployment::last_polled, Cmp::Lt, limit))
        .and(Filter::has(deployment::work_queue_id, work_queue::id, polled).negate());
    let mut stale = Vec::new();
    for found in ops.all::<Deployment>(silent).await? {
        let when = vec![is(deployment::status, PollStatus::Ready), before(deployment::last_polled, limit)];
        let change = Change::default().set(deployment::status, PollStatus::NotReady);
        let event = deployment_status(ops, &found, PollStatus::NotReady, now).await?;
        if change_requiring::<Deployment>(ops, found.id, when, change, Some(&event)).await? {
            stale.push(found.record);
        }
    }
    Ok(stale)
}

async fn stale_queues(ops: &Operations, patience: Patience, now: Time) -> Result<Vec<WorkQueue>, Error> {
    let limit = now.plus_seconds(-patience.queue_poll);
    let silent =
        Filter::eq(work_queue::status, WorkStatus::Ready).and(Filter::cmp(work_queue::last_polled, Cmp::Lt, limit));
    let mut stale = Vec::new();
    for found in ops.all::<WorkQueue>(silent).await? {
        let when = vec![is(work_queue::status, WorkStatus::Ready), before(work_queue::last_polled, limit)];
        let change = Change::default().set(work_queue::status, WorkStatus::NotReady).set(work_queue::updated, now);
        let event = queue_status(ops, &found, WorkStatus::NotReady, now).await?;
        if change_requiring::<WorkQueue>(ops, found.id, when, change, Some(&event)).await? {
            stale.push(found.record);
        }
    }
    Ok(stale)
}
