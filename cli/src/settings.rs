//! Settings from the environment: Mintaka's names first, then the stock server's names for the same thing.
//!
//! An empty variable counts as not set. What was asked for is remembered, so that the rest can be told to have no effect.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use mintaka_orchestration::caller::ClientLine;

/// Address to listen on.
pub const HOST: &[&str] = &["MINTAKA_HOST", "PREFECT_SERVER_API_HOST"];
/// Port to listen on.
pub const PORT: &[&str] = &["MINTAKA_PORT", "PREFECT_SERVER_API_PORT"];
/// Storage URL.
pub const STORAGE: &[&str] =
    &["MINTAKA_STORAGE", "PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL"];
/// Log level or filter.
pub const LOG: &[&str] = &["MINTAKA_LOG", "PREFECT_SERVER_LOGGING_LEVEL", "PREFECT_LOGGING_SERVER_LEVEL"];
/// Default and greatest `limit` of lists.
pub const DEFAULT_LIMIT: &[&str] =
    &["MINTAKA_DEFAULT_LIMIT", "PREFECT_SERVER_API_DEFAULT_LIMIT", "PREFECT_API_DEFAULT_LIMIT"];
/// The greatest size of parameters in bytes; 0 for none.
pub const MAX_PARAMETER_SIZE: &[&str] = &["MINTAKA_MAX_PARAMETER_SIZE", "PREFECT_SERVER_API_MAX_PARAMETER_SIZE"];
/// Seconds after its time for which a run that its own process retries is left to that process.
pub const RETRY_GRACE: &[&str] = &["MINTAKA_RETRY_GRACE_SECONDS"];
/// Whether block types are registered at start.
pub const REGISTER_BLOCKS: &[&str] =
    &["MINTAKA_REGISTER_BLOCKS", "PREFECT_SERVER_REGISTER_BLOCKS_ON_START", "PREFECT_API_BLOCKS_REGISTER_ON_START"];
/// The line of clients that do not say who they are.
pub const UNNAMED_CLIENTS: &[&str] = &["MINTAKA_UNNAMED_CLIENTS"];
/// Folder of further worker types.
pub const COLLECTIONS: &[&str] = &["MINTAKA_COLLECTIONS"];

/// Names that clients may call the server by.
pub const ALLOWED_HOSTS: &[&str] = &["MINTAKA_ALLOWED_HOSTS"];
/// Origins of web pages that may call the server.
pub const ALLOWED_ORIGINS: &[&str] =
    &["MINTAKA_ALLOWED_ORIGINS", "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS", "PREFECT_SERVER_CORS_ALLOWED_ORIGINS"];
/// Methods that those pages may use.
pub const ALLOWED_METHODS: &[&str] =
    &["PREFECT_SERVER_API_CORS_ALLOWED_METHODS", "PREFECT_SERVER_CORS_ALLOWED_METHODS"];
/// Headers that those pages may send.
pub const ALLOWED_HEADERS: &[&str] =
    &["PREFECT_SERVER_API_CORS_ALLOWED_HEADERS", "PREFECT_SERVER_CORS_ALLOWED_HEADERS"];

/// Names that were asked for.
static ASKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Whether a name was asked for, so that it has an effect.
pub fn is_asked(name: &str) -> bool {
    ASKED.lock().is_ok_and(|asked| asked.contains(name))
}

/// The name that was asked for and is nearest to another, if one is near.
pub fn nearest(name: &str) -> Option<String> {
    let asked = ASKED.lock().ok()?;
    let near = asked.iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    near.filter(|(edits, _)| *edits <= 3).min().map(|(_, known)| known.clone())
}

/// The value of the first of these names that is set and not empty, with the name.
pub fn first(names: &[&str]) -> Option<(String, String)> {
    if let Ok(mut asked) = ASKED.lock() {
        asked.extend(names.iter().map(|name| (*name).to_owned()));
    }
    names.iter().find_map(|name| {
        std::env::var(name).ok().filter(|value| !value.is_empty()).map(|value| (value, (*name).to_owned()))
    })
}

/// As [`first`], parsed.
///
/// # Errors
/// A text that names the variable and what it takes.
pub fn parsed<T: std::str::FromStr>(names: &[&str], takes: &str) -> Result<Option<T>, String> {
    first(names)
        .map(|(value, name)| value.trim().parse().map_err(|_| format!("{name}={value} is not {takes}")))
        .transpose()
}

