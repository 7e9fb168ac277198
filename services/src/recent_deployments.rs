//! Schedules deployments soon after they change, so that nobody waits for the scheduler's next tick.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use mintaka_core::records::{Deployment, deployment, deployment_schedule};
use mintaka_core::{Cmp, Direction, Filter, Query, Record, Time};
use mintaka_orchestration::OpError;

use crate::scheduler::schedule_all;
use crate::service::{Work, periodic};
use crate::{Ctx, SchedulerSettings, Service, Settings};

/// Its name.
pub const NAME: &str = "recent-deployments";

/// How far before its last tick it looks again: a change shows only once it is committed.
const OVERLAP: f64 = 1.0;

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    let settings = settings.scheduler.clone();
    let every = settings.recent_deployments_every;
    periodic(NAME, every, RecentDeployments { every, settings, last: AtomicI64::new(Time::MIN.micros()) })
}

struct RecentDeployments {
    settings: SchedulerSettings,
    every: Duration,
    /// When the last tick began. Only a shortcut: without it a tick looks back one interval.
    last: AtomicI64,
}

#[async_trait]
impl Work for RecentDeployments {
    async fn work(&self, ctx: &Ctx) -> Result<(), OpError> {
        let now = ctx.reader.now();
        let last = Time::from_micros(self.last.load(Ordering::Relaxed));
        let last = if last == Time::MIN { now - self.every } else { last };
        let mut query = Query::of(Deployment::TABLE)
            .filter(
                Filter::cmp(deployment::updated, Cmp::Ge, last.plus_seconds(-OVERLAP))
                    .and(Filter::eq(deployment::paused, false))
                    .and(Filter::has(
                        deployment::id,
                        deployment_schedule::deployment_id,
                        Filter::eq(deployment_schedule::active, true),
                    )),
            )
            .order(deployment::updated, Direction::Asc)
            .limit(self.settings.deployment_batch_size.max(1));
        while !ctx.cancel.is_cancelled() {
            let recent = ctx.reader.select::<Deployment>(query.clone()).await?;
            let Some(last) = recent.last() else { break };
            query.after = Some(vec![last.updated.into(), last.id.into()]);
            let full = recent.len() as u64 == query.limit;
            schedule_all(&ctx.ops, &self.settings, recent.iter().map(|deployment| deployment.id).collect()).await;
            if !full {
                break;
            }
        }
        self.last.store(now.micros(), Ordering::Relaxed);
        Ok(())
    }
}
