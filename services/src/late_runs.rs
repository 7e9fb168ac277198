//! Marks runs that should have begun as late.

use std::time::Duration;

use async_trait::async_trait;
use mintaka_core::records::{FlowRun, StateType, flow_run};
use mintaka_core::{Cmp, Direction, Filter, Query, Record};
use mintaka_orchestration::ops::set_flow_run_state;
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, OpError, Proposed};

use crate::each::each;
use crate::{Ctx, LateRunsSettings, Next, Service, Settings};

/// Its name.
pub const NAME: &str = "late-runs";

/// Runs of one page.
const PAGE: u64 = 400;

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    Box::new(LateRuns(settings.late_runs.clone()))
}

struct LateRuns(LateRunsSettings);

#[async_trait]
impl Service for LateRuns {
    fn name(&self) -> &'static str {
        NAME
    }

    fn every(&self) -> Duration {
        self.0.every
    }

    async fn tick(&self, ctx: &Ctx) -> Result<Next, OpError> {
        let limit = ctx.store.now() - self.0.after;
        let mut query = Query::of(FlowRun::TABLE)
            .filter(
                Filter::eq(flow_run::state_type, StateType::Scheduled)
                    .and(Filter::cmp(flow_run::next_scheduled_start_time, Cmp::Le, limit))
                    .and(Filter::eq(flow_run::state_name, "Scheduled")),
            )
            .order(flow_run::next_scheduled_start_time, Direction::Asc)
            .limit(PAGE);
        while !ctx.cancel.is_cancelled() {
            let runs = ctx.store.select::<FlowRun>(query.clone()).await?;
            let Some(last) = runs.last() else { break };
            query.after = Some(vec![last.next_scheduled_start_time.into(), last.id.into()]);
            let full = runs.len() as u64 == PAGE;
            let marked = each(
                &ctx.store,
                runs.iter().map(|run| run.id).collect(),
                "marking a late run",
                |store, id| async move { mark_late(&store, id).await },
            )
            .await;
            if marked > 0 {
                tracing::info!(runs = marked, "marked as late");
            }
            if !full {
                break;
            }
        }
        Ok(Next::After(self.0.every))
    }
}

/// Marks a run as late if it still waits for its time to come; whether it did.
async fn mark_late(store: &mintaka_core::Store, id: uuid::Uuid) -> Result<bool, OpError> {
    let Some(run) = store.get::<FlowRun>(id).await? else { return Ok(false) };
    let (Some(StateType::Scheduled), Some("Scheduled"), Some(time)) =
        (run.state_type, run.state_name.as_deref(), run.next_scheduled_start_time)
    else {
        return Ok(false);
    };
    let late = Proposed::scheduled(time).named("Late");
    let done = set_flow_run_state(store, id, late, FlowPolicy::MarkLate, &Caller::SERVER).await?;
    Ok(done.wrote)
}
