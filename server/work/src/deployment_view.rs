//! Deployments in answers: the union of both lines' members.

use std::borrow::Cow;
use std::collections::HashMap;

use mintaka_api_filters::by_id;
use mintaka_core::Json;
use mintaka_core::records::{Deployment, DeploymentSchedule, WorkPool, WorkQueue};
use mintaka_http::{ApiError, Client, Ctx, Extra, View};
use mintaka_orchestration::ops::deployments::schedules_of;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

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

type Whole = View<Deployment, DeploymentExtra>;

/// A deployment as clients see it.
pub struct DeploymentView {
    whole: Whole,
    /// For a client that takes no null for a queue, and no member for none.
    without_null_queue: bool,
}

/// The last version whose clients refuse null for `work_queue_id`, which first is 3.0.0.
const NO_NULL_QUEUE_UNTIL: (u32, u32, u32) = (3, 1, 5);

impl Serialize for DeploymentView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.without_null_queue || self.whole.record.work_queue_id.is_some() {
            return self.whole.serialize(serializer);
        }
        let mut members = serde_json::to_value(&self.whole).map_err(S::Error::custom)?;
        if let Value::Object(members) = &mut members {
            members.shift_remove("work_queue_id");
        }
        members.serialize(serializer)
    }
}

impl Type for DeploymentView {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        Whole::name()
    }
    fn schema_ref() -> MetaSchemaRef {
        Whole::schema_ref()
    }
    fn register(registry: &mut Registry) {
        Whole::register(registry);
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}

/// Deployments as clients see them, with one read each for all queues, pools and schedules.
///
/// # Errors
/// What the store answers.
pub(crate) async fn deployment_views(
    ctx: &Ctx,
    client: &Client,
    seen: Vec<Deployment>,
) -> Result<Vec<DeploymentView>, ApiError> {
    let reader = &ctx.reader;
    let version = client.by.version;
    let without_null_queue = version.is_some_and(|version| version.0 == 3 && version <= NO_NULL_QUEUE_UNTIL);
    let queues: HashMap<Uuid, WorkQueue> = by_id(reader, seen.iter().filter_map(|one| one.work_queue_id)).await?;
    let pools: HashMap<Uuid, WorkPool> = by_id(reader, queues.values().map(|queue| queue.work_pool_id)).await?;
    let mut schedules: HashMap<Uuid, Vec<DeploymentSchedule>> = HashMap::new();
    for schedule in schedules_of(reader, seen.iter().map(|one| one.id)).await? {
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
        DeploymentView { whole: View { record, extra }, without_null_queue }
    };
    Ok(seen.into_iter().map(view).collect())
}

/// One deployment as clients see it.
///
/// # Errors
/// What the store answers.
pub(crate) async fn deployment_view(ctx: &Ctx, client: &Client, seen: Deployment) -> Result<DeploymentView, ApiError> {
    let mut views = deployment_views(ctx, client, vec![seen]).await?;
    views.pop().ok_or_else(|| ApiError::not_found("Deployment"))
}
