//! `/work_pools`: pools and the polls of their workers.

use mintaka_api_filters::wire::JsonObject;
use mintaka_api_filters::{Filters, FlowRunView, WorkPoolFilter, flow_run_views};
use mintaka_core::records::{FlowRun, StateType, WorkPool, flow_run, work_pool, work_queue};
use mintaka_core::{Direction, Filter, Json, Versioned};
use mintaka_http::{
    ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, Problem, View, When, list, refuse_past,
    text_unless_absent,
};
use mintaka_orchestration::ops::deployment_run::known_blocks;
use mintaka_orchestration::ops::due_runs::{Polled, due_runs_of_pool, mark_polled};
use mintaka_orchestration::ops::work_pools::{
    AGENT_TYPE, NewPool, PoolEdit, create_pool, delete_pool, no_storage, pool_named, update_pool,
};
use mintaka_orchestration::ops::work_queues::{queue_named, queues_of};
use mintaka_orchestration::parameters::{Invalid, JobVariables, check_template};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{MaybeUndefined, Type};
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::names::{at_least, check_pool_name, is_reserved, no_pool, sent};
use crate::polls::wanted;

/// What a pool is answered with besides its record.
#[derive(Clone, Debug, Object, Serialize)]
#[oai(rename = "WorkPoolResponse")]
pub struct PoolExtra {
    /// Runs that occupy a slot, if the pool has a limit.
    pub active_slots: Option<i64>,
}

/// A pool as clients see it.
pub type PoolView = View<WorkPool, PoolExtra>;

/// The last version whose clients refuse to read `default_result_storage_block_id`.
const STRICT_UNTIL: (u32, u32, u32) = (3, 3, 7);

/// States whose runs occupy a slot of a pool, and of a queue when it is read through its pool.
pub(crate) const POOL_SLOTS: [StateType; 2] = [StateType::Pending, StateType::Running];

async fn pool_view(ctx: &Ctx, client: &Client, seen: Versioned<WorkPool>) -> Result<PoolView, ApiError> {
    let mut record = seen.record;
    let active_slots = match record.concurrency_limit {
        None => None,
        Some(_) => {
            let of_pool = Filter::eq(work_queue::work_pool_id, record.id);
            let filter = Filter::any(flow_run::state_type, POOL_SLOTS).and(Filter::has(
                flow_run::work_queue_id,
                work_queue::id,
                of_pool,
            ));
            Some(ctx.reader.count::<FlowRun>(filter).await?)
        }
    };
    let strict = client.by.version.is_some_and(|version| version <= STRICT_UNTIL);
    if strict && let Value::Object(mut storage) = record.storage_configuration.value() {
        storage.shift_remove("default_result_storage_block_id");
        record.storage_configuration = Json::from(Value::Object(storage));
    }
    Ok(View { record, extra: PoolExtra { active_slots } })
}

/// A pool by name.
///
/// # Errors
/// 404
pub(crate) async fn pool(ctx: &Ctx, name: &str) -> Result<Versioned<WorkPool>, ApiError> {
    pool_named(&ctx.reader, name).await?.ok_or_else(|| no_pool(name))
}

/// A storage configuration with all of its members.
///
/// # Errors
/// 422 for other members. (wire W2.3: the one body of pools that takes no others)
fn storage(sent: Option<JsonObject>) -> Result<Json, ApiError> {
    let mut all = no_storage().value();
    if let (Value::Object(all), Some(sent)) = (&mut all, sent) {
        let unknown = |name: &String| Problem {
            r#type: "extra_forbidden".into(),
            loc: ["body", "storage_configuration", name].map(Value::from).into(),
            msg: "Extra inputs are not permitted".into(),
            input: None,
        };
        let problems: Vec<Problem> = sent.0.keys().filter(|name| !all.contains_key(*name)).map(unknown).collect();
        if !problems.is_empty() {
            return Err(ApiError::invalid(problems, None));
        }
        all.extend(sent.0);
    }
    Ok(Json::from(all))
}

fn template(sent: Option<JsonObject>) -> Result<Value, ApiError> {
    let template = Value::Object(sent.unwrap_or_default().0);
    check_template(&template).map_err(|why| ApiError::member("base_job_template", why))?;
    Ok(template)
}

/// A work pool to make.
#[derive(Debug, Object)]
pub struct WorkPoolCreate {
    /// Name.
    pub name: String,
    /// Text for people.
    pub description: Option<String>,
    /// Worker type.
    #[oai(rename = "type")]
    pub kind: MaybeUndefined<String>,
    /// How a job is made of job variables.
    pub base_job_template: Option<JsonObject>,
    /// Whether its runs are held back.
    pub is_paused: Option<bool>,
    /// How many of its runs may be under way.
    pub concurrency_limit: Option<i64>,
    /// Where bundles and results are kept.
    pub storage_configuration: Option<JsonObject>,
}

