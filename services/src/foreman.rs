//! Marks workers, pools, queues and deployments that have been silent for too long.

use async_trait::async_trait;
use mintaka_orchestration::OpError;
use mintaka_orchestration::ops::liveness::{Patience, mark_stale};

use crate::service::{Work, periodic};
use crate::{Ctx, Service, Settings};

/// Its name.
pub const NAME: &str = "foreman";

/// The service under these settings.
pub fn service(settings: &Settings) -> Box<dyn Service> {
    periodic(NAME, settings.foreman.every, Foreman(settings.foreman.patience))
}

struct Foreman(Patience);

#[async_trait]
impl Work for Foreman {
    async fn work(&self, ctx: &Ctx) -> Result<(), OpError> {
        let stale = mark_stale(&ctx.ops, self.0, ctx.reader.now()).await?;
        let (workers, pools) = (stale.workers.len(), stale.pools.len());
        let (deployments, queues) = (stale.deployments.len(), stale.queues.len());
        if workers + pools + deployments + queues > 0 {
            tracing::info!(workers, pools, deployments, queues, "marked as not ready");
        }
        Ok(())
    }
}
