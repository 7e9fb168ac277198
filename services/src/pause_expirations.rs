//! Fails runs that were paused and not resumed in time.

use std::time::Duration;

use async_trait::async_trait;
use mintaka_core::records::{FlowRun, FlowRunState, StateType, flow_run};
use mintaka_core::{Direction, Filter, Query, Record, Store, Time};
use mintaka_orchestration::ops::set_flow_run_state;
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, OpError, Proposed, StateDetails};
use uuid::Uuid;

use crate::each::each;
use crate::{Ctx, Next, PauseExpirationsSettings, Service, Settings};

/// Its name.
pub const NAME: &str = "pause-expirations";

/// Runs of one page.
const PAGE: u64 = 200;

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    Box::new(PauseExpirations(settings.pause_expirations.clone()))
}

struct PauseExpirations(PauseExpirationsSettings);

#[async_trait]
impl Service for PauseExpirations {
    fn name(&self) -> &'static str {
        NAME
    }

    fn every(&self) -> Duration {
        self.0.every
    }

    async fn tick(&self, ctx: &Ctx) -> Result<Next, OpError> {
        // Paused runs have no next time, so this order is that of the index, and of ids.
        let mut query = Query::of(FlowRun::TABLE)
            .filter(Filter::eq(flow_run::state_type, StateType::Paused))
            .order(flow_run::next_scheduled_start_time, Direction::Asc)
            .limit(PAGE);
        while !ctx.cancel.is_cancelled() {
            let runs = ctx.store.select::<FlowRun>(query.clone()).await?;
            let Some(last) = runs.last() else { break };
            query.after = Some(vec![last.next_scheduled_start_time.into(), last.id.into()]);
            let full = runs.len() as u64 == PAGE;

            let states: Vec<Uuid> = runs.iter().filter_map(|run| run.state_id).collect();
            let now = ctx.store.now();
            let states = ctx.store.get_all::<FlowRunState>(&states).await?.into_iter().flatten();
            let expired = states.filter(|state| has_expired(state, now)).map(|state| state.flow_run_id).collect();
            each(&ctx.store, expired, "failing an expired pause", |store, id| async move { fail(&store, id).await })
                .await;
            if !full {
                break;
            }
        }
        Ok(Next::After(self.0.every))
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
