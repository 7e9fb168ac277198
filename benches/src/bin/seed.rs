//! Fills a store with the runs of a year, for measurements: `seed RUNS URL`.
//!
//! Runs come more densely towards now: the last day has 30,000 of a million. Nineteen of twenty ended well, the rest
//! failed, crashed or were cancelled; a few wait, run or are late. Each has one task run and its last state. A store of
//! a million runs takes some minutes and 2 GB.

use std::process::ExitCode;

use mintaka_backends::Options;
use mintaka_core::records::{
    Deployment, Flow, FlowRun, FlowRunState, StateType, TaskRun, WorkPool, WorkQueue, WorkStatus,
};
use mintaka_core::{Backend, Batch, Error, Json, Outcome, Tags, Time};
use uuid::Uuid;

const FLOWS: u64 = 100;
const DEPLOYMENTS: u64 = 300;
const QUEUES: u64 = 6;
const DAY: f64 = 86_400e6;
/// Rows in one batch.
const BATCH: u64 = 500;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [runs, url] = arguments.as_slice() else {
        eprintln!("usage: seed RUNS URL");
        return ExitCode::FAILURE;
    };
    let done = runs.parse().map_err(|e| format!("{runs}: {e}")).and_then(|runs| {
        let runtime = tokio::runtime::Runtime::new().map_err(|e| e.to_string())?;
        runtime.block_on(fill(runs, url)).map_err(|e| e.to_string())
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("seed: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn fill(runs: u64, url: &str) -> Result<(), Error> {
    let store = mintaka_backends::open(url, &Options::default()).await?;
    let now = Time::system();
    let frame = (0..FLOWS).map(|n| flow(n, now)).fold(Batch::new(), Batch::insert_or_skip);
    let frame = (0..QUEUES).map(|n| queue(n, now)).fold(frame.insert_or_skip(pool(now)), Batch::insert_or_skip);
    commit(&*store, (0..DEPLOYMENTS).map(|n| deployment(n, now)).fold(frame, Batch::insert_or_skip)).await?;
    for begin in (0..runs).step_by(BATCH as usize) {
        let batch = (begin..runs.min(begin + BATCH)).fold(Batch::new(), |batch, n| with_run(batch, n, runs, now));
        commit(&*store, batch).await?;
        if begin.is_multiple_of(100_000) {
            eprintln!("{begin} of {runs} runs");
        }
    }
    store.close().await;
    Ok(())
}

async fn commit(store: &dyn Backend, batch: Batch) -> Result<(), Error> {
    match store.commit(vec![batch].into()).await?.outcomes.pop() {
        Some(Outcome::Committed { .. }) => Ok(()),
        Some(Outcome::Failed(error)) => Err(error),
        other => Err(Error::Invalid(format!("the store is not empty: {other:?}"))),
    }
}

fn id(kind: u8, n: u64) -> Uuid {
    Uuid::from_u64_pair((u64::from(kind) << 56) | (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 8), n)
}

fn flow(n: u64, now: Time) -> Flow {
    Flow { id: id(1, n), created: now, updated: now, name: format!("flow-{n:03}"), ..Flow::default() }
}

fn pool(now: Time) -> WorkPool {
    WorkPool {
        id: id(2, 0),
        created: now,
        updated: now,
        name: "seeded".into(),
        r#type: "process".into(),
        default_queue_id: id(3, 0),
        status: Some(WorkStatus::NotReady),
        ..WorkPool::default()
    }
}

fn queue(n: u64, now: Time) -> WorkQueue {
    let name = if n == 0 { "default".into() } else { format!("queue-{n}") };
    let (created, updated, priority) = (now, now, n as i64 + 1);
    WorkQueue { id: id(3, n), created, updated, name, priority, work_pool_id: id(2, 0), ..WorkQueue::default() }
}

fn deployment(n: u64, now: Time) -> Deployment {
    Deployment {
        id: id(4, n),
        created: now,
        updated: now,
        name: format!("deployment-{n:03}"),
        flow_id: id(1, n % FLOWS),
        work_queue_id: Some(id(3, n % QUEUES)),
        ..Deployment::default()
    }
}

/// In which state the `n`th run of so many is, and how long ago it was to start, in microseconds.
fn situation(n: u64, runs: u64) -> (StateType, &'static str, f64) {
    // With this exponent, three of a hundred runs are of the last day of the year, and one in five of its last month.
    let part = (runs - n) as f64 / runs as f64;
    let ago = 365.0 * DAY * part.powf(1.68) + 10e6;
    let (state, name) = match n % 200 {
        0..=6 => (StateType::Failed, "Failed"),
        7 => (StateType::Crashed, "Crashed"),
        8 => (StateType::Cancelled, "Cancelled"),
        9 if n + 2_000 > runs => (StateType::Running, "Running"),
        10 if n + 5_000 > runs => (StateType::Scheduled, "Late"),
        11 if n + 20_000 > runs => return (StateType::Scheduled, "Scheduled", -DAY * part * 20.0 - 60e6),
        _ => (StateType::Completed, "Completed"),
    };
    (state, name, ago)
}

/// Adds the `n`th run, with its state and its task run.
fn with_run(batch: Batch, n: u64, runs: u64, now: Time) -> Batch {
    let (state_type, state_name, ago) = situation(n, runs);
    let expected = now.plus_micros(-ago as i64);
    let has_started = state_type != StateType::Scheduled;
    let has_ended = state_type.is_terminal();
    let seconds = (n % 977) as f64 / 3.0;
    let start = has_started.then(|| expected.plus_micros(2_000_000));
    let end = start.filter(|_| has_ended).map(|start| start.plus_micros((seconds * 1e6) as i64));
    let entered = end.or(start).unwrap_or(expected);
    let deployment = n % DEPLOYMENTS;
    let tags =
        if n.is_multiple_of(500) { vec!["nightly".to_owned(), "rare".to_owned()] } else { vec!["nightly".to_owned()] };
    let state = FlowRunState {
        id: id(5, n),
        created: entered,
        updated: entered,
        flow_run_id: id(6, n),
        r#type: state_type,
        name: state_name.into(),
        timestamp: entered,
        ..FlowRunState::default()
    };
    let run = FlowRun {
        id: id(6, n),
        created: expected,
        updated: entered,
        name: format!("{}-{}-{n}", ["amber", "brave", "calm", "dusky"][(n % 4) as usize], n % 1_000),
        flow_id: id(1, deployment % FLOWS),
        state_id: Some(state.id),
        deployment_id: Some(id(4, deployment)),
        work_queue_id: Some(id(3, deployment % QUEUES)),
        parameters: Json::object(),
        tags: Tags(tags),
        state_type: Some(state_type),
        state_name: Some(state_name.into()),
        state_timestamp: Some(entered),
        run_count: i64::from(has_started),
        expected_start_time: Some(expected),
        next_scheduled_start_time: (!has_started).then_some(expected),
        start_time: start,
        end_time: end,
        total_run_time: if has_ended { seconds } else { 0.0 },
        auto_scheduled: true,
        sort_time: start.or(Some(expected)),
        start_delay: start.map(|_| 2.0),
        ..FlowRun::default()
    };
    let task = TaskRun {
        id: id(7, n),
        created: expected,
        updated: entered,
        name: format!("task-{}", n % 20),
        flow_run_id: Some(run.id),
        task_key: format!("task-{}", n % 20),
        dynamic_key: "0".into(),
        state_type: Some(state_type),
        state_name: Some(state_name.into()),
        state_timestamp: Some(entered),
        run_count: i64::from(has_started),
        expected_start_time: Some(expected),
        start_time: start,
        end_time: end,
        total_run_time: run.total_run_time,
        sort_time: run.sort_time,
        start_delay: run.start_delay,
        ..TaskRun::default()
    };
    batch.insert(run).insert(state).insert(task)
}
