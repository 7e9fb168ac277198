//! Settings from the environment: Mintaka's names first, then the stock server's names for the same thing.

use std::path::PathBuf;

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

/// The value of the first of these names that is set and not empty, with the name.
pub fn first(names: &[&str]) -> Option<(String, String)> {
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