/// As [`first`], as a time above zero: seconds, an ISO 8601 duration such as `PT1M30S`, or `[DAYS ]HOURS:MINUTES:SECONDS`.
///
/// # Errors
/// A text that names the variable and what it takes.
pub fn duration(names: &[&str]) -> Result<Option<Duration>, String> {
    let Some((value, name)) = first(names) else { return Ok(None) };
    let seconds =
        value.trim().parse().ok().or_else(|| iso_seconds(value.trim())).or_else(|| clock_seconds(value.trim()));
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).filter(|d| !d.is_zero());
    let wrong = || format!("{name}={value} is not a time above 0: seconds, or an ISO 8601 duration such as PT30S");
    duration.map(Some).ok_or_else(wrong)
}

/// Seconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds.
fn iso_seconds(text: &str) -> Option<f64> {
    let (date, time) = match text.strip_prefix('P')?.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text.strip_prefix('P')?, None),
    };
    let sum = |part: &str, units: &[(char, f64)]| {
        let (mut rest, mut units, mut total) = (part, units.iter(), 0.0);
        while !rest.is_empty() {
            let end = rest.find(|c: char| c.is_ascii_alphabetic())?;
            let unit = rest[end..].chars().next()?;
            let (_, seconds) = units.find(|(name, _)| *name == unit)?; // each once, the largest first
            total += rest[..end].parse::<f64>().ok()? * seconds;
            rest = &rest[end + 1..];
        }
        Some(total)
    };
    if date.is_empty() && time.is_none_or(str::is_empty) {
        return None;
    }
    let days = sum(date, &[('W', 604_800.0), ('D', 86_400.0)])?;
    Some(days + sum(time.unwrap_or_default(), &[('H', 3_600.0), ('M', 60.0), ('S', 1.0)])?)
}

/// Seconds of `[DAYS ]HOURS:MINUTES:SECONDS`.
fn clock_seconds(text: &str) -> Option<f64> {
    let (days, clock) = text.split_once(' ').unwrap_or(("0", text));
    let days: f64 = days.parse().ok()?;
    let parts: Vec<f64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [hours, minutes, seconds] => Some(((days * 24.0 + hours) * 60.0 + minutes) * 60.0 + seconds),
        _ => None,
    }
}

/// As [`first`], as a list with commas.
pub fn list(names: &[&str]) -> Vec<String> {
    let text = first(names).map(|(value, _)| value).unwrap_or_default();
    text.split(',').map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect()
}

/// As [`first`], as a switch.
///
/// # Errors
/// A text that names the variable and what it takes.
pub fn switch(names: &[&str]) -> Result<Option<bool>, String> {
    let Some((value, name)) = first(names) else { return Ok(None) };
    match value.trim().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(Some(true)),
        "0" | "false" | "no" | "off" => Ok(Some(false)),
        _ => Err(format!("{name}={value} is neither true nor false")),
    }
}

/// The line of clients that [`UNNAMED_CLIENTS`] names: `2.x` or `3.x`.
///
/// # Errors
/// A text that names the variable and what it takes.
pub fn unnamed_clients() -> Result<Option<ClientLine>, String> {
    let Some((value, name)) = first(UNNAMED_CLIENTS) else { return Ok(None) };
    match value.trim() {
        "2.x" => Ok(Some(ClientLine::V2)),
        "3.x" => Ok(Some(ClientLine::V3)),
        _ => Err(format!("{name}={value} is neither 2.x nor 3.x")),
    }
}

/// Where Mintaka keeps its files: `MINTAKA_HOME`, else the user's data directory.
pub fn home() -> PathBuf {
    if let Some((home, _)) = first(&["MINTAKA_HOME"]) {
        return home.into();
    }
    if let Some((data, _)) = first(&["XDG_DATA_HOME"]) {
        return PathBuf::from(data).join("mintaka");
    }
    let base = first(&["HOME"]).map_or_else(|| PathBuf::from("."), |(home, _)| home.into());
    base.join(".local/share/mintaka")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_stock_servers_write_them() {
        for (text, seconds) in [
            ("PT30S", Some(30.0)),
            ("PT1M30.5S", Some(90.5)),
            ("P1DT2H", Some(93_600.0)),
            ("P2W", Some(1_209_600.0)),
            ("P", None),
            ("PT", None),
            ("P1Y", None),
            ("PT1S1M", None),
            ("PTxS", None),
            ("30", None),
        ] {
            assert_eq!(iso_seconds(text), seconds, "{text}");
        }
        for (text, seconds) in [("00:01:30", Some(90.0)), ("2 01:00:00", Some(176_400.0)), ("1:2", None), ("x", None)] {
            assert_eq!(clock_seconds(text), seconds, "{text}");
        }
    }
}
