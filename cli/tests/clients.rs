//! Stock Prefect clients of both lines against a started server.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod support;

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use support::{Line, Server, client, script};

#[test]
fn a_flow_of_the_2_line_runs_and_its_history_survives_a_restart() {
    flow_runs_and_survives(Line::V2);
}

#[test]
fn a_flow_of_the_3_line_runs_and_its_history_survives_a_restart() {
    flow_runs_and_survives(Line::V3);
}

fn flow_runs_and_survives(line: Line) {
    let home = tempfile::tempdir().expect("folder");
    let mut server = Server::start(home.path(), &[]);
    let printed = script(line, &server, "flow.py", &[]);
    let run = printed.lines().find_map(|l| l.strip_prefix("run ")).expect("the script prints its run").to_owned();
    server.kill();
    server.again();
    script(line, &server, "check_run.py", &[&run]);
}

#[test]
fn a_deployment_of_the_2_line_runs_through_a_work_queue_and_an_agent() {
    let home = tempfile::tempdir().expect("folder");
    let server = Server::start(home.path(), &[]);
    script(Line::V2, &server, "agent.py", &[]);
}

#[test]
fn a_run_of_the_2_line_goes_on_when_the_server_is_killed_in_its_middle() {
    goes_on_after_a_kill(Line::V2);
}

#[test]
fn a_run_of_the_3_line_goes_on_when_the_server_is_killed_in_its_middle() {
    goes_on_after_a_kill(Line::V3);
}

fn goes_on_after_a_kill(line: Line) {
    let home = tempfile::tempdir().expect("folder");
    let mut server = Server::start(home.path(), &[]);
    let gate = home.path().join("go-on");
    let mut child = client(line, "python", &server.api(), home.path())
        .args(["interrupted.py", &gate.display().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client starts");
    let mut lines = BufReader::new(child.stdout.take().expect("output")).lines();
    let run = loop {
        let line = lines.next().expect("the script tells when it is in its middle").expect("text");
        if let Some(run) = line.strip_prefix("middle ") {
            break run.to_owned();
        }
    };
    server.kill();
    server.again();
    std::fs::write(&gate, "").expect("the gate opens");
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(child.wait().expect("status").success(), "{rest:?}\n--- server\n{}", server.log());
    script(line, &server, "check_run.py", &[&run]);
}
