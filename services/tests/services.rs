//! What each service does with what is due, by a clock that the test moves.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

#[path = "../../orchestration/tests/world/mod.rs"]
mod world;

use mintaka_core::records::{
    Deployment, FlowRun, FlowRunState, StateType, TaskRun, WorkPool, WorkStatus, Worker, WorkerStatus, deployment,
    worker,
};
use mintaka_core::{Batch, Change, Filter, Key};
use mintaka_orchestration::ops::liveness::heartbeat;
use mintaka_orchestration::ops::{NewTaskRun, create_task_run, set_flow_run_state};
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, Proposed};
use mintaka_services::{Ctx, Next, Service, Settings, select};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use world::{World, world};

fn service(name: &str) -> Box<dyn Service> {
    select(&Settings::default(), &[name]).unwrap().remove(0)
}

async fn tick(world: &World, service: &dyn Service) {
    let ctx = Ctx { reader: world.store.reader().clone(), ops: world.ops.clone(), cancel: CancellationToken::new() };
    let next = service.tick(&ctx).await.unwrap();
    assert_eq!(next, Next::After(service.every()));
}

async fn set(world: &World, run: Uuid, state: Proposed) {
    set_flow_run_state(&world.ops, run, state, FlowPolicy::Minimal, &Caller::SERVER).await.unwrap();
}

