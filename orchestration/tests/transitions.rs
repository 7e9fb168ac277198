//! Transitions over a store: what they write together, what they read, and who wins.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

mod world;

use mintaka_core::records::{
    Artifact, Deployment, Event, EventResource, FlowRun, FlowRunInput, FlowRunState, StateType, TaskRun, TaskRunState,
    TaskRunStateCache, artifact, event, flow_run_state, task_run_state,
};
use mintaka_core::{Batch, Error, Filter, Json, Key};
use mintaka_orchestration::ops::event_index;
use mintaka_orchestration::ops::{
    NewFlowRun, NewTaskRun, Transitioned, create_flow_run, create_task_run, set_flow_run_state, set_task_run_state,
};
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, FlowRunPolicy, OpError, Proposed, State, Status, TaskRunPolicy};
use serde_json::json;
use uuid::Uuid;
use world::{World, world};

const BY: Caller = Caller::SERVER;

async fn flow_to(world: &World, id: Uuid, want: Proposed) -> Transitioned {
    set_flow_run_state(&world.ops, id, want, FlowPolicy::Core, &BY).await.unwrap()
}

async fn task_to(world: &World, id: Uuid, want: Proposed) -> Transitioned {
    set_task_run_state(&world.ops, id, want, false, &BY).await.unwrap()
}

async fn task_in(world: &World, flow_run: Option<Uuid>, key: &str) -> Uuid {
    create_task_run(&world.ops, NewTaskRun::of(flow_run, "t", key), &BY).await.unwrap().run.id
}

async fn history(world: &World, run: Uuid) -> Vec<FlowRunState> {
    let mut states: Vec<_> = world.states().await.into_iter().filter(|s| s.flow_run_id == run).collect();
    states.sort_by_key(|s| s.timestamp);
    states
}

async fn cached(world: &World) -> usize {
    world.store.all::<TaskRunStateCache>(Filter::all()).await.unwrap().len()
}

fn running() -> Proposed {
    Proposed::new(StateType::Running)
}

