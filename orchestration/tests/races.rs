//! What an operation relied on changes between its reads and its commit.
#![allow(clippy::unwrap_used)] // what a test counts on may fail it

mod world;

use mintaka_core::records::{
    Agent, BlockDocument, Deployment, DeploymentSchedule, Flow, FlowRun, FlowRunInput, StateType, TaskRun, WorkPool,
    WorkQueue, deployment, flow, flow_run, task_run, work_pool,
};
use mintaka_core::{Batch, Change, Filter, Json, Key};
use mintaka_orchestration::caller::ClientLine;
use mintaka_orchestration::ops::agents::agent_polled;
use mintaka_orchestration::ops::blocks::delete_block_document;
use mintaka_orchestration::ops::deployment_run::{Refused, Source, Wanted, create_run_of};
use mintaka_orchestration::ops::deployments::{
    DeploymentEdit, Upsert, delete_deployment, edit_deployment, upsert_deployment,
};
use mintaka_orchestration::ops::flow_run_inputs::{input_key, send_input};
use mintaka_orchestration::ops::flow_runs::{FlowRunEdit, delete_flow_runs, update_flow_run};
use mintaka_orchestration::ops::flows::delete_flow;
use mintaka_orchestration::ops::parameters_edit::ParametersEdit;
use mintaka_orchestration::ops::placement::Placement;
use mintaka_orchestration::ops::resume::resume_flow_run;
use mintaka_orchestration::ops::work_queues::{QueueDeleted, delete_queue, queue_named};
use mintaka_orchestration::ops::{
    NewFlowRun, NewTaskRun, create_flow_run, create_task_run, propose_flow_run_state, propose_task_run_state,
};
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::secrets::Sealer;
use mintaka_orchestration::{Caller, OpError, Proposed, State, Status};
use serde_json::{Map, Value, json};
use uuid::Uuid;
use world::{World, at, world};

fn by_id(id: Uuid) -> Key {
    Key::id(id)
}

async fn edited(world: &World, id: Uuid, edit: DeploymentEdit) -> Result<(), OpError> {
    let no_schedules = |_: &Deployment, _: &[DeploymentSchedule]| Ok(Vec::new());
    edit_deployment::<OpError>(&world.ops, id, &edit, no_schedules).await.map(|_| ())
}

fn nothing() -> DeploymentEdit {
    DeploymentEdit::of(Change::default())
}

fn template(property: Value) -> Json {
    Json::from(json!({
        "job_configuration": {"cpu": "{{ cpu }}"},
        "variables": {"type": "object", "properties": {"cpu": property}},
    }))
}

#[tokio::test]
async fn parameters_are_checked_against_the_schema_that_the_deployment_has_when_they_are_written() {
    let world = world().await;
    let id = world.deployment(|_| {}).await;
    let strict = Json::from(json!({"type": "object", "properties": {"x": {"type": "integer"}}}));
    let enforced = Change::default()
        .set(deployment::parameter_openapi_schema, strict)
        .set(deployment::enforce_parameter_schema, true);
    world.meanwhile(Batch::new().update::<Deployment>(by_id(id), enforced));

    let given = Some(json!({"x": "no number"}));
    let parameters = Some(ParametersEdit { given, ..ParametersEdit::default() });
    let refused = edited(&world, id, DeploymentEdit { parameters, ..nothing() }).await.unwrap_err();
    assert!(matches!(refused, OpError::Conflict(_)), "{refused:?}");
    assert_eq!(world.get::<Deployment>(id).await.parameters.value(), json!({"x": 1, "y": 1}));
}

#[tokio::test]
async fn job_variables_of_a_run_that_starts_meanwhile_stay() {
    let world = world().await;
    let deployment = world.deployment(|_| {}).await;
    let run = world.due_in(60.0, |new| new.deployment_id = Some(deployment)).await;
    let running = Change::default().set(flow_run::state_type, StateType::Running);
    world.meanwhile(Batch::new().update::<FlowRun>(by_id(run), running));

    let edit = FlowRunEdit { job_variables: Some(json!({"cpu": 2})), ..FlowRunEdit::default() };
    let refused = update_flow_run(&world.ops, run, &edit).await.unwrap_err();
    assert_eq!(refused, OpError::Refused("Job variables for a flow run in state RUNNING cannot be updated".into()));
    assert_eq!(world.get::<FlowRun>(run).await.job_variables, Some(Json::object()));
}

