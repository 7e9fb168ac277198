//! Creation of runs: defaults, first states, and what makes a second one the first again.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod given;
mod world;

use given::V2;
use mintaka_core::records::{Event, Flow, FlowRun, FlowRunState, StateType, TaskRun, TaskRunState, flow};
use mintaka_core::{Batch, Change, Filter, Json, Key};
use mintaka_orchestration::ops::{NewFlowRun, NewTaskRun, create_flow_run, create_task_run};
use mintaka_orchestration::{Caller, OpError, Proposed};
use serde_json::json;
use uuid::Uuid;
use world::world;

const BY: Caller = Caller::SERVER;

#[tokio::test]
async fn a_flow_run_begins_pending_with_a_name_and_defaults() {
    let world = world().await;
    for name in [None, Some(String::new())] {
        let new = NewFlowRun { name, ..NewFlowRun::of(world.flow) };
        let made = create_flow_run(&world.ops, new, &BY).await.unwrap();
        let state = made.state.unwrap();
        assert!(made.created);
        assert_eq!((state.r#type, state.name.as_str()), (StateType::Pending, "Pending"));
        let stored: FlowRun = world.get(made.run.id).await;
        assert_eq!(stored, made.run);
        assert_eq!(stored.name.split('-').count(), 2, "{}", stored.name);
        assert_eq!((stored.state_id, stored.state_timestamp), (Some(state.id), Some(world.now())));
        assert_eq!((stored.expected_start_time, stored.sort_time), (Some(world.now()), Some(world.now())));
        assert_eq!(stored.job_variables, Some(Json::object()));
        assert_eq!(stored.empirical_policy.value()["pause_keys"], json!([]));
    }
    let new = NewFlowRun { name: Some("mine".into()), ..NewFlowRun::of(world.flow) };
    assert_eq!(create_flow_run(&world.ops, new, &BY).await.unwrap().run.name, "mine");
}

#[tokio::test]
async fn any_first_state_is_accepted_and_is_an_event() {
    let world = world().await;
    for (r#type, by) in StateType::ALL.iter().flat_map(|t| [(*t, BY), (*t, V2)]) {
        let new = NewFlowRun { state: Some(Proposed::new(r#type)), ..NewFlowRun::of(world.flow) };
        let made = create_flow_run(&world.ops, new, &by).await.unwrap();
        assert_eq!(made.run.state_type, Some(r#type));
        assert_eq!(made.run.run_count, i64::from(r#type == StateType::Running));
        let state = made.state.unwrap();
        assert!(world.store.get::<FlowRunState>(state.id).await.unwrap().is_some());
    }
    assert_eq!(world.store.count::<Event>(Filter::all()).await.unwrap(), 18);
}

#[tokio::test]
async fn an_idempotency_key_makes_one_run_per_flow() {
    let world = world().await;
    let new = |name: &str| NewFlowRun {
        name: Some(name.into()),
        idempotency_key: Some("k".into()),
        ..NewFlowRun::of(world.flow)
    };
    let first = create_flow_run(&world.ops, new("a"), &BY).await.unwrap();
    let mut again = new("b");
    again.state = Some(Proposed::new(StateType::Running));
    let again = create_flow_run(&world.ops, again, &BY).await.unwrap();
    assert!(first.created && !again.created);
    assert_eq!((again.run, again.state), (first.run, first.state));
    assert_eq!(world.store.count::<FlowRunState>(Filter::all()).await.unwrap(), 1);

    let other = Flow { id: Uuid::new_v4(), name: "g".into(), ..world.get::<Flow>(world.flow).await };
    let other_id = other.id;
    world.insert(other).await;
    let elsewhere = NewFlowRun { idempotency_key: Some("k".into()), ..NewFlowRun::of(other_id) };
    assert!(create_flow_run(&world.ops, elsewhere, &BY).await.unwrap().created);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_creators_with_one_key_make_one_run() {
    let world = world().await;
    let mut creators = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let ops = world.ops.clone();
        let new = NewFlowRun { idempotency_key: Some("k".into()), ..NewFlowRun::of(world.flow) };
        creators.spawn(async move { create_flow_run(&ops, new, &BY).await.unwrap() });
    }
    let made = creators.join_all().await;
    assert_eq!(made.iter().filter(|m| m.created).count(), 1);
    assert!(made.iter().all(|m| m.run.id == made[0].run.id && m.state.is_some()));
    assert_eq!(world.store.count::<FlowRun>(Filter::all()).await.unwrap(), 1);
}

#[tokio::test]
async fn what_a_run_refers_to_must_exist_but_for_its_deployment() {
    let world = world().await;
    let unknown = Uuid::new_v4();
    let no_flow = create_flow_run(&world.ops, NewFlowRun::of(unknown), &BY).await.unwrap_err();
    assert_eq!(no_flow, OpError::data_integrity());
    let no_parent = NewFlowRun { parent_task_run_id: Some(unknown), ..NewFlowRun::of(world.flow) };
    assert_eq!(create_flow_run(&world.ops, no_parent, &BY).await.unwrap_err(), OpError::data_integrity());
    let no_deployment = NewFlowRun { deployment_id: Some(unknown), ..NewFlowRun::of(world.flow) };
    assert!(create_flow_run(&world.ops, no_deployment, &BY).await.unwrap().created);
    let no_flow_run = NewTaskRun::of(Some(unknown), "t", "0");
    assert_eq!(create_task_run(&world.ops, no_flow_run, &BY).await.unwrap_err(), OpError::data_integrity());
    assert_eq!(world.store.count::<FlowRun>(Filter::all()).await.unwrap(), 1);
}

#[tokio::test]
async fn labels_come_from_above_the_system_and_the_request() {
    let world = world().await;
    let labels = Change::default().set(flow::labels, Json::from(json!({"team": "f", "prefect.flow.id": "x"})));
    world.store.commit(Batch::new().update::<Flow>(Key::id(world.flow), labels)).await.unwrap();
    let own = || json!({"own": 1}).as_object().unwrap().clone();

    let new = NewFlowRun { labels: own(), ..NewFlowRun::of(world.flow) };
    let run = create_flow_run(&world.ops, new, &BY).await.unwrap().run;
    let flow_id = world.flow.to_string();
    assert_eq!(run.labels.value(), json!({"team": "f", "prefect.flow.id": flow_id, "own": 1}));

    let deployment = world.deployment(|_| {}).await;
    let new = NewFlowRun { deployment_id: Some(deployment), labels: own(), ..NewFlowRun::of(world.flow) };
    let deployed = create_flow_run(&world.ops, new, &BY).await.unwrap().run;
    let expected = json!({
        "team": "a", "prefect.flow.id": flow_id, "prefect.deployment.id": deployment.to_string(), "own": 1,
    });
    assert_eq!(deployed.labels.value(), expected);

    let task = NewTaskRun { labels: own(), ..NewTaskRun::of(Some(run.id), "t", "0") };
    let task = create_task_run(&world.ops, task, &BY).await.unwrap().run;
    let expected = json!({
        "team": "f", "prefect.flow.id": flow_id, "own": 1, "prefect.flow-run.id": run.id.to_string(),
    });
    assert_eq!(task.labels.value(), expected);
    let alone = NewTaskRun { labels: own(), ..NewTaskRun::of(None, "t", "0") };
    assert_eq!(create_task_run(&world.ops, alone, &BY).await.unwrap().run.labels.value(), json!({"own": 1}));
}

#[tokio::test]
async fn task_runs_of_the_same_call_are_one() {
    let world = world().await;
    let flow_run = world.run(Proposed::new(StateType::Running), |_| {}).await;
    for parent in [Some(flow_run), None] {
        for by in [BY, V2] {
            let key = format!("{:?}", by.line);
            let first = create_task_run(&world.ops, NewTaskRun::of(parent, "t", &key), &by).await.unwrap();
            let again = create_task_run(&world.ops, NewTaskRun::of(parent, "t", &key), &by).await.unwrap();
            assert!(first.created && !again.created);
            assert_eq!((again.run.id, again.state), (first.run.id, first.state));
            let other = create_task_run(&world.ops, NewTaskRun::of(parent, "u", &key), &by).await.unwrap();
            assert!(other.created);
        }
    }
    assert_eq!(world.store.count::<TaskRunState>(Filter::all()).await.unwrap(), 8);
}

#[tokio::test]
async fn clients_choose_ids_of_task_runs_that_are_free() {
    let world = world().await;
    let id = Uuid::new_v4();
    let new = |key: &str| NewTaskRun { id: Some(id), ..NewTaskRun::of(None, "t", key) };
    let made = create_task_run(&world.ops, new("0"), &BY).await.unwrap();
    assert_eq!((made.run.id, made.state.unwrap().r#type), (id, StateType::Pending));
    assert!(!create_task_run(&world.ops, new("0"), &BY).await.unwrap().created);
    assert_eq!(create_task_run(&world.ops, new("1"), &BY).await.unwrap_err(), OpError::data_integrity());
}

#[tokio::test]
async fn a_task_run_created_running_has_run_once_but_tracks_no_attempt() {
    let world = world().await;
    let flow_run = world.run(Proposed::new(StateType::Running), |_| {}).await;
    let new = NewTaskRun { state: Some(Proposed::new(StateType::Running)), ..NewTaskRun::of(Some(flow_run), "t", "0") };
    let run = create_task_run(&world.ops, new, &BY).await.unwrap().run;
    assert_eq!(world.get::<TaskRun>(run.id).await, run);
    assert_eq!((run.run_count, run.flow_run_run_count), (1, 0));
}
