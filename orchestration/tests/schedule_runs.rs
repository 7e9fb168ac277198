//! Runs that follow from schedules: made once, taken back when they no longer follow.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod world;

use std::sync::Arc;
use std::time::Duration;

use chrono::Timelike;
use mintaka_core::records::{
    Deployment, DeploymentSchedule, FlowRun, FlowRunState, StateType, deployment_schedule, flow_run,
};
use mintaka_core::{Backend, Batch, Batches, Change, CommitAnswer, Error, Json, Key, Layer, Store, Time};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::deployments::delete_deployment;
use mintaka_orchestration::ops::schedule_runs::{Cause, Window, delete_scheduled_runs, schedule_deployment_runs};
use mintaka_orchestration::ops::set_flow_run_state;
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, ClientLine, FlowRunPolicy, Proposed, RetryType};
use serde_json::json;
use world::{World, at, world};

fn window(start: Time) -> Window {
    Window {
        start,
        end: start.plus_seconds(100.0 * 86_400.0),
        min_time: Duration::from_secs(3_600),
        min_runs: 3,
        max_runs: 100,
    }
}

async fn schedule(world: &World, deployment: uuid::Uuid) -> usize {
    schedule_deployment_runs(&world.ops, deployment, window(world.now()), world.now()).await.unwrap()
}

#[tokio::test]
async fn a_run_has_all_that_clients_expect_of_it() {
    let world = world().await;
    let deployment = world.deployment(|d| d.work_queue_name = Some("q".into())).await;
    let schedule_id = world.schedule(deployment, json!({"cron": "0 9 * * *", "timezone": "Europe/Berlin"})).await;
    assert_eq!(schedule(&world, deployment).await, 3);

    let runs = world.runs_of(deployment).await;
    let times: Vec<_> = runs.iter().map(|run| run.expected_start_time.unwrap().to_string()).collect();
    assert_eq!(times, ["2026-03-02T08:00:00.000000Z", "2026-03-03T08:00:00.000000Z", "2026-03-04T08:00:00.000000Z"]);
    let run = &runs[0];
    assert_eq!(
        run.idempotency_key.as_deref(),
        Some(format!("scheduled {deployment} {schedule_id} 2026-03-02 09:00:00+01:00").as_str())
    );
    assert_eq!(run.tags.0, ["auto-scheduled", "t"]);
    assert_eq!(run.parameters.value(), json!({"x": 1, "y": 2}));
    assert_eq!(
        run.labels.value(),
        json!({"team": "a", "prefect.flow.id": world.flow, "prefect.deployment.id": deployment})
    );
    assert_eq!(
        run.created_by.as_ref().unwrap().value(),
        json!({"id": schedule_id, "type": "SCHEDULE", "display_value": "CronSchedule"})
    );
    assert_eq!((run.deployment_version.as_deref(), run.work_queue_name.as_deref()), (Some("7"), Some("q")));
    assert!(run.auto_scheduled && !run.name.is_empty());
    assert_eq!((run.state_type, run.state_name.as_deref()), (Some(StateType::Scheduled), Some("Scheduled")));
    assert_eq!(run.next_scheduled_start_time, run.expected_start_time);
    assert_eq!(run.sort_time, run.expected_start_time);
    assert_eq!(run.empirical_policy.value()["resuming"], false);

    let state: FlowRunState = world.get(run.state_id.unwrap()).await;
    assert_eq!((state.flow_run_id, state.name.as_str()), (run.id, "Scheduled"));
    assert_eq!(state.message.as_deref(), Some("Flow run scheduled"));
    let details = state.state_details.value();
    assert_eq!(details["scheduled_time"], json!("2026-03-02T08:00:00.000000Z"));
    assert_eq!(details["flow_run_id"], json!(run.id));
}

