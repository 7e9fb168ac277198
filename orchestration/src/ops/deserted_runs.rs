//! Runs that wait to run again when their deployment is deleted.

use mintaka_core::records::{FlowRun, StateType, flow_run};
use mintaka_core::{Direction, Error, Filter, Query, Record};
use uuid::Uuid;

use super::propose_flow_run_state;
use crate::caller::Caller;
use crate::error::OpError;
use crate::operations::Operations;
use crate::rules::FlowPolicy;
use crate::run_policy::{FlowRunPolicy, RetryType};
use crate::state::{Proposed, State};

const PAGE: u64 = 200;

/// Cancels the runs of a deleted deployment that are still SCHEDULED, because every worker would be given them and none
/// could run them. Those that their own process retries stay: it has what it needs.
///
/// Call it after the deployment is gone, and after its runs that have not begun are.
///
/// # Errors
/// What the store answers.
pub(super) async fn cancel_deserted_runs(ops: &Operations, deployment_id: Uuid) -> Result<(), Error> {
    let waiting =
        Filter::eq(flow_run::deployment_id, deployment_id).and(Filter::eq(flow_run::state_type, StateType::Scheduled));
    let mut query = Query::of(FlowRun::TABLE)
        .filter(waiting)
        .order(flow_run::next_scheduled_start_time, Direction::Asc)
        .limit(PAGE);
    loop {
        let runs = ops.select::<FlowRun>(query.clone()).await?;
        let Some(last) = runs.last() else { return Ok(()) };
        query.after = Some(vec![last.next_scheduled_start_time.into(), last.id.into()]);
        let full = runs.len() as u64 == PAGE;
        for run in runs {
            if FlowRunPolicy::of(&run.empirical_policy).retry_type == Some(RetryType::InProcess) {
                continue;
            }
            let cancelled = Proposed::new(StateType::Cancelled)
                .saying("The deployment was deleted while the run waited, so nothing would run it.");
            // One that begins meanwhile is no longer waiting.
            let cancel = |now: &FlowRun, _: Option<&State>| {
                (now.state_type == Some(StateType::Scheduled)).then(|| cancelled.clone())
            };
            let ended = propose_flow_run_state(ops, run.id, FlowPolicy::Minimal, &Caller::SERVER, cancel).await;
            // Any other error says that it was deleted meanwhile.
            if let Err(OpError::Storage(error)) = ended {
                return Err(error);
            }
        }
        if !full {
            return Ok(());
        }
    }
}