#[tokio::test]
async fn a_life_is_a_chain_of_states_and_the_run_shows_the_last() {
    let world = world().await;
    let id = world.run(Proposed::new(StateType::Pending), |_| {}).await;
    world.pass(2.0);
    let went = flow_to(&world, id, running()).await;
    assert_eq!((went.status, went.wrote), (Status::Accept, true));
    world.pass(3.0);
    let went = flow_to(&world, id, Proposed::new(StateType::Completed)).await;

    let run: FlowRun = world.get(id).await;
    let states = history(&world, id).await;
    let types: Vec<_> = states.iter().map(|s| s.r#type).collect();
    assert_eq!(types, [StateType::Pending, StateType::Running, StateType::Completed]);
    assert_eq!(run.state_id, Some(states[2].id));
    assert_eq!(went.state.map(|s| s.id), run.state_id);
    assert_eq!((run.run_count, run.total_run_time, run.start_delay), (1, 3.0, Some(2.0)));
    assert_eq!((run.start_time, run.end_time), (Some(states[1].timestamp), Some(states[2].timestamp)));
    assert_eq!((run.sort_time, run.updated), (run.start_time, world.now()));
    for (state, next) in states.iter().zip(&states[1..]) {
        assert!(state.timestamp < next.timestamp);
    }
}

#[tokio::test]
async fn states_of_the_same_instant_have_growing_times() {
    let world = world().await;
    let id = world.run(Proposed::new(StateType::Pending), |_| {}).await;
    for _ in 0..3 {
        flow_to(&world, id, running()).await;
    }
    let times: Vec<_> = history(&world, id).await.iter().map(|s| s.timestamp.micros() - world.now().micros()).collect();
    assert_eq!(times, [0, 1, 2, 3]);
}

#[tokio::test]
async fn unknown_runs_are_not_found() {
    let world = world().await;
    let id = Uuid::new_v4();
    let error = set_flow_run_state(&world.ops, id, running(), FlowPolicy::Core, &BY).await.unwrap_err();
    assert_eq!(error, OpError::NotFound(format!("Flow run with id {id} not found")));
    let error = set_task_run_state(&world.ops, id, running(), true, &BY).await.unwrap_err();
    assert_eq!(error, OpError::NotFound(format!("Task run with id {id} not found")));
}

#[tokio::test]
async fn a_refused_transition_writes_nothing_and_answers_the_current_state() {
    let world = world().await;
    let id = world.run(running(), |_| {}).await;
    let before = world.store.get::<FlowRun>(id).await.unwrap().unwrap();
    world.pass(1.0);
    let went = flow_to(&world, id, Proposed::new(StateType::Pending)).await;
    assert_eq!((went.status, went.wrote), (Status::Abort, false));
    assert_eq!(went.state.map(|s| s.id), before.state_id);
    let after = world.store.get::<FlowRun>(id).await.unwrap().unwrap();
    assert_eq!((after.version, &after.record), (before.version, &before.record));
    assert_eq!(history(&world, id).await.len(), 1);
}

#[tokio::test]
async fn a_run_that_is_kept_paused_is_marked_as_resuming_all_the_same() {
    let world = world().await;
    let id = world.run(Proposed::new(StateType::Paused), |_| {}).await;
    let went = flow_to(&world, id, Proposed::new(StateType::Pending)).await;
    assert_eq!((went.status, went.wrote), (Status::Reject, false));
    assert!(FlowRunPolicy::of(&world.get::<FlowRun>(id).await.empirical_policy).is_resuming());
    assert_eq!(history(&world, id).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_workers_one_gets_the_run() {
    let world = world().await;
    let id = world.due_in(0.0, |_| {}).await;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let ops = world.ops.clone();
        let pending = Proposed::new(StateType::Pending);
        workers.spawn(async move { set_flow_run_state(&ops, id, pending, FlowPolicy::Core, &BY).await.unwrap() });
    }
    let outcomes = workers.join_all().await;
    let accepted = outcomes.iter().filter(|went| went.status == Status::Accept).count();
    let aborted = outcomes.iter().filter(|went| went.status == Status::Abort && !went.wrote).count();
    assert_eq!((accepted, aborted), (1, 31));
    assert_eq!(history(&world, id).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_increment_is_lost_when_many_change_one_run() {
    let world = world().await;
    let id = world.run(Proposed::new(StateType::Pending), |_| {}).await;
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let ops = world.ops.clone();
        clients.spawn(async move { set_flow_run_state(&ops, id, running(), FlowPolicy::Core, &BY).await });
    }
    let written = clients.join_all().await.into_iter().filter(|went| match went {
        Ok(went) => went.wrote,
        Err(OpError::Storage(Error::Unavailable(_))) => false,
        Err(error) => panic!("{error}"),
    });
    let written = written.count() as i64;
    let run: FlowRun = world.get(id).await;
    assert_eq!((run.run_count, history(&world, id).await.len() as i64), (written, written + 1));
}

#[tokio::test]
async fn each_state_is_an_event_that_names_what_the_run_belongs_to() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", None).await;
    let deployment = world.deployment(|d| d.name = "d".into()).await;
    let id = world
        .run(Proposed::new(StateType::Pending), |new| {
            new.deployment_id = Some(deployment);
            new.work_queue_id = Some(queue.id);
            new.tags = ["own"].into_iter().collect();
            new.created_by = Some(Json::from(json!({"id": "7", "type": "AUTOMATION", "display_value": "auto"})));
        })
        .await;
    flow_to(&world, id, running().saying("go")).await;

    let states = history(&world, id).await;
    let of_run = Filter::eq(event::resource_id, format!("prefect.flow-run.{id}"));
    let mut written = world.store.all::<Event>(of_run).await.unwrap();
    written.sort_by_key(|e| e.occurred);
    let names: Vec<_> = written.iter().map(|e| e.event.as_str()).collect();
    assert_eq!(names, ["prefect.flow-run.Pending", "prefect.flow-run.Running"]);
    let event = &written[1];
    assert_eq!((event.id, event.occurred), (states[1].id, states[1].timestamp));
    assert_eq!((written[0].follows, event.follows), (None, Some(states[0].id)));
    let labels = event.resource.value();
    assert_eq!(labels["prefect.state-message"], "go");
    assert_eq!(labels["prefect.state-type"], "RUNNING");
    assert_eq!(labels["prefect.run-count"], "1");
    assert!(labels["prefect.state-timestamp"].as_str().unwrap().ends_with("+00:00"));
    assert_eq!(
        event.payload.value(),
        json!({
            "intended": {"from": "PENDING", "to": "RUNNING"},
            "initial_state": {"type": "PENDING", "name": "Pending"},
            "validated_state": {"type": "RUNNING", "name": "Running", "message": "go"},
        })
    );
    let related: Vec<(String, String)> = event
        .related
        .value()
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            let label = |name: &str| r[name].as_str().unwrap_or_default().to_owned();
            (label("prefect.resource.role"), label("prefect.resource.id"))
        })
        .collect();
    let expected = [
        ("flow", format!("prefect.flow.{}", world.flow)),
        ("deployment", format!("prefect.deployment.{deployment}")),
        ("work-queue", format!("prefect.work-queue.{}", queue.id)),
        ("work-pool", format!("prefect.work-pool.{}", pool.id)),
        ("tag", "prefect.tag.own".into()),
        ("tag", "prefect.tag.t".into()),
        ("creator", "prefect.automation.7".into()),
    ];
    assert_eq!(related, expected.map(|(role, id)| (role.to_owned(), id)));
    for _ in 0..2 {
        event_index::catch_up(&world.ops).await.unwrap();
        let resources = world.store.all::<EventResource>(Filter::all()).await.unwrap();
        assert_eq!(resources.iter().filter(|r| r.event_id == event.id).count(), 8, "each resource once");
    }
}

