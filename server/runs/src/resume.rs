//! `/flow_runs/{id}/resume`: a paused flow run goes on, with the input that it waits for.

use mintaka_api_filters::wire::{JsonObject, Plain};
use mintaka_http::{ApiError, Client, Created, Ctx, Input};
use mintaka_orchestration::ops::resume::resume_flow_run;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::Chapter;
use crate::set_state::{Orchestrated, answer};

/// What a paused run waits for.
#[derive(Debug, Object)]
pub(crate) struct ResumeBody {
    /// Checked against the schema that the run gave.
    run_input: Option<JsonObject>,
}

/// `/flow_runs/{id}/resume`
#[derive(Clone)]
pub(crate) struct Resume {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flow_runs", tag = "Chapter::FlowRuns")]
impl Resume {
    /// Lets a paused flow run go on.
    #[oai(path = "/:id/resume", method = "post", operation_id = "resume_flow_run")]
    async fn resume_flow_run(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<ResumeBody>,
    ) -> Result<Created<Plain<Orchestrated>>, ApiError> {
        let sent = Value::Object(body.0.run_input.unwrap_or_default().0);
        Ok(answer(resume_flow_run(&self.ctx.ops, id.0, &sent, &client.by).await?))
    }
}
