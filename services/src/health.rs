//! When each service was last well, as data: for readiness, metrics and people.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A service may take so many of its intervals before it counts as stuck, …
const INTERVALS: u32 = 10;
/// … but at least so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is known of a running service.
#[derive(Clone, Debug)]
pub struct Report {
    /// When it was started, or ended its last tick without an error.
    pub well: Instant,
    /// When its running tick began; `None` while it waits.
    pub ticking_since: Option<Instant>,
    /// Ticks that ended well.
    pub ticks: u64,
    /// Ticks that failed.
    pub failures: u64,
    /// Why the last tick failed; `None` once one ended well.
    pub last_error: Option<String>,
    /// How often it is meant to tick.
    pub every: Duration,
}

impl Report {
    /// Whether it has not been well for far longer than it should.
    pub fn is_stuck(&self, now: Instant) -> bool {
        now.duration_since(self.well) > (self.every * INTERVALS).max(PATIENCE)
    }
}

/// The reports of all services of a process. Cheap to clone; all clones show the same.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, Report>>>);

impl Health {
    /// The reports, by name of service.
    pub fn reports(&self) -> BTreeMap<&'static str, Report> {
        self.lock().clone()
    }

    /// The services that have not been well for far longer than they should.
    pub fn stuck(&self) -> Vec<&'static str> {
        let now = Instant::now();
        self.lock().iter().filter(|(_, report)| report.is_stuck(now)).map(|(name, _)| *name).collect()
    }

    pub(crate) fn started(&self, name: &'static str, every: Duration) {
        let report =
            Report { well: Instant::now(), ticking_since: None, ticks: 0, failures: 0, last_error: None, every };
        self.lock().insert(name, report);
    }

    pub(crate) fn stopped(&self, name: &'static str) {
        self.lock().remove(name);
    }

    pub(crate) fn begins(&self, name: &'static str) {
        if let Some(report) = self.lock().get_mut(name) {
            report.ticking_since = Some(Instant::now());
        }
    }

    pub(crate) fn ended(&self, name: &'static str, error: Option<String>) {
        if let Some(report) = self.lock().get_mut(name) {
            report.ticking_since = None;
            match &error {
                None => {
                    report.well = Instant::now();
                    report.ticks += 1;
                }
                Some(_) => report.failures += 1,
            }
            report.last_error = error;
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Report>> {
        // Every change of the map is one assignment, so a panic elsewhere leaves it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
