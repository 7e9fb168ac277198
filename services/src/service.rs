//! What a service is.

use std::time::Duration;

use async_trait::async_trait;
use mintaka_core::Reader;
use mintaka_orchestration::{OpError, Operations};
use tokio_util::sync::CancellationToken;

/// What a service works with.
#[derive(Clone)]
pub struct Ctx {
    /// What can be read of the store, and its clock.
    pub reader: Reader,
    /// What can be done to it.
    pub ops: Operations,
    /// Cancelled when the process stops. A tick of many pages looks at it between two of them.
    pub cancel: CancellationToken,
}

/// When a service wants to be called again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: there is more to do.
    Now,
    /// After so long.
    After(Duration),
}

/// An idempotent reconciler: a tick brings the store closer to what it should be, whoever else does the same meanwhile,
/// and wherever the last one broke off.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Its name, in settings, logs and on the command line.
    fn name(&self) -> &'static str;

    /// How long it waits after a tick that failed; also the measure of whether it is stuck.
    fn every(&self) -> Duration;

    /// Does what is due.
    ///
    /// # Errors
    /// Whatever kept it from looking at what is due. What concerns one run or deployment alone is logged by the service,
    /// which goes on with the others.
    async fn tick(&self, ctx: &Ctx) -> Result<Next, OpError>;
}

/// What a service does that is called at equal intervals.
#[async_trait]
pub(crate) trait Work: Send + Sync + 'static {
    /// Does what is due.
    ///
    /// # Errors
    /// As those of [`Service::tick`].
    async fn work(&self, ctx: &Ctx) -> Result<(), OpError>;
}

/// The service of this name that works whenever so much time has passed.
pub(crate) fn periodic(name: &'static str, every: Duration, work: impl Work) -> Box<dyn Service> {
    Box::new(Periodic { name, every, work })
}

struct Periodic<W> {
    name: &'static str,
    every: Duration,
    work: W,
}

#[async_trait]
impl<W: Work> Service for Periodic<W> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn every(&self) -> Duration {
        self.every
    }

    async fn tick(&self, ctx: &Ctx) -> Result<Next, OpError> {
        self.work.work(ctx).await?;
        Ok(Next::After(self.every))
    }
}