#[tokio::test]
async fn job_variables_fit_the_template_that_the_pool_has_when_they_are_written() {
    let world = world().await;
    let pool = world.pool(None).await;
    let of_pool = |d: &mut Deployment| d.work_queue_id = Some(pool.default_queue_id);
    let deployment = world.deployment(of_pool).await;
    let run = world.due_in(60.0, |new| new.deployment_id = Some(deployment)).await;
    let typed = || {
        let change = Change::default().set(work_pool::base_job_template, template(json!({"type": "integer"})));
        Batch::new().update::<WorkPool>(by_id(pool.id), change)
    };
    let untyped = Change::default().set(work_pool::base_job_template, Json::object());
    let untyped = || Batch::new().update::<WorkPool>(by_id(pool.id), untyped.clone());
    let sent = json!({"cpu": "many"});

    world.meanwhile(typed());
    let edit = FlowRunEdit { job_variables: Some(sent.clone()), ..FlowRunEdit::default() };
    let refused = update_flow_run(&world.ops, run, &edit).await.unwrap_err();
    assert!(matches!(refused, OpError::Invalid(_)), "{refused:?}");

    world.store.commit(untyped()).await.unwrap();
    let source = Source::read(&world.store, deployment).await.unwrap().unwrap();
    world.meanwhile(typed());
    let job_variables = sent.as_object().cloned().unwrap_or_default();
    let wanted = Wanted { job_variables, context: Json::object(), ..Wanted::default() };
    let refused = create_run_of(&world.ops, &source, wanted, &Caller::SERVER).await.unwrap_err();
    assert!(matches!(refused, Refused::Unfit(_)), "{refused:?}");
}

#[tokio::test]
async fn a_run_of_a_deployment_that_is_deleted_meanwhile_is_not_made() {
    let world = world().await;
    let id = world.deployment(|_| {}).await;
    let source = Source::read(&world.store, id).await.unwrap().unwrap();
    world.meanwhile(Batch::new().delete::<Deployment>(by_id(id)));
    let wanted = Wanted { context: Json::object(), ..Wanted::default() };
    let refused = create_run_of(&world.ops, &source, wanted, &Caller::SERVER).await.unwrap_err();
    assert_eq!(refused, Refused::Op(OpError::NotFound("Deployment not found".into())));
    assert!(world.runs_of(id).await.is_empty());
}

#[tokio::test]
async fn a_run_whose_queue_is_deleted_meanwhile_does_not_name_it_by_id() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", None).await;
    world.meanwhile(Batch::new().delete::<WorkQueue>(by_id(queue.id)));
    let run =
        world.due_in(0.0, |new| (new.work_queue_id, new.work_queue_name) = (Some(queue.id), Some("q".into()))).await;
    let run = world.get::<FlowRun>(run).await;
    assert_eq!((run.work_queue_id, run.work_queue_name.as_deref()), (None, Some("q")));

    let queue = world.queue(&pool, "q", None).await;
    let of_queue = |d: &mut Deployment| (d.work_queue_id, d.work_queue_name) = (Some(queue.id), Some("q".into()));
    let deployment = world.deployment(of_queue).await;
    let source = Source::read(&world.store, deployment).await.unwrap().unwrap();
    world.meanwhile(Batch::new().delete::<WorkQueue>(by_id(queue.id)));
    let wanted = Wanted { context: Json::object(), ..Wanted::default() };
    let run = create_run_of(&world.ops, &source, wanted, &Caller::SERVER).await.unwrap().run;
    assert_eq!((run.work_queue_id, run.work_queue_name.as_deref()), (None, Some("q")));
}

#[tokio::test]
async fn a_deployment_whose_queue_is_deleted_meanwhile_gets_a_new_one_of_that_name() {
    let world = world().await;
    let pool = world.pool(None).await;
    let old = world.queue(&pool, "q", None).await;
    let placement = Placement { pool: Some(pool.name.clone()), queue: Some("q".into()), job_variables: None };
    world.meanwhile(Batch::new().delete::<WorkQueue>(by_id(old.id)));
    let wanted = Upsert {
        flow_id: world.flow,
        name: "d".into(),
        sent: Change::default(),
        placement: placement.clone(),
        labels: Map::new(),
        schedules: Vec::new(),
        line: ClientLine::V3,
    };
    let (made, _) = upsert_deployment(&world.ops, &wanted).await.unwrap();
    let queue = queue_named(&world.store, pool.id, "q").await.unwrap().unwrap();
    assert_eq!(made.work_queue_id, Some(queue.id));

    world.meanwhile(Batch::new().delete::<WorkQueue>(by_id(queue.id)));
    edited(&world, made.id, DeploymentEdit { placement, ..nothing() }).await.unwrap();
    let queue = queue_named(&world.store, pool.id, "q").await.unwrap().unwrap();
    assert_eq!(world.get::<Deployment>(made.id).await.work_queue_id, Some(queue.id));
}

