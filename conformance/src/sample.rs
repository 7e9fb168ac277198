//! Records to store: valid, small, and told apart by a number.

use mintaka_core::records::{
    Deployment, DeploymentSchedule, Event, EventResource, Flow, FlowRun, FlowRunInput, Log, PollStatus, TaskRun,
    Variable, WorkPool, WorkQueue, WorkStatus,
};
use mintaka_core::{Json, Key, Tags, Time};
use uuid::Uuid;

/// The id of a number.
pub fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// The primary key of a number.
pub fn key(n: u128) -> Key {
    Key::id(id(n))
}

/// Some seconds after the beginning of 2030.
pub fn at(seconds: i64) -> Time {
    Time::from_micros((1_893_456_000 + seconds) * 1_000_000)
}

/// Tags, in this order.
pub fn tags(tags: &[&str]) -> Tags {
    tags.iter().copied().collect()
}

/// The JSON text as it is.
pub fn json(text: &str) -> Json {
    use mintaka_core::{Field, Value};
    Json::from_value(Value::Json(text.into())).unwrap_or_default()
}

/// Flow `n`, called `flow-n`.
pub fn flow(n: u128) -> Flow {
    let (created, updated) = (at(n as i64), at(0));
    Flow { id: id(n), created, updated, name: format!("flow-{n}"), tags: Tags::default(), labels: Json::object() }
}

/// Run `n` of flow `flow`, called `run-n`, with null wherever that is allowed.
pub fn flow_run(n: u128, flow: u128) -> FlowRun {
    FlowRun {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("run-{n}"),
        flow_id: id(flow),
        state_id: None,
        deployment_id: None,
        work_queue_id: None,
        work_queue_name: None,
        flow_version: None,
        deployment_version: None,
        parameters: Json::object(),
        idempotency_key: None,
        context: Json::object(),
        empirical_policy: Json::object(),
        tags: Tags::default(),
        labels: Json::object(),
        parent_task_run_id: None,
        state_type: None,
        state_name: None,
        state_timestamp: None,
        run_count: 0,
        expected_start_time: None,
        next_scheduled_start_time: None,
        start_time: None,
        end_time: None,
        total_run_time: 0.0,
        auto_scheduled: false,
        infrastructure_document_id: None,
        infrastructure_pid: None,
        created_by: None,
        job_variables: None,
        sort_time: None,
        start_delay: None,
        parent_flow_run_id: None,
        created_by_id: None,
        created_by_type: None,
    }
}

/// Input `n`, of flow run `run`, under `key`.
pub fn flow_run_input(n: u128, run: u128, key: &str) -> FlowRunInput {
    FlowRunInput {
        id: id(n),
        created: at(0),
        updated: at(0),
        flow_run_id: id(run),
        key: key.into(),
        value: String::new(),
        sender: None,
    }
}

/// Task run `n` of flow run `run`.
pub fn task_run(n: u128, run: Option<u128>) -> TaskRun {
    TaskRun {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("task-{n}"),
        flow_run_id: run.map(id),
        task_key: "task".into(),
        dynamic_key: n.to_string(),
        cache_key: None,
        cache_expiration: None,
        task_version: None,
        empirical_policy: Json::object(),
        tags: Tags::default(),
        labels: Json::object(),
        state_id: None,
        task_inputs: Json::object(),
        state_type: None,
        state_name: None,
        state_timestamp: None,
        run_count: 0,
        flow_run_run_count: 0,
        expected_start_time: None,
        next_scheduled_start_time: None,
        start_time: None,
        end_time: None,
        total_run_time: 0.0,
        sort_time: None,
        start_delay: None,
    }
}

/// Deployment `n` of flow `flow`.
pub fn deployment(n: u128, flow: u128) -> Deployment {
    Deployment {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("deployment-{n}"),
        version: None,
        description: None,
        flow_id: id(flow),
        paused: false,
        tags: Tags::default(),
        labels: Json::object(),
        parameters: Json::object(),
        enforce_parameter_schema: false,
        parameter_openapi_schema: None,
        pull_steps: None,
        path: None,
        entrypoint: None,
        manifest_path: None,
        storage_document_id: None,
        infrastructure_document_id: None,
        infra_overrides: Json::object(),
        work_queue_id: None,
        work_queue_name: None,
        concurrency_options: None,
        last_polled: None,
        status: PollStatus::NotReady,
        created_by: None,
        updated_by: None,
    }
}

/// Schedule `n` of deployment `deployment`, without a slug.
pub fn deployment_schedule(n: u128, deployment: u128) -> DeploymentSchedule {
    DeploymentSchedule {
        id: id(n),
        created: at(0),
        updated: at(0),
        deployment_id: id(deployment),
        schedule: Json::object(),
        active: true,
        max_scheduled_runs: None,
        parameters: Json::object(),
        slug: None,
        catchup: false,
        max_active_runs: None,
    }
}

/// Work pool `n`.
pub fn work_pool(n: u128) -> WorkPool {
    WorkPool {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("pool-{n}"),
        description: None,
        r#type: "process".into(),
        base_job_template: Json::object(),
        is_paused: false,
        concurrency_limit: None,
        status: None,
        storage_configuration: Json::object(),
        default_queue_id: id(0),
        last_transitioned_status_at: None,
        last_status_event_id: None,
    }
}

/// Queue `n` of pool `pool`; its priority is `n`.
pub fn work_queue(n: u128, pool: u128) -> WorkQueue {
    WorkQueue {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("queue-{n}"),
        description: None,
        is_paused: false,
        concurrency_limit: None,
        priority: n as i64,
        work_pool_id: id(pool),
        filter: None,
        last_polled: None,
        status: WorkStatus::NotReady,
    }
}

/// Variable `n` with this JSON text as its value.
pub fn variable(n: u128, value: &str) -> Variable {
    Variable {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("variable-{n}"),
        value: json(value),
        tags: Tags::default(),
    }
}

/// Line `n` of the log, at second `n`. Its place in the stream is for the store to say.
pub fn log(n: u128) -> Log {
    Log {
        timestamp: at(n as i64),
        id: id(n),
        created: at(0),
        updated: at(0),
        name: "log".into(),
        level: 20,
        message: format!("line {n}"),
        flow_run_id: None,
        task_run_id: None,
        writer: 0,
        seq: 0,
    }
}

/// Event `n`, at second `n`.
pub fn event(n: u128) -> Event {
    Event {
        occurred: at(n as i64),
        id: id(n),
        event: "happened".into(),
        resource_id: format!("thing.{n}"),
        resource: Json::object(),
        related: Json::array(),
        payload: Json::object(),
        received: at(0),
        follows: None,
        writer: 0,
        seq: 0,
    }
}

/// Resource number `ordinal` of event `n`.
pub fn event_resource(n: u128, ordinal: i64) -> EventResource {
    EventResource {
        occurred: at(n as i64),
        event_id: id(n),
        ordinal,
        resource_id: format!("thing.{n}"),
        resource_role: String::new(),
        resource: Json::object(),
    }
}
