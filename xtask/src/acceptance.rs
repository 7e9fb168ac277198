//! Prefect's own tests against a fresh server.

use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::figures::Running;
use crate::tools::{self, Done};

/// What to run, with what.
#[derive(Args)]
pub struct Options {
    /// Folder of the acceptance tool (with `run` and the lists).
    #[arg(long)]
    tool: PathBuf,
    /// Python of the virtual environment that the tool's `setup` made for the line.
    #[arg(long)]
    python: PathBuf,
    /// Git directory of Prefect's repository.
    #[arg(long)]
    source: PathBuf,
    /// List of tests: a file, or the name of one in the tool's folder.
    #[arg(long)]
    list: PathBuf,
    /// Folder for results.
    #[arg(long)]
    out: PathBuf,
}

/// Starts a disposable server without background loops and runs the list; prints a total per area.
pub fn run(options: &Options) -> Done {
    let server = Running::start(&["--no-services"], &[("MINTAKA_REGISTER_BLOCKS", "false")])?;
    let list = if options.list.exists() { options.list.clone() } else { options.tool.join(&options.list) };
    let mut command = Command::new(options.tool.join("run"));
    command.arg(server.url()).arg(list).arg(&options.out);
    command.env("ACC_PY", &options.python).env("PREFECT_SRC", &options.source);
    tools::run(&mut command)
}
