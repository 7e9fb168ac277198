//! `/flow_runs/{id}/input`: values that are sent to a flow run.

use mintaka_core::records::{FlowRun, FlowRunInput, flow_run_input};
use mintaka_core::{Batch, Direction, Filter, Key, Outcome, Query, Record};
use mintaka_http::{ApiError, Bytes, Ctx, Input, NoContent, Out, Raw, View};
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

fn key(run: Uuid, key: &str) -> Key {
    Key::Unique(vec![run.into(), key.into()])
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
        let store = &self.ctx.store;
        let input = FlowRunInput { sender, ..row(&self.ctx, id.0, &key, value) };
        let batch = Batch::new().present::<FlowRun>(Key::id(id.0)).insert(input);
        match store.commit(batch).await? {
            Outcome::Conflict(conflict) if conflict.table == FlowRun::TABLE => Err(ApiError::not_found("Flow run")),
            Outcome::Conflict(_) => Err(ApiError::conflict("A flow run input with this key already exists.")),
            _ => Ok(Raw { status: StatusCode::CREATED, value: serde_json::Value::Null }),
        }
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
        let inputs = self.ctx.store.select::<FlowRunInput>(query).await?;
        Ok(Out(inputs.into_iter().map(View::from).collect()))
    }

    /// A value, as it was sent.
    #[oai(path = "/:id/input/:key", method = "get", operation_id = "read_flow_run_input")]
    async fn read_flow_run_input(
        &self,
        id: Path<Uuid>,
        #[oai(name = "key")] name: Path<String>,
    ) -> Result<Bytes, ApiError> {
        let input = self.ctx.store.find::<FlowRunInput>(key(id.0, &name)).await?;
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
        let batch = Batch::new().delete::<FlowRunInput>(key(id.0, &name));
        match self.ctx.store.commit(batch).await? {
            Outcome::Committed { ops, .. } if ops.first().is_some_and(|done| done.applied) => Ok(NoContent),
            _ => Err(ApiError::not_found(WHAT)),
        }
    }
}

/// The value of a key of a flow run, if there is one.
pub(crate) async fn value_of(ctx: &Ctx, run: Uuid, name: &str) -> Result<Option<String>, ApiError> {
    Ok(ctx.store.find::<FlowRunInput>(key(run, name)).await?.map(|input| input.record.value))
}

/// A value as a row.
pub(crate) fn row(ctx: &Ctx, run: Uuid, name: &str, value: String) -> FlowRunInput {
    let now = ctx.store.now();
    FlowRunInput {
        id: Uuid::new_v4(),
        created: now,
        updated: now,
        flow_run_id: run,
        key: name.into(),
        value,
        sender: None,
    }
}
