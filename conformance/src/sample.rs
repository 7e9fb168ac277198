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
        ..FlowRun::default()
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
        ..TaskRun::default()
    }
}

/// Deployment `n` of flow `flow`.
pub fn deployment(n: u128, flow: u128) -> Deployment {
    Deployment {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("deployment-{n}"),
        flow_id: id(flow),
        status: PollStatus::NotReady,
        ..Deployment::default()
    }
}

/// Schedule `n` of deployment `deployment`, without a slug.
pub fn deployment_schedule(n: u128, deployment: u128) -> DeploymentSchedule {
    DeploymentSchedule {
        id: id(n),
        created: at(0),
        updated: at(0),
        deployment_id: id(deployment),
        active: true,
        ..DeploymentSchedule::default()
    }
}

/// Work pool `n`.
pub fn work_pool(n: u128) -> WorkPool {
    WorkPool {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("pool-{n}"),
        r#type: "process".into(),
        default_queue_id: id(0),
        ..WorkPool::default()
    }
}

/// Queue `n` of pool `pool`; its priority is `n`.
pub fn work_queue(n: u128, pool: u128) -> WorkQueue {
    WorkQueue {
        id: id(n),
        created: at(0),
        updated: at(0),
        name: format!("queue-{n}"),
        priority: n as i64,
        work_pool_id: id(pool),
        status: WorkStatus::NotReady,
        ..WorkQueue::default()
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
        ..Log::default()
    }
}

/// The primary key of line `n` of the log.
pub fn log_key(n: u128) -> Key {
    Key::Primary(vec![at(n as i64).into(), id(n).into()])
}

/// Event `n`, at second `n`.
pub fn event(n: u128) -> Event {
    Event {
        occurred: at(n as i64),
        id: id(n),
        event: "happened".into(),
        resource_id: format!("thing.{n}"),
        related: Json::array(),
        received: at(0),
        ..Event::default()
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
