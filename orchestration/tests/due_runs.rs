//! What polls for work are given, and what they leave behind.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod world;

use mintaka_core::records::{
    Deployment, FlowRun, PollStatus, StateType, WorkPool, WorkQueue, WorkStatus, flow_run, work_pool, work_queue,
};
use mintaka_core::{Batch, Change, Json, Key};
use mintaka_orchestration::FlowRunPolicy;
use mintaka_orchestration::RetryType;
use mintaka_orchestration::ops::due_runs::{
    DueRun, Polled, Wanted, due_runs_of_deployments, due_runs_of_pool, due_runs_of_queue, mark_polled,
};
use serde_json::json;
use uuid::Uuid;
use world::{World, world};

/// How long a run that its own process retries is left to that process.
const GRACE: f64 = 30.0;

fn wanted(world: &World, limit: u64) -> Wanted {
    let retries_until = world.now().plus_seconds(-GRACE);
    Wanted { after: None, before: Some(world.now().plus_seconds(10.0)), limit, retries_until }
}

async fn polled(world: &World, pool: &WorkPool, queues: Option<&[Uuid]>, limit: u64) -> Vec<Uuid> {
    let pool: WorkPool = world.get(pool.id).await;
    let due = due_runs_of_pool(&world.store, &pool, queues, wanted(world, limit)).await.unwrap();
    assert!(due.iter().all(|due| due.work_pool_id == pool.id && due.run.work_queue_id == Some(due.work_queue_id)));
    due.into_iter().map(|due| due.run.id).collect()
}

#[tokio::test]
async fn a_pool_gives_due_runs_by_priority_and_time() {
    let world = world().await;
    let pool = world.pool(None).await;
    let low = world.queue(&pool, "low", None).await.id;
    let late = world.due_in(5.0, |new| new.work_queue_id = Some(pool.default_queue_id)).await;
    let early = world.due_in(-60.0, |new| new.work_queue_id = Some(pool.default_queue_id)).await;
    let less_urgent = world.due_in(-90.0, |new| new.work_queue_id = Some(low)).await;
    world.due_in(11.0, |new| new.work_queue_id = Some(low)).await;
    world.due_in(-90.0, |_| {}).await;
    world.busy(StateType::Running, low).await;

    assert_eq!(polled(&world, &pool, None, 200).await, [early, late, less_urgent]);
    assert_eq!(polled(&world, &pool, Some(&[low]), 200).await, [less_urgent]);
    assert_eq!(polled(&world, &pool, None, 2).await, [early, late]);
    assert!(polled(&world, &pool, None, 0).await.is_empty());
    assert_eq!(polled(&world, &pool, None, 200).await, [early, late, less_urgent], "a poll claims nothing");
}

#[tokio::test]
async fn limits_of_queue_and_pool_leave_room_for_free_slots_only() {
    // Limits of pool, high and low queue; runs under way in high and low; how many of 3 due runs each queue gives.
    let cases = [
        ((None, None, None), (0, 0), (3, 3)),
        ((Some(4), None, None), (0, 0), (3, 1)),
        ((Some(4), None, None), (1, 1), (2, 0)),
        ((Some(2), None, None), (1, 2), (0, 0)),
        ((None, Some(1), None), (0, 0), (1, 3)),
        ((None, Some(2), Some(2)), (2, 1), (0, 1)),
        ((Some(3), Some(1), None), (0, 0), (1, 2)),
    ];
    for ((pool_limit, high_limit, low_limit), (busy_high, busy_low), expected) in cases {
        let world = world().await;
        let pool = world.pool(pool_limit).await;
        let high = pool.default_queue_id;
        let low = world.queue(&pool, "low", low_limit).await.id;
        let change = Change::default().set(work_queue::concurrency_limit, high_limit);
        world.store.commit(Batch::new().update::<WorkQueue>(Key::id(high), change)).await.unwrap();
        for (queue, busy) in [(high, busy_high), (low, busy_low)] {
            for n in 0..busy {
                world.busy(if n % 2 == 0 { StateType::Running } else { StateType::Pending }, queue).await;
            }
            world.busy(StateType::Cancelling, queue).await;
            for n in 0..3 {
                world.due_in(-f64::from(n), |new| new.work_queue_id = Some(queue)).await;
            }
        }
        let pool: WorkPool = world.get(pool.id).await;
        let due = due_runs_of_pool(&world.store, &pool, None, wanted(&world, 200)).await.unwrap();
        let of = |queue| due.iter().filter(|due| due.work_queue_id == queue).count();
        assert_eq!((of(high), of(low)), expected, "{pool_limit:?} {high_limit:?} {low_limit:?} {busy_high} {busy_low}");
    }
}