async fn state_of(world: &World, run: Uuid) -> (StateType, String, Option<String>) {
    let run: FlowRun = world.get(run).await;
    let state: FlowRunState = world.get(run.state_id.unwrap()).await;
    assert_eq!((run.state_type, run.state_name.as_deref()), (Some(state.r#type), Some(state.name.as_str())));
    (state.r#type, state.name, state.message)
}

async fn task_of(world: &World, flow_run: Uuid, state: StateType) -> Uuid {
    let mut new = NewTaskRun::of(Some(flow_run), "t", Uuid::new_v4().to_string());
    new.state = Some(Proposed::new(state));
    create_task_run(&world.ops, new, &Caller::SERVER).await.unwrap().run.id
}

#[tokio::test]
async fn the_scheduler_keeps_runs_ahead_of_those_that_lack_them() {
    let world = world().await;
    let mut hourly = Vec::new();
    for _ in 0..7 {
        let id = world.deployment(|_| {}).await;
        world.schedule(id, json!({"cron": "@hourly"})).await;
        hourly.push(id);
    }
    let paused = world.deployment(|d| d.paused = true).await;
    world.schedule(paused, json!({"cron": "@hourly"})).await;
    let two = world.deployment(|_| {}).await;
    world.schedule(two, json!({"cron": "*/10 * * * *"})).await;
    world.schedule(two, json!({"cron": "@monthly"})).await;
    let broken = world.deployment(|_| {}).await;
    world.schedule(broken, json!({"cron": "sometimes"})).await;

    let mut settings = Settings::default();
    settings.scheduler.deployment_batch_size = 3;
    let scheduler = select(&settings, &["scheduler"]).unwrap().remove(0);
    tick(&world, scheduler.as_ref()).await;
    for id in &hourly {
        assert_eq!(world.runs_of(*id).await.len(), 3);
    }
    assert_eq!(world.runs_of(paused).await.len(), 0);
    assert_eq!(world.runs_of(broken).await.len(), 0);
    assert_eq!(world.runs_of(two).await.len(), 7 + 3);

    world.pass(3_601.0);
    tick(&world, scheduler.as_ref()).await;
    assert_eq!(world.runs_of(hourly[0]).await.len(), 3 + 1 + 1, "12:00 has passed, and 13:00");
    assert_eq!(world.runs_of(two).await.len(), 7 + 7 + 3, "each schedule counts for itself");
}

#[tokio::test]
async fn a_deployment_that_changes_is_scheduled_soon() {
    let world = world().await;
    let id = world.deployment(|_| {}).await;
    world.schedule(id, json!({"cron": "@daily"})).await;
    world.pass(600.0);
    let recent = service("recent-deployments");
    tick(&world, recent.as_ref()).await;
    assert_eq!(world.runs_of(id).await.len(), 0, "it changed long ago");

    let touch = async |paused: bool| {
        let change = Change::default().set(deployment::updated, world.now()).set(deployment::paused, paused);
        world.store.commit(Batch::new().update::<Deployment>(Key::id(id), change)).await.unwrap();
    };
    world.pass(5.0);
    touch(true).await;
    tick(&world, recent.as_ref()).await;
    assert_eq!(world.runs_of(id).await.len(), 0, "it is paused");
    world.pass(1.0);
    touch(false).await;
    world.pass(120.0);
    tick(&world, recent.as_ref()).await;
    assert_eq!(world.runs_of(id).await.len(), 3, "a tick that comes late misses nothing");
}

#[tokio::test]
async fn runs_are_late_15_seconds_after_their_time() {
    let world = world().await;
    let late_runs = service("late-runs");
    let due = world.due_in(0.0, |_| {}).await;
    let retry = world.run(Proposed::awaiting_retry(world.now()), |_| {}).await;
    let begun = world.run(Proposed::new(StateType::Pending), |_| {}).await;
    let scheduled = world.get::<FlowRun>(due).await.next_scheduled_start_time;
    world.pass(14.0);
    tick(&world, late_runs.as_ref()).await;
    assert_eq!(state_of(&world, due).await.1, "Scheduled");
    world.pass(1.0);
    tick(&world, late_runs.as_ref()).await;
    let states = world.states().await.len();
    tick(&world, late_runs.as_ref()).await;
    assert_eq!(world.states().await.len(), states, "a run is marked once");
    assert_eq!(state_of(&world, due).await, (StateType::Scheduled, "Late".into(), None));
    assert_eq!(world.get::<FlowRun>(due).await.next_scheduled_start_time, scheduled);
    assert_eq!(state_of(&world, retry).await.1, "AwaitingRetry");
    assert_eq!(state_of(&world, begun).await.1, "Pending");
}

#[tokio::test]
async fn more_late_runs_than_a_page_are_all_marked() {
    let world = world().await;
    for n in 0..401 {
        world.due_in(-20.0 - f64::from(n % 3), |_| {}).await;
    }
    tick(&world, service("late-runs").as_ref()).await;
    let late = Filter::eq(mintaka_core::records::flow_run::state_name, "Late");
    assert_eq!(world.store.count::<FlowRun>(late).await.unwrap(), 401);
}

#[tokio::test]
async fn a_run_that_is_made_after_its_time_is_late_at_the_next_tick() {
    let world = world().await;
    let late_runs = service("late-runs");
    tick(&world, late_runs.as_ref()).await;
    let overdue = world.due_in(-3_600.0, |_| {}).await;
    let soon = world.due_in(1.0, |_| {}).await;
    let table = [(5.0, "Late", "Scheduled"), (12.0, "Late", "Late")];
    for (seconds, of_overdue, of_soon) in table {
        world.pass(seconds);
        tick(&world, late_runs.as_ref()).await;
        let names = [state_of(&world, overdue).await.1, state_of(&world, soon).await.1];
        assert_eq!(names, [of_overdue, of_soon], "{seconds} seconds later");
    }
}

#[tokio::test]
async fn a_pause_that_expires_fails_its_run() {
    let world = world().await;
    let paused = async |timeout: Option<f64>| {
        let run = world.run(Proposed::new(StateType::Running), |_| {}).await;
        let mut state = Proposed::new(StateType::Paused);
        state.details.pause_timeout = timeout.map(|seconds| world.now().plus_seconds(seconds));
        set(&world, run, state).await;
        run
    };
    let (short, long, endless) = (paused(Some(10.0)).await, paused(Some(1_000.0)).await, paused(None).await);
    let expirations = service("pause-expirations");
    world.pass(10.0);
    tick(&world, expirations.as_ref()).await;
    assert_eq!(state_of(&world, short).await.0, StateType::Paused);
    world.pass(1.0);
    tick(&world, expirations.as_ref()).await;
    let message = Some("The flow was paused and never resumed.".to_owned());
    assert_eq!(state_of(&world, short).await, (StateType::Failed, "Failed".into(), message));
    for run in [long, endless] {
        assert_eq!(state_of(&world, run).await.0, StateType::Paused);
    }
}

#[tokio::test]
async fn what_a_cancelled_run_leaves_behind_is_cancelled() {
    let world = world().await;
    let parent = world.run(Proposed::new(StateType::Running), |_| {}).await;
    let running = task_of(&world, parent, StateType::Running).await;
    let done = task_of(&world, parent, StateType::Completed).await;
    let other = world.run(Proposed::new(StateType::Running), |_| {}).await;
    let elsewhere = task_of(&world, other, StateType::Running).await;

    let subflow = async |deployment: bool| {
        let task = task_of(&world, parent, StateType::Running).await;
        let deployment = if deployment { Some(world.deployment(|_| {}).await) } else { None };
        world
            .run(Proposed::new(StateType::Running), |new| {
                new.parent_task_run_id = Some(task);
                new.deployment_id = deployment;
            })
            .await
    };
    let (inline, deployed) = (subflow(false).await, subflow(true).await);
    let cleanup = service("cancellation-cleanup");
    tick(&world, cleanup.as_ref()).await;
    assert_eq!(world.get::<TaskRun>(running).await.state_type, Some(StateType::Running));

    set(&world, parent, Proposed::new(StateType::Cancelled)).await;
    tick(&world, cleanup.as_ref()).await;
    let message = Some("The parent flow run was cancelled.".to_owned());
    assert_eq!(world.get::<TaskRun>(running).await.state_type, Some(StateType::Cancelled));
    assert_eq!(world.get::<TaskRun>(done).await.state_type, Some(StateType::Completed));
    assert_eq!(world.get::<TaskRun>(elsewhere).await.state_type, Some(StateType::Running));
    assert_eq!(state_of(&world, inline).await, (StateType::Cancelled, "Cancelled".into(), message.clone()));
    assert_eq!(state_of(&world, deployed).await, (StateType::Cancelling, "Cancelling".into(), message));
}

#[tokio::test]
async fn a_cancellation_that_nobody_ends_is_ended() {
    let world = world().await;
    let run = world.run(Proposed::new(StateType::Running), |_| {}).await;
    set(&world, run, Proposed::new(StateType::Cancelling)).await;
    let cleanup = service("cancellation-cleanup");
    world.pass(299.0);
    tick(&world, cleanup.as_ref()).await;
    assert_eq!(state_of(&world, run).await.0, StateType::Cancelling);
    world.pass(1.1);
    tick(&world, cleanup.as_ref()).await;
    let message = "Flow run cancellation timed out; marked this flow run as Cancelled.".to_owned();
    assert_eq!(state_of(&world, run).await, (StateType::Cancelled, "Cancelled".into(), Some(message)));
}

#[tokio::test]
async fn the_foreman_marks_what_is_silent() {
    let world = world().await;
    let pool = world.pool(None).await.id;
    heartbeat(&world.ops, pool, "w", None, world.now()).await.unwrap();
    let foreman = service("foreman");
    world.pass(91.0);
    tick(&world, foreman.as_ref()).await;
    let offline = world.store.all::<Worker>(Filter::eq(worker::status, WorkerStatus::Offline)).await.unwrap();
    assert_eq!(offline.len(), 1);
    assert_eq!(world.get::<WorkPool>(pool).await.status, Some(WorkStatus::NotReady));
}

#[tokio::test]
async fn services_find_nothing_in_an_empty_store() {
    let world = world().await;
    for service in mintaka_services::all(&Settings::default()) {
        tick(&world, service.as_ref()).await;
    }
    assert_eq!(world.states().await.len(), 0);
}
