//! Names of servers and origins of web pages, as headers and settings spell them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The name or address of a server, with a port if one is given: `Host` without what may be spelt in several ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    host: Host,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    /// In small letters, without the dot that may end it.
    Name(String),
    Address(IpAddr),
}

impl Authority {
    /// Reads `name`, `name:80`, `127.0.0.1:80`, `[::1]:80`. User names have no place here.
    pub(crate) fn read(text: &str) -> Option<Authority> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest.split_once(']')?;
                (Host::Address(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?).to_canonical()), port)
            }
            None => {
                let end = text.find(':').unwrap_or(text.len());
                let (name, port) = text.split_at(end);
                let name = name.strip_suffix('.').unwrap_or(name);
                let of_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
                if name.is_empty() || !name.chars().all(of_name) {
                    return None;
                }
                let address = name.parse::<Ipv4Addr>().map(|address| Host::Address(address.into()));
                (address.unwrap_or_else(|_| Host::Name(name.to_ascii_lowercase())), port)
            }
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => None,
            None => return None,
            Some("") => None,
            Some(digits) if digits.bytes().all(|c| c.is_ascii_digit()) => Some(digits.parse().ok()?),
            Some(_) => return None,
        };
        Some(Authority { host, port })
    }

    /// Whether it can only be this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Name(name) => name == "localhost",
            Host::Address(address) => address.is_loopback(),
        }
    }

    /// Whether it, as a setting, means `other`: with the same port if it has one.
    pub(crate) fn allows(&self, other: &Authority) -> bool {
        self.host == other.host && self.port.is_none_or(|port| other.port == Some(port))
    }

    /// The same with the usual port of a scheme for none.
    pub(crate) fn on_port_of(&self, scheme: &str) -> Authority {
        let usual = match scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ => None,
        };
        Authority { host: self.host.clone(), port: self.port.or(usual) }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Name(name) => f.write_str(name)?,
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// Where a web page comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Scheme and server.
    Of(String, Authority),
    /// A page that the browser does not say more about: of a file, of a sandbox, after a redirect.
    Null,
}

impl Origin {
    /// Reads `null` and `scheme://server`; a slash may end it, since settings are written by people.
    pub(crate) fn read(text: &str) -> Option<Origin> {
        if text == "null" {
            return Some(Origin::Null);
        }
        let (scheme, server) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let server = Authority::read(server.strip_suffix('/').unwrap_or(server))?.on_port_of(&scheme);
        Some(Origin::Of(scheme, server))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_one_name_however_it_is_spelt() {
        for (text, name) in [
            ("LocalHost:80", Some("localhost:80")),
            ("localhost.", Some("localhost")),
            ("localhost.:80", Some("localhost:80")),
            ("a_b-c.example", Some("a_b-c.example")),
            ("a:", Some("a")),
            ("[0:0:0:0:0:0:0:1]:80", Some("[::1]:80")),
            ("[::ffff:127.0.0.1]", Some("127.0.0.1")),
            ("127.0.0.1.", Some("127.0.0.1")),
            ("", None),
            (".", None),
            (":80", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]80", None),
            ("[localhost]", None),
            ("user@localhost", None),
            ("localhost/x", None),
            ("local host", None),
            ("a:b", None),
            ("a:+80", None),
            ("a:70000", None),
            ("a:80:80", None),
        ] {
            assert_eq!(Authority::read(text).map(|name| name.to_string()).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for (text, loopback) in [
            ("localhost", true),
            ("127.0.0.1:80", true),
            ("127.9.9.9", true),
            ("[::1]", true),
            ("localhost.example", false),
            ("x.localhost", false),
            ("127.0.0.1.example", false),
            ("127.1", false),
            ("0.0.0.0", false),
            ("[::]", false),
        ] {
            assert_eq!(Authority::read(text).unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn an_origin_has_the_port_of_its_scheme_unless_it_names_one() {
        for (one, other, same) in [
            ("http://a", "http://A:80/", true),
            ("https://a", "HTTPS://a:443", true),
            ("http://a", "https://a", false),
            ("http://a:1", "http://a:2", false),
            ("null", "null", true),
        ] {
            assert_eq!(Origin::read(one).unwrap() == Origin::read(other).unwrap(), same, "{one} {other}");
        }
        for text in ["", "a", "http://", "http://a/b", "http://u@a", "//a", "NULL"] {
            assert_eq!(Origin::read(text), None, "{text}");
        }
    }
}