#[tokio::test]
async fn what_is_paused_gives_nothing() {
    let world = world().await;
    let pool = world.pool(None).await;
    let other = world.queue(&pool, "other", None).await.id;
    world.due_in(0.0, |new| new.work_queue_id = Some(pool.default_queue_id)).await;
    let open = world.due_in(0.0, |new| new.work_queue_id = Some(other)).await;
    let pause = Change::default().set(work_queue::is_paused, true);
    world.store.commit(Batch::new().update::<WorkQueue>(Key::id(pool.default_queue_id), pause)).await.unwrap();
    assert_eq!(polled(&world, &pool, None, 200).await, [open]);
    let paused: WorkQueue = world.get(pool.default_queue_id).await;
    assert!(due_runs_of_queue(&world.store, &paused, wanted(&world, 9)).await.unwrap().is_empty());
    let pause = Change::default().set(work_pool::is_paused, true);
    world.store.commit(Batch::new().update::<WorkPool>(Key::id(pool.id), pause)).await.unwrap();
    assert!(polled(&world, &pool, None, 200).await.is_empty());
}

#[tokio::test]
async fn runs_that_their_own_process_retries_hide_no_others() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = Some(pool.default_queue_id);
    for n in 0..7 {
        world
            .due_in(-10.0 - f64::from(n), |new| {
                new.work_queue_id = queue;
                new.empirical_policy = FlowRunPolicy { retry_type: Some(RetryType::InProcess), ..Default::default() };
            })
            .await;
    }
    let first = world.due_in(-5.0, |new| new.work_queue_id = queue).await;
    let second = world.due_in(-4.0, |new| new.work_queue_id = queue).await;
    assert_eq!(polled(&world, &pool, None, 2).await, [first, second]);
    assert_eq!(polled(&world, &pool, None, 1).await, [first]);
}

/// The runs that each kind of poll gives to somebody who asks for this pool, this queue and this deployment.
async fn polls(world: &World, queue: &WorkQueue, deployment: Uuid, limit: u64) -> [Vec<Uuid>; 4] {
    let wanted = wanted(world, limit);
    let pool: WorkPool = world.get(queue.work_pool_id).await;
    let ids = |due: Vec<DueRun>| due.into_iter().map(|due| due.run.id).collect();
    let of_pool = ids(due_runs_of_pool(&world.store, &pool, None, wanted).await.unwrap());
    let of_queue = ids(due_runs_of_queue(&world.store, queue, wanted).await.unwrap());
    let filter = Some(Json::from(json!({"deployment_ids": [deployment]})));
    let filtered = WorkQueue { filter, ..queue.clone() };
    let of_filter = ids(due_runs_of_queue(&world.store, &filtered, wanted).await.unwrap());
    let served = due_runs_of_deployments(&world.store, &[deployment], wanted).await.unwrap();
    [of_pool, of_queue, of_filter, served.into_iter().map(|run| run.id).collect()]
}

#[tokio::test]
async fn a_run_that_its_own_process_retries_is_anybodys_once_it_is_overdue() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", None).await;
    let deployment = world.deployment(|_| {}).await;
    let due = async |seconds, retry_type| {
        let policy = FlowRunPolicy { retry_type, ..FlowRunPolicy::default() };
        world
            .due_in(seconds, |new| {
                new.work_queue_id = Some(queue.id);
                new.deployment_id = Some(deployment);
                new.empirical_policy = policy;
            })
            .await
    };
    let own = due(-2.0, Some(RetryType::InProcess)).await;
    let others = [due(-1.0, None).await, due(0.0, Some(RetryType::Reschedule)).await];
    for (limit, expected) in [(200, &others[..]), (1, &others[..1])] {
        assert_eq!(polls(&world, &queue, deployment, limit).await, [(); 4].map(|()| expected.to_vec()));
    }
    world.pass(GRACE - 2.1);
    assert_eq!(polls(&world, &queue, deployment, 200).await, [(); 4].map(|()| others.to_vec()));
    world.pass(0.2);
    let all = [own, others[0], others[1]];
    assert_eq!(polls(&world, &queue, deployment, 200).await, [(); 4].map(|()| all.to_vec()));
}

#[tokio::test]
async fn an_agents_queue_counts_cancelling_runs_and_may_filter() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", Some(2)).await;
    let ids = async |queue: &WorkQueue| -> Vec<Uuid> {
        let due = due_runs_of_queue(&world.store, queue, wanted(&world, 200)).await.unwrap();
        due.into_iter().map(|due| due.run.id).collect()
    };
    let first = world.due_in(-3.0, |new| new.work_queue_id = Some(queue.id)).await;
    let second = world.due_in(-2.0, |new| new.work_queue_id = Some(queue.id)).await;
    assert_eq!(ids(&queue).await, [first, second]);
    world.busy(StateType::Cancelling, queue.id).await;
    assert_eq!(ids(&queue).await, [first]);

    let deployment = world.deployment(|_| {}).await;
    let of_deployment = world
        .due_in(-1.0, |new| {
            new.deployment_id = Some(deployment);
            new.tags = ["a", "b"].into_iter().collect();
        })
        .await;
    world.due_in(-1.0, |new| new.tags = ["a"].into_iter().collect()).await;
    let filters = [
        (json!({"tags": ["a"]}), vec![of_deployment]),
        (json!({"tags": ["c"]}), vec![]),
        (json!({"tags": null, "deployment_ids": [deployment]}), vec![of_deployment]),
        (json!({"deployment_ids": [Uuid::new_v4()]}), vec![]),
    ];
    for (filter, expected) in filters {
        let queue = WorkQueue { filter: Some(Json::from(filter.clone())), ..queue.clone() };
        assert_eq!(ids(&queue).await, expected, "{filter}");
    }
}

