//! Marks workers, pools, queues and deployments that have been silent for too long.

use std::time::Duration;

use async_trait::async_trait;
use mintaka_orchestration::OpError;
use mintaka_orchestration::ops::liveness::mark_stale;

use crate::{Ctx, ForemanSettings, Next, Service, Settings};

/// Its name.
pub const NAME: &str = "foreman";

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    Box::new(Foreman(settings.foreman.clone()))
}

struct Foreman(ForemanSettings);

#[async_trait]
impl Service for Foreman {
    fn name(&self) -> &'static str {
        NAME
    }

    fn every(&self) -> Duration {
        self.0.every
    }

    async fn tick(&self, ctx: &Ctx) -> Result<Next, OpError> {
        let stale = mark_stale(&ctx.store, self.0.patience, ctx.store.now()).await?;
        let (workers, pools) = (stale.workers.len(), stale.pools.len());
        let (deployments, queues) = (stale.deployments.len(), stale.queues.len());
        if workers + pools + deployments + queues > 0 {
            tracing::info!(workers, pools, deployments, queues, "marked as not ready");
        }
        Ok(Next::After(self.0.every))
    }
}
