//! Settings of the services from the environment, under the stock names of both lines.

use std::time::Duration;

use mintaka_services::Settings;

use crate::settings::{duration, parsed, switch};

/// The names of one setting: `MINTAKA_SERVICES_…`, then the stock ones of both lines.
fn names(suffix: &str) -> [String; 3] {
    ["MINTAKA_SERVICES_", "PREFECT_SERVER_SERVICES_", "PREFECT_API_SERVICES_"].map(|prefix| format!("{prefix}{suffix}"))
}

fn read_switch(suffix: &str, into: &mut bool) -> Result<(), String> {
    let names = names(suffix);
    if let Some(value) = switch(&names.each_ref().map(String::as_str))? {
        *into = value;
    }
    Ok(())
}

fn read_number<T: std::str::FromStr>(suffix: &str, into: &mut T) -> Result<(), String> {
    let names = names(suffix);
    if let Some(value) = parsed(&names.each_ref().map(String::as_str), "a whole number")? {
        *into = value;
    }
    Ok(())
}

fn read_seconds(suffix: &str, into: &mut Duration) -> Result<(), String> {
    let names = names(suffix);
    if let Some(time) = duration(&names.each_ref().map(String::as_str))? {
        *into = time;
    }
    Ok(())
}

/// The settings.
///
/// # Errors
/// A text that names the variable and what it takes.
pub fn read() -> Result<Settings, String> {
    let mut settings = Settings::default();
    let s = &mut settings.scheduler;
    read_switch("SCHEDULER_ENABLED", &mut s.enabled)?;
    read_seconds("SCHEDULER_LOOP_SECONDS", &mut s.every)?;
    read_seconds("SCHEDULER_RECENT_DEPLOYMENTS_LOOP_SECONDS", &mut s.recent_deployments_every)?;
    read_number("SCHEDULER_DEPLOYMENT_BATCH_SIZE", &mut s.deployment_batch_size)?;
    read_number("SCHEDULER_MAX_RUNS", &mut s.max_runs)?;
    read_number("SCHEDULER_MIN_RUNS", &mut s.min_runs)?;
    read_seconds("SCHEDULER_MAX_SCHEDULED_TIME", &mut s.max_scheduled_time)?;
    read_seconds("SCHEDULER_MIN_SCHEDULED_TIME", &mut s.min_scheduled_time)?;
    let s = &mut settings.late_runs;
    read_switch("LATE_RUNS_ENABLED", &mut s.enabled)?;
    read_seconds("LATE_RUNS_LOOP_SECONDS", &mut s.every)?;
    read_seconds("LATE_RUNS_AFTER_SECONDS", &mut s.after)?;
    let s = &mut settings.pause_expirations;
    read_switch("PAUSE_EXPIRATIONS_ENABLED", &mut s.enabled)?;
    read_seconds("PAUSE_EXPIRATIONS_LOOP_SECONDS", &mut s.every)?;
    let s = &mut settings.cancellation_cleanup;
    read_switch("CANCELLATION_CLEANUP_ENABLED", &mut s.enabled)?;
    read_seconds("CANCELLATION_CLEANUP_LOOP_SECONDS", &mut s.every)?;
    read_seconds("CANCELLATION_CLEANUP_CANCELLING_TIMEOUT_SECONDS", &mut s.cancelling_timeout)?;
    let s = &mut settings.foreman;
    read_switch("FOREMAN_ENABLED", &mut s.enabled)?;
    read_seconds("FOREMAN_LOOP_SECONDS", &mut s.every)?;
    let p = &mut s.patience;
    read_number("FOREMAN_INACTIVITY_HEARTBEAT_MULTIPLE", &mut p.heartbeats)?;
    read_number("FOREMAN_FALLBACK_HEARTBEAT_INTERVAL_SECONDS", &mut p.heartbeat_interval)?;
    read_number("FOREMAN_DEPLOYMENT_LAST_POLLED_TIMEOUT_SECONDS", &mut p.deployment_poll)?;
    read_number("FOREMAN_WORK_QUEUE_LAST_POLLED_TIMEOUT_SECONDS", &mut p.queue_poll)?;
    Ok(settings)
}
