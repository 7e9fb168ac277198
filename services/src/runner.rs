//! The one loop that runs every service.

use std::time::Duration;

use mintaka_orchestration::Operations;
use rand::Rng;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::{Ctx, Health, Next, Service};

/// How long a tick may go on after the stop; then it is dropped, and the next process takes it up.
const GRACE: Duration = Duration::from_secs(5);

/// The share by which a wait is longer or shorter, so that services and replicas do not move in step.
const JITTER: f64 = 0.1;

/// The longest wait before the first tick.
const FIRST: Duration = Duration::from_millis(500);

/// Runs services until `cancel` is cancelled, each in its own loop, and returns when all have stopped.
///
/// A tick that fails is logged and tried again after the service's interval; a tick that panics is too.
pub async fn run(ops: Operations, services: Vec<Box<dyn Service>>, health: Health, cancel: CancellationToken) {
    let mut loops = JoinSet::new();
    for service in services {
        let ctx = Ctx { reader: ops.reader().clone(), ops: ops.clone(), cancel: cancel.clone() };
        let span = tracing::info_span!(parent: None, "service", service.name = service.name());
        loops.spawn(keep_running(service.into(), ctx, health.clone()).instrument(span));
    }
    while loops.join_next().await.is_some() {}
}

async fn keep_running(service: std::sync::Arc<dyn Service>, ctx: Ctx, health: Health) {
    let name = service.name();
    health.started(name, service.every());
    let mut wait = rand::rng().random_range(Duration::ZERO..=FIRST.min(service.every()));
    tracing::debug!("started");
    loop {
        tokio::select! {
            biased;
            () = ctx.cancel.cancelled() => break,
            () = tokio::time::sleep(wait) => {}
        }
        health.begins(name);
        let ticking = tokio::spawn({
            let (service, ctx) = (service.clone(), ctx.clone());
            async move { service.tick(&ctx).await }.in_current_span()
        });
        let Some(ended) = within_grace(ticking, &ctx.cancel).await else {
            tracing::warn!("stopped in the middle of a tick");
            break;
        };
        let error = match ended {
            Ok(Ok(next)) => {
                wait = match next {
                    Next::Now => Duration::ZERO,
                    Next::After(interval) => jittered(interval),
                };
                None
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(panic.to_string()),
        };
        if let Some(error) = &error {
            wait = jittered(service.every());
            tracing::error!(%error, "tick failed");
        }
        health.ended(name, error);
    }
    health.stopped(name);
    tracing::debug!("stopped");
}

/// What a task ends with; `None` if it goes on for too long after the stop, and then it is dropped.
async fn within_grace<T>(
    mut task: tokio::task::JoinHandle<T>,
    cancel: &CancellationToken,
) -> Option<Result<T, tokio::task::JoinError>> {
    let stopping = async {
        cancel.cancelled().await;
        tokio::time::sleep(GRACE).await;
    };
    tokio::select! {
        ended = &mut task => Some(ended),
        () = stopping => {
            task.abort();
            None
        }
    }
}

fn jittered(interval: Duration) -> Duration {
    interval.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER))
}
