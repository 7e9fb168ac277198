//! Creation of flow runs and task runs, each with its first state.

use mintaka_core::records::{BlockDocument, Deployment, Flow, FlowRun, StateType, TaskRun, WorkQueue, task_run};
use mintaka_core::{Batch, Filter, Json, Key, Query, Reader, Record, Tags, Time, Value as Stored, Versioned};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::optimistic::{Decision, Lost, optimistic};
use super::transition::{moment, state_of_flow_run, state_of_task_run};
use super::transition_flow_run::write;
use super::transition_task_run::judge_task_run;
use crate::caller::Caller;
use crate::error::OpError;
use crate::names::random_name;
use crate::operations::Operations;
use crate::rules::{Case, FlowAround, FlowPolicy, judge};
use crate::run_policy::{FlowRunPolicy, TaskRunPolicy};
use crate::state::{Proposed, State};

/// A flow run that shall be created.
#[derive(Clone, Debug)]
pub struct NewFlowRun {
    /// Two random words if absent or empty.
    pub name: Option<String>,
    /// Must exist.
    pub flow_id: Uuid,
    /// Need not exist.
    pub deployment_id: Option<Uuid>,
    /// The queue that the run waits in.
    pub work_queue_id: Option<Uuid>,
    /// Its name, or just a text.
    pub work_queue_name: Option<String>,
    /// Version of the flow.
    pub flow_version: Option<String>,
    /// Version of the deployment.
    pub deployment_version: Option<String>,
    /// Parameters.
    pub parameters: Json,
    /// With it, the run is created once per flow.
    pub idempotency_key: Option<String>,
    /// Context.
    pub context: Json,
    /// Retries and pauses.
    pub empirical_policy: FlowRunPolicy,
    /// Tags.
    pub tags: Tags,
    /// Labels of its own; those of its deployment or flow and of the system are added.
    pub labels: Map<String, Value>,
    /// The task run that stands for it in its parent; must exist.
    pub parent_task_run_id: Option<Uuid>,
    /// Infrastructure block, of the 2.x line.
    pub infrastructure_document_id: Option<Uuid>,
    /// Who created it, as sent to clients.
    pub created_by: Option<Json>,
    /// Job variables.
    pub job_variables: Json,
    /// Whether a schedule made it.
    pub auto_scheduled: bool,
    /// Its first state, which is forced; PENDING if absent.
    pub state: Option<Proposed>,
}

impl NewFlowRun {
    /// A run of a flow, with nothing else said.
    pub fn of(flow_id: Uuid) -> NewFlowRun {
        NewFlowRun {
            name: None,
            flow_id,
            deployment_id: None,
            work_queue_id: None,
            work_queue_name: None,
            flow_version: None,
            deployment_version: None,
            parameters: Json::object(),
            idempotency_key: None,
            context: Json::object(),
            empirical_policy: FlowRunPolicy::default(),
            tags: Tags::default(),
            labels: Map::new(),
            parent_task_run_id: None,
            infrastructure_document_id: None,
            created_by: None,
            job_variables: Json::object(),
            auto_scheduled: false,
            state: None,
        }
    }

    /// The row, before its first state.
    fn row(self, id: Uuid, labels: Json, parent_flow_run_id: Option<Uuid>, now: Time) -> FlowRun {
        FlowRun {
            id,
            created: now,
            updated: now,
            name: named(self.name),
            flow_id: self.flow_id,
            deployment_id: self.deployment_id,
            work_queue_id: self.work_queue_id,
            work_queue_name: self.work_queue_name,
            flow_version: self.flow_version,
            deployment_version: self.deployment_version,
            parameters: self.parameters,
            idempotency_key: self.idempotency_key,
            context: self.context,
            empirical_policy: Json::of(&self.empirical_policy),
            tags: self.tags,
            labels,
            parent_task_run_id: self.parent_task_run_id,
            auto_scheduled: self.auto_scheduled,
            infrastructure_document_id: self.infrastructure_document_id,
            job_variables: Some(self.job_variables),
            parent_flow_run_id,
            ..FlowRun::default()
        }
        .made_by(self.created_by)
    }
}

