//! What the benches share: stores to measure, and runs to fill them with.
//!
//! `cargo bench -p mintaka-benches` measures every backend of this binary; `MINTAKA_BENCH_STORE` names others, as URLs
//! with commas between them. A store in a file is synced to the disk on every commit.

use std::sync::Arc;

use mintaka_backends::Options;
use mintaka_core::records::{FlowRun, FlowRunState, StateType, flow_run};
use mintaka_core::{Backend, Batch, Change, Error, Key, Outcome, Tags, Time, Versioned};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// A store under measurement.
pub struct Bench {
    /// Name in the report.
    pub name: String,
    /// The runtime that its calls run on.
    pub runtime: Runtime,
    /// The store.
    pub store: Arc<dyn Backend>,
    _folder: TempDir,
}

/// The stores to measure, each new and empty.
///
/// # Errors
/// What opening one answers.
pub fn stores() -> Result<Vec<Bench>, Error> {
    let unavailable = |e: std::io::Error| Error::Unavailable(e.to_string());
    let open = |name: Option<String>| {
        let folder = tempfile::tempdir().map_err(unavailable)?;
        let runtime = Runtime::new().map_err(unavailable)?;
        let in_file = || format!("sqlite:{}", folder.path().join("bench.db").display());
        let (name, url) = match name {
            None => ("sqlite".to_string(), in_file()),
            Some(url) => (url.clone(), url),
        };
        let store = runtime.block_on(mintaka_backends::open(&url, &Options::default()))?;
        Ok(Bench { name, runtime, store, _folder: folder })
    };
    match std::env::var("MINTAKA_BENCH_STORE") {
        Ok(urls) => urls.split(',').map(|url| open(Some(url.trim().into()))).collect(),
        Err(_) => [None, Some("memory:".to_string())].into_iter().map(open).collect(),
    }
}

impl Bench {
    /// Commits batches and holds the store to committing all of them.
    pub fn commit(&self, batches: Vec<Batch>) {
        let outcomes = self.runtime.block_on(self.store.commit(batches.into())).map(|answer| answer.outcomes);
        let all = |outcomes: &Vec<Outcome>| outcomes.iter().all(|o| matches!(o, Outcome::Committed { .. }));
        assert!(outcomes.as_ref().is_ok_and(all), "{outcomes:?}");
    }

    /// Fills the store with flow runs `0..n`.
    pub fn fill(&self, n: u64) {
        for start in (0..n).step_by(1000) {
            let runs = (start..n.min(start + 1000)).map(|i| Batch::new().insert(a_run(i)));
            self.commit(runs.collect());
        }
    }
}

/// The id of the `n`th run; they come in no order.
pub fn run_id(n: u64) -> Uuid {
    let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Uuid::from_u64_pair(mixed, n)
}

/// The `n`th run: one of 50 flows, every tenth with tag `tenth`, every five-hundredth with tag `rare`.
pub fn a_run(n: u64) -> FlowRun {
    let at = Time::from_micros(1_700_000_000_000_000 + n as i64 * 1_000);
    let mut tags = Vec::new();
    tags.extend(n.is_multiple_of(10).then(|| "tenth".to_string()));
    tags.extend(n.is_multiple_of(500).then(|| "rare".to_string()));
    FlowRun {
        id: run_id(n),
        created: at,
        updated: at,
        name: format!("run-{n}"),
        flow_id: Uuid::from_u128(u128::from(n % 50)),
        deployment_id: Some(Uuid::from_u128(u128::from(n % 200))),
        flow_version: Some("1".into()),
        tags: Tags(tags),
        state_type: Some(StateType::Scheduled),
        state_name: Some("Scheduled".into()),
        state_timestamp: Some(at),
        expected_start_time: Some(at),
        next_scheduled_start_time: Some(at),
        auto_scheduled: true,
        sort_time: Some(at),
        ..FlowRun::default()
    }
}

/// A transition of a run as it was seen: a state row, and the run changed under its version.
pub fn transition(seen: &Versioned<FlowRun>) -> Batch {
    let run = &seen.record;
    let (to, at) = match run.state_type {
        Some(StateType::Running) => (StateType::Pending, run.updated.plus_micros(1)),
        _ => (StateType::Running, run.updated.plus_micros(1)),
    };
    let state = FlowRunState {
        id: Uuid::now_v7(),
        created: at,
        updated: at,
        flow_run_id: run.id,
        r#type: to,
        name: to.default_name(),
        timestamp: at,
        ..FlowRunState::default()
    };
    let change = Change::default()
        .set(flow_run::updated, at)
        .set(flow_run::state_id, state.id)
        .set(flow_run::state_type, to)
        .set(flow_run::state_name, to.default_name())
        .set(flow_run::state_timestamp, at)
        .add(flow_run::run_count, 1_i64);
    Batch::new().version(seen).insert(state).update::<FlowRun>(Key::id(run.id), change)
}
