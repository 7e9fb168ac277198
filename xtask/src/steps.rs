//! Serving, testing, and writing what is generated.

use std::process::Command;
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

/// Every check and test; the summary says what ran and how long it took.
pub fn test() -> Done {
    type Step = (&'static str, fn() -> Done);
    let steps: [Step; 5] = [
        ("formatting", || run(&mut cargo(&["fmt", "--all", "--check"]))),
        ("lints", || run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]))),
        ("dependencies", || {
            run(cargo(&[]).arg("metadata").args(["--format-version", "1"]).stdout(std::process::Stdio::null()))?;
            let mut command = Command::new(tools::deny()?);
            run(command.current_dir(tools::root()).args(["check", "licenses", "bans", "sources"]))
        }),
        ("tests", || {
            tools::nextest()?;
            run(&mut cargo(&["nextest", "run", "--workspace", "--locked", "--no-fail-fast"]))
        }),
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