/// The name space of ids that are made of a task run's keys.
const TASK_RUNS: Uuid = Uuid::from_u128(0x6d69_6e74_616b_4a00_8000_7461_736b_7275);

/// A task run that shall be created.
#[derive(Clone, Debug)]
pub struct NewTaskRun {
    /// Chosen by a client of the 3.x line; else minted.
    pub id: Option<Uuid>,
    /// Two random words if absent or empty.
    pub name: Option<String>,
    /// The flow run around it; must exist.
    pub flow_run_id: Option<Uuid>,
    /// Which task.
    pub task_key: String,
    /// Which call of the task in the flow run.
    pub dynamic_key: String,
    /// Cache key.
    pub cache_key: Option<String>,
    /// Until when the cache key counts.
    pub cache_expiration: Option<Time>,
    /// Version of the task.
    pub task_version: Option<String>,
    /// Retries.
    pub empirical_policy: TaskRunPolicy,
    /// Tags.
    pub tags: Tags,
    /// Labels of its own; those of its flow run and of the system are added.
    pub labels: Map<String, Value>,
    /// What its parameters come from.
    pub task_inputs: Json,
    /// Its first state, which is forced; PENDING if absent.
    pub state: Option<Proposed>,
}

impl NewTaskRun {
    /// A call of a task, with nothing else said.
    pub fn of(flow_run_id: Option<Uuid>, task_key: impl Into<String>, dynamic_key: impl Into<String>) -> NewTaskRun {
        NewTaskRun {
            id: None,
            name: None,
            flow_run_id,
            task_key: task_key.into(),
            dynamic_key: dynamic_key.into(),
            cache_key: None,
            cache_expiration: None,
            task_version: None,
            empirical_policy: TaskRunPolicy::default(),
            tags: Tags::default(),
            labels: Map::new(),
            task_inputs: Json::object(),
            state: None,
        }
    }

    /// The row, before its first state.
    fn row(self, id: Uuid, labels: Json, now: Time) -> TaskRun {
        TaskRun {
            id,
            created: now,
            updated: now,
            name: named(self.name),
            flow_run_id: self.flow_run_id,
            task_key: self.task_key,
            dynamic_key: self.dynamic_key,
            cache_key: self.cache_key,
            cache_expiration: self.cache_expiration,
            task_version: self.task_version,
            empirical_policy: Json::of(&self.empirical_policy),
            tags: self.tags,
            labels,
            task_inputs: self.task_inputs,
            ..TaskRun::default()
        }
    }
}

/// A run that was created, or the one that was there already.
#[derive(Clone, Debug)]
pub struct Created<R> {
    /// The run.
    pub run: R,
    /// Its current state; `None` only for an old run that has none.
    pub state: Option<State>,
    /// Whether it was created now.
    pub created: bool,
}

fn named(name: Option<String>) -> String {
    name.filter(|name| !name.is_empty()).unwrap_or_else(random_name)
}

/// Creates a flow run with its first state, or answers the one that has the same flow and idempotency key.
///
/// # Errors
/// [`OpError::Conflict`] if flow or parent task run do not exist.
pub async fn create_flow_run(ops: &Operations, new: NewFlowRun, by: &Caller) -> Result<Created<FlowRun>, OpError> {
    let id = Uuid::new_v4();
    optimistic(ops, "the run", |lost: Option<Lost>| {
        let mut new = new.clone();
        // As if the queue were deleted just after: the run keeps its name alone.
        if lost.as_ref().is_some_and(Lost::is_missing::<WorkQueue>) {
            new.work_queue_id = None;
        }
        decide_flow_run(ops, id, lost, new, Batch::new(), by)
    })
    .await
}

