//! `/deployments/…`: runs that are made of deployments, by people, by schedules, and for processes that serve them.

use mintaka_api_filters::wire::{JsonObject, Labels, Plain};
use mintaka_api_filters::{FlowRunView, flow_run_view, flow_run_views};
use mintaka_core::records::FlowRun;
use mintaka_core::{Json, Time};
use mintaka_http::{
    ApiError, Client, Created, Ctx, Duration, Input, Out, Raw, When, check_characters, check_parameters, read,
    refuse_past,
};
use mintaka_orchestration::ops::deployment_run::{Refused, Source, Wanted, create_run_of};
use mintaka_orchestration::ops::due_runs::{Polled, due_runs_of_deployments, mark_polled};
use mintaka_orchestration::ops::schedule_runs::{Window, schedule_deployment_runs};
use mintaka_orchestration::{FlowRunPolicy, OpError, Proposed};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::polls::wanted;

/// The most runs that one request may make.
const MAX_BULK: usize = 100;

/// A run of a deployment to make.
#[derive(Clone, Debug, Default, Object)]
#[oai(write_only_all)]
pub struct DeploymentFlowRunCreate {
    /// Two random words if absent or empty.
    pub name: Option<String>,
    /// First state; SCHEDULED for now if absent.
    pub state: Option<Plain<Proposed>>,
    /// Parameters over those of the deployment.
    pub parameters: Option<JsonObject>,
    /// Whether parameters must fit the schema; as the deployment says if absent.
    pub enforce_parameter_schema: Option<bool>,
    /// Context.
    pub context: Option<JsonObject>,
    /// Retries and pauses.
    pub empirical_policy: Option<Plain<FlowRunPolicy>>,
    /// Tags besides those of the deployment.
    pub tags: Option<Vec<String>>,
    /// Labels.
    pub labels: Option<Labels>,
    /// With it, the run is made once per flow.
    pub idempotency_key: Option<String>,
    /// The task run that stands for it in its parent.
    pub parent_task_run_id: Option<Uuid>,
    /// Infrastructure block, of the 2.x line.
    pub infrastructure_document_id: Option<Uuid>,
    /// Another queue of the deployment's pool.
    pub work_queue_name: Option<String>,
    /// Job variables over those of the deployment.
    pub job_variables: Option<JsonObject>,
}

impl DeploymentFlowRunCreate {
    fn wanted(self, ctx: &Ctx, client: &Client) -> Result<Wanted, ApiError> {
        let parameters = self.parameters.unwrap_or_default().0;
        check_parameters(ctx, client, &parameters)?;
        check_characters("work_queue_name", self.work_queue_name.as_deref().unwrap_or_default())?;
        // wire W9.10: a run that is not told how to retry is not resuming.
        let untold = || FlowRunPolicy { resuming: Some(false), ..FlowRunPolicy::default() };
        Ok(Wanted {
            name: self.name,
            parameters,
            enforce_parameter_schema: self.enforce_parameter_schema,
            tags: self.tags.unwrap_or_default(),
            job_variables: self.job_variables.unwrap_or_default().0,
            labels: self.labels.unwrap_or_default().0,
            infrastructure_document_id: self.infrastructure_document_id,
            work_queue_name: self.work_queue_name.filter(|name| !name.is_empty()),
            state: self.state.map(|state| state.0),
            context: self.context.map_or_else(Json::object, Json::from),
            empirical_policy: self.empirical_policy.map_or_else(untold, |policy| policy.0),
            idempotency_key: self.idempotency_key,
            parent_task_run_id: self.parent_task_run_id,
            created_by: client.created_by(),
        })
    }
}

fn answered(refused: Refused) -> ApiError {
    let text = refused.to_string();
    match refused {
        Refused::Nonsense(_) => ApiError::detail(StatusCode::BAD_REQUEST, text),
        Refused::Parameters(_) => ApiError::conflict(text),
        Refused::Unfit(_) => ApiError::unprocessable(text),
        Refused::Op(error) => error.into(),
    }
}

/// What became of one run of several.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FlowRunCreateResult")]
pub struct BulkResult {
    /// The run.
    pub flow_run_id: Option<Uuid>,
    /// `CREATED` or `FAILED`.
    pub status: String,
    /// Why it failed.
    pub error: Option<String>,
}

/// What became of several runs.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "FlowRunBulkCreateResponse")]
pub struct BulkResults {
    /// In the order of the request.
    pub results: Vec<BulkResult>,
}

/// Which runs to make ahead.
#[derive(Debug, Default, Object)]
pub struct ScheduleWindow {
    /// No run before; now if absent.
    pub start_time: Option<When>,
    /// No run after; 100 days after the start if absent.
    pub end_time: Option<When>,
    /// Until at least so long after the start; an hour if absent.
    pub min_time: Option<Duration>,
    /// At least so many; 3 if absent.
    pub min_runs: Option<i64>,
    /// At most so many; 100 if absent.
    pub max_runs: Option<i64>,
}

