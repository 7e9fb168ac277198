//! An acknowledged write is there and whole after SIGKILL, whenever it comes.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod support;

use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

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

#[test]
fn every_acknowledged_write_survives_a_kill_at_a_random_moment() {
    let seed =
        std::env::var("MINTAKA_TEST_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| rand::rng().random());
    println!("repeat with MINTAKA_TEST_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
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
    let info = Command::new(env!("CARGO_BIN_EXE_mintaka"))
        .args(["storage", "info", "--check"])
        .env("MINTAKA_HOME", home.path())
        .output()
        .expect("the command runs");
    assert!(info.status.success(), "{}", support::text(&info));
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