/// One attempt at a new flow run, with the guards of what else its maker relied on.
pub(super) async fn decide_flow_run(
    reader: &Reader,
    id: Uuid,
    lost: Option<Lost>,
    mut new: NewFlowRun,
    guards: Batch,
    by: &Caller,
) -> Result<Decision<Created<FlowRun>>, OpError> {
    match lost {
        Some(Lost::Repeated(row)) => {
            let run = Versioned::<FlowRun>::from_row(row)?.record;
            let state = state_of_flow_run(reader, &run).await?;
            return Ok(Decision::Answer(Created { run, state, created: false }));
        }
        Some(lost)
            if lost.is_missing::<Flow>() || lost.is_missing::<TaskRun>() || lost.is_missing::<BlockDocument>() =>
        {
            return Err(OpError::data_integrity());
        }
        _ => {}
    }
    let labels = flow_run_labels(reader, &mut new).await?;
    let parent_flow_run_id = match new.parent_task_run_id {
        Some(parent) => reader.get::<TaskRun>(parent).await?.ok_or_else(OpError::data_integrity)?.record.flow_run_id,
        None => None,
    };
    let guards = referred(guards, &new);
    let is_once = new.idempotency_key.is_some();
    let want = new.state.take().unwrap_or_else(|| Proposed::new(StateType::Pending));
    let moment = moment(reader);
    let run = new.row(id, labels, parent_flow_run_id, moment.now);

    let case = Case { run: &run, initial: None, around: &FlowAround::default(), caller: by, moment: &moment };
    let mut verdict = judge(FlowPolicy::Minimal.rules(by.line), case, want)?;
    let batch = with_row(guards, verdict.run.clone(), is_once);
    let batch = write(reader, batch, &mut verdict, None, by).await?;
    Ok(Decision::Commit(batch, Created { run: verdict.run, state: verdict.state, created: true }))
}

/// What a new flow run refers to must be there: a deletion takes the runs along that it finds, or itself out of them, and
/// would miss this one.
fn referred(guards: Batch, new: &NewFlowRun) -> Batch {
    let mut guards = guards.present::<Flow>(Key::id(new.flow_id));
    if let Some(parent) = new.parent_task_run_id {
        guards = guards.present::<TaskRun>(Key::id(parent));
    }
    if let Some(document) = new.infrastructure_document_id {
        guards = guards.present::<BlockDocument>(Key::id(document));
    }
    if let Some(queue) = new.work_queue_id {
        guards = guards.present::<WorkQueue>(Key::id(queue));
    }
    guards
}

/// The new row: as the row that makes the batch happen once, or as an insert that must succeed.
fn with_row<R: Record>(batch: Batch, row: R, once: bool) -> Batch {
    if once { batch.once(row) } else { batch.insert(row) }
}

/// Labels of the deployment (if it exists) or else of the flow, then of the system, then of the run itself.
async fn flow_run_labels(reader: &Reader, new: &mut NewFlowRun) -> Result<Json, OpError> {
    let deployment = match new.deployment_id {
        Some(id) => reader.get::<Deployment>(id).await?,
        None => None,
    };
    let inherited = match &deployment {
        Some(deployment) => deployment.labels.clone(),
        None => reader.get::<Flow>(new.flow_id).await?.ok_or_else(OpError::data_integrity)?.record.labels,
    };
    let mut system = vec![("prefect.flow.id", new.flow_id)];
    system.extend(deployment.map(|deployment| ("prefect.deployment.id", deployment.id)));
    Ok(merged(&inherited, &system, std::mem::take(&mut new.labels)))
}

fn merged(inherited: &Json, system: &[(&str, Uuid)], own: Map<String, Value>) -> Json {
    let mut labels = match inherited.value() {
        Value::Object(labels) => labels,
        _ => Map::new(),
    };
    labels.extend(system.iter().map(|(name, id)| ((*name).to_owned(), Value::from(id.to_string()))));
    labels.extend(own);
    Json::from(Value::Object(labels))
}

