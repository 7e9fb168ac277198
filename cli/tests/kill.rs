//! An acknowledged write is there and whole after SIGKILL, whenever it comes.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};
use support::Server;

const ROUNDS: usize = 20;
const WRITERS: usize = 6;

/// A run as the server acknowledged it: its states, oldest first, and how many log lines.
#[derive(Default, Clone)]
struct Acknowledged {
    run: String,
    states: Vec<(String, String)>,
    logs: usize,
}

/// SQLite copies its write-ahead log into the main file whenever 4,000 pages of 4 KiB have been written to it.
const CHECKPOINT_AFTER: usize = 4_000 << 12;
/// Bytes of one artifact.
const ARTIFACT: usize = 400_000;

/// A number from the environment.
fn given(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

fn random() -> StdRng {
    let seed = given("MINTAKA_TEST_SEED").unwrap_or_else(|| rand::rng().random());
    println!("repeat with MINTAKA_TEST_SEED={seed}");
    StdRng::seed_from_u64(seed)
}

fn check_integrity(home: &Path) {
    let info = Command::new(env!("CARGO_BIN_EXE_mintaka"))
        .args(["storage", "info", "--check"])
        .env("MINTAKA_HOME", home)
        .output()
        .expect("the command runs");
    assert!(info.status.success(), "{}", support::text(&info));
}

#[test]
fn every_acknowledged_write_survives_a_kill_while_the_log_is_copied() {
    let rounds = given("MINTAKA_TEST_KILLS").unwrap_or(20);
    let mut random = random();
    let home = tempfile::tempdir().expect("folder");
    let mut server = Server::start(home.path(), &[]);
    let data = "x".repeat(ARTIFACT);
    let mut kept = 0;
    for round in 0..rounds {
        let stop = AtomicBool::new(false);
        let acknowledged = Mutex::new(Vec::new());
        let api = server.api();
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| {
                    while !stop.load(Ordering::SeqCst)
                        && let Some(made) = post(&api, "/artifacts/", &json!({"data": data}))
                    {
                        acknowledged.lock().expect("no writer panicked").push(made["id"].clone());
                    }
                });
            }
            // From here on, checkpoints are under way again and again.
            let written = || acknowledged.lock().expect("no writer panicked").len() * ARTIFACT;
            let until = Instant::now() + Duration::from_secs(60);
            while written() < CHECKPOINT_AFTER && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(1)); // until the log is long enough
            }
            std::thread::sleep(Duration::from_millis(random.random_range(0..150))); // the random moment
            server.kill();
            stop.store(true, Ordering::SeqCst);
        });
        let acknowledged = acknowledged.into_inner().expect("no writer panicked");
        assert!(acknowledged.len() * ARTIFACT >= CHECKPOINT_AFTER, "round {round}: {} writes", acknowledged.len());
        server.again();
        let whose = json!({"artifacts": {"id": {"any_": acknowledged}}});
        let there = post(&server.api(), "/artifacts/count", &whose).expect("a count");
        assert_eq!(there, json!(acknowledged.len()), "round {round}: every acknowledged artifact is there");
        kept += acknowledged.len();
    }
    let all = post(&server.api(), "/artifacts/count", &json!({})).expect("a count");
    assert!(all.as_u64().expect("a number") >= kept as u64, "{all} of {kept}");
    server.kill();
    check_integrity(home.path());
    println!("{rounds} kills in checkpoints, {kept} artifacts checked");
}

