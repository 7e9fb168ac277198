//! A paused flow run goes on, with the input that it waits for.

use std::collections::BTreeMap;

use mintaka_core::records::{FlowRunInput, StateType, flow_run_input};
use mintaka_core::{Batch, Change, Reader};
use serde_json::Value;
use uuid::Uuid;

use super::deployments::variables_for;
use super::flow_run_inputs::{input_key, input_row};
use super::optimistic::{Decision, Lost, optimistic};
use super::transition::{Transitioned, state_of_flow_run};
use super::transition_flow_run::{decide, flow_run_as_it_is};
use crate::caller::Caller;
use crate::error::OpError;
use crate::operations::Operations;
use crate::parameters::{Invalid, Nulls, Required, check, hydrate};
use crate::rules::FlowPolicy;
use crate::state::{Proposed, State};
use crate::verdict::{Details, Status};

/// Lets a paused flow run go on: a suspended one is scheduled, another one runs. What was sent is checked against the
/// schema that the run gave, and becomes the input that it waits for together with the new state.
///
/// # Errors
/// [`OpError::NotFound`] if there is no such run; else as a transition.
pub async fn resume_flow_run(ops: &Operations, id: Uuid, sent: &Value, by: &Caller) -> Result<Transitioned, OpError> {
    optimistic(ops, "the run", |lost: Option<Lost>| async move {
        let missing = || OpError::NotFound("Flow run not found".into());
        let seen = flow_run_as_it_is(ops, id, lost).await?.ok_or_else(missing)?;
        let state = state_of_flow_run(ops, &seen).await?;
        let Some(paused) = state.filter(|state| state.r#type == StateType::Paused) else {
            let reason = "Cannot resume a flow run that is not paused.".to_owned();
            return Ok(Decision::Answer(refused(Status::Abort, None, reason)));
        };
        let keys = paused.state_details.run_input_keyset.clone().filter(|keys| !keys.is_empty());
        let (guards, input) = match &keys {
            None => (Batch::new(), None),
            Some(keys) => match checked(ops, id, keys, sent).await? {
                Ok((guards, input)) => (guards, Some(input)),
                Err(reason) => return Ok(Decision::Answer(refused(Status::Reject, Some(paused), reason))),
            },
        };
        let next = match paused.state_details.pause_reschedule {
            true => Proposed::scheduled(ops.now()).named("Resuming"),
            false => Proposed::new(StateType::Running),
        };
        let key = keys.as_ref().and_then(|keys| keys.get("response"));
        let given = input.filter(|input| input.as_object().is_some_and(|members| !members.is_empty()));
        let response = key.zip(given);
        Ok(match decide(ops, seen, Some(paused), next, FlowPolicy::Core, by).await? {
            Decision::Commit(batch, done) if done.status == Status::Accept => {
                let batch = batch.extend(guards);
                let batch = match response {
                    Some((key, input)) => answered(ops, batch, id, key, &input),
                    None => batch,
                };
                Decision::Commit(batch, done)
            }
            other => other,
        })
    })
    .await
}

// wire W7.8: also a rejection carries details of an abort here.
fn refused(status: Status, state: Option<State>, reason: String) -> Transitioned {
    Transitioned { status, state, details: Details::Abort { reason: Some(reason) }, wrote: false }
}

/// Also makes the input what the run waits for.
fn answered(reader: &Reader, batch: Batch, run: Uuid, key: &str, input: &Value) -> Batch {
    let row = input_row(run, key, input.to_string(), None, reader.now());
    let replaced =
        Change::default().set(flow_run_input::value, row.value.as_str()).set(flow_run_input::updated, row.updated);
    batch.upsert(row, replaced, Vec::new())
}

/// The input with its stand-ins filled in, if it fits the schema that the run gave, and the guard of that schema; else why
/// not.
async fn checked(
    reader: &Reader,
    run: Uuid,
    keys: &BTreeMap<String, String>,
    sent: &Value,
) -> Result<Result<(Batch, Value), String>, OpError> {
    let variables = variables_for(reader, sent).await?;
    let input = match hydrate(sent, &variables) {
        Ok(input) => input,
        Err(fault) => return Ok(Err(format!("Error hydrating run input: {fault}"))),
    };
    let schema = match keys.get("schema") {
        Some(key) => reader.find::<FlowRunInput>(input_key(run, key)).await?,
        None => None,
    };
    let Some(row) = schema else { return Ok(Err("Run input schema not found.".into())) };
    let Ok(schema) = serde_json::from_str::<Value>(&row.value) else {
        return Ok(Err("Run input schema is not valid JSON.".into()));
    };
    Ok(match check(&input, &schema, Required::Enforced, Nulls::WithoutDefault) {
        Ok(()) => Ok((Batch::new().version(&row), input)),
        Err(Invalid::Circular) => Err(Invalid::Circular.to_string()),
        Err(why) => Err(format!("Reason: {why}")),
    })
}