#[tokio::test]
async fn a_deployment_does_not_name_a_block_that_is_deleted_meanwhile() {
    let world = world().await;
    let block = Uuid::new_v4();
    let document = || BlockDocument { id: block, name: block.to_string(), ..BlockDocument::default() };
    world.insert(document()).await;
    world.meanwhile(Batch::new().delete::<BlockDocument>(by_id(block)));
    let sent = Change::default().set(deployment::storage_document_id, block);
    let wanted = Upsert {
        flow_id: world.flow,
        name: "d".into(),
        sent: sent.clone(),
        placement: Placement::default(),
        labels: Map::new(),
        schedules: Vec::new(),
        line: ClientLine::V3,
    };
    let refused = upsert_deployment(&world.ops, &wanted).await.unwrap_err();
    assert!(matches!(refused, OpError::Conflict(_)), "{refused:?}");

    let id = world.deployment(|_| {}).await;
    world.insert(document()).await;
    world.meanwhile(Batch::new().delete::<BlockDocument>(by_id(block)));
    let refused = edited(&world, id, DeploymentEdit::of(sent)).await.unwrap_err();
    assert_eq!(refused, OpError::data_integrity());
    assert_eq!(world.get::<Deployment>(id).await.storage_document_id, None);
}

#[tokio::test]
async fn a_subflow_is_not_made_when_its_parent_is_deleted_meanwhile() {
    let world = world().await;
    let parent = create_task_run(&world.ops, NewTaskRun::of(None, "t", "0"), &Caller::SERVER).await.unwrap().run.id;
    world.meanwhile(Batch::new().delete::<TaskRun>(by_id(parent)));
    let new = NewFlowRun {
        parent_task_run_id: Some(parent),
        state: Some(Proposed::scheduled(at(world::START))),
        ..NewFlowRun::of(world.flow)
    };
    let refused = create_flow_run(&world.ops, new, &Caller::SERVER).await.unwrap_err();
    assert_eq!(refused, OpError::data_integrity());
}

