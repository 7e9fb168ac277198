//! Serving, testing, and writing what is generated.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::tools::{self, Done, cargo, run};

/// Starts a release build of the server.
pub fn serve(arguments: &[String]) -> Done {
    let mut command = cargo(&["run", "--quiet", "--release", "--locked", "--bin", "mintaka", "--", "server", "start"]);
    run(command.args(arguments))
}

/// Writes the document that is checked in.
pub fn openapi() -> Done {
    run(cargo(&["test", "--quiet", "--package", "mintaka-server", "--test", "openapi"])
        .env("MINTAKA_WRITE_OPENAPI", "1"))
}

/// Fills a store with runs.
pub fn seed(runs: u64, url: &str) -> Done {
    let mut command =
        cargo(&["run", "--quiet", "--release", "--locked", "--package", "mintaka-benches", "--bin", "seed"]);
    run(command.args(["--", &runs.to_string(), url]))
}

/// Every check and test; the summary says what ran and how long it took.
pub fn test() -> Done {
    type Step = (&'static str, fn() -> Done);
    let steps: [Step; 6] = [
        ("formatting", || run(&mut cargo(&["fmt", "--all", "--check"]))),
        ("lints", || run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))),
        ("dependencies", || {
            run(cargo(&[]).arg("metadata").args(["--format-version", "1"]).stdout(Stdio::null()))?;
            let mut command = Command::new(tools::subcommand("cargo-deny")?);
            run(command.current_dir(tools::root()).args(["check", "licenses", "bans", "sources"]))
        }),
        ("tests", || {
            let mut command = Command::new(tools::subcommand("cargo-nextest")?);
            run(command.current_dir(tools::root()).args([
                "nextest",
                "run",
                "--workspace",
                "--locked",
                "--no-fail-fast",
            ]))
        }),
        ("the README's start command", readme_start),
        ("doc tests", || run(&mut cargo(&["test", "--workspace", "--doc", "--locked", "--quiet"]))),
    ];
    let mut summary = Vec::new();
    let mut failed = Vec::new();
    for (name, step) in steps {
        println!("== {name}");
        let begun = Instant::now();
        let result = step();
        let seconds = begun.elapsed().as_secs();
        summary.push(format!("{} {name} ({seconds} s)", if result.is_ok() { "ok    " } else { "FAILED" }));
        if let Err(why) = result {
            summary.push(format!("       {why}"));
            failed.push(name);
        }
    }
    println!("\n{}", summary.join("\n"));
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Runs the README's first command until the server says that it listens.
fn readme_start() -> Done {
    let home = std::env::temp_dir().join(format!("mintaka-start-{}", std::process::id()));
    let mut command = cargo(&["run", "--release", "--bin", "mintaka", "--", "server", "start"]);
    command.env("MINTAKA_HOME", &home).env("MINTAKA_PORT", "0").stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let lines = child.stdout.take().map(|output| BufReader::new(output).lines());
    let first = lines.and_then(|mut lines| lines.next()).transpose().map_err(|error| error.to_string())?;
    let _ = child.kill();
    let _ = child.wait();
    let _ = std::fs::remove_dir_all(&home);
    match first {
        Some(line) if line.contains("is listening") => Ok(()),
        other => Err(format!("the server did not say that it listens, but {other:?}")),
    }
}