impl ScheduleWindow {
    /// With the scheduler's own settings where nothing is said (wire W10.5).
    fn window(&self, now: Time) -> Window {
        let start = self.start_time.map_or(now, |at| at.0);
        let count = |n: Option<i64>, default| n.map_or(default, |n| usize::try_from(n).unwrap_or(0));
        let min_time = self.min_time.map_or(3600.0, |length| length.0);
        Window {
            start,
            end: self.end_time.map_or_else(|| start.plus_seconds(100.0 * 86_400.0), |at| at.0),
            min_time: std::time::Duration::try_from_secs_f64(min_time).unwrap_or_default(),
            min_runs: count(self.min_runs, 3),
            max_runs: count(self.max_runs, 100),
        }
    }
}

/// What a process that serves deployments asks for.
#[derive(Debug, Object)]
pub struct PollDeployments {
    /// The deployments.
    pub deployment_ids: Vec<Uuid>,
    /// Runs of this time or earlier.
    pub scheduled_before: Option<When>,
    /// At most so many.
    pub limit: Option<i64>,
}

/// `/deployments/…`
#[derive(Clone)]
pub struct DeploymentRunsApi {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/deployments")]
impl DeploymentRunsApi {
    /// Makes a run of a deployment, or finds the one of that idempotency key as it is.
    #[oai(path = "/:id/create_flow_run", method = "post", operation_id = "create_flow_run_from_deployment")]
    async fn create(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<DeploymentFlowRunCreate>,
    ) -> Result<Created<FlowRunView>, ApiError> {
        let ctx = &self.ctx;
        let source = Source::read(&ctx.reader, id.0).await?.ok_or_else(|| ApiError::not_found("Deployment"))?;
        let wanted = body.0.wanted(ctx, &client)?;
        let made = create_run_of(&ctx.ops, &source, wanted, &client.by).await.map_err(answered)?;
        let seen = read::<FlowRun>(ctx, made.run.id, "Flow run").await?;
        Ok(Created { new: made.created, value: flow_run_view(ctx, seen).await? })
    }

    /// Makes several runs of a deployment, each by itself.
    #[oai(path = "/:id/create_flow_run/bulk", method = "post", operation_id = "create_flow_runs_from_deployment")]
    async fn create_all(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<Vec<DeploymentFlowRunCreate>>,
    ) -> Result<Out<BulkResults>, ApiError> {
        let ctx = &self.ctx;
        if body.len() > MAX_BULK {
            let text = format!("Cannot create more than {MAX_BULK} flow runs at once.");
            return Err(ApiError::detail(StatusCode::BAD_REQUEST, text));
        }
        let source = Source::read(&ctx.reader, id.0).await?.ok_or_else(|| ApiError::not_found("Deployment"))?;
        let wanted: Vec<Wanted> = body.0.into_iter().map(|one| one.wanted(ctx, &client)).collect::<Result<_, _>>()?;
        let mut results = Vec::with_capacity(wanted.len());
        for one in wanted {
            let (flow_run_id, error) = match create_run_of(&ctx.ops, &source, one, &client.by).await {
                Ok(made) => (Some(made.run.id), None),
                Err(Refused::Op(OpError::Storage(error))) => return Err(error.into()),
                Err(refused) => (None, Some(refused.to_string())),
            };
            let status = if error.is_none() { "CREATED" } else { "FAILED" };
            results.push(BulkResult { flow_run_id, status: status.into(), error });
        }
        Ok(Out(BulkResults { results }))
    }

    /// Runs of some deployments that a process which serves them may take now.
    #[oai(path = "/get_scheduled_flow_runs", method = "post", operation_id = "poll_deployments")]
    async fn poll(&self, body: Input<PollDeployments>) -> Result<Out<Vec<FlowRunView>>, ApiError> {
        let ctx = &self.ctx;
        let limit = refuse_past(body.limit, ctx.settings.default_limit)?;
        let wanted = wanted(ctx, None, body.scheduled_before, limit);
        let due = due_runs_of_deployments(&ctx.reader, &body.deployment_ids, wanted).await?;
        let polled = Polled::Deployments(&body.deployment_ids);
        // Work is handed out even if the note of the poll cannot be written.
        if let Err(error) = mark_polled(&ctx.ops, polled, ctx.reader.now()).await {
            tracing::warn!(%error, "the poll of deployments was not noted");
        }
        Ok(Out(flow_run_views(ctx, due).await?))
    }

    /// Makes the runs of a deployment's schedules ahead; null, also for an unknown deployment.
    #[oai(path = "/:id/schedule", method = "post", operation_id = "schedule_deployment")]
    async fn schedule(&self, id: Path<Uuid>, body: Input<ScheduleWindow>) -> Result<Raw, ApiError> {
        let reader = &self.ctx.reader;
        let now = reader.now();
        schedule_deployment_runs(&self.ctx.ops, id.0, body.window(now), now).await?;
        Ok(Raw::ok(Value::Null))
    }
}