#[tokio::test]
async fn who_serves_deployments_gets_their_runs_by_time() {
    let world = world().await;
    let (one, other) = (world.deployment(|_| {}).await, world.deployment(|_| {}).await);
    let late = world.due_in(9.0, |new| new.deployment_id = Some(one)).await;
    let early = world.due_in(-9.0, |new| new.deployment_id = Some(other)).await;
    world.due_in(60.0, |new| new.deployment_id = Some(one)).await;
    world.due_in(-9.0, |new| new.deployment_id = Some(Uuid::new_v4())).await;
    let ids = async |limit| -> Vec<Uuid> {
        let runs = due_runs_of_deployments(&world.store, &[one, other], wanted(&world, limit)).await.unwrap();
        runs.into_iter().map(|run| run.id).collect()
    };
    assert_eq!(ids(200).await, [early, late]);
    assert_eq!(ids(1).await, [early]);
}

#[tokio::test]
async fn a_poll_makes_queues_and_their_deployments_ready_once() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", None).await.id;
    let deployment = world.deployment(|d| d.work_queue_id = Some(queue)).await;
    let updated = world.get::<Deployment>(deployment).await.updated;
    world.pass(100.0);

    let ready = mark_polled(&world.ops, Polled::Queues(&[queue]), world.now()).await.unwrap();
    assert_eq!((ready.queues.len(), ready.deployments.len()), (1, 1));
    let (q, d): (WorkQueue, Deployment) = (world.get(queue).await, world.get(deployment).await);
    assert_eq!((q.status, q.last_polled), (WorkStatus::Ready, Some(world.now())));
    assert_eq!((d.status, d.last_polled), (PollStatus::Ready, Some(world.now())));
    assert_eq!(d.updated, updated, "its schedules need no second look");

    let versions = async || {
        let queue = world.store.get::<WorkQueue>(queue).await.unwrap().unwrap();
        (queue.version, queue.last_polled.unwrap())
    };
    let (version, first) = versions().await;
    for (seconds, expected) in [(1.0, first), (9.0, first.plus_seconds(10.0))] {
        world.pass(seconds);
        let ready = mark_polled(&world.ops, Polled::Queues(&[queue]), world.now()).await.unwrap();
        assert!(ready.queues.is_empty() && ready.deployments.is_empty());
        assert_eq!(versions().await, (version, expected), "the note is soft, and at most 5 seconds old");
    }

    let served = world.deployment(|_| {}).await;
    let ready = mark_polled(&world.ops, Polled::Deployments(&[served]), world.now()).await.unwrap();
    assert_eq!((ready.queues.len(), ready.deployments.len()), (0, 1));
    assert_eq!(world.get::<Deployment>(served).await.status, PollStatus::Ready);
}

#[tokio::test]
async fn a_paused_queue_stays_paused_when_polled() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", None).await.id;
    let change = Change::default().set(work_queue::status, WorkStatus::Paused);
    world.store.commit(Batch::new().update::<WorkQueue>(Key::id(queue), change)).await.unwrap();
    let ready = mark_polled(&world.ops, Polled::Queues(&[queue]), world.now()).await.unwrap();
    assert!(ready.queues.is_empty());
    let polled: WorkQueue = world.get(queue).await;
    assert_eq!((polled.status, polled.last_polled), (WorkStatus::Paused, Some(world.now())));
}

#[tokio::test]
async fn a_poll_without_bounds_gives_all_scheduled_runs() {
    let world = world().await;
    let pool = world.pool(None).await;
    let run = world.due_in(1e6, |new| new.work_queue_id = Some(pool.default_queue_id)).await;
    let any = Wanted { before: None, ..wanted(&world, 10) };
    let due = due_runs_of_pool(&world.store, &pool, None, any).await.unwrap();
    assert_eq!(due.iter().map(|due| due.run.id).collect::<Vec<_>>(), [run]);
    let later = Wanted { after: Some(world.now().plus_seconds(2e6)), ..any };
    assert!(due_runs_of_pool(&world.store, &pool, None, later).await.unwrap().is_empty());
    let change = Change::default().set(flow_run::work_queue_id, None::<Uuid>);
    world.store.commit(Batch::new().update::<FlowRun>(Key::id(run), change)).await.unwrap();
    assert!(due_runs_of_pool(&world.store, &pool, None, any).await.unwrap().is_empty());
}
