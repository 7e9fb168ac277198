//! `/flow_runs/{id}/resume`: a paused flow run goes on, with the input that it waits for.

use std::collections::BTreeMap;

use mintaka_api_filters::wire::{JsonObject, Plain};
use mintaka_core::records::{FlowRun, FlowRunInput, FlowRunState, StateType, flow_run_input};
use mintaka_core::{Batch, Change, Key};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, read};
use mintaka_orchestration::ops::deployments::variables_for;
use mintaka_orchestration::ops::{Transitioned, set_flow_run_state};
use mintaka_orchestration::parameters::{Invalid, Nulls, Required, check, hydrate};
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Details, Proposed, State, Status};
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::Chapter;
use crate::flow_run_inputs::{row, value_of};
use crate::set_state::{Orchestrated, answer, told};

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
        let run = read::<FlowRun>(&self.ctx, id.0, "Flow run").await?;
        let state = match run.state_id {
            Some(id) => self.ctx.store.get::<FlowRunState>(id).await?,
            None => None,
        };
        let Some(state) = state.filter(|state| state.r#type == StateType::Paused) else {
            let reason = "Cannot resume a flow run that is not paused.".to_owned();
            return Ok(refused(Status::Abort, None, reason));
        };
        let state = State::try_from(state.record)?;
        let keys = state.state_details.run_input_keyset.clone().filter(|keys| !keys.is_empty());
        let Some(keys) = keys else { return self.go_on(&client, id.0, &state).await.map(answer) };

        let sent = Value::Object(body.0.run_input.unwrap_or_default().0);
        match self.checked(id.0, &keys, sent).await? {
            Err(reason) => Ok(refused(Status::Reject, Some(state), reason)),
            Ok(input) => self.go_on_with(&client, id.0, &state, &keys, input).await.map(answer),
        }
    }
}

// wire: also a rejection carries details of an abort here.
fn refused(status: Status, state: Option<State>, reason: String) -> Created<Plain<Orchestrated>> {
    let details = Details::Abort { reason: Some(reason) };
    Created { new: false, value: Plain(Orchestrated { state, status, details }) }
}

impl Resume {
    /// The input with its stand-ins filled in, if it fits the schema that the run gave; else why not.
    async fn checked(
        &self,
        run: Uuid,
        keys: &BTreeMap<String, String>,
        sent: Value,
    ) -> Result<Result<Value, String>, ApiError> {
        let variables = variables_for(&self.ctx.store, &sent).await?;
        let input = match hydrate(&sent, &variables) {
            Ok(input) => input,
            Err(fault) => return Ok(Err(format!("Error hydrating run input: {fault}"))),
        };
        let schema = match keys.get("schema") {
            Some(key) => value_of(&self.ctx, run, key).await?,
            None => None,
        };
        let Some(schema) = schema else { return Ok(Err("Run input schema not found.".into())) };
        let Ok(schema) = serde_json::from_str::<Value>(&schema) else {
            return Ok(Err("Run input schema is not valid JSON.".into()));
        };
        Ok(match check(&input, &schema, Required::Enforced, Nulls::WithoutDefault) {
            Ok(()) => Ok(input),
            Err(Invalid::Circular) => Err(Invalid::Circular.to_string()),
            Err(why) => Err(format!("Reason: {why}")),
        })
    }

    /// Proposes the state that follows the pause: a suspended run is scheduled, another one runs.
    async fn go_on(&self, client: &Client, run: Uuid, paused: &State) -> Result<Transitioned, ApiError> {
        let store = &self.ctx.store;
        let next = match paused.state_details.pause_reschedule {
            true => Proposed::scheduled(store.now()).named("Resuming"),
            false => Proposed::new(StateType::Running),
        };
        set_flow_run_state(store, run, next, FlowPolicy::Core, &client.by).await.map_err(told)
    }

    /// Stores the input, then goes on: a run that sees that it may go on finds its input.
    async fn go_on_with(
        &self,
        client: &Client,
        run: Uuid,
        paused: &State,
        keys: &BTreeMap<String, String>,
        input: Value,
    ) -> Result<Transitioned, ApiError> {
        let response = keys.get("response").filter(|_| input.as_object().is_some_and(|members| !members.is_empty()));
        let Some(key) = response else { return self.go_on(client, run, paused).await };
        let kept = row(&self.ctx, run, key, input.to_string());
        let replaced = Change::default()
            .set(flow_run_input::value, kept.value.as_str())
            .set(flow_run_input::updated, kept.updated);
        let batch = Batch::new().present::<FlowRun>(Key::id(run)).upsert(kept, replaced, Vec::new());
        self.ctx.store.commit(batch).await?;
        let done = self.go_on(client, run, paused).await?;
        if done.status != Status::Accept {
            let unused = Key::Unique(vec![run.into(), key.as_str().into()]);
            self.ctx.store.commit(Batch::new().delete::<FlowRunInput>(unused)).await?;
        }
        Ok(done)
    }
}
