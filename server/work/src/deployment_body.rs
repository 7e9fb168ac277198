//! Deployments in requests and answers: the union of both lines' members.

use std::borrow::Cow;
use std::collections::HashMap;

use mintaka_api_filters::by_id;
use mintaka_api_filters::wire::{JsonObject, Labels};
use mintaka_core::records::{Deployment, DeploymentSchedule, WorkPool, WorkQueue, deployment};
use mintaka_core::{Change, Col, Json, Tags, Value as Stored};
use mintaka_http::{ApiError, Client, Ctx, Extra, View, check_parameters};
use mintaka_orchestration::caller::{Caller, ClientLine};
use mintaka_orchestration::ops::deployments::schedules_of;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{MaybeUndefined, Type};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::names::sent;
use crate::schedules::ScheduleBody;

/// What a deployment is answered with besides its record.
#[derive(Serialize)]
pub struct DeploymentExtra {
    job_variables: Json,
    /// The name of `job_variables` in the 2.x line.
    infra_overrides: Json,
    work_pool_name: Option<String>,
    work_queue_name: Option<String>,
    schedules: Vec<View<DeploymentSchedule>>,
    /// Of the 2.x line: the first schedule.
    schedule: Option<Json>,
    /// Of the 2.x line: the opposite of `paused`.
    is_schedule_active: bool,
    concurrency_limit: Option<i64>,
    concurrency_options: Option<Json>,
    global_concurrency_limit: Option<Json>,
}

impl Extra for DeploymentExtra {
    fn schema_name() -> Option<Cow<'static, str>> {
        Some("DeploymentResponse".into())
    }
    fn properties(registry: &mut Registry) -> Vec<(&'static str, MetaSchemaRef)> {
        View::<DeploymentSchedule>::register(registry);
        let of = |ty: &'static str, nullable: bool| {
            MetaSchemaRef::Inline(Box::new(MetaSchema { nullable, ..MetaSchema::new(ty) }))
        };
        vec![
            ("job_variables", of("object", false)),
            ("infra_overrides", of("object", false)),
            ("work_pool_name", of("string", true)),
            ("work_queue_name", of("string", true)),
            ("schedules", <Vec<View<DeploymentSchedule>> as Type>::schema_ref()),
            ("schedule", of("object", true)),
            ("is_schedule_active", of("boolean", false)),
            ("concurrency_limit", of("integer", true)),
            ("concurrency_options", of("object", true)),
            ("global_concurrency_limit", of("object", true)),
        ]
    }
}

/// A deployment as clients see it.
pub type DeploymentView = View<Deployment, DeploymentExtra>;

/// Deployments as clients see them, with one read each for all queues, pools and schedules.
///
/// # Errors
/// What the store answers.
pub(crate) async fn deployment_views(ctx: &Ctx, seen: Vec<Deployment>) -> Result<Vec<DeploymentView>, ApiError> {
    let store = &ctx.store;
    let queues: HashMap<Uuid, WorkQueue> = by_id(store, seen.iter().filter_map(|one| one.work_queue_id)).await?;
    let pools: HashMap<Uuid, WorkPool> = by_id(store, queues.values().map(|queue| queue.work_pool_id)).await?;
    let mut schedules: HashMap<Uuid, Vec<DeploymentSchedule>> = HashMap::new();
    for schedule in schedules_of(store, seen.iter().map(|one| one.id)).await? {
        schedules.entry(schedule.deployment_id).or_default().push(schedule);
    }
    let view = |mut record: Deployment| {
        let queue = record.work_queue_id.and_then(|id| queues.get(&id));
        record.work_queue_id = queue.map(|queue| queue.id);
        let own = schedules.remove(&record.id).unwrap_or_default();
        let extra = DeploymentExtra {
            job_variables: record.infra_overrides.clone(),
            infra_overrides: record.infra_overrides.clone(),
            work_pool_name: queue.and_then(|queue| pools.get(&queue.work_pool_id)).map(|pool| pool.name.clone()),
            work_queue_name: queue.map(|queue| queue.name.clone()).or_else(|| record.work_queue_name.clone()),
            schedule: own.first().map(|schedule| schedule.schedule.clone()),
            schedules: own.into_iter().map(View::from).collect(),
            is_schedule_active: !record.paused,
            concurrency_limit: None,
            concurrency_options: record.concurrency_options.clone(),
            global_concurrency_limit: None,
        };
        View { record, extra }
    };
    Ok(seen.into_iter().map(view).collect())
}

