//! A client that a stock generator makes from the document works against the server.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod support;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{Server, python, run};

/// A virtual environment that has the generator. Made once, by whoever comes first.
fn generator() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("generator");
    let lock = File::create(folder.with_extension("lock")).expect("lock file");
    lock.lock().expect("lock");
    if !folder.join("ready").exists() {
        run(Command::new(python()).args(["-m", "venv", "--clear"]).arg(&folder));
        let mut pip = Command::new(folder.join("bin/python"));
        run(pip.args([
            "-m",
            "pip",
            "-q",
            "--disable-pip-version-check",
            "install",
            "openapi-python-client==0.29.*",
            "ruff",
        ]));
        File::create(folder.join("ready")).expect("mark");
    }
    folder.join("bin")
}

#[test]
fn a_generated_client_makes_a_run_and_reads_nulls_lists_and_errors() {
    let home = tempfile::tempdir().expect("folder");
    let server = Server::start(home.path(), &[]);
    let bin = generator();
    let generated = home.path().join("generated");
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/openapi.json");
    let mut command = Command::new(bin.join("openapi-python-client"));
    command.env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default()));
    let output = command.arg("generate").arg("--path").arg(document).arg("--output-path").arg(&generated).output();
    let said = support::text(&output.expect("the generator starts"));
    assert!(!said.contains("will not be generated") && !said.contains("Unable"), "{said}");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/generated.py");
    run(Command::new(bin.join("python")).arg(script).arg(&generated).env("PREFECT_API_URL", server.api()));
}