#[tokio::test]
async fn the_input_for_a_pause_that_ends_meanwhile_is_not_kept() {
    let world = world().await;
    let mut paused = Proposed::new(StateType::Paused);
    let keyset = [("schema", "s"), ("response", "r")].map(|(name, key)| (name.to_owned(), key.to_owned()));
    paused.details.run_input_keyset = Some(keyset.into());
    let run = world.run(paused, |_| {}).await;
    send_input(&world.ops, run, "s", r#"{"type": "object"}"#.into(), None).await.unwrap();
    world
        .meanwhile(Batch::new().update::<FlowRun>(by_id(run), Change::default().set(flow_run::state_id, None::<Uuid>)));

    let done = resume_flow_run(&world.ops, run, &json!({"answer": 1}), &Caller::SERVER).await.unwrap();
    assert_eq!(done.status, Status::Abort);
    let kept = world.store.find::<FlowRunInput>(input_key(run, "r")).await.unwrap();
    assert!(kept.is_none(), "{kept:?}");
}

#[tokio::test]
async fn a_deployment_that_moves_to_another_queue_while_its_old_one_is_deleted_keeps_the_new_one() {
    let world = world().await;
    let pool = world.pool(None).await;
    let (old, new) = (world.queue(&pool, "old", None).await.id, world.queue(&pool, "new", None).await.id);
    let id = world.deployment(|d| d.work_queue_id = Some(old)).await;
    // The queue itself goes first, and then it is taken out of what names it.
    world.store.commit(Batch::new().delete::<WorkQueue>(by_id(old))).await.unwrap();
    let moved = Change::default().set(deployment::work_queue_id, new);
    world.meanwhile(Batch::new().update::<Deployment>(by_id(id), moved));
    assert_eq!(delete_queue(&world.ops, old, ClientLine::V3).await.unwrap(), QueueDeleted::Missing);
    assert_eq!(world.get::<Deployment>(id).await.work_queue_id, Some(new));
}

#[tokio::test]
async fn an_agent_is_not_noted_at_a_queue_that_is_deleted_meanwhile() {
    let world = world().await;
    let pool = world.pool(None).await;
    let queue = world.queue(&pool, "q", None).await.id;
    world.meanwhile(Batch::new().delete::<WorkQueue>(by_id(queue)));
    agent_polled(&world.ops, Uuid::new_v4(), queue).await.unwrap();
    assert_eq!(world.store.count::<Agent>(Filter::all()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_deployment_that_lets_go_of_a_block_while_it_is_deleted_stays() {
    let world = world().await;
    let block = Uuid::new_v4();
    let id = world.deployment(|d| d.storage_document_id = Some(block)).await;
    let let_go = Change::default().set(deployment::storage_document_id, None::<Uuid>);
    world.meanwhile(Batch::new().update::<Deployment>(by_id(id), let_go));
    assert!(!delete_block_document(&world.ops, &Sealer::new(&[7; 32]), block).await.unwrap());
    assert_eq!(world.get::<Deployment>(id).await.storage_document_id, None);
}

#[tokio::test]
async fn a_state_is_proposed_over_the_run_as_it_is_when_it_is_written() {
    let world = world().await;
    let run = world.run(Proposed::new(StateType::Paused), |_| {}).await;
    let ended = Change::default().set(flow_run::state_type, StateType::Completed);
    world.meanwhile(Batch::new().update::<FlowRun>(by_id(run), ended));
    let failed = |run: &FlowRun, _: Option<&State>| {
        (run.state_type == Some(StateType::Paused)).then(|| Proposed::new(StateType::Failed))
    };
    let done = propose_flow_run_state(&world.ops, run, FlowPolicy::Minimal, &Caller::SERVER, failed).await.unwrap();
    assert!(done.is_none(), "{done:?}");
    assert_eq!(world.get::<FlowRun>(run).await.state_type, Some(StateType::Completed));

    let task = create_task_run(&world.ops, NewTaskRun::of(None, "t", "0"), &Caller::SERVER).await.unwrap().run.id;
    let ended = Change::default().set(task_run::state_type, StateType::Completed);
    world.meanwhile(Batch::new().update::<TaskRun>(by_id(task), ended));
    let cancelled =
        |task: &TaskRun| (task.state_type != Some(StateType::Completed)).then(|| Proposed::new(StateType::Cancelled));
    let done = propose_task_run_state(&world.ops, task, true, &Caller::SERVER, cancelled).await.unwrap();
    assert!(done.is_none(), "{done:?}");
}

#[tokio::test]
async fn what_a_filter_does_not_meet_any_more_is_not_deleted_in_bulk() {
    let world = world().await;
    let run = world.run(Proposed::new(StateType::Failed), |_| {}).await;
    let failed = Filter::eq(flow_run::state_type, StateType::Failed);
    let retried = Change::default().set(flow_run::state_type, StateType::Running);
    world.meanwhile(Batch::new().update::<FlowRun>(by_id(run), retried));
    assert!(delete_flow_runs(&world.ops, vec![run], failed).await.unwrap().is_empty());
    let running = Filter::eq(flow_run::state_type, StateType::Running);
    assert_eq!(delete_flow_runs(&world.ops, vec![run], running).await.unwrap(), [run]);

    let id = world.deployment(|d| d.paused = true).await;
    let paused = Filter::eq(deployment::paused, true);
    world.meanwhile(Batch::new().update::<Deployment>(by_id(id), Change::default().set(deployment::paused, false)));
    assert!(!delete_deployment(&world.ops, id, Some(&paused), ClientLine::V3).await.unwrap());
    assert!(!world.get::<Deployment>(id).await.paused);

    let tagged = Filter::eq(flow::name, "f");
    let renamed = Change::default().set(flow::name, "g");
    world.meanwhile(Batch::new().update::<Flow>(by_id(world.flow), renamed));
    assert!(!delete_flow(&world.ops, world.flow, Some(&tagged), ClientLine::V3).await.unwrap());
    assert_eq!(world.get::<Flow>(world.flow).await.name, "g");
}