#[tokio::test]
async fn an_old_state_is_not_followed_closely() {
    let world = world().await;
    let id = world.run(Proposed::new(StateType::Pending), |_| {}).await;
    world.pass(300.0);
    let went = flow_to(&world, id, running()).await;
    let event = world.store.all::<Event>(Filter::eq(event::id, went.state.unwrap().id)).await.unwrap();
    assert_eq!(event[0].follows, None);
}

#[tokio::test]
async fn the_parent_task_mirrors_its_subflow_in_the_same_commit() {
    let world = world().await;
    let parent = world.run(running(), |_| {}).await;
    let task = task_in(&world, Some(parent), "0").await;
    let child = world.run(Proposed::new(StateType::Pending), |new| new.parent_task_run_id = Some(task)).await;
    assert_eq!(world.get::<FlowRun>(child).await.parent_flow_run_id, Some(parent));
    world.pass(1.0);
    let went = flow_to(&world, child, running().named("Going")).await.state.unwrap();
    assert_eq!(went.state_details.task_run_id, Some(task));

    let mirrored: TaskRun = world.get(task).await;
    assert_eq!((mirrored.state_type, mirrored.state_name.as_deref()), (Some(StateType::Running), Some("Going")));
    assert_eq!((mirrored.run_count, mirrored.start_time), (1, Some(world.now())));
    let state = State::try_from(world.get::<TaskRunState>(mirrored.state_id.unwrap()).await).unwrap();
    assert!(state.id != went.id);
    assert_eq!(state.state_details.child_flow_run_id, Some(child));
    assert_eq!(state.state_details.flow_run_id, Some(parent));
    let of_task = Filter::eq(task_run_state::task_run_id, task);
    assert_eq!(world.store.count::<TaskRunState>(of_task).await.unwrap(), 3, "its own, PENDING and RUNNING");
}

#[tokio::test]
async fn a_subflow_goes_on_when_its_parent_task_is_gone() {
    let world = world().await;
    let task = task_in(&world, None, "0").await;
    let child = world.run(Proposed::new(StateType::Pending), |new| new.parent_task_run_id = Some(task)).await;
    world.store.commit(mintaka_core::Batch::new().delete::<TaskRun>(mintaka_core::Key::id(task))).await.unwrap();
    assert!(flow_to(&world, child, running()).await.wrote);
}

#[tokio::test]
async fn a_task_run_follows_the_attempts_of_its_flow_run() {
    let world = world().await;
    let flow_run = world.run(running(), |_| {}).await;
    let task = task_in(&world, Some(flow_run), "0").await;
    task_to(&world, task, running()).await;
    task_to(&world, task, Proposed::new(StateType::Failed)).await;
    flow_to(&world, flow_run, running()).await;
    let again = task_to(&world, task, running()).await;
    assert_eq!(again.state.unwrap().name, "Retrying");
    let run: TaskRun = world.get(task).await;
    assert_eq!((run.run_count, run.flow_run_run_count), (1, 2));

    let mut paused = Proposed::new(StateType::Paused);
    paused.details.pause_timeout = Some(world.now().plus_seconds(60.0));
    flow_to(&world, flow_run, paused).await;
    let not_ready = task_to(&world, task, running()).await;
    assert_eq!(not_ready.status, Status::Reject);
    let state = not_ready.state.unwrap();
    assert_eq!(
        (state.name.as_str(), state.state_details.pause_timeout),
        ("NotReady", Some(world.now().plus_seconds(60.0)))
    );
}

#[tokio::test]
async fn a_task_run_whose_flow_run_is_gone_cannot_start() {
    let world = world().await;
    let flow_run = world.run(running(), |_| {}).await;
    let task = task_in(&world, Some(flow_run), "0").await;
    world.store.commit(mintaka_core::Batch::new().delete::<FlowRun>(mintaka_core::Key::id(flow_run))).await.unwrap();
    let error = set_task_run_state(&world.ops, task, running(), false, &BY).await.unwrap_err();
    assert!(matches!(error, OpError::NotFound(text) if text.contains("might have been deleted")));
}