/// One deployment as clients see it.
///
/// # Errors
/// What the store answers.
pub(crate) async fn deployment_view(ctx: &Ctx, seen: Deployment) -> Result<DeploymentView, ApiError> {
    let mut views = deployment_views(ctx, vec![seen]).await?;
    views.pop().ok_or_else(|| ApiError::not_found("Deployment"))
}

/// What happens to a run without a slot.
#[derive(Clone, Debug, Object, Serialize)]
pub struct ConcurrencyOptions {
    /// Whether it waits or is cancelled.
    pub collision_strategy: ConcurrencyLimitStrategy,
    /// How long a run may keep its slot before it says that it runs, in seconds.
    #[oai(validator(minimum(value = "60"), maximum(value = "86400")))]
    pub grace_period_seconds: Option<i64>,
}

/// What becomes of a run that finds no slot.
#[derive(Clone, Copy, Debug, Enum, Serialize)]
#[oai(rename_all = "SCREAMING_SNAKE_CASE")]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConcurrencyLimitStrategy {
    /// It waits.
    Enqueue,
    /// It is cancelled.
    CancelNew,
}

/// What can be said about a deployment, when it is made and when it is changed.
#[derive(Debug, Object)]
pub struct DeploymentMembers {
    /// Version.
    pub version: MaybeUndefined<String>,
    /// Text for people.
    pub description: MaybeUndefined<String>,
    /// Whether its schedules make no runs.
    pub paused: MaybeUndefined<bool>,
    /// Of the 2.x line: the opposite of `paused`, which wins.
    pub is_schedule_active: MaybeUndefined<bool>,
    /// Of the 2.x line: its only schedule.
    pub schedule: MaybeUndefined<JsonObject>,
    /// Its schedules.
    pub schedules: MaybeUndefined<Vec<ScheduleBody>>,
    /// Tags.
    pub tags: MaybeUndefined<Vec<String>>,
    /// Labels.
    pub labels: MaybeUndefined<Labels>,
    /// Parameters of its runs.
    pub parameters: MaybeUndefined<JsonObject>,
    /// Whether parameters must fit the schema.
    pub enforce_parameter_schema: MaybeUndefined<bool>,
    /// The schema of the flow's parameters.
    pub parameter_openapi_schema: MaybeUndefined<JsonObject>,
    /// How a worker gets the code.
    pub pull_steps: MaybeUndefined<Vec<JsonObject>>,
    /// Folder of the code.
    pub path: MaybeUndefined<String>,
    /// Where the flow is in the code.
    pub entrypoint: MaybeUndefined<String>,
    /// Of the 2.x line.
    pub manifest_path: MaybeUndefined<String>,
    /// The block that the code is in.
    pub storage_document_id: MaybeUndefined<Uuid>,
    /// The block that runs it, of the 2.x line.
    pub infrastructure_document_id: MaybeUndefined<Uuid>,
    /// Job variables.
    pub job_variables: MaybeUndefined<JsonObject>,
    /// The name of `job_variables` in the 2.x line.
    pub infra_overrides: MaybeUndefined<JsonObject>,
    /// The pool that its runs wait in.
    pub work_pool_name: MaybeUndefined<String>,
    /// The queue that its runs wait in.
    pub work_queue_name: MaybeUndefined<String>,
    /// How many of its runs may be under way.
    pub concurrency_limit: MaybeUndefined<i64>,
    /// A shared limit.
    pub global_concurrency_limit_id: MaybeUndefined<Uuid>,
    /// What happens to a run without a slot.
    pub concurrency_options: MaybeUndefined<ConcurrencyOptions>,
}

/// Sets a column that may be null.
fn nullable<T: Clone + Into<Stored>>(change: Change, column: Col, member: &MaybeUndefined<T>) -> Change {
    match sent(member) {
        Some(value) => change.set(column, value),
        None => change,
    }
}

/// Sets a column that takes no null; null says nothing.
fn solid<T: Into<Stored>>(change: Change, column: Col, value: Option<T>) -> Change {
    match value {
        Some(value) => change.set(column, value),
        None => change,
    }
}

