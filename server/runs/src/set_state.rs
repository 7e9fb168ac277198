//! `…/set_state`: a client proposes a state, and the rules decide.

use mintaka_api_filters::wire::{Documented, Plain, object};
use mintaka_http::{ApiError, Client, Created, Ctx, Input};
use mintaka_orchestration::ops::{Transitioned, set_flow_run_state, set_task_run_state};
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Details, OpError, Proposed, State, Status};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::registry::MetaSchema;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use crate::Chapter;

/// A state that a client proposes.
#[derive(Debug, Object)]
pub(crate) struct SetStateBody {
    /// The state.
    #[oai(write_only)]
    state: Plain<Proposed>,
    /// Whether most rules are passed over.
    #[oai(default)]
    force: bool,
}

/// What became of a proposal, as it is sent.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Orchestrated {
    /// The state that the run is in now.
    pub(crate) state: Option<State>,
    /// The outcome.
    pub(crate) status: Status,
    /// Why.
    pub(crate) details: Details,
}

impl Documented for Orchestrated {
    const NAME: &'static str = "OrchestrationResult";
    fn schema() -> MetaSchema {
        object(&[("state", "#State"), ("status", "string"), ("details", "object")], &["status", "details"])
    }
}

/// Answers 201 if a state was written, else 200.
pub(crate) fn answer(done: Transitioned) -> Created<Plain<Orchestrated>> {
    let Transitioned { status, state, details, wrote } = done;
    Created { new: wrote, value: Plain(Orchestrated { state, status, details }) }
}

/// wire W2.8: a run that does not exist is told as `exception_message` here.
pub(crate) fn told(error: OpError) -> ApiError {
    match error {
        OpError::NotFound(text) => ApiError::message(StatusCode::NOT_FOUND, text),
        other => other.into(),
    }
}

/// The policy of a client's proposal for a flow run.
pub(crate) fn policy(force: bool) -> FlowPolicy {
    if force { FlowPolicy::Minimal } else { FlowPolicy::Core }
}

/// `…/set_state`
#[derive(Clone)]
pub(crate) struct SetState {
    pub(crate) ctx: Ctx,
}

#[OpenApi]
impl SetState {
    /// Proposes a state for a flow run.
    #[oai(
        path = "/flow_runs/:id/set_state",
        method = "post",
        operation_id = "set_flow_run_state",
        tag = "Chapter::FlowRuns"
    )]
    async fn set_flow_run_state(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<SetStateBody>,
    ) -> Result<Created<Plain<Orchestrated>>, ApiError> {
        let Input(SetStateBody { state, force }) = body;
        set_flow_run_state(&self.ctx.ops, id.0, state.0, policy(force), &client.by).await.map(answer).map_err(told)
    }

    /// Proposes a state for a task run.
    #[oai(
        path = "/task_runs/:id/set_state",
        method = "post",
        operation_id = "set_task_run_state",
        tag = "Chapter::TaskRuns"
    )]
    async fn set_task_run_state(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<SetStateBody>,
    ) -> Result<Created<Plain<Orchestrated>>, ApiError> {
        let Input(SetStateBody { state, force }) = body;
        set_task_run_state(&self.ctx.ops, id.0, state.0, force, &client.by).await.map(answer).map_err(told)
    }
}
