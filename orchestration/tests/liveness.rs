//! Heartbeats, and what turns stale without them.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod world;

use mintaka_core::records::{
    Deployment, Event, PollStatus, WorkPool, WorkQueue, WorkStatus, Worker, WorkerStatus, work_pool, worker,
};
use mintaka_core::{Batch, Change, Filter, Key, Versioned};
use mintaka_orchestration::ops::due_runs::{Polled, mark_polled};
use mintaka_orchestration::ops::liveness::{Patience, heartbeat, mark_stale};
use uuid::Uuid;
use world::{World, world};

async fn beat(world: &World, pool: Uuid, name: &str, interval: Option<i64>) -> bool {
    heartbeat(&world.ops, pool, name, interval, world.now()).await.unwrap().expect("the pool is gone").pool_became_ready
}

async fn worker_named(world: &World, name: &str) -> Versioned<Worker> {
    world.store.all::<Worker>(Filter::eq(worker::name, name)).await.unwrap().pop().expect("no such worker")
}

#[tokio::test]
async fn a_heartbeat_makes_a_worker_known_and_its_pool_ready() {
    let world = world().await;
    let pool = world.pool(None).await.id;
    assert!(beat(&world, pool, "w", Some(10)).await);
    let known = worker_named(&world, "w").await;
    assert_eq!((known.status, known.heartbeat_interval_seconds), (WorkerStatus::Online, Some(10)));
    assert_eq!(world.get::<WorkPool>(pool).await.status, Some(WorkStatus::Ready));

    world.pass(10.0);
    assert!(!beat(&world, pool, "w", None).await);
    let again = worker_named(&world, "w").await;
    assert_eq!((again.id, again.version), (known.id, known.version), "one that is online costs a soft write");
    assert_eq!((again.last_heartbeat_time, again.heartbeat_interval_seconds), (Some(world.now()), Some(10)));

    beat(&world, pool, "w", Some(20)).await;
    assert_eq!(worker_named(&world, "w").await.heartbeat_interval_seconds, Some(20));
    assert_eq!(heartbeat(&world.ops, Uuid::new_v4(), "w", None, world.now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_paused_pool_stays_paused_under_heartbeats() {
    let world = world().await;
    let pool = world.pool(None).await.id;
    let change = Change::default().set(work_pool::status, WorkStatus::Paused);
    world.store.commit(Batch::new().update::<WorkPool>(Key::id(pool), change)).await.unwrap();
    assert!(!beat(&world, pool, "w", None).await);
    assert_eq!(world.get::<WorkPool>(pool).await.status, Some(WorkStatus::Paused));
}

#[tokio::test]
async fn silent_workers_go_offline_and_deserted_pools_are_not_ready() {
    let world = world().await;
    let (pool, other) = (world.pool(None).await.id, world.pool(None).await.id);
    beat(&world, pool, "fast", Some(10)).await;
    beat(&world, pool, "slow", None).await;
    beat(&world, other, "gone", Some(5)).await;
    let stale = async || {
        let stale = mark_stale(&world.ops, Patience::default(), world.now()).await.unwrap();
        let names: Vec<String> = stale.workers.into_iter().map(|worker| worker.name).collect();
        (names, stale.pools.into_iter().map(|pool| pool.id).collect::<Vec<_>>())
    };
    world.pass(15.0);
    assert_eq!(stale().await, (vec![], vec![]), "three intervals of 5 seconds have just passed");
    world.pass(1.0);
    assert_eq!(stale().await, (vec!["gone".into()], vec![other]));
    world.pass(30.0);
    assert_eq!(stale().await, (vec!["fast".into()], vec![]), "the pool still has a worker");
    world.pass(60.0);
    assert_eq!(stale().await, (vec!["slow".into()], vec![pool]));
    assert_eq!(stale().await, (vec![], vec![]), "once");
    assert_eq!(world.get::<WorkPool>(pool).await.status, Some(WorkStatus::NotReady));
    assert!(beat(&world, pool, "fast", None).await, "and back");
    assert_eq!(worker_named(&world, "fast").await.status, WorkerStatus::Online);
}

#[tokio::test]
async fn deployments_and_queues_that_nobody_polls_are_not_ready() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", None).await.id;
    let of_queue = world.deployment(|d| d.work_queue_id = Some(queue)).await;
    let served = world.deployment(|_| {}).await;
    mark_polled(&world.ops, Polled::Deployments(&[of_queue, served]), world.now()).await.unwrap();
    mark_polled(&world.ops, Polled::Queues(&[queue]), world.now()).await.unwrap();
    let stale = async || {
        let stale = mark_stale(&world.ops, Patience::default(), world.now()).await.unwrap();
        let deployments: Vec<Uuid> = stale.deployments.into_iter().map(|deployment| deployment.id).collect();
        (deployments, stale.queues.into_iter().map(|queue| queue.id).collect::<Vec<_>>())
    };
    world.pass(60.0);
    assert_eq!(stale().await, (vec![], vec![]));
    mark_polled(&world.ops, Polled::Queues(&[queue]), world.now()).await.unwrap();
    world.pass(1.0);
    assert_eq!(stale().await, (vec![served], vec![]), "a poll of the queue keeps its deployments ready");
    world.pass(60.0);
    assert_eq!(stale().await, (vec![of_queue], vec![queue]));
    assert_eq!(stale().await, (vec![], vec![]), "once");
    assert_eq!(world.get::<Deployment>(served).await.status, PollStatus::NotReady);
    assert_eq!(world.get::<WorkQueue>(queue).await.status, WorkStatus::NotReady);
}

#[tokio::test]
async fn every_change_of_status_is_told_once_by_an_event() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", None).await.id;
    let deployment = world.deployment(|d| d.work_queue_id = Some(queue)).await;
    let of_creation: Vec<_> = world.store.all::<Event>(Filter::all()).await.unwrap().iter().map(|e| e.id).collect();
    for _ in 0..2 {
        beat(&world, pool.id, "w", None).await;
        mark_polled(&world.ops, Polled::Queues(&[queue]), world.now()).await.unwrap();
    }
    world.pass(100.0);
    for _ in 0..2 {
        mark_stale(&world.ops, Patience::default(), world.now()).await.unwrap();
    }
    let mut events = world.store.all::<Event>(Filter::all()).await.unwrap();
    events.retain(|event| !of_creation.contains(&event.id));
    events.sort_by(|a, b| (a.occurred, &a.event).cmp(&(b.occurred, &b.event)));
    let told: Vec<(&str, String)> = events.iter().map(|e| (e.event.as_str(), e.resource_id.clone())).collect();
    let (of_pool, of_queue, of_deployment) = (
        format!("prefect.work-pool.{}", pool.id),
        format!("prefect.work-queue.{queue}"),
        format!("prefect.deployment.{deployment}"),
    );
    assert_eq!(
        told,
        [
            ("prefect.deployment.ready", of_deployment.clone()),
            ("prefect.work-pool.ready", of_pool.clone()),
            ("prefect.work-queue.ready", of_queue.clone()),
            ("prefect.deployment.not-ready", of_deployment),
            ("prefect.work-pool.not-ready", of_pool.clone()),
            ("prefect.work-queue.not-ready", of_queue.clone()),
        ]
    );
    assert_eq!(events[4].follows, Some(events[1].id), "events of a pool follow each other");
    let related = events[0].related.value();
    let ids: Vec<&str> =
        related.as_array().unwrap().iter().map(|r| r["prefect.resource.id"].as_str().unwrap()).collect();
    assert_eq!(ids[1..], [of_queue.as_str(), of_pool.as_str()]);
    assert_eq!(related[2]["prefect.work-pool.type"], "process");
}
