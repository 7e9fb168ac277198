//! The `mintaka` command: server, services and storage in one binary.

mod keys;
mod process;
mod promises;
mod serve;
mod service_settings;
mod settings;
mod storage;

use clap::{Parser, Subcommand};

/// An orchestration server for Prefect clients.
#[derive(Parser)]
#[command(name = "mintaka", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The API server.
    Server {
        #[command(subcommand)]
        command: ServerCommand,
    },
    /// The background services.
    Services {
        #[command(subcommand)]
        command: ServicesCommand,
    },
    /// The store.
    Storage {
        #[command(subcommand)]
        command: StorageCommand,
    },
    /// Prints the version.
    Version,
}

#[derive(Subcommand)]
enum ServerCommand {
    /// Starts the API, with the background services unless told otherwise.
    Start(serve::Start),
}

#[derive(Subcommand)]
enum ServicesCommand {
    /// Runs one service, or several, without the API.
    Start(serve::StartServices),
    /// Lists the services.
    Ls,
}

#[derive(Subcommand)]
enum StorageCommand {
    /// Brings a store to the version of this binary.
    Migrate(storage::Which),
    /// Says what a store is and holds.
    Info(storage::Which),
}

fn main() -> std::process::ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Server { command: ServerCommand::Start(start) } => serve::server(&start),
        Command::Services { command: ServicesCommand::Start(start) } => serve::services(&start),
        Command::Services { command: ServicesCommand::Ls } => {
            mintaka_services::names().for_each(|name| println!("{name}"));
            Ok(())
        }
        Command::Storage { command: StorageCommand::Migrate(which) } => storage::migrate(&which),
        Command::Storage { command: StorageCommand::Info(which) } => storage::info(&which),
        Command::Version => {
            println!("mintaka {}", env!("CARGO_PKG_VERSION"));
            Ok(())
        }
    };
    match result {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("mintaka: {message}");
            std::process::ExitCode::FAILURE
        }
    }
}
