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
    let (level, name) = settings::first(settings::LOG).unwrap_or_else(|| ("info".into(), String::new()));
    let level = level.to_lowercase();
    // The stock names of levels, where they differ.
    let level = match level.as_str() {
        "warning" => "warn",
        "critical" => "error",
        other => other,
    };
    // A word alone would be taken for the name of a part of the program, and silence all others.
    let is_directive = |part: &str| part.contains('=') || part.parse::<tracing::level_filters::LevelFilter>().is_ok();
    if let Some(part) = level.split(',').map(str::trim).find(|part| !is_directive(part)) {
        return Err(format!(
            "{name}={level}: `{part}` is no level; use error, warn, info, debug, trace or off, or PART=LEVEL with commas"
        ));
    }
    let filter = EnvFilter::try_new(level).map_err(|e| format!("{name}={level}: {e}"))?;
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
