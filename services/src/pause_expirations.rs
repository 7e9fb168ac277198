//! Fails runs that were paused and not resumed in time.

use async_trait::async_trait;
use mintaka_core::records::{FlowRun, FlowRunState, StateType, flow_run};
use mintaka_core::{Filter, Time};
use mintaka_orchestration::ops::propose_flow_run_state;
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, OpError, Operations, Proposed, State, StateDetails};
use uuid::Uuid;

use crate::each::each;
use crate::pages::RunPages;
use crate::service::{Work, periodic};
use crate::{Ctx, Service, Settings};

/// Its name.
pub const NAME: &str = "pause-expirations";

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    periodic(NAME, settings.pause_expirations.every, PauseExpirations)
}

struct PauseExpirations;

#[async_trait]
impl Work for PauseExpirations {
    async fn work(&self, ctx: &Ctx) -> Result<(), OpError> {
        let mut pages = RunPages::of(Filter::eq(flow_run::state_type, StateType::Paused));
        while let Some(runs) = pages.next(ctx).await? {
            let states: Vec<Uuid> = runs.iter().filter_map(|run| run.state_id).collect();
            let now = ctx.reader.now();
            let states = ctx.reader.get_all::<FlowRunState>(&states).await?.into_iter().flatten();
            let expired = |state: &FlowRunState| has_expired(&state.state_details.to().unwrap_or_default(), now);
            let expired = states.filter(|state| expired(state)).map(|state| state.flow_run_id).collect();
            let fail = move |ops, id| async move { fail(&ops, id, now).await };
            each(&ctx.ops, expired, "failing an expired pause", fail).await;
        }
        Ok(())
    }
}

fn has_expired(details: &StateDetails, now: Time) -> bool {
    details.pause_timeout.is_some_and(|timeout| timeout < now)
}

/// Fails a run if its pause is still over; whether it was.
async fn fail(ops: &Operations, id: Uuid, now: Time) -> Result<bool, OpError> {
    let failed = |_: &FlowRun, state: Option<&State>| {
        let paused = state.filter(|state| state.r#type == StateType::Paused)?;
        let is_over = has_expired(&paused.state_details, now);
        is_over.then(|| Proposed::new(StateType::Failed).saying("The flow was paused and never resumed."))
    };
    let done = propose_flow_run_state(ops, id, FlowPolicy::Minimal, &Caller::SERVER, failed).await?;
    let failed = done.is_some_and(|done| done.wrote);
    if failed {
        tracing::info!(flow_run.id = %id, "failed: its pause expired");
    }
    Ok(failed)
}