/// What changes of a work pool.
#[derive(Debug, Object)]
pub struct WorkPoolUpdate {
    /// Text for people.
    pub description: MaybeUndefined<String>,
    /// Whether its runs are held back.
    pub is_paused: MaybeUndefined<bool>,
    /// How a job is made of job variables.
    pub base_job_template: MaybeUndefined<JsonObject>,
    /// How many of its runs may be under way.
    pub concurrency_limit: MaybeUndefined<i64>,
    /// Where bundles and results are kept.
    pub storage_configuration: MaybeUndefined<JsonObject>,
}

/// Which work pools.
#[derive(Debug, Default, Object)]
pub struct FilterWorkPools {
    /// Limit and offset.
    #[oai(flatten)]
    pub page: Page,
    /// Which pools.
    pub work_pools: Option<WorkPoolFilter>,
}

impl FilterWorkPools {
    fn filter(&self, client: &Client) -> Filter {
        Filters { work_pools: self.work_pools.clone(), ..Filters::default() }.for_work_pools(client)
    }
}

/// What a worker asks for.
#[derive(Debug, Object)]
pub struct PollPool {
    /// Names of queues; all of the pool's when absent or empty.
    pub work_queue_names: Option<Vec<String>>,
    /// Runs of this time or earlier.
    pub scheduled_before: Option<When>,
    /// Runs of this time or later.
    pub scheduled_after: Option<When>,
    /// At most so many.
    pub limit: Option<i64>,
}

/// A run that a worker may take.
#[derive(Serialize)]
pub struct WorkerRun {
    work_pool_id: Uuid,
    work_queue_id: Uuid,
    flow_run: FlowRunView,
}

impl Type for WorkerRun {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;
    fn name() -> std::borrow::Cow<'static, str> {
        "WorkerFlowRunResponse".into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }
    fn register(registry: &mut Registry) {
        FlowRunView::register(registry);
        registry.create_schema::<Self, _>(Self::name().into_owned(), |_| MetaSchema {
            properties: vec![
                ("work_pool_id", Uuid::schema_ref()),
                ("work_queue_id", Uuid::schema_ref()),
                ("flow_run", FlowRunView::schema_ref()),
            ],
            required: vec!["work_pool_id", "work_queue_id", "flow_run"],
            ..MetaSchema::new("object")
        });
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}

/// `/work_pools/`
#[derive(Clone)]
pub struct WorkPoolsRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/work_pools/")]
impl WorkPoolsRoot {
    /// Makes a work pool and its default queue.
    #[oai(path = "/", method = "post", operation_id = "create_work_pool")]
    async fn create(&self, client: Client, body: Input<WorkPoolCreate>) -> Result<Created<PoolView>, ApiError> {
        let body = body.0;
        check_pool_name(&body.name, &client)?;
        at_least("concurrency_limit", 0, body.concurrency_limit)?;
        let base_job_template = template(body.base_job_template)?;
        if let Some(variables) = JobVariables::of(&base_job_template) {
            known_blocks(&self.ctx.reader, &variables).await?;
            variables.check_defaults().map_err(|invalid| match invalid {
                Invalid::Values(why) => {
                    ApiError::unprocessable(format!("Validation failed for work pool's job variable defaults: {why}"))
                }
                other => ApiError::unprocessable(other.to_string()),
            })?;
        }
        let new = NewPool {
            name: body.name,
            description: body.description,
            r#type: text_unless_absent("type", body.kind)?.unwrap_or_else(|| AGENT_TYPE.into()),
            base_job_template: Json::from(base_job_template),
            is_paused: body.is_paused.unwrap_or(false),
            concurrency_limit: body.concurrency_limit,
            storage_configuration: storage(body.storage_configuration)?,
        };
        let made = create_pool(&self.ctx.ops, new, client.by.line).await?;
        let record = made.ok_or_else(|| ApiError::conflict("A work pool with this name already exists."))?;
        let view = pool_view(&self.ctx, &client, Versioned { record, version: 1 }).await?;
        Ok(Created::new(view))
    }
}

/// `/work_pools/…`
#[derive(Clone)]
pub struct WorkPoolsApi {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/work_pools")]
impl WorkPoolsApi {
    /// A work pool by name.
    #[oai(path = "/:name", method = "get", operation_id = "read_work_pool")]
    async fn read(&self, client: Client, name: Path<String>) -> Result<Out<PoolView>, ApiError> {
        let seen = pool(&self.ctx, &name.0).await?;
        Ok(Out(pool_view(&self.ctx, &client, seen).await?))
    }

    /// Work pools by name.
    #[oai(path = "/filter", method = "post", operation_id = "filter_work_pools")]
    async fn filter(&self, client: Client, body: Input<FilterWorkPools>) -> Result<Out<Vec<PoolView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let order = vec![(work_pool::name, Direction::Asc)];
        let mut views = Vec::new();
        for seen in list::<WorkPool>(&self.ctx, body.filter(&client), order, page).await? {
            views.push(pool_view(&self.ctx, &client, seen).await?);
        }
        Ok(Out(views))
    }

