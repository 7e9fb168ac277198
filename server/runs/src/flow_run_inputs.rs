//! `/flow_runs/{id}/input`: values that are sent to a flow run.

use mintaka_core::records::{FlowRunInput, flow_run_input};
use mintaka_core::{Direction, Filter, Query};
use mintaka_http::{ApiError, Bytes, Ctx, Input, NoContent, Out, Raw, View};
use mintaka_orchestration::ops::flow_run_inputs::{delete_input, input_key, send_input};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::Chapter;

const WHAT: &str = "Flow run input";

/// A value to be sent.
#[derive(Debug, Object)]
pub(crate) struct InputCreate {
    /// Letters a to z, digits and `-`.
    key: String,
    /// JSON text by convention.
    value: String,
    /// Who sends it.
    sender: Option<String>,
}

/// Which values.
#[derive(Debug, Object)]
pub(crate) struct InputsQuery {
    /// How their keys begin; `%` and `_` are wildcards.
    #[oai(validator(max_length = 10_000))]
    prefix: String,
    /// At most so many; negative is all. 1 if absent.
    limit: Option<i64>,
    /// Keys to leave out.
    #[oai(default)]
    exclude_keys: Vec<String>,
}

/// `/flow_runs/{id}/input`
#[derive(Clone)]
pub(crate) struct Inputs {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/flow_runs", tag = "Chapter::FlowRuns")]
impl Inputs {
    /// Sends a value to a flow run.
    #[oai(path = "/:id/input", method = "post", operation_id = "create_flow_run_input")]
    async fn create_flow_run_input(&self, id: Path<Uuid>, body: Input<InputCreate>) -> Result<Raw, ApiError> {
        let Input(InputCreate { key, value, sender }) = body;
        if !key.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-')) {
            return Err(ApiError::member("key", "key must only contain lowercase letters, numbers, and dashes."));
        }
        send_input(&self.ctx.ops, id.0, &key, value, sender).await?;
        Ok(Raw { status: StatusCode::CREATED, value: serde_json::Value::Null })
    }

    /// Values by the beginning of their keys, oldest first.
    #[oai(path = "/:id/input/filter", method = "post", operation_id = "filter_flow_run_inputs")]
    async fn filter_flow_run_inputs(
        &self,
        id: Path<Uuid>,
        body: Input<InputsQuery>,
    ) -> Result<Out<Vec<View<FlowRunInput>>>, ApiError> {
        let filter = Filter::And(vec![
            Filter::eq(flow_run_input::flow_run_id, id.0),
            Filter::Like(vec![flow_run_input::key], format!("{}%", body.prefix)),
            Filter::any(flow_run_input::key, body.exclude_keys.clone()).negate(),
        ]);
        let limit = u64::try_from(body.limit.unwrap_or(1)).unwrap_or(i64::MAX as u64);
        let query = Query::of(&flow_run_input::TABLE)
            .filter(filter)
            .order(flow_run_input::created, Direction::Asc)
            .limit(limit);
        let inputs = self.ctx.reader.select::<FlowRunInput>(query).await?;
        Ok(Out(inputs.into_iter().map(View::from).collect()))
    }

    /// A value, as it was sent.
    #[oai(path = "/:id/input/:key", method = "get", operation_id = "read_flow_run_input")]
    async fn read_flow_run_input(
        &self,
        id: Path<Uuid>,
        #[oai(name = "key")] name: Path<String>,
    ) -> Result<Bytes, ApiError> {
        let input = self.ctx.reader.find::<FlowRunInput>(input_key(id.0, &name)).await?;
        let input = input.ok_or_else(|| ApiError::not_found(WHAT))?;
        Ok(Bytes { content_type: "text/plain; charset=utf-8", headers: Vec::new(), body: input.record.value.into() })
    }

    /// Deletes a value.
    #[oai(path = "/:id/input/:key", method = "delete", operation_id = "delete_flow_run_input")]
    async fn delete_flow_run_input(
        &self,
        id: Path<Uuid>,
        #[oai(name = "key")] name: Path<String>,
    ) -> Result<NoContent, ApiError> {
        match delete_input(&self.ctx.ops, id.0, &name).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}
