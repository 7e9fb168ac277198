//! The background services: reconcilers that find what is due and do it, and the one loop that runs them.
//!
//! Every service is an idempotent [`Service`] without input: it reads the store, and writes what follows. Any number of
//! processes may run the same service over one store at once; that wastes work and harms nothing. Time comes from the
//! store's clock.
//!
//! ```no_run
//! # async fn example(ops: mintaka_orchestration::Operations) -> Result<(), mintaka_services::Unknown> {
//! use mintaka_services::{Health, Settings, run, select};
//! let services = select(&Settings::default(), &["scheduler", "late-runs"])?;
//! let cancel = tokio_util::sync::CancellationToken::new();
//! run(ops, services, Health::default(), cancel).await;
//! # Ok(())
//! # }
//! ```

pub mod cancellation_cleanup;
pub mod foreman;
pub mod late_runs;
pub mod pause_expirations;
pub mod recent_deployments;
pub mod scheduler;

mod each;
mod health;
mod pages;
mod runner;
mod service;
mod settings;

pub use health::{Health, Report};
pub use runner::run;
pub use service::{Ctx, Next, Service};
pub use settings::{
    CancellationCleanupSettings, ForemanSettings, LateRunsSettings, PauseExpirationsSettings, SchedulerSettings,
    Settings,
};

/// What is known of a service before it is built.
struct Entry {
    name: &'static str,
    enabled: fn(&Settings) -> bool,
    build: fn(&Settings) -> Box<dyn Service>,
}

const SERVICES: &[Entry] = &[
    Entry { name: scheduler::NAME, enabled: |s| s.scheduler.enabled, build: scheduler::service },
    Entry { name: recent_deployments::NAME, enabled: |s| s.scheduler.enabled, build: recent_deployments::service },
    Entry { name: late_runs::NAME, enabled: |s| s.late_runs.enabled, build: late_runs::service },
    Entry {
        name: pause_expirations::NAME,
        enabled: |s| s.pause_expirations.enabled,
        build: pause_expirations::service,
    },
    Entry {
        name: cancellation_cleanup::NAME,
        enabled: |s| s.cancellation_cleanup.enabled,
        build: cancellation_cleanup::service,
    },
    Entry { name: foreman::NAME, enabled: |s| s.foreman.enabled, build: foreman::service },
];

/// The names of all services, also of those that are switched off.
pub fn names() -> impl Iterator<Item = &'static str> {
    SERVICES.iter().map(|entry| entry.name)
}

/// Every service that is switched on.
pub fn all(settings: &Settings) -> Vec<Box<dyn Service>> {
    SERVICES.iter().filter(|entry| (entry.enabled)(settings)).map(|entry| (entry.build)(settings)).collect()
}

/// A name that no service has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no service `{0}`; there are: {list}", list = names().collect::<Vec<_>>().join(", "))]
pub struct Unknown(pub String);

/// The services of these names, also those that are switched off: somebody asked for them by name.
///
/// # Errors
/// [`Unknown`] for the first name that no service has.
pub fn select(settings: &Settings, names: &[impl AsRef<str>]) -> Result<Vec<Box<dyn Service>>, Unknown> {
    let find = |name: &str| SERVICES.iter().find(|entry| entry.name == name).ok_or_else(|| Unknown(name.into()));
    names.iter().map(|name| find(name.as_ref()).map(|entry| (entry.build)(settings))).collect()
}
