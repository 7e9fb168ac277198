//! Many writers of one row at a time: nobody is sent away, and what each does is there once.
#![allow(clippy::unwrap_used)] // what a test counts on may fail it

mod world;

use std::collections::BTreeSet;
use std::time::Duration;

use mintaka_core::records::{
    Deployment, DeploymentSchedule, Event, FlowRunState, StateType, TaskRun, Variable, deployment, event,
    flow_run_state,
};
use mintaka_core::{Change, Filter, Json, Tags};
use mintaka_orchestration::Operations;
use mintaka_orchestration::caller::ClientLine;
use mintaka_orchestration::ops::deployments::NewSchedule;
use mintaka_orchestration::ops::deployments::{DeploymentEdit, ScheduleEdit, edit_deployment, schedules_of};
use mintaka_orchestration::ops::variables::{VariableEdit, VariableKey, create_variable, update_variable};
use mintaka_orchestration::ops::work_queues::{NewQueue, create_queue, queues_of};
use mintaka_orchestration::ops::{Edited, NewTaskRun, create_task_run, set_flow_run_state};
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, OpError, Proposed};
use serde_json::json;
use tokio::task::JoinSet;
use world::{World, world_with_pause};

/// Writers at a time.
const WRITERS: usize = 32;
/// How often each of them writes, one time after the other.
const TIMES: usize = 3;
/// All that they write.
const WRITES: usize = WRITERS * TIMES;

/// A world whose commits take long enough for everybody to have read before the first is done.
async fn slow_world() -> World {
    world_with_pause(Duration::from_millis(2)).await
}

/// Runs all writers at once, each several times; all must succeed.
async fn all_at_once<F, E>(ops: &Operations, write: impl Fn(Operations, usize) -> F)
where
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: std::fmt::Debug + Send + 'static,
{
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let writes: Vec<F> = (0..TIMES).map(|time| write(ops.clone(), writer * TIMES + time)).collect();
        writers.spawn(async move {
            for write in writes {
                write.await.unwrap();
            }
        });
    }
    writers.join_all().await;
}

#[tokio::test]
async fn a_run_that_many_clients_force_takes_every_state_once() {
    let world = slow_world().await;
    let run = world.run(Proposed::new(StateType::Pending), |_| {}).await;
    all_at_once(&world.ops, |ops, n| async move {
        let r#type = if n % 2 == 0 { StateType::Running } else { StateType::Paused };
        let want = Proposed::new(r#type).saying(format!("writer {n}"));
        set_flow_run_state(&ops, run, want, FlowPolicy::Minimal, &Caller::SERVER).await.map(|_| ())
    })
    .await;
    let of_run = Filter::eq(flow_run_state::flow_run_id, run);
    let states = world.store.all::<FlowRunState>(of_run).await.unwrap();
    let messages: BTreeSet<&str> = states.iter().filter_map(|state| state.message.as_deref()).collect();
    assert_eq!((states.len(), messages.len()), (WRITES + 1, WRITES));
}

#[tokio::test]
async fn a_deployment_that_many_clients_edit_takes_every_edit_once() {
    let world = slow_world().await;
    let id = world.deployment(|_| {}).await;
    all_at_once(&world.ops, |ops, n| async move {
        let edit = DeploymentEdit::of(Change::default().set(deployment::description, format!("{n}")));
        let schedule = NewSchedule {
            schedule: Json::from(json!({"interval": 60 + n})),
            active: true,
            max_scheduled_runs: None,
            parameters: Json::object(),
            slug: Some(format!("{n}")),
            catchup: false,
            max_active_runs: None,
        };
        let schedules = |_: &Deployment, _: &[DeploymentSchedule]| Ok(vec![ScheduleEdit::Add(schedule.clone())]);
        edit_deployment::<OpError>(&ops, id, &edit, schedules).await.map(|_| ())
    })
    .await;
    let slugs: BTreeSet<_> = schedules_of(&world.store, [id]).await.unwrap().into_iter().map(|one| one.slug).collect();
    assert_eq!(slugs.len(), WRITES);
}

#[tokio::test]
async fn queues_that_many_clients_make_in_one_pool_get_a_priority_each() {
    let world = slow_world().await;
    let pool = world.pool(None).await.id;
    all_at_once(&world.ops, |ops, n| async move {
        let made = create_queue(&ops, pool, NewQueue::named(format!("q{n}")), ClientLine::V3).await;
        made.map(|made| assert!(made.is_some(), "the name is free"))
    })
    .await;
    let queues = queues_of(&world.store, pool).await.unwrap();
    let priorities: Vec<i64> = queues.iter().map(|queue| queue.priority).collect();
    assert_eq!(priorities, (1..=WRITES as i64 + 1).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_variable_that_many_clients_change_takes_every_change_once() {
    let world = slow_world().await;
    let made = create_variable(&world.ops, "v".into(), Json::from(json!("first")), Tags::default()).await;
    let id = made.unwrap().unwrap().id;
    all_at_once(&world.ops, |ops, n| async move {
        let edit = VariableEdit { value: Some(Json::from(json!(n))), ..VariableEdit::default() };
        let edited = update_variable(&ops, VariableKey::Name("v".into()), &edit).await;
        edited.map(|edited| assert!(matches!(edited, Edited::Done(_))))
    })
    .await;
    let told = world.store.all::<Event>(Filter::eq(event::event, "prefect.variable.updated")).await.unwrap();
    let values: BTreeSet<String> = told.iter().map(|event| event.payload.value()["value"].to_string()).collect();
    assert_eq!((told.len(), values.len()), (WRITES, WRITES));
    assert!(values.contains(world.get::<Variable>(id).await.value.text()));
}

#[tokio::test]
async fn a_task_run_without_a_flow_run_is_made_once_however_many_make_it() {
    let world = slow_world().await;
    all_at_once(&world.ops, |ops, _| async move {
        create_task_run(&ops, NewTaskRun::of(None, "task", "call"), &Caller::SERVER).await.map(|_| ())
    })
    .await;
    assert_eq!(world.store.count::<TaskRun>(Filter::all()).await.unwrap(), 1);
}