#[tokio::test]
async fn each_date_of_a_schedule_has_one_run_however_often_it_is_scheduled() {
    let world = world().await;
    let deployment = world.deployment(|_| {}).await;
    world.schedule(deployment, json!({"interval": 600, "anchor_date": "2026-01-01T00:00:00Z"})).await;
    world.schedule(deployment, json!({"cron": "*/30 * * * *"})).await;
    // Until an hour ahead, both ends included; the half hours too.
    assert_eq!(schedule(&world, deployment).await, 7 + 3);
    assert_eq!(schedule(&world, deployment).await, 0);
    world.pass(600.0);
    let [one, other] = [schedule(&world, deployment), schedule(&world, deployment)];
    let (one, other) = tokio::join!(one, other);
    assert_eq!(one + other, 1 + 1, "of concurrent schedulers one makes each run");
    assert_eq!(world.runs_of(deployment).await.len(), 12);
    assert_eq!(world.states().await.len(), 12);
}

#[tokio::test]
async fn no_run_of_what_is_inactive_unreadable_or_gone() {
    let world = world().await;
    assert_eq!(schedule(&world, uuid::Uuid::new_v4()).await, 0);
    let deployment = world.deployment(|_| {}).await;
    world.schedule(deployment, json!({"cron": "never"})).await;
    let inactive = world.schedule(deployment, json!({"cron": "@daily"})).await;
    let change = Change::default().set(deployment_schedule::active, false);
    world.store.commit(Batch::new().update::<DeploymentSchedule>(Key::id(inactive), change)).await.unwrap();
    assert_eq!(schedule(&world, deployment).await, 0);
}

#[tokio::test]
async fn a_window_ends_at_its_end_and_at_its_most_runs() {
    let world = world().await;
    let read = |json| mintaka_schedule::Schedule::parse(&json).unwrap();
    let (minutely, yearly) = (read(json!({"cron": "* * * * *"})), read(json!({"cron": "@yearly"})));
    let window = window(world.now());
    assert_eq!(window.dates(&minutely).len(), 61);
    assert_eq!(Window { max_runs: 10, ..window }.dates(&minutely).len(), 10);
    assert_eq!(Window { end: world.now().plus_seconds(300.0), ..window }.dates(&minutely).len(), 6);
    assert_eq!(window.dates(&yearly).len(), 0, "the next is more than 100 days away");
}

#[tokio::test]
async fn what_is_taken_back_depends_on_the_cause() {
    use Cause::{Deleted, Edited, Stopped};
    // Of these runs: past and future ones that a schedule made, one that a person scheduled, one that waits for a slot, and
    // one that waits for a retry.
    let left: [(Cause, &[&str]); 3] = [
        (Edited, &["past", "manual", "waiting", "retried"]),
        (Stopped, &["manual", "waiting", "retried"]),
        (Deleted, &["waiting", "retried"]),
    ];
    for (cause, expected) in left {
        let world = world().await;
        let deployment = world.deployment(|_| {}).await;
        for (name, seconds, auto) in [
            ("past", -60.0, true),
            ("future", 60.0, true),
            ("manual", 70.0, false),
            ("waiting", 80.0, true),
            ("retried", 90.0, true),
        ] {
            let mut state = Proposed::scheduled(world.now().plus_seconds(seconds));
            if name == "waiting" {
                state = state.named("AwaitingConcurrencySlot");
            }
            let id = world
                .run(state, |new| {
                    new.name = Some(name.into());
                    new.deployment_id = Some(deployment);
                    new.auto_scheduled = auto;
                })
                .await;
            if name == "retried" {
                let ran = Change::default().set(flow_run::run_count, 1);
                world.store.commit(Batch::new().update::<FlowRun>(Key::id(id), ran)).await.unwrap();
            }
        }
        let deleted = delete_scheduled_runs(&world.ops, deployment, cause).await.unwrap();
        let names: Vec<String> = world.runs_of(deployment).await.into_iter().map(|run| run.name).collect();
        assert_eq!(names, expected, "{cause:?}");
        assert_eq!(deleted, 5 - expected.len());
        assert_eq!(world.states().await.len(), expected.len(), "states go with their runs");
    }
}

