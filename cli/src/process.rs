//! What commands need of their process: threads, a log, signals.

use std::io::IsTerminal;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::settings;

/// The runtime of every command.
///
/// # Errors
/// A text for people.
pub fn runtime() -> Result<Runtime, String> {
    Builder::new_multi_thread().enable_all().build().map_err(|e| format!("cannot start threads: {e}"))
}

/// Writes the log to standard error, at the level that is set.
///
/// # Errors
/// A text for people.
pub fn log() -> Result<(), String> {
    let level = settings::first(settings::LOG).map_or_else(|| "info".to_owned(), |(level, _)| level.to_lowercase());
    // The stock names of levels, where they differ.
    let level = match level.as_str() {
        "warning" => "warn",
        "critical" => "error",
        other => other,
    };
    let filter = EnvFilter::try_new(level).map_err(|e| format!("MINTAKA_LOG={level}: {e}"))?;
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    let _ = log.try_init();
    Ok(())
}

/// Cancels on SIGINT or SIGTERM; a second one ends the process at once.
///
/// # Errors
/// A text for people.
pub fn stop_on_signal(stop: CancellationToken) -> Result<(), String> {
    let listen = |kind| signal(kind).map_err(|e| format!("cannot listen for signals: {e}"));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if stop.is_cancelled() {
                std::process::exit(130);
            }
            tracing::info!("stopping");
            stop.cancel();
        }
    });
    Ok(())
}
