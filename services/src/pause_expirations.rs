//! Fails runs that were paused and not resumed in time.

use async_trait::async_trait;
use mintaka_core::records::{FlowRunState, StateType, flow_run};
use mintaka_core::{Filter, Store, Time};
use mintaka_orchestration::ops::set_flow_run_state;
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, OpError, Proposed, StateDetails};
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
            let now = ctx.store.now();
            let states = ctx.store.get_all::<FlowRunState>(&states).await?.into_iter().flatten();
            let expired = states.filter(|state| has_expired(state, now)).map(|state| state.flow_run_id).collect();
            each(&ctx.store, expired, "failing an expired pause", |store, id| async move { fail(&store, id).await })
                .await;
        }
        Ok(())
    }
}

fn has_expired(state: &FlowRunState, now: Time) -> bool {
    let details = state.state_details.to::<StateDetails>().unwrap_or_default();
    details.pause_timeout.is_some_and(|timeout| timeout < now)
}

async fn fail(store: &Store, id: Uuid) -> Result<bool, OpError> {
    let failed = Proposed::new(StateType::Failed).saying("The flow was paused and never resumed.");
    let done = set_flow_run_state(store, id, failed, FlowPolicy::Minimal, &Caller::SERVER).await?;
    if done.wrote {
        tracing::info!(flow_run.id = %id, "failed: its pause expired");
    }
    Ok(done.wrote)
}