#[tokio::test]
async fn results_are_cached_until_they_expire() {
    let world = world().await;
    let with_key = |want: Proposed, expires: Option<f64>| {
        let mut want = want;
        want.details.cache_key = Some("k".into());
        want.details.cache_expiration = expires.map(|s| world.now().plus_seconds(s));
        want
    };
    let done = Proposed::new(StateType::Completed).with_data(Some(Json::from(json!({"type": "reference", "at": 1}))));
    let first = task_in(&world, None, "1").await;
    assert_eq!(task_to(&world, first, with_key(running(), None)).await.status, Status::Accept);
    task_to(&world, first, with_key(done, Some(60.0))).await;
    assert_eq!(cached(&world).await, 1);

    let second = task_in(&world, None, "2").await;
    let hit = task_to(&world, second, with_key(running(), None)).await;
    let state = hit.state.unwrap();
    assert_eq!((hit.status, state.name.as_str(), state.r#type), (Status::Reject, "Cached", StateType::Completed));
    assert_eq!(state.data.unwrap().value(), json!({"type": "reference", "at": 1}));
    assert_eq!(cached(&world).await, 1);

    world.pass(61.0);
    let third = task_in(&world, None, "3").await;
    assert_eq!(task_to(&world, third, with_key(running(), None)).await.status, Status::Accept);
}

#[tokio::test]
async fn kept_results_are_artifacts_without_a_key_of_the_type_that_they_name() {
    let world = world().await;
    let id = world.run(running(), |_| {}).await;
    let data = json!({
        "type": "reference", "artifact_type": "result", "artifact_description": "There.", "artifact_key": "k",
    });
    let went = flow_to(&world, id, Proposed::new(StateType::Completed).with_data(Some(Json::from(data)))).await;
    assert_eq!(went.state.unwrap().data.unwrap().text(), r#"{"type":"reference"}"#);
    let artifacts = world.store.all::<Artifact>(Filter::all()).await.unwrap();
    let artifact = &artifacts[0];
    assert_eq!((artifact.r#type.as_deref(), artifact.key.as_deref()), (Some("result"), None));
    assert_eq!((artifact.description.as_deref(), artifact.flow_run_id), (Some("There."), Some(id)));

    let unnamed = Json::from(json!({"storage_key": "k"}));
    let third = world.run(running(), |_| {}).await;
    flow_to(&world, third, Proposed::new(StateType::Completed).with_data(Some(unnamed.clone()))).await;
    let of_third = world.store.all::<Artifact>(Filter::eq(artifact::flow_run_id, third)).await.unwrap();
    assert_eq!((of_third[0].r#type.as_deref(), &of_third[0].data), (None, &Some(unnamed)));

    let unpersisted = Json::from(json!({"type": "unpersisted"}));
    let other = world.run(running(), |_| {}).await;
    let went = flow_to(&world, other, Proposed::new(StateType::Completed).with_data(Some(unpersisted.clone()))).await;
    let answered = went.state.unwrap();
    assert_eq!(answered.data, Some(unpersisted.clone()), "who sent it is answered what it sent");
    assert_eq!(world.get::<FlowRunState>(answered.id).await.data, None, "others need not know of it");
    assert_eq!(world.store.count::<Artifact>(Filter::all()).await.unwrap(), 2);

    // A row that was written before is read in the same way.
    let old = FlowRunState { data: Some(unpersisted), ..world.get(answered.id).await };
    assert_eq!(State::try_from(old).unwrap().data, None);
}

#[tokio::test]
async fn inputs_of_an_earlier_attempt_are_deleted_by_the_pause() {
    let world = world().await;
    let id = world.run(running(), |_| {}).await;
    for key in ["paused-1-schema", "other"] {
        world
            .insert(FlowRunInput {
                id: Uuid::new_v4(),
                created: world.now(),
                updated: world.now(),
                flow_run_id: id,
                key: key.into(),
                value: "{}".into(),
                sender: None,
            })
            .await;
    }
    let mut paused = Proposed::new(StateType::Paused);
    paused.details.run_input_keyset = Some([("schema".to_owned(), "paused-1-schema".to_owned())].into());
    assert!(flow_to(&world, id, paused).await.wrote);
    let left = world.store.all::<FlowRunInput>(Filter::all()).await.unwrap();
    assert_eq!(left.iter().map(|input| input.key.as_str()).collect::<Vec<_>>(), ["other"]);
}

#[tokio::test]
async fn clients_before_0_8_3_get_their_failed_tasks_rewritten_by_a_retry() {
    let world = world().await;
    let retries = FlowRunPolicy { retries: Some(1), retry_delay: Some(5), ..FlowRunPolicy::default() };
    let id = world.run(running(), |new| new.empirical_policy = retries).await;
    let failed = task_in(&world, Some(id), "0").await;
    let fine = task_in(&world, Some(id), "1").await;
    for (task, end) in [(failed, StateType::Failed), (fine, StateType::Completed)] {
        task_to(&world, task, running()).await;
        task_to(&world, task, Proposed::new(end)).await;
    }
    let old = Caller { api_version: (0, 8, 2), ..BY };
    let want = Proposed::new(StateType::Failed);
    let went = set_flow_run_state(&world.ops, id, want, FlowPolicy::Core, &old).await.unwrap();
    assert_eq!(went.state.unwrap().name, "AwaitingRetry");
    let (failed, fine): (TaskRun, TaskRun) = (world.get(failed).await, world.get(fine).await);
    assert_eq!((failed.state_name.as_deref(), failed.run_count), (Some("AwaitingRetry"), 0));
    assert_eq!(failed.next_scheduled_start_time, Some(world.now().plus_seconds(5.0)));
    assert_eq!(fine.state_name.as_deref(), Some("Completed"));
}

#[tokio::test]
async fn a_failed_task_run_waits_and_then_retries() {
    let world = world().await;
    let mut new = NewTaskRun::of(None, "t", "0");
    new.empirical_policy = TaskRunPolicy { retries: Some(1), ..TaskRunPolicy::default() };
    let id = create_task_run(&world.ops, new, &BY).await.unwrap().run.id;
    task_to(&world, id, running()).await;
    assert_eq!(task_to(&world, id, Proposed::new(StateType::Failed)).await.state.unwrap().name, "AwaitingRetry");
    assert_eq!(task_to(&world, id, running()).await.state.unwrap().name, "Retrying");
    assert_eq!(task_to(&world, id, Proposed::new(StateType::Failed)).await.status, Status::Accept);
}

#[tokio::test]
async fn a_run_whose_state_row_is_missing_is_judged_by_what_it_remembers() {
    let world = world().await;
    let id = world.run(running(), |_| {}).await;
    let state = world.get::<FlowRun>(id).await.state_id.unwrap();
    world.store.commit(mintaka_core::Batch::new().delete::<FlowRunState>(mintaka_core::Key::id(state))).await.unwrap();
    let went = flow_to(&world, id, Proposed::new(StateType::Pending)).await;
    assert_eq!((went.status, went.state.unwrap().name.as_str()), (Status::Abort, "Running"));
    assert_eq!(world.store.count::<FlowRunState>(Filter::eq(flow_run_state::flow_run_id, id)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_forced_state_passes() {
    let world = world().await;
    let id = create_flow_run(&world.ops, NewFlowRun::of(world.flow), &BY).await.unwrap().run.id;
    flow_to(&world, id, Proposed::new(StateType::Completed)).await;
    let forced = Proposed::new(StateType::Cancelling);
    let went = set_flow_run_state(&world.ops, id, forced, FlowPolicy::Minimal, &BY).await.unwrap();
    assert_eq!((went.status, went.wrote), (Status::Accept, true));
}

#[tokio::test]
async fn a_run_is_not_scheduled_again_once_its_deployment_is_deleted() {
    for policy in [FlowPolicy::Core, FlowPolicy::Minimal] {
        let world = world().await;
        let deployment = world.deployment(|_| {}).await;
        let of_deployment =
            async |state| world.run(Proposed::new(state), |new| new.deployment_id = Some(deployment)).await;
        let (retried, stranded) = (of_deployment(StateType::Failed).await, of_deployment(StateType::Failed).await);
        let retry = async |id| {
            let want = Proposed::awaiting_retry(world.now());
            set_flow_run_state(&world.ops, id, want, policy, &BY).await.unwrap()
        };
        assert_eq!(retry(retried).await.status, Status::Accept);
        world.store.commit(Batch::new().delete::<Deployment>(Key::id(deployment))).await.unwrap();
        let refused = retry(stranded).await;
        assert_eq!((refused.status, refused.wrote), (Status::Abort, false));
        assert!(refused.details.reason().unwrap().contains("deployment was deleted"), "{:?}", refused.details);
        assert_eq!(world.get::<FlowRun>(stranded).await.state_type, Some(StateType::Failed));
    }
}
