//! Settings that promise what is not there: those of safety stop the start, others are told to have no effect.

use crate::settings::{self, first, switch};

/// What is set and would leave the server open, or elsewhere than it is expected, if it were ignored.
///
/// # Errors
/// A sentence that names the setting.
pub fn check() -> Result<(), String> {
    let stop = |name: &str, why: &str| Err(format!("{name} is set, but {why}. Unset it to start without"));
    if let Some((_, name)) = first(&["PREFECT_SERVER_API_AUTH_STRING"]) {
        return stop(&name, "authentication is not there yet: everybody who reaches the server could use it");
    }
    let csrf = &["PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED", "PREFECT_SERVER_CSRF_PROTECTION_ENABLED"];
    for name in csrf {
        if switch(&[name])? == Some(true) {
            let why = "tokens against CSRF are not there yet (pages of other origins are refused by their Origin)";
            return stop(name, why);
        }
    }
    if let Some((path, name)) = first(&["PREFECT_SERVER_API_BASE_PATH"])
        && path.trim_end_matches('/') != mintaka_http::PREFIX
    {
        return stop(&name, "another base path than /api is not there yet");
    }
    let encrypts = |name: &str| {
        let of_server =
            ["PREFECT_SERVER_TLS_", "PREFECT_SERVER_API_TLS_", "PREFECT_SERVER_SSL_", "PREFECT_SERVER_API_SSL_"];
        of_server.iter().any(|prefix| name.starts_with(prefix))
    };
    if let Some(name) = set().find(|name| encrypts(name)) {
        return stop(&name, "TLS is not there yet: put a proxy in front that has it");
    }
    Ok(())
}

/// Prefixes of a server's settings, those of the 2.x line too.
const OF_SERVERS: &[&str] = &[
    "MINTAKA_",
    "PREFECT_SERVER_",
    "PREFECT_API_BLOCKS_",
    "PREFECT_API_DATABASE_",
    "PREFECT_API_DEFAULT_LIMIT",
    "PREFECT_API_EVENTS_",
    "PREFECT_API_KEEPALIVE_TIMEOUT",
    "PREFECT_API_LOG_RETRYABLE_ERRORS",
    "PREFECT_API_MAX_FLOW_RUN_GRAPH_",
    "PREFECT_API_SERVICES_",
    "PREFECT_API_TASK_CACHE_KEY_MAX_LENGTH",
    "PREFECT_EVENTS_",
    "PREFECT_LOGGING_SERVER_",
    "PREFECT_MESSAGING_",
    "PREFECT_TASK_RUN_TAG_CONCURRENCY_",
    "PREFECT_TASK_SCHEDULING_",
    "PREFECT_UI_",
];

/// Prefixes of names that are for tests and tools.
const OF_TOOLS: &[&str] = &["MINTAKA_TEST_", "MINTAKA_BENCH_", "MINTAKA_BIN", "MINTAKA_REWRITE_", "MINTAKA_WRITE_"];

/// Tells once of all settings of a server that are set and that nothing has asked for. Called when everything was read.
pub fn tell_of_idle_settings() {
    let starts = |name: &str, prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    let idle = set().filter(|name| starts(name, OF_SERVERS) && !starts(name, OF_TOOLS) && !settings::is_asked(name));
    let told: Vec<String> = idle
        .map(|name| match settings::nearest(&name) {
            Some(known) if name.starts_with("MINTAKA_") => format!("{name} (is {known} meant?)"),
            _ => name,
        })
        .collect();
    if !told.is_empty() {
        tracing::warn!("these settings are set and have no effect: {}", told.join(", "));
    }
}

/// The names of all variables that are set and not empty, in order.
fn set() -> impl Iterator<Item = String> {
    let mut names: Vec<String> = std::env::vars_os()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(name, _)| name.into_string().ok())
        .collect();
    names.sort();
    names.into_iter()
}