#[test]
fn every_acknowledged_write_survives_a_kill_at_a_random_moment() {
    let mut random = random();
    let home = tempfile::tempdir().expect("folder");
    let mut server = Server::start(home.path(), &[]);
    let flow = post(&server.api(), "/flows/", &json!({"name": "killed"})).expect("a flow")["id"].clone();
    let mut all: Vec<Acknowledged> = Vec::new();
    for round in 0..ROUNDS {
        let stop = AtomicBool::new(false);
        let acknowledged = Mutex::new(Vec::new());
        let api = server.api();
        std::thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| write_until_refused(&api, &flow, &stop, &acknowledged));
            }
            std::thread::sleep(Duration::from_millis(random.random_range(30..600))); // the random moment
            server.kill();
            stop.store(true, Ordering::SeqCst);
        });
        let new = acknowledged.into_inner().expect("no writer panicked");
        assert!(!new.is_empty(), "round {round}: nothing was written before the kill");
        server.again();
        new.iter().for_each(|seen| check(&server.api(), seen));
        all.extend(new);
    }
    all.iter().for_each(|seen| check(&server.api(), seen));
    server.kill();
    check_integrity(home.path());
    let states: usize = all.iter().map(|seen| seen.states.len()).sum();
    println!(
        "{ROUNDS} kills, {} runs, {states} states, {} log lines checked",
        all.len(),
        all.iter().map(|s| s.logs).sum::<usize>()
    );
}

fn write_until_refused(api: &str, flow: &Value, stop: &AtomicBool, acknowledged: &Mutex<Vec<Acknowledged>>) {
    while !stop.load(Ordering::SeqCst) {
        let mut seen = Acknowledged::default();
        let whole = write_one(api, flow, &mut seen);
        if !seen.run.is_empty() {
            acknowledged.lock().expect("no writer panicked").push(seen);
        }
        if whole.is_none() {
            return;
        }
    }
}

fn write_one(api: &str, flow: &Value, seen: &mut Acknowledged) -> Option<()> {
    let state = |kind: &str| json!({"type": kind});
    let run = post(api, "/flow_runs/", &json!({"flow_id": flow, "state": state("PENDING"), "tags": ["a", "b"]}))?;
    seen.run = run["id"].as_str()?.to_owned();
    seen.states.push((run["state"]["id"].as_str()?.to_owned(), "PENDING".into()));
    for kind in ["RUNNING", "COMPLETED"] {
        let answer = post(api, &format!("/flow_runs/{}/set_state", seen.run), &json!({"state": state(kind)}))?;
        assert_eq!(answer["status"], "ACCEPT", "{answer}");
        seen.states.push((answer["state"]["id"].as_str()?.to_owned(), kind.into()));
        let line = json!({"name": "test", "level": 20, "message": kind, "timestamp": "2026-01-01T00:00:00Z", "flow_run_id": seen.run});
        post(api, "/logs/", &json!([line]))?;
        seen.logs += 1;
    }
    Some(())
}

fn check(api: &str, seen: &Acknowledged) {
    let run = get(api, &format!("/flow_runs/{}", seen.run));
    let history = get(api, &format!("/flow_run_states/?flow_run_id={}", seen.run));
    let history: Vec<(String, String)> = history
        .as_array()
        .expect("a list of states")
        .iter()
        .map(|s| (s["id"].as_str().unwrap_or_default().to_owned(), s["type"].as_str().unwrap_or_default().to_owned()))
        .collect();
    assert!(history.starts_with(&seen.states), "run {}: acknowledged {:?}, kept {history:?}", seen.run, seen.states);
    assert!(history.len() <= seen.states.len() + 1, "run {}: at most the write under way is there besides", seen.run);
    let (last_id, last_type) = history.last().expect("at least one state");
    assert_eq!(
        (&run["state_id"], &run["state_type"]),
        (&json!(last_id), &json!(last_type)),
        "the run shows its newest state"
    );
    assert_eq!(run["state"]["id"], json!(last_id));
    assert_eq!(run["tags"], json!(["a", "b"]));
    let filter = json!({"logs": {"flow_run_id": {"any_": [seen.run]}}});
    let logs = post(api, "/logs/filter", &filter).expect("logs");
    assert!(logs.as_array().expect("a list of logs").len() >= seen.logs, "run {}: {logs}", seen.run);
}

/// The answer to a POST; `None` if the connection broke or the server is going down.
fn post(api: &str, path: &str, body: &Value) -> Option<Value> {
    let mut answer = ureq::post(format!("{api}{path}")).send_json(body).ok()?;
    answer.body_mut().read_json().ok()
}

fn get(api: &str, path: &str) -> Value {
    let mut answer = ureq::get(format!("{api}{path}")).call().unwrap_or_else(|e| panic!("{path}: {e}"));
    answer.body_mut().read_json().expect("JSON")
}
