//! Task runs as clients of the 3.x line report them: as events, in any order of arrival.

use mintaka_core::records::{TaskRun, TaskRunState, task_run, task_run_state};
use mintaka_core::{Batch, Change, Cmp, Col, Condition, Json, OnExists, Op, Record, Time, Value};
use serde_json::{Map, Value as JsonValue};
use uuid::Uuid;

use crate::names::random_name;
use crate::run_policy::TaskRunPolicy;
use crate::state::{Proposed, State};

/// An event that tells the new state of a task run which its client orchestrates. (wire W12.9:
/// `prefect.task-run.<StateName>` with the label `prefect.orchestration: client`)
#[derive(Clone, Debug)]
pub struct TaskRunEvent {
    /// The state; its id is that of the event, its timestamp when the event occurred.
    pub state: State,
    /// The task run as the event describes it.
    pub run: TaskRun,
    /// The columns of the task run that the event mentions; all others are left as they are.
    mentioned: Vec<Col>,
}

impl TaskRunEvent {
    /// Reads an event; `None` if it is about something else.
    ///
    /// `resource` is the object of its labels, `related` the list of such objects.
    ///
    /// # Errors
    /// What is wrong with an event that claims to be one of these.
    pub fn parse(
        id: Uuid,
        occurred: Time,
        event: &str,
        resource: &JsonValue,
        related: &JsonValue,
        payload: &JsonValue,
    ) -> Result<Option<TaskRunEvent>, String> {
        if !event.starts_with("prefect.task-run.") || resource["prefect.orchestration"] != "client" {
            return Ok(None);
        }
        let task_run_id =
            id_in(&resource["prefect.resource.id"], "prefect.task-run.").ok_or("the resource is no task run")?;
        let flow_run_id = related
            .as_array()
            .into_iter()
            .flatten()
            .find(|r| r["prefect.resource.role"] == "flow-run")
            .and_then(|r| id_in(&r["prefect.resource.id"], "prefect.flow-run."));

        let mut state: Proposed = serde_json::from_value(payload["validated_state"].clone())
            .map_err(|e| format!("payload.validated_state: {e}"))?;
        state.details.task_run_id = Some(task_run_id);
        state.details.flow_run_id = flow_run_id;
        let state = state.into_state(id, occurred);

        let fields = payload["task_run"].as_object().ok_or("payload.task_run is no object")?;
        let (run, mentioned) = described(task_run_id, flow_run_id, fields, &state)?;
        Ok(Some(TaskRunEvent { state, run, mentioned }))
    }
}

/// The identifier in `prefect.<kind>.<uuid>`.
fn id_in(label: &JsonValue, prefix: &str) -> Option<Uuid> {
    Uuid::try_parse(label.as_str()?.strip_prefix(prefix)?).ok()
}

/// Reads one field of `payload.task_run`, if it is mentioned, into a place, and notes its column.
macro_rules! read {
    ($fields:ident, $mentioned:ident, $run:ident: $($field:ident),+) => {
        $( if let Some(value) = $fields.get(stringify!($field)) {
            $run.$field = serde_json::from_value(value.clone())
                .map_err(|e| format!(concat!("payload.task_run.", stringify!($field), ": {}"), e))?;
            $mentioned.push(task_run::$field);
        } )+
    };
}

/// The task run that an event describes, and the columns that it mentions.
fn described(
    id: Uuid,
    flow_run_id: Option<Uuid>,
    fields: &Map<String, JsonValue>,
    state: &State,
) -> Result<(TaskRun, Vec<Col>), String> {
    let mut run = TaskRun {
        id,
        created: state.timestamp,
        updated: state.timestamp,
        flow_run_id,
        empirical_policy: Json::of(&TaskRunPolicy::default()),
        state_id: Some(state.id),
        state_type: Some(state.r#type),
        state_name: Some(state.name.clone()),
        state_timestamp: Some(state.timestamp),
        ..TaskRun::default()
    };
    let mut mentioned = vec![task_run::state_id, task_run::state_type, task_run::state_name, task_run::state_timestamp];
    read!(fields, mentioned, run: name, task_key, dynamic_key, cache_key, cache_expiration, task_version, tags, labels,
        task_inputs, run_count, flow_run_run_count, expected_start_time, next_scheduled_start_time, start_time, end_time,
        total_run_time);
    if let Some(policy) = fields.get("empirical_policy") {
        let policy: TaskRunPolicy =
            serde_json::from_value(policy.clone()).map_err(|e| format!("payload.task_run.empirical_policy: {e}"))?;
        run.empirical_policy = Json::of(&policy);
        mentioned.push(task_run::empirical_policy);
    }
    if run.task_key.is_empty() && !fields.contains_key("task_key") {
        return Err("payload.task_run.task_key is missing".into());
    }
    if run.dynamic_key.is_empty() && !fields.contains_key("dynamic_key") {
        return Err("payload.task_run.dynamic_key is missing".into());
    }
    if run.name.is_empty() {
        run.name = random_name();
    }
    let mut course = crate::rules::Run::course(&run);
    course.derive();
    crate::rules::Run::set_course(&mut run, course);
    if run.sort_time.is_some() {
        mentioned.extend([task_run::sort_time, task_run::start_delay]);
    }
    Ok((run, mentioned))
}

/// The changes that record an event: the task run, found by its natural key (without a flow run: by its id), takes what
/// the event mentions unless it knows of a newer state; the state is added to its history unless it is there.
///
/// They are added to a batch that may do more; later additions to that batch go behind.
pub fn append(mut batch: Batch, event: &TaskRunEvent, now: Time) -> Batch {
    let values = event.run.clone().into_values();
    let mut update = Change::default().set(task_run::updated, now);
    for column in &event.mentioned {
        update = update.set(*column, values[column.ordinal].clone());
    }
    let knows_no_newer = Condition::new(task_run::state_timestamp, Cmp::Ge, event.state.timestamp).negate();
    let run = TaskRun { created: now, updated: now, ..event.run.clone() };
    let upsert = batch.ops.len();
    batch = batch.upsert(run, update, vec![knows_no_newer]);

    let mut state = event.state.clone().into_task_run_state(event.run.id, now).into_values();
    // The natural key may have found a task run of another id.
    state[task_run_state::task_run_id.ordinal] = Value::IdOf(upsert);
    batch.ops.push(Op::Insert { table: TaskRunState::TABLE, values: state, on_exists: OnExists::Skip });
    batch
}