/// Creates a task run with its first state, or answers the one that has the same flow run, task key and dynamic key.
/// (wire W7.2: also among task runs without a flow run)
///
/// # Errors
/// [`OpError::Conflict`] if the flow run does not exist, or the chosen id belongs to another task run.
pub async fn create_task_run(ops: &Operations, new: NewTaskRun, by: &Caller) -> Result<Created<TaskRun>, OpError> {
    let id = new.id.unwrap_or_else(|| task_run_id(&new));
    let natural_key = &natural_key(new.flow_run_id, &new.task_key, &new.dynamic_key);
    let new = &new;
    optimistic(ops, "the run", |lost| async move {
        match lost {
            Some(Lost::Repeated(row)) => {
                let run = Versioned::<TaskRun>::from_row(row)?.record;
                if self::natural_key(run.flow_run_id, &run.task_key, &run.dynamic_key) != *natural_key {
                    return Err(OpError::data_integrity());
                }
                return existing(ops, run).await;
            }
            Some(lost) if lost.is_missing::<FlowRun>() => return Err(OpError::data_integrity()),
            _ => {}
        }
        let mut new = new.clone();
        let mut batch = Batch::new();
        let own_labels = std::mem::take(&mut new.labels);
        let labels = match new.flow_run_id {
            Some(flow_run_id) => {
                let flow_run = ops.get::<FlowRun>(flow_run_id).await?.ok_or_else(OpError::data_integrity)?;
                batch = batch.present::<FlowRun>(Key::id(flow_run_id));
                merged(&flow_run.labels, &[("prefect.flow-run.id", flow_run_id)], own_labels)
            }
            None => {
                if let Some(run) = without_flow_run(ops, &new).await? {
                    return existing(ops, run).await;
                }
                Json::from(Value::Object(own_labels))
            }
        };
        let want = new.state.take().unwrap_or_else(|| Proposed::new(StateType::Pending));
        let run = new.row(id, labels, ops.now());
        let mut judged = judge_task_run(ops, &run, None, want, true, by).await?;
        batch = judged.write(ops, batch.once(judged.verdict.run.clone()));
        let (run, state) = (judged.verdict.run, judged.verdict.state);
        Ok(Decision::Commit(batch, Created { run, state, created: true }))
    })
    .await
}

/// An id for a task run that its client chose none for. A unique key does not hold nulls apart: without a flow run it is
/// the id, made of the other keys, that lets of two equal ones only the first be made.
fn task_run_id(new: &NewTaskRun) -> Uuid {
    match new.flow_run_id {
        Some(_) => Uuid::new_v4(),
        None => {
            let keys = [Stored::text(&*new.task_key), Stored::text(&*new.dynamic_key)];
            Uuid::new_v5(&TASK_RUNS, format!("{keys:?}").as_bytes())
        }
    }
}

/// What tells task runs apart, in the form in which it is stored.
fn natural_key(flow_run_id: Option<Uuid>, task_key: &str, dynamic_key: &str) -> [Stored; 3] {
    [flow_run_id.into(), Stored::text(task_key), Stored::text(dynamic_key)]
}

async fn existing(reader: &Reader, run: TaskRun) -> Result<Decision<Created<TaskRun>>, OpError> {
    let state = state_of_task_run(reader, &run).await?;
    Ok(Decision::Answer(Created { run, state, created: false }))
}

/// A unique key does not hold nulls apart, so these are looked up.
async fn without_flow_run(reader: &Reader, new: &NewTaskRun) -> Result<Option<TaskRun>, OpError> {
    let query = Query::of(&task_run::TABLE).filter(Filter::And(vec![
        Filter::eq(task_run::task_key, new.task_key.as_str()),
        Filter::eq(task_run::dynamic_key, new.dynamic_key.as_str()),
        Filter::IsNull(task_run::flow_run_id),
    ]));
    Ok(reader.first::<TaskRun>(query).await?.map(|run| run.record))
}