    /// How many work pools there are.
    #[oai(path = "/count", method = "post", operation_id = "count_work_pools")]
    async fn count(&self, client: Client, body: Input<FilterWorkPools>) -> Result<Out<i64>, ApiError> {
        Ok(Out(self.ctx.reader.count::<WorkPool>(body.filter(&client)).await?))
    }

    /// Changes a work pool.
    #[oai(path = "/:name", method = "patch", operation_id = "update_work_pool")]
    async fn update(
        &self,
        client: Client,
        name: Path<String>,
        body: Input<WorkPoolUpdate>,
    ) -> Result<NoContent, ApiError> {
        let body = body.0;
        let more = !body.description.is_undefined()
            || !body.base_job_template.is_undefined()
            || !body.storage_configuration.is_undefined();
        if is_reserved(&name.0) && more {
            let text = "Work pools starting with 'Prefect' are reserved for internal use and can only be updated to set \
                        concurrency limits or pause.";
            return Err(ApiError::detail(StatusCode::FORBIDDEN, text));
        }
        at_least("concurrency_limit", 0, sent(&body.concurrency_limit).flatten())?;
        let base_job_template = match body.base_job_template.take() {
            None => None,
            sent => Some(Json::from(template(sent)?)),
        };
        let edit = PoolEdit {
            description: sent(&body.description),
            is_paused: sent(&body.is_paused).flatten(),
            base_job_template,
            concurrency_limit: sent(&body.concurrency_limit),
            storage_configuration: sent(&body.storage_configuration)
                .flatten()
                .map(|sent| storage(Some(sent)))
                .transpose()?,
        };
        let seen = pool(&self.ctx, &name.0).await?;
        match update_pool(&self.ctx.ops, seen.id, edit, client.by.line).await? {
            true => Ok(NoContent),
            false => Err(no_pool(&name.0)),
        }
    }

    /// Deletes a work pool with its queues and workers.
    #[oai(path = "/:name", method = "delete", operation_id = "delete_work_pool")]
    async fn delete(&self, client: Client, name: Path<String>) -> Result<NoContent, ApiError> {
        if is_reserved(&name.0) {
            let text = "Work pools starting with 'Prefect' are reserved for internal use and can not be deleted.";
            return Err(ApiError::detail(StatusCode::FORBIDDEN, text));
        }
        let seen = pool(&self.ctx, &name.0).await?;
        match delete_pool(&self.ctx.ops, seen.id, client.by.line).await? {
            true => Ok(NoContent),
            false => Err(no_pool(&name.0)),
        }
    }

    /// Runs that a worker of this pool may take now.
    #[oai(path = "/:name/get_scheduled_flow_runs", method = "post", operation_id = "poll_work_pool")]
    async fn poll(&self, name: Path<String>, body: Input<PollPool>) -> Result<Out<Vec<WorkerRun>>, ApiError> {
        let ctx = &self.ctx;
        let limit = refuse_past(body.limit, ctx.settings.default_limit)?;
        let seen = pool(ctx, &name.0).await?;
        let mut queues = Vec::new();
        for queue in body.work_queue_names.iter().flatten() {
            let found = queue_named(&ctx.reader, seen.id, queue).await?;
            queues.push(found.ok_or_else(|| no_queue(&name.0, queue))?.id);
        }
        let named = (!queues.is_empty()).then_some(queues.as_slice());
        let wanted = wanted(ctx, body.scheduled_after, body.scheduled_before, limit);
        let due = due_runs_of_pool(&ctx.reader, &seen, named, wanted).await?;
        let polled = match named {
            Some(_) => queues,
            None => queues_of(&ctx.reader, seen.id).await?.iter().map(|queue| queue.id).collect(),
        };
        // Work is handed out even if the note of the poll cannot be written.
        if let Err(error) = mark_polled(&ctx.ops, Polled::Queues(&polled), ctx.reader.now()).await {
            tracing::warn!(%error, work_pool = %name.0, "the poll of a work pool was not noted");
        }
        let places: Vec<(Uuid, Uuid)> = due.iter().map(|due| (due.work_pool_id, due.work_queue_id)).collect();
        let views = flow_run_views(ctx, due.into_iter().map(|due| due.run).collect()).await?;
        let run = |((work_pool_id, work_queue_id), flow_run)| WorkerRun { work_pool_id, work_queue_id, flow_run };
        Ok(Out(places.into_iter().zip(views).map(run).collect()))
    }
}

/// 404 for a queue that its pool does not have.
pub(crate) fn no_queue(pool: &str, queue: &str) -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, format!("Work pool queue '{pool}/{queue}' not found."))
}
