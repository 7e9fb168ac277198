//! `/flow_runs`: runs of flows.

use mintaka_api_filters::wire::{JsonObject, Labels, Plain};
use mintaka_api_filters::{Filters, FlowRunView, flow_run_in, flow_run_view, flow_run_views};
use mintaka_core::records::{FlowRun, flow_run};
use mintaka_core::{Change, Col, Direction, Json, Tags};
use mintaka_http::{
    ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, PageNumber, Paginated, check_parameters, list,
    number_of, read, sort,
};
use mintaka_orchestration::ops::flow_runs::{FlowRunEdit, add_labels, delete_flow_run, update_flow_run};
use mintaka_orchestration::ops::work_pools::{DEFAULT_AGENT_POOL, pool_named};
use mintaka_orchestration::ops::work_queues::queue_named;
use mintaka_orchestration::ops::{self, NewFlowRun};
use mintaka_orchestration::{FlowRunPolicy, Proposed, random_name};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::Chapter;

const WHAT: &str = "Flow run";

sort! {
    /// Orders of flow runs. A run that has not started counts with its expected start.
    pub FlowRunSort {
        "ID_DESC" => [flow_run::id, Desc],
        "START_TIME_ASC" => [flow_run::sort_time, Asc],
        "START_TIME_DESC" => [flow_run::sort_time, Desc],
        "EXPECTED_START_TIME_ASC" => [flow_run::expected_start_time, Asc],
        "EXPECTED_START_TIME_DESC" => [flow_run::expected_start_time, Desc],
        "NAME_ASC" => [flow_run::name, Asc],
        "NAME_DESC" => [flow_run::name, Desc],
        "NEXT_SCHEDULED_START_TIME_ASC" => [flow_run::next_scheduled_start_time, Asc],
        "END_TIME_DESC" => [flow_run::end_time, Desc],
    }
}

/// A flow run to be made.
#[derive(Debug, Object)]
pub(crate) struct FlowRunCreate {
    /// Two random words if absent or empty.
    name: Option<String>,
    /// The flow.
    flow_id: Uuid,
    /// The deployment; need not exist.
    deployment_id: Option<Uuid>,
    /// The first state; PENDING if absent.
    #[oai(write_only)]
    state: Option<Plain<Proposed>>,
    /// Version of the flow.
    flow_version: Option<String>,
    /// Parameters.
    parameters: Option<JsonObject>,
    /// Context.
    context: Option<JsonObject>,
    /// The task run that stands for it in the run that makes it.
    parent_task_run_id: Option<Uuid>,
    /// Infrastructure block, of the 2.x line.
    infrastructure_document_id: Option<Uuid>,
    /// Retries and pauses.
    empirical_policy: Option<Plain<FlowRunPolicy>>,
    /// Tags.
    #[oai(default)]
    tags: Vec<String>,
    /// Labels.
    labels: Option<Labels>,
    /// With it, the run is made once per flow.
    idempotency_key: Option<String>,
    /// The work pool, which must exist.
    work_pool_name: Option<String>,
    /// The queue of that pool; without a pool, just a text.
    work_queue_name: Option<String>,
    /// Job variables.
    job_variables: Option<JsonObject>,
}

/// What to change of a flow run.
#[derive(Debug, Object)]
pub(crate) struct FlowRunUpdate {
    /// Null or empty is a new random one.
    name: MaybeUndefined<String>,
    /// Version of the flow.
    flow_version: MaybeUndefined<String>,
    /// Parameters.
    parameters: Option<JsonObject>,
    /// Retries and pauses; replaced as a whole.
    empirical_policy: Option<Plain<FlowRunPolicy>>,
    /// Tags.
    tags: Option<Vec<String>>,
    /// Where it runs.
    infrastructure_pid: MaybeUndefined<String>,
    /// Only of a scheduled run of a deployment.
    job_variables: MaybeUndefined<JsonObject>,
}

/// Which flow runs, in which order.
#[derive(Debug, Object)]
pub(crate) struct FlowRunsQuery {
    #[oai(flatten)]
    filters: Filters,
    #[oai(flatten)]
    page: Page,
    /// By id, descending, if absent.
    sort: Option<FlowRunSort>,
}

/// Which page of which flow runs.
#[derive(Debug, Object)]
pub(crate) struct FlowRunsPage {
    #[oai(flatten)]
    filters: Filters,
    #[oai(flatten)]
    page: PageNumber,
    /// By id, descending, if absent.
    sort: Option<FlowRunSort>,
}

