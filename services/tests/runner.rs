//! The loop that runs services: it goes on after failures, shows how it is, and stops when told.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use mintaka_core::memory::MemoryStore;
use mintaka_core::{Error, Store};
use mintaka_orchestration::OpError;
use mintaka_orchestration::Operations;
use mintaka_services::{Ctx, Health, Next, Service, Settings, all, names, run, select};
use tokio_util::sync::CancellationToken;

/// A service that does as its script says, then sleeps for long.
struct Scripted {
    script: Vec<Step>,
    ticks: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Step {
    More,
    Fail,
    Panic,
    Hang,
}

#[async_trait]
impl Service for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }
    fn every(&self) -> Duration {
        Duration::from_millis(1)
    }
    async fn tick(&self, _: &Ctx) -> Result<Next, OpError> {
        match self.script.get(self.ticks.fetch_add(1, Ordering::SeqCst)) {
            Some(Step::More) => Ok(Next::Now),
            Some(Step::Fail) => Err(Error::Unavailable("for a moment".into()).into()),
            Some(Step::Panic) => panic!("as the script says"),
            Some(Step::Hang) => std::future::pending().await,
            None => Ok(Next::After(Duration::from_secs(3_600))),
        }
    }
}

struct Running {
    ticks: Arc<AtomicUsize>,
    health: Health,
    cancel: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

fn start(script: Vec<Step>) -> Running {
    let (ticks, health, cancel) = (Arc::<AtomicUsize>::default(), Health::default(), CancellationToken::new());
    let store = Store::new(Arc::new(MemoryStore::new()));
    let service: Box<dyn Service> = Box::new(Scripted { script, ticks: ticks.clone() });
    let task = tokio::spawn(run(Operations::over(store), vec![service], health.clone(), cancel.clone()));
    Running { ticks, health, cancel, task }
}

impl Running {
    async fn until(&self, holds: impl Fn(&Running) -> bool) {
        let waiting = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("it never came to that");
    }

    async fn stop(self) -> Duration {
        let started = Instant::now();
        self.cancel.cancel();
        self.task.await.unwrap();
        assert!(self.health.reports().is_empty(), "a stopped service has no report");
        started.elapsed()
    }
}

#[tokio::test]
async fn a_service_goes_on_after_errors_and_panics() {
    let running = start(vec![Step::Fail, Step::Panic, Step::More]);
    running.until(|r| r.ticks.load(Ordering::SeqCst) == 4 && r.health.reports()["scripted"].ticks == 2).await;
    let report = &running.health.reports()["scripted"];
    assert_eq!((report.ticks, report.failures), (2, 2));
    assert!(report.last_error.is_none() && report.ticking_since.is_none());
    assert!(running.health.stuck().is_empty());
    running.stop().await;
}

#[tokio::test]
async fn a_failing_service_shows_why() {
    let running = start(vec![Step::Fail; 100_000]);
    running.until(|r| r.health.reports().get("scripted").is_some_and(|report| report.failures > 2)).await;
    let report = &running.health.reports()["scripted"];
    assert!(report.last_error.as_deref().is_some_and(|error| error.contains("for a moment")), "{report:?}");
    assert!(report.is_stuck(report.well + Duration::from_secs(61)), "who fails for a minute is not well");
    assert!(!report.is_stuck(report.well + Duration::from_secs(59)));
    running.stop().await;
}

#[tokio::test]
async fn a_waiting_service_stops_at_once() {
    let running = start(vec![]);
    running.until(|r| r.health.reports().get("scripted").is_some_and(|report| report.ticks == 1)).await;
    assert!(running.stop().await < Duration::from_secs(4));
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_hangs_is_seen_and_dropped_after_the_stop() {
    let running = start(vec![Step::Hang]);
    running.until(|r| r.health.reports().get("scripted").is_some_and(|report| report.ticking_since.is_some())).await;
    running.stop().await;
}

#[test]
fn services_are_chosen_by_name_or_by_what_is_switched_on() {
    let mut settings = Settings::default();
    let chosen = |settings: &Settings| all(settings).iter().map(|service| service.name()).collect::<Vec<_>>();
    assert_eq!(chosen(&settings), names().collect::<Vec<_>>());
    settings.scheduler.enabled = false;
    settings.foreman.enabled = false;
    assert_eq!(chosen(&settings), ["late-runs", "pause-expirations", "cancellation-cleanup"]);
    assert_eq!(select(&settings, &["foreman"]).unwrap().len(), 1, "who asks by name gets it");
    let error = select(&settings, &["foreman", "barber"]).err().unwrap().to_string();
    assert!(error.contains("`barber`") && error.contains("late-runs"), "{error}");
}
