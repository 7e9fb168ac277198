//! Every command of the README is run.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use support::Server;

fn commands() -> Vec<String> {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = std::fs::read_to_string(readme).expect("README.md");
    let blocks = readme.split("```console\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks.flat_map(str::lines).map(str::to_owned).filter(|line| !line.is_empty()).collect()
}

/// Commands that the steps of `cargo xtask test` run as they stand: the start of a release build, and itself.
const RUN_BY_XTASK: [&str; 2] = ["cargo run --release --bin mintaka -- server start", "cargo xtask test"];

#[test]
fn every_command_of_the_readme_runs() {
    let home = tempfile::tempdir().expect("folder");
    let server = Server::start(home.path(), &[]);
    let mut run = BTreeSet::new();
    for command in commands() {
        if RUN_BY_XTASK.contains(&command.as_str()) {
            run.insert(command);
        } else if let Some(setting) = command.strip_prefix("export PREFECT_API_URL=") {
            // As the client tests do, on another port.
            assert_eq!(setting.replace("4200", &server.port.to_string()), server.api(), "{command}");
        } else if let Some(arguments) = command.strip_prefix("mintaka ") {
            mintaka(home.path(), arguments);
        } else {
            panic!("the README has a command that no test runs: {command}");
        }
    }
    assert_eq!(run.len(), RUN_BY_XTASK.len(), "the README has the two commands that set everything up");
}

/// Runs a command of the binary: to its end, or until it says that it runs.
fn mintaka(home: &Path, arguments: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mintaka"));
    command.args(arguments.split(' ')).env("MINTAKA_HOME", home).env("MINTAKA_PORT", support::free_port().to_string());
    if !arguments.contains(" start") {
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "mintaka {arguments}: {}", support::text(&output));
        return;
    }
    use std::io::{BufRead, BufReader};
    let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
    let first = BufReader::new(child.stdout.take().expect("output")).lines().next().expect("a line").expect("text");
    assert!(first.contains("listening") || first.starts_with("Running "), "mintaka {arguments}: {first}");
    child.kill().expect("it runs");
    let _ = child.wait();
}
