//! Who calls: the line, version and API version of a client, on which rules differ.

/// The line of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientLine {
    /// Prefect 2.x.
    V2,
    /// Prefect 3.x, and everything that does not say what it is.
    V3,
}

/// A client as its headers describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Its line.
    pub line: ClientLine,
    /// Its version, when the `User-Agent` names one.
    pub version: Option<(u32, u32, u32)>,
    /// The version of the API that it speaks.
    pub api_version: (u32, u32, u32),
}

/// The version of the API that both lines speak today.
pub const API_VERSION: (u32, u32, u32) = (0, 8, 4);

impl Default for Caller {
    fn default() -> Caller {
        Caller::SERVER
    }
}

impl Caller {
    /// The server itself: services and operations that no client asked for.
    pub const SERVER: Caller = Caller { line: ClientLine::V3, version: None, api_version: API_VERSION };

    /// From `User-Agent: prefect/<version> (API …)` and `X-PREFECT-API-VERSION: <version>`.
    ///
    /// Without a `User-Agent` that names a 2.x version the line is 3.x; an absent or malformed API version is the latest
    /// (whether a malformed one is refused is a matter of the HTTP layer, see [`parse_version`]).
    pub fn from_headers(user_agent: Option<&str>, api_version: Option<&str>) -> Caller {
        let version = user_agent
            .and_then(|agent| agent.trim().strip_prefix("prefect/"))
            .and_then(|rest| parse_version(rest.split([' ', '(']).next().unwrap_or_default()));
        let line = match version {
            Some((major, _, _)) if major < 3 => ClientLine::V2,
            _ => ClientLine::V3,
        };
        Caller { line, version, api_version: api_version.and_then(parse_version).unwrap_or(API_VERSION) }
    }

    /// Whether the caller is of the 3.x line.
    pub fn is_v3(&self) -> bool {
        self.line == ClientLine::V3
    }

    /// Whether the caller knows pauses and resuming (API 0.8.4).
    pub fn knows_pauses(&self) -> bool {
        self.api_version >= (0, 8, 4)
    }

    /// Whether a flow retry must rewrite its failed task runs for the caller (API below 0.8.3).
    pub fn retries_tasks_by_state(&self) -> bool {
        self.api_version < (0, 8, 3)
    }
}

/// The first three numbers of a version such as `3.9.1`, `3.0.0rc20` or `2.20.26+4.g1234`; missing ones are 0.
///
/// `None` if the first part is no number, or a later one does not begin with a digit.
pub fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let release = text.trim().split(['+', '-']).next().unwrap_or_default();
    let mut numbers = [0; 3];
    for (n, part) in release.split('.').enumerate() {
        let digits = part.find(|c: char| !c.is_ascii_digit()).map_or(part, |end| &part[..end]);
        match numbers.get_mut(n) {
            Some(number) => *number = digits.parse().ok()?,
            None => break,
        }
        if digits.len() < part.len() {
            break;
        }
    }
    let [major, minor, patch] = numbers;
    Some((major, minor, patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_line_and_versions() {
        type Row = (Option<&'static str>, Option<&'static str>, Caller);
        let caller = |line, version, api_version| Caller { line, version, api_version };
        let table: &[Row] = &[
            (Some("prefect/2.20.26 (API 0.8.4)"), Some("0.8.4"), caller(ClientLine::V2, Some((2, 20, 26)), (0, 8, 4))),
            (Some("prefect/3.9.1 (API 0.8.4)"), Some("0.8.0"), caller(ClientLine::V3, Some((3, 9, 1)), (0, 8, 0))),
            (Some("prefect/3.0.0rc20 (API 0.8.4)"), None, caller(ClientLine::V3, Some((3, 0, 0)), (0, 8, 4))),
            (Some("prefect/2.0.4+1.gab"), None, caller(ClientLine::V2, Some((2, 0, 4)), (0, 8, 4))),
            (Some("curl/8.0"), Some("x"), Caller::SERVER),
            (None, None, Caller::SERVER),
        ];
        for (agent, api, expected) in table {
            assert_eq!(Caller::from_headers(*agent, *api), *expected, "{agent:?} {api:?}");
        }
    }
}
