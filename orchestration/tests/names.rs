//! Names that hold what a store does not keep: the byte 0.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod world;

use mintaka_core::records::WorkQueue;
use mintaka_orchestration::Caller;
use mintaka_orchestration::caller::ClientLine;
use mintaka_orchestration::ops::work_pools::{NewPool, create_pool, no_storage};
use mintaka_orchestration::ops::work_queues::{
    NewQueue, QueueEdit, QueueEdited, create_queue, find_or_create_queue, queues_of, update_queue,
};
use mintaka_orchestration::ops::{NewTaskRun, create_task_run};
use world::world;

const V3: ClientLine = ClientLine::V3;

#[tokio::test]
async fn a_queue_of_such_a_name_is_made_once() {
    let world = world().await;
    let pool = world.pool(None).await;
    let make = async |name: &str| create_queue(&world.ops, pool.id, NewQueue::named(name), V3).await.unwrap();
    let made = make("a\0").await.unwrap();
    assert_eq!(world.get::<WorkQueue>(made.id).await.name, "a\u{fffd}");
    for again in ["a\0", "a\u{fffd}"] {
        assert!(make(again).await.is_none(), "{again:?}");
        let found = find_or_create_queue(&world.ops, &pool, again, None, V3).await.unwrap();
        assert_eq!(found.id, made.id, "{again:?}");
    }
    let other = make("b").await.unwrap();
    let edit = QueueEdit { name: Some("a\0".into()), ..QueueEdit::default() };
    assert_eq!(update_queue(&world.ops, other.id, &edit, true, V3).await.unwrap(), QueueEdited::Taken);
    assert_eq!(queues_of(&world.store, pool.id).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_pool_of_such_a_name_is_made_once() {
    let world = world().await;
    let new = || NewPool {
        name: "p\0".into(),
        description: None,
        r#type: "process".into(),
        base_job_template: mintaka_core::Json::object(),
        is_paused: false,
        concurrency_limit: None,
        storage_configuration: no_storage(),
    };
    assert!(create_pool(&world.ops, new(), V3).await.unwrap().is_some());
    assert!(create_pool(&world.ops, new(), V3).await.unwrap().is_none());
}

#[tokio::test]
async fn a_task_run_of_such_a_key_is_found_again() {
    let world = world().await;
    let run = world.due_in(0.0, |_| {}).await;
    for flow_run in [Some(run), None] {
        let make = async || {
            let new = NewTaskRun::of(flow_run, "t\0", "0\0");
            create_task_run(&world.ops, new, &Caller::SERVER).await.unwrap()
        };
        let (made, found) = (make().await, make().await);
        assert_eq!((made.created, found.created, found.run.id), (true, false, made.run.id), "{flow_run:?}");
    }
}
