//! What a storage URL names. Prefect's settings hold SQLAlchemy URLs, so their spellings are understood, too.

use std::path::PathBuf;

use mintaka_core::Error;

/// A parsed storage URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Url {
    /// The memory of this process.
    Memory,
    /// An SQLite file.
    Sqlite(PathBuf),
    /// An SQLite file that goes with the process.
    TemporarySqlite,
}

impl Url {
    /// Parses a URL or a plain path.
    ///
    /// | spelling | store |
    /// |---|---|
    /// | `memory:`, `memory://` | memory |
    /// | `sqlite:PATH`, `sqlite:///ABSOLUTE`, a plain path | SQLite |
    /// | `sqlite+DRIVER:///RELATIVE`, `sqlite+DRIVER:////ABSOLUTE` | SQLite, as SQLAlchemy reads it |
    /// | `:memory:` or `file:…?mode=memory` after any of those schemes, and `sqlite://` | temporary SQLite |
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a scheme that names no backend of this binary; [`Error::Refused`] for one without a path.
    pub fn parse(url: &str) -> Result<Url, Error> {
        let url = url.trim();
        let Some((scheme, rest)) = scheme_of(url) else {
            return sqlite_path(url);
        };
        let (family, driver) = match scheme.split_once('+') {
            Some((family, driver)) => (family, Some(driver)),
            None => (scheme.as_str(), None),
        };
        match family {
            "memory" => Ok(Url::Memory),
            "file" => sqlite_path(url),
            "sqlite" => match rest.strip_prefix("//") {
                Some("") => Ok(Url::TemporarySqlite), // as SQLAlchemy reads it
                None => sqlite_path(rest),
                // SQLAlchemy: the slash after the empty host is no part of the path.
                Some(rest) if driver.is_some() => sqlite_path(rest.strip_prefix('/').unwrap_or(rest)),
                Some("/:memory:") => Ok(Url::TemporarySqlite),
                Some(rest) if rest.starts_with("/file:") => sqlite_path(&rest[1..]),
                Some(rest) => sqlite_path(rest),
            },
            "postgres" | "postgresql" => {
                Err(Error::Unsupported("storage on PostgreSQL is not there yet; use sqlite:PATH or memory:".into()))
            }
            "redb" => Err(Error::Unsupported("storage on redb is not there yet; use sqlite:PATH or memory:".into())),
            _ => Err(Error::Unsupported(format!("`{scheme}:` names no storage; use sqlite:PATH or memory:"))),
        }
    }
}

/// The scheme in lower case, and what follows its colon. A single letter is a drive, not a scheme.
fn scheme_of(url: &str) -> Option<(String, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    is_scheme.then(|| (scheme.to_ascii_lowercase(), rest))
}

fn sqlite_path(text: &str) -> Result<Url, Error> {
    if let Some(uri) = text.strip_prefix("file:") {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let in_memory = path == ":memory:" || query.split('&').any(|part| part == "mode=memory");
        return if in_memory { Ok(Url::TemporarySqlite) } else { sqlite_path(path) };
    }
    // What follows a question mark are options of a driver that we do not use.
    let path = text.split_once('?').map_or(text, |(path, _)| path);
    if path.is_empty() {
        return Err(Error::Refused(
            "the storage URL names no file; use sqlite:PATH, or memory: to keep nothing".into(),
        ));
    }
    Ok(match path {
        ":memory:" => Url::TemporarySqlite,
        path => {
            let absolute = path.starts_with("//");
            Url::Sqlite(PathBuf::from(if absolute {
                format!("/{}", path.trim_start_matches('/'))
            } else {
                path.into()
            }))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_names_its_store() {
        let file = |path: &str| Ok(Url::Sqlite(path.into()));
        for (url, expected) in [
            ("memory:", Ok(Url::Memory)),
            ("memory://", Ok(Url::Memory)),
            ("sqlite:store.db", file("store.db")),
            ("sqlite:/var/store.db", file("/var/store.db")),
            ("sqlite:///var/store.db", file("/var/store.db")),
            ("sqlite:////var/store.db", file("/var/store.db")),
            ("SQLite:store.db", file("store.db")),
            ("store.db", file("store.db")),
            ("./a:b/store.db", file("./a:b/store.db")),
            ("/var/store.db", file("/var/store.db")),
            ("sqlite+aiosqlite:///store.db", file("store.db")),
            ("sqlite+aiosqlite:///./store.db?timeout=5", file("./store.db")),
            ("sqlite+aiosqlite:////var/store.db", file("/var/store.db")),
            ("sqlite+aiosqlite:///:memory:", Ok(Url::TemporarySqlite)),
            ("sqlite+aiosqlite:///file::memory:?cache=shared&uri=true", Ok(Url::TemporarySqlite)),
            ("sqlite+aiosqlite:///file:name?mode=memory&cache=shared", Ok(Url::TemporarySqlite)),
            ("sqlite:///file:name?mode=memory", Ok(Url::TemporarySqlite)),
            ("sqlite+aiosqlite:///file:/var/store.db?mode=rw", file("/var/store.db")),
            ("sqlite://", Ok(Url::TemporarySqlite)),
            ("sqlite::memory:", Ok(Url::TemporarySqlite)),
            ("sqlite:///:memory:", Ok(Url::TemporarySqlite)),
        ] {
            assert_eq!(Url::parse(url), expected, "{url}");
        }
    }

    #[test]
    fn a_url_without_a_path_names_no_store() {
        for url in ["sqlite:", "", "file:", "sqlite:?x=1", "sqlite+aiosqlite:///"] {
            assert!(matches!(Url::parse(url), Err(Error::Refused(_))), "{url}: {:?}", Url::parse(url));
        }
    }

    #[test]
    fn a_storage_that_is_not_there_is_named() {
        for (url, name) in [
            ("postgresql+asyncpg://user:secret@host/db", "PostgreSQL"),
            ("postgres://host/db", "PostgreSQL"),
            ("redb:store.redb", "redb"),
            ("mysql://user:secret@host/db", "mysql"),
        ] {
            match Url::parse(url) {
                Err(Error::Unsupported(text)) => {
                    assert!(text.contains(name) && !text.contains("secret"), "{url}: {text}");
                }
                other => panic!("{url}: {other:?}"),
            }
        }
    }
}