fn order(sort: Option<FlowRunSort>) -> Vec<(Col, Direction)> {
    sort.map_or_else(|| vec![(flow_run::id, Direction::Desc)], FlowRunSort::order)
}

/// `/flow_runs/`
#[derive(Clone)]
pub(crate) struct FlowRunsRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flow_runs/", tag = "Chapter::FlowRuns")]
impl FlowRunsRoot {
    /// Makes a flow run, or finds the one of that flow and idempotency key as it is.
    #[oai(path = "/", method = "post", operation_id = "create_flow_run")]
    async fn create_flow_run(
        &self,
        client: Client,
        body: Input<FlowRunCreate>,
    ) -> Result<Created<FlowRunView>, ApiError> {
        let Input(body) = body;
        if let Some(parameters) = &body.parameters {
            check_parameters(&self.ctx, &client, &parameters.0)?;
        }
        let work_queue_id = match (&body.work_pool_name, &body.work_queue_name) {
            (Some(pool), queue) => Some(self.queue_of(pool, queue.as_deref()).await?),
            (None, Some(queue)) => self.queue_of_agents(queue).await?,
            (None, None) => None,
        };
        let new = NewFlowRun {
            name: body.name,
            deployment_id: body.deployment_id,
            work_queue_id,
            work_queue_name: body.work_queue_name,
            flow_version: body.flow_version,
            parameters: body.parameters.map_or_else(Json::object, Json::from),
            idempotency_key: body.idempotency_key,
            context: body.context.map_or_else(Json::object, Json::from),
            empirical_policy: body.empirical_policy.map(|policy| policy.0).unwrap_or_else(default_policy),
            tags: Tags(body.tags),
            labels: body.labels.unwrap_or_default().0,
            parent_task_run_id: body.parent_task_run_id,
            infrastructure_document_id: body.infrastructure_document_id,
            created_by: client.created_by(),
            job_variables: body.job_variables.map_or_else(Json::object, Json::from),
            state: body.state.map(|state| state.0),
            ..NewFlowRun::of(body.flow_id)
        };
        let made = ops::create_flow_run(&self.ctx.ops, new, &client.by).await?;
        Ok(Created { new: made.created, value: flow_run_in(&self.ctx, made.run, made.state).await? })
    }

    /// The queue of the default agent pool, if it has one of that name. (wire W7.1: agents match runs by the queue's
    /// name)
    async fn queue_of_agents(&self, queue: &str) -> Result<Option<Uuid>, ApiError> {
        let reader = &self.ctx.reader;
        let Some(pool) = pool_named(reader, DEFAULT_AGENT_POOL).await? else { return Ok(None) };
        Ok(queue_named(reader, pool.id, queue).await?.map(|queue| queue.id))
    }

    /// The queue of a pool, its default one without a name.
    async fn queue_of(&self, pool: &str, queue: Option<&str>) -> Result<Uuid, ApiError> {
        let found = pool_named(&self.ctx.reader, pool).await?;
        let Some(queue) = queue.filter(|name| !name.is_empty()) else {
            let unknown = || ApiError::detail(StatusCode::NOT_FOUND, format!("Work pool \"{pool}\" not found."));
            return found.map(|pool| pool.default_queue_id).ok_or_else(unknown);
        };
        let queue_found = match found {
            Some(pool) => queue_named(&self.ctx.reader, pool.id, queue).await?,
            None => None,
        };
        queue_found.map(|queue| queue.id).ok_or_else(|| {
            ApiError::detail(StatusCode::NOT_FOUND, format!("Work pool queue '{pool}/{queue}' not found."))
        })
    }
}

/// wire W7.1: a run that is not told how to retry is not resuming.
fn default_policy() -> FlowRunPolicy {
    FlowRunPolicy { resuming: Some(false), ..FlowRunPolicy::default() }
}

/// `/flow_runs`
#[derive(Clone)]
pub(crate) struct FlowRuns {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flow_runs", tag = "Chapter::FlowRuns")]
impl FlowRuns {
    /// Counts flow runs.
    #[oai(path = "/count", method = "post", operation_id = "count_flow_runs")]
    async fn count_flow_runs(&self, client: Client, body: Input<Filters>) -> Result<Out<i64>, ApiError> {
        Ok(Out(self.ctx.reader.count::<FlowRun>(body.for_flow_runs(&client)).await?))
    }

