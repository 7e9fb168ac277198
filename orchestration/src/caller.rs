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
    /// Its version, when the `User-Agent` names one: not before 2.17.
    pub version: Option<(u32, u32, u32)>,
    /// The version of the API that it speaks.
    pub api_version: (u32, u32, u32),
}

/// How the `User-Agent` of the HTTP library of clients before 2.17 begins.
const AGENT_BEFORE_2_17: &str = "python-httpx/";

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
    /// All releases send the API version, from 2.17 on also their own; those before it leave the `User-Agent` of their HTTP
    /// library. So who sends the one with such an agent, or none, is of the 2.x line. (wire W1.2: recorded of 2.14, 2.16,
    /// 2.20, 3.0, 3.1, 3.2, 3.4 and 3.9)
    ///
    /// Whoever else names no version is of the line `unnamed`. An absent or malformed API version is the latest (whether a
    /// malformed one is refused is a matter of the HTTP layer, see [`parse_version`]).
    pub fn from_headers(user_agent: Option<&str>, api_version: Option<&str>, unnamed: ClientLine) -> Caller {
        let version = user_agent
            .and_then(|agent| agent.trim().strip_prefix("prefect/"))
            .and_then(|rest| parse_version(rest.split([' ', '(']).next().unwrap_or_default()));
        let has_library_agent = user_agent.is_none_or(|agent| agent.starts_with(AGENT_BEFORE_2_17));
        let line = match version {
            Some((major, _, _)) if major < 3 => ClientLine::V2,
            Some(_) => ClientLine::V3,
            None if api_version.is_some() && has_library_agent => ClientLine::V2,
            None => unnamed,
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
        use ClientLine::{V2, V3};
        let caller = |line, version, api_version| Caller { line, version, api_version };
        let table: &[Row] = &[
            (Some("prefect/2.20.26 (API 0.8.4)"), Some("0.8.4"), caller(V2, Some((2, 20, 26)), (0, 8, 4))),
            (Some("prefect/3.9.1 (API 0.8.4)"), Some("0.8.0"), caller(V3, Some((3, 9, 1)), (0, 8, 0))),
            (Some("prefect/3.0.0rc20 (API 0.8.4)"), None, caller(V3, Some((3, 0, 0)), (0, 8, 4))),
            (Some("prefect/2.0.4+1.gab"), None, caller(V2, Some((2, 0, 4)), (0, 8, 4))),
            (Some("prefect/3.0.11 (API 0.8.4)"), Some("0.8.4"), caller(V3, Some((3, 0, 11)), (0, 8, 4))),
            (Some("prefect/2.17.0 (API 0.8.4)"), Some("0.8.4"), caller(V2, Some((2, 17, 0)), (0, 8, 4))),
            (Some("python-httpx/0.26.0"), Some("0.8.4"), caller(V2, None, (0, 8, 4))),
            (Some("python-httpx/0.23.3"), Some("0.8.0"), caller(V2, None, (0, 8, 0))),
            (None, Some("0.8.4"), caller(V2, None, (0, 8, 4))),
        ];
        for (agent, api, expected) in table {
            for unnamed in [V2, V3] {
                assert_eq!(Caller::from_headers(*agent, *api, unnamed), *expected, "{agent:?} {api:?}");
            }
        }
        for (agent, api) in [
            (Some("curl/8.0"), Some("0.8.4")),
            (Some("python-httpx/0.28.1"), None),
            (None, None),
            (Some("x"), Some("x")),
        ] {
            for unnamed in [V2, V3] {
                let expected = caller(unnamed, None, (0, 8, 4));
                assert_eq!(Caller::from_headers(agent, api, unnamed), expected, "{agent:?} {api:?}");
            }
        }
    }
}