#[tokio::test]
async fn a_run_that_was_taken_stays_when_its_schedule_goes() {
    let world = world().await;
    let deployment = world.deployment(|_| {}).await;
    world.schedule(deployment, json!({"cron": "@daily"})).await;
    assert_eq!(schedule(&world, deployment).await, 3);
    let taken = world.runs_of(deployment).await[1].id;
    let pending = Proposed::new(StateType::Pending);
    set_flow_run_state(&world.ops, taken, pending, FlowPolicy::Core, &Caller::SERVER).await.unwrap();
    let deleted = delete_scheduled_runs(&world.ops, deployment, Cause::Stopped).await.unwrap();
    let left: Vec<_> = world.runs_of(deployment).await.into_iter().map(|run| run.id).collect();
    assert_eq!((deleted, left), (2, vec![taken]));
    assert_eq!(at("2026-03-03T00:00:00Z"), world.get::<mintaka_core::records::FlowRun>(taken).await.sort_time.unwrap());
}

/// A backend that somebody else writes to, once, right before the first commit of runs.
struct Interfering {
    inner: Arc<dyn Backend>,
    edits: std::sync::Mutex<Vec<Batch>>,
}

#[async_trait::async_trait]
impl Layer for Interfering {
    fn inner(&self) -> &dyn Backend {
        &*self.inner
    }
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        let edits = std::mem::take(&mut *self.edits.lock().unwrap());
        if !edits.is_empty() {
            self.inner.commit(edits.into()).await?;
        }
        self.inner.commit(batches).await
    }
}

#[tokio::test]
async fn an_edit_between_reading_and_inserting_leaves_no_run_of_the_old_schedule() {
    let world = world().await;
    let deployment = world.deployment(|_| {}).await;
    let schedule = world.schedule(deployment, json!({"cron": "0 9 * * *"})).await;
    let new = Change::default().set(deployment_schedule::schedule, Json::from(json!({"cron": "0 17 * * *"})));
    let edit = Batch::new().update::<DeploymentSchedule>(Key::id(schedule), new);
    let pause = Change::default().set(deployment_schedule::active, false);
    let stop = Batch::new().update::<DeploymentSchedule>(Key::id(schedule), pause);
    let delete = Batch::new().delete::<Deployment>(Key::id(deployment));
    for (edits, hours) in [(vec![edit], vec![17, 17, 17]), (vec![stop], vec![]), (vec![delete], vec![])] {
        delete_scheduled_runs(&world.ops, deployment, Cause::Stopped).await.unwrap();
        let backend = Interfering { inner: world.store.backend().clone(), edits: edits.into() };
        let store = Store::with_clock(Arc::new(backend), Arc::new(world.clock.clone()));
        let made = schedule_deployment_runs(&Operations::over(store), deployment, window(world.now()), world.now())
            .await
            .unwrap();
        let runs = world.runs_of(deployment).await;
        let of: Vec<u32> = runs.iter().map(|run| run.sort_time.unwrap().to_chrono().hour()).collect();
        assert_eq!((made, of), (hours.len(), hours));
    }
}

#[tokio::test]
async fn runs_that_wait_to_run_again_end_with_their_deployment_unless_their_own_process_has_them() {
    let world = world().await;
    let deployment = world.deployment(|_| {}).await;
    let waiting = async |retry_type| {
        let state = Proposed::awaiting_retry(world.now().plus_seconds(60.0));
        let id = world
            .run(state, |new| {
                new.deployment_id = Some(deployment);
                new.empirical_policy = FlowRunPolicy { retry_type, ..FlowRunPolicy::default() };
            })
            .await;
        let ran = Change::default().set(flow_run::run_count, 1);
        world.store.commit(Batch::new().update::<FlowRun>(Key::id(id), ran)).await.unwrap();
        id
    };
    let [anybodys, retried, own] =
        [waiting(None).await, waiting(Some(RetryType::Reschedule)).await, waiting(Some(RetryType::InProcess)).await];
    assert!(delete_deployment(&world.ops, deployment, None, ClientLine::V3).await.unwrap());
    for (id, state) in [(anybodys, "Cancelled"), (retried, "Cancelled"), (own, "AwaitingRetry")] {
        assert_eq!(world.get::<FlowRun>(id).await.state_name.as_deref(), Some(state));
    }
}