    /// Lists flow runs.
    #[oai(path = "/filter", method = "post", operation_id = "filter_flow_runs")]
    async fn filter_flow_runs(
        &self,
        client: Client,
        body: Input<FlowRunsQuery>,
    ) -> Result<Out<Vec<FlowRunView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let runs = list::<FlowRun>(&self.ctx, body.filters.for_flow_runs(&client), order(body.sort), page).await?;
        Ok(Out(flow_run_views(&self.ctx, runs).await?))
    }

    /// Lists flow runs in numbered pages.
    #[oai(path = "/paginate", method = "post", operation_id = "paginate_flow_runs")]
    async fn paginate_flow_runs(
        &self,
        client: Client,
        body: Input<FlowRunsPage>,
    ) -> Result<Out<Paginated<FlowRunView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = body.filters.for_flow_runs(&client);
        let (runs, count) = number_of::<FlowRun>(&self.ctx, filter, order(body.sort), page).await?;
        Ok(Out(Paginated::new(flow_run_views(&self.ctx, runs).await?, count, page)))
    }

    /// The flow run of an id.
    #[oai(path = "/:id", method = "get", operation_id = "read_flow_run")]
    async fn read_flow_run(&self, id: Path<Uuid>) -> Result<Out<FlowRunView>, ApiError> {
        let run = read::<FlowRun>(&self.ctx, id.0, WHAT).await?;
        Ok(Out(flow_run_view(&self.ctx, run).await?))
    }

    /// Changes what is sent of a flow run.
    #[oai(path = "/:id", method = "patch", operation_id = "update_flow_run")]
    async fn update_flow_run(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<FlowRunUpdate>,
    ) -> Result<NoContent, ApiError> {
        if let Some(parameters) = &body.parameters {
            check_parameters(&self.ctx, &client, &parameters.0)?;
        }
        update_flow_run(&self.ctx.ops, id.0, &edit_of(body.0)).await?;
        Ok(NoContent)
    }

    /// Adds labels to those of a flow run.
    #[oai(path = "/:id/labels", method = "patch", operation_id = "update_flow_run_labels")]
    async fn update_flow_run_labels(&self, id: Path<Uuid>, body: Input<Labels>) -> Result<NoContent, ApiError> {
        match add_labels(&self.ctx.ops, id.0, &body.0.0).await? {
            true => Ok(NoContent),
            false => Err(ApiError::message(StatusCode::NOT_FOUND, format!("Flow run with id {} not found", id.0))),
        }
    }

    /// Deletes a flow run with its states, inputs, task runs and logs.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_flow_run")]
    async fn delete_flow_run(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_flow_run(&self.ctx.ops, id.0).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}

/// A name as it was sent: an empty one is a new random one.
pub(crate) fn named(name: Option<String>) -> String {
    name.filter(|name| !name.is_empty()).unwrap_or_else(random_name)
}

/// What a body says, as the operation takes it.
fn edit_of(body: FlowRunUpdate) -> FlowRunEdit {
    let mut change = Change::default();
    match body.name {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => change = change.set(flow_run::name, named(None)),
        MaybeUndefined::Value(name) => change = change.set(flow_run::name, named(Some(name))),
    }
    let texts = [(flow_run::flow_version, body.flow_version), (flow_run::infrastructure_pid, body.infrastructure_pid)];
    for (column, text) in texts {
        match text {
            MaybeUndefined::Undefined => {}
            MaybeUndefined::Null => change = change.set(column, None::<String>),
            MaybeUndefined::Value(text) => change = change.set(column, text),
        }
    }
    if let Some(parameters) = body.parameters {
        change = change.set(flow_run::parameters, Json::from(parameters));
    }
    if let Some(policy) = body.empirical_policy {
        change = change.set(flow_run::empirical_policy, Json::of(&policy.0));
    }
    if let Some(tags) = body.tags {
        change = change.set(flow_run::tags, Tags(tags));
    }
    let job_variables = match body.job_variables {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => {
            change = change.set(flow_run::job_variables, None::<Json>);
            None
        }
        MaybeUndefined::Value(variables) => Some(serde_json::Value::Object(variables.0)),
    };
    FlowRunEdit { change, job_variables }
}
