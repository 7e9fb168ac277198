//! What of the services can be set. Defaults are the wire's; the settings' names are in the comments.

use std::time::Duration;

use mintaka_orchestration::ops::liveness::Patience;

/// Settings of all services (`PREFECT_SERVER_SERVICES_…`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `SCHEDULER_…`, also of recent deployments.
    pub scheduler: SchedulerSettings,
    /// `LATE_RUNS_…`
    pub late_runs: LateRunsSettings,
    /// `PAUSE_EXPIRATIONS_…`
    pub pause_expirations: PauseExpirationsSettings,
    /// `CANCELLATION_CLEANUP_…`
    pub cancellation_cleanup: CancellationCleanupSettings,
    /// `FOREMAN_…`
    pub foreman: ForemanSettings,
}

/// Settings of the scheduler and of recent deployments.
#[derive(Clone, Debug, PartialEq)]
pub struct SchedulerSettings {
    /// `ENABLED`
    pub enabled: bool,
    /// `LOOP_SECONDS`
    pub every: Duration,
    /// `RECENT_DEPLOYMENTS_LOOP_SECONDS`
    pub recent_deployments_every: Duration,
    /// `DEPLOYMENT_BATCH_SIZE`
    pub deployment_batch_size: u64,
    /// `MAX_RUNS` of one schedule; stock servers have 100, see `docs/decisions/0005-forty-runs-ahead.md`
    pub max_runs: usize,
    /// `MIN_RUNS` of one schedule
    pub min_runs: usize,
    /// `MAX_SCHEDULED_TIME`: how far ahead runs are made at most
    pub max_scheduled_time: Duration,
    /// `MIN_SCHEDULED_TIME`: how far ahead runs are made at least
    pub min_scheduled_time: Duration,
}

impl Default for SchedulerSettings {
    fn default() -> SchedulerSettings {
        SchedulerSettings {
            enabled: true,
            every: Duration::from_secs(60),
            recent_deployments_every: Duration::from_secs(5),
            deployment_batch_size: 100,
            max_runs: 40,
            min_runs: 3,
            max_scheduled_time: Duration::from_secs(100 * 86_400),
            min_scheduled_time: Duration::from_secs(3_600),
        }
    }
}

/// Settings of the service that marks late runs.
#[derive(Clone, Debug, PartialEq)]
pub struct LateRunsSettings {
    /// `ENABLED`
    pub enabled: bool,
    /// `LOOP_SECONDS`
    pub every: Duration,
    /// `AFTER_SECONDS`: how long after its time a run that has not begun is late
    pub after: Duration,
}

impl Default for LateRunsSettings {
    fn default() -> LateRunsSettings {
        LateRunsSettings { enabled: true, every: Duration::from_secs(5), after: Duration::from_secs(15) }
    }
}

/// Settings of the service that fails runs whose pause has expired.
#[derive(Clone, Debug, PartialEq)]
pub struct PauseExpirationsSettings {
    /// `ENABLED`
    pub enabled: bool,
    /// `LOOP_SECONDS`
    pub every: Duration,
}

impl Default for PauseExpirationsSettings {
    fn default() -> PauseExpirationsSettings {
        PauseExpirationsSettings { enabled: true, every: Duration::from_secs(5) }
    }
}

/// Settings of the service that cancels what a cancelled run has left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct CancellationCleanupSettings {
    /// `ENABLED`
    pub enabled: bool,
    /// `LOOP_SECONDS`
    pub every: Duration,
    /// `CANCELLING_TIMEOUT_SECONDS`: how long a run may be CANCELLING
    pub cancelling_timeout: Duration,
}

impl Default for CancellationCleanupSettings {
    fn default() -> CancellationCleanupSettings {
        CancellationCleanupSettings {
            enabled: true,
            every: Duration::from_secs(20),
            cancelling_timeout: Duration::from_secs(300),
        }
    }
}

/// Settings of the foreman.
#[derive(Clone, Debug, PartialEq)]
pub struct ForemanSettings {
    /// `ENABLED`
    pub enabled: bool,
    /// `LOOP_SECONDS`
    pub every: Duration,
    /// `INACTIVITY_HEARTBEAT_MULTIPLE`, `FALLBACK_HEARTBEAT_INTERVAL_SECONDS`,
    /// `DEPLOYMENT_LAST_POLLED_TIMEOUT_SECONDS`, `WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS`
    pub patience: Patience,
}

impl Default for ForemanSettings {
    fn default() -> ForemanSettings {
        ForemanSettings { enabled: true, every: Duration::from_secs(15), patience: Patience::default() }
    }
}
