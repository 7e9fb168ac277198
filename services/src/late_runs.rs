//! Marks runs that should have begun as late.
//!
//! Runs that are late stay due, and where nobody takes runs they are many. So a tick looks only at runs that have become
//! due since the last one. It looks at all, for those whose time was over when they were made, as often as that is cheap, and
//! at least once a minute.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mintaka_core::records::{FlowRun, StateType, flow_run};
use mintaka_core::{Cmp, Filter, Time};
use mintaka_orchestration::ops::propose_flow_run_state;
use mintaka_orchestration::rules::FlowPolicy;
use mintaka_orchestration::{Caller, OpError, Operations, Proposed, State};

use crate::each::each;
use crate::pages::RunPages;
use crate::service::{Work, periodic};
use crate::{Ctx, Service, Settings};

/// Its name.
pub const NAME: &str = "late-runs";

/// The most seconds after which all runs are looked at again.
const WHOLE_AFTER: f64 = 60.0;

/// All runs are looked at again once this multiple of the time that it took is over.
const REST: f64 = 100.0;

/// Seconds before the end of its last look where a tick begins: a run shows only once it is committed.
const OVERLAP: f64 = 10.0;

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    let settings = &settings.late_runs;
    periodic(NAME, settings.every, LateRuns { after: settings.after, looked: Mutex::default() })
}

struct LateRuns {
    /// How long after its time a run is late.
    after: Duration,
    /// What was looked at. Only a shortcut: without it a tick looks at all runs.
    looked: Mutex<Option<Looked>>,
}

#[derive(Clone, Copy)]
struct Looked {
    /// When all runs are looked at again.
    again: Time,
    /// Up to which time of theirs runs were looked at.
    until: Time,
}

impl Looked {
    /// From which time of theirs runs are looked at now; `None` is all of them, also after the clock was set back.
    fn since(self, now: Time) -> Option<Time> {
        let waits = self.again > now && self.again <= now.plus_seconds(WHOLE_AFTER);
        waits.then(|| self.until.plus_seconds(-OVERLAP))
    }
}

#[async_trait]
impl Work for LateRuns {
    async fn work(&self, ctx: &Ctx) -> Result<(), OpError> {
        let now = ctx.reader.now();
        let until = now - self.after;
        let looked = *self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let since = looked.and_then(|looked| looked.since(now));
        let due = Filter::eq(flow_run::state_type, StateType::Scheduled)
            .and(Filter::cmp(flow_run::next_scheduled_start_time, Cmp::Le, until))
            .and(Filter::eq(flow_run::state_name, "Scheduled"));
        let mut pages = RunPages::of(match since {
            Some(since) => due.and(Filter::cmp(flow_run::next_scheduled_start_time, Cmp::Ge, since)),
            None => due,
        });
        while let Some(runs) = pages.next(ctx).await? {
            let ids = runs.iter().map(|run| run.id).collect();
            let mark = |ops, id| async move { mark_late(&ops, id).await };
            let marked = each(&ctx.ops, ids, "marking a late run", mark).await;
            if marked > 0 {
                tracing::info!(runs = marked, "marked as late");
            }
        }
        if !ctx.cancel.is_cancelled() {
            let again = match (since, looked) {
                (Some(_), Some(looked)) => looked.again,
                _ => now.plus_seconds((ctx.reader.now().seconds_since(now) * REST).clamp(0.0, WHOLE_AFTER)),
            };
            *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Looked { again, until });
        }
        Ok(())
    }
}

/// Marks a run as late if it still waits for its time to come; whether it did.
async fn mark_late(ops: &Operations, id: uuid::Uuid) -> Result<bool, OpError> {
    let late = |run: &FlowRun, _: Option<&State>| match (run.state_type, run.state_name.as_deref()) {
        (Some(StateType::Scheduled), Some("Scheduled")) => {
            run.next_scheduled_start_time.map(|time| Proposed::scheduled(time).named("Late"))
        }
        _ => None,
    };
    let done = propose_flow_run_state(ops, id, FlowPolicy::MarkLate, &Caller::SERVER, late).await?;
    Ok(done.is_some_and(|done| done.wrote))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_looked_at_is_left_out_until_all_is_looked_at_again() {
        let at = |seconds: f64| Time::default().plus_seconds(seconds);
        let looked = Looked { again: at(130.0), until: at(85.0) };
        for (now, since) in [(105.0, Some(at(75.0))), (129.0, Some(at(75.0))), (130.0, None), (9.0, None)] {
            assert_eq!(looked.since(at(now)), since, "{now}");
        }
    }
}