fn json<T: Serialize>(member: &MaybeUndefined<T>) -> MaybeUndefined<Json> {
    match member {
        MaybeUndefined::Undefined => MaybeUndefined::Undefined,
        MaybeUndefined::Null => MaybeUndefined::Null,
        MaybeUndefined::Value(value) => MaybeUndefined::Value(Json::of(value)),
    }
}

impl DeploymentMembers {
    /// Checks what no store is needed for.
    ///
    /// # Errors
    /// 422; 501 for limits, which are not there yet.
    pub(crate) fn checked(&self, ctx: &Ctx, client: &Client) -> Result<(), ApiError> {
        if let MaybeUndefined::Value(parameters) = &self.parameters {
            check_parameters(ctx, client, &parameters.0)?;
        }
        let both = !self.job_variables.is_undefined() && !self.infra_overrides.is_undefined();
        if both {
            let text = "`infra_overrides` and `job_variables` are two names of one member: send one of them";
            return Err(ApiError::member("job_variables", text));
        }
        match (sent(&self.concurrency_limit).flatten(), sent(&self.global_concurrency_limit_id).flatten()) {
            (Some(_), Some(_)) => {
                let text = "A deployment cannot have both a concurrency limit and a global concurrency limit.";
                Err(ApiError::member("concurrency_limit", text))
            }
            (Some(limit), None) if limit < 1 => {
                Err(ApiError::member("concurrency_limit", "Input should be greater than 0"))
            }
            (Some(_), None) => Err(ApiError::not_yet("A deployment concurrency limit")),
            (None, Some(_)) => Err(ApiError::not_found("Concurrency limit")),
            (None, None) => Ok(()),
        }
    }

    /// The line of whoever sent this: a client that does not say who it is is known by what only the 2.x line sends.
    pub(crate) fn line(&self, by: Caller) -> ClientLine {
        let no_definitions = |schema: JsonObject| schema.0.get("definitions").is_some_and(Value::is_null);
        let old = !self.manifest_path.is_undefined()
            || !self.schedule.is_undefined()
            || !self.is_schedule_active.is_undefined()
            || !self.infra_overrides.is_undefined()
            || sent(&self.parameter_openapi_schema).flatten().is_some_and(no_definitions);
        if by.version.is_none() && old { ClientLine::V2 } else { by.line }
    }

    /// Job variables under either name.
    pub(crate) fn job_variables(&self) -> Option<JsonObject> {
        sent(&self.job_variables).or_else(|| sent(&self.infra_overrides)).map(Option::unwrap_or_default)
    }

    /// Whether it is paused, under either name.
    pub(crate) fn paused(&self) -> Option<bool> {
        let active = sent(&self.is_schedule_active).flatten();
        sent(&self.paused).flatten().or_else(|| active.map(|active| !active))
    }

    /// The columns that were sent, without the queue.
    pub(crate) fn change(&self) -> Change {
        let mut change = Change::default();
        for (column, member) in [
            (deployment::version, &self.version),
            (deployment::description, &self.description),
            (deployment::path, &self.path),
            (deployment::entrypoint, &self.entrypoint),
            (deployment::manifest_path, &self.manifest_path),
        ] {
            change = nullable(change, column, member);
        }
        change = nullable(change, deployment::parameter_openapi_schema, &json(&self.parameter_openapi_schema));
        change = nullable(change, deployment::concurrency_options, &json(&self.concurrency_options));
        for (column, member) in [
            (deployment::storage_document_id, &self.storage_document_id),
            (deployment::infrastructure_document_id, &self.infrastructure_document_id),
        ] {
            change = nullable(change, column, member);
        }
        if let Some(steps) = sent(&self.pull_steps) {
            change = change.set(deployment::pull_steps, steps.map(|steps| Json::of(&steps)));
        }
        let enforce = sent(&self.enforce_parameter_schema).flatten();
        change = solid(change, deployment::paused, self.paused());
        change = solid(change, deployment::tags, sent(&self.tags).flatten().map(Tags));
        change = solid(change, deployment::enforce_parameter_schema, enforce);
        change = solid(change, deployment::infra_overrides, self.job_variables().map(Json::from));
        solid(change, deployment::parameters, sent(&self.parameters).flatten().map(Json::from))
    }
}
