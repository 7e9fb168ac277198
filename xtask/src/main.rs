//! `cargo xtask`: everything that is done to this repository, by name.

mod acceptance;
mod figures;
mod steps;
mod tools;

use clap::{Parser, Subcommand};

/// Tasks of this repository.
#[derive(Parser)]
#[command(name = "xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Starts the server from a release build. Arguments go to `mintaka server start`.
    Serve {
        /// Arguments of `mintaka server start`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs every check and test, and installs what they need.
    Test,
    /// Writes server/openapi.json from the code.
    Openapi,
    /// Runs a list of Prefect's own tests against a fresh server, with the acceptance tool in a folder.
    Acceptance(acceptance::Options),
    /// Compares load, start and memory with the stock server, with the comparison tool in a folder.
    Compare(figures::Options),
    /// Fills a store with so many flow runs of a year, to measure with.
    Seed {
        /// Number of flow runs.
        runs: u64,
        /// URL of the store, such as `sqlite:million.db`.
        url: String,
    },
    /// Measures idle memory and the time from start to the first answer.
    Start,
}

fn main() -> std::process::ExitCode {
    let result = match Cli::parse().task {
        Task::Serve { arguments } => steps::serve(&arguments),
        Task::Test => steps::test(),
        Task::Openapi => steps::openapi(),
        Task::Acceptance(options) => acceptance::run(&options),
        Task::Compare(options) => figures::compare(&options),
        Task::Seed { runs, url } => steps::seed(runs, &url),
        Task::Start => figures::start(),
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            std::process::ExitCode::FAILURE
        }
    }
}
