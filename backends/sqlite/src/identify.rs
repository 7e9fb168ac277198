//! What a file is, judged before anything touches it.
//!
//! A store that is not ours is refused byte for byte as it was, and nothing appears beside it. So the first look goes
//! through SQLite itself (reading the file any other way would, on closing it, drop the locks that this process may hold
//! on it), on a connection that takes no lock and opens no log. A store of ours is created whole, and its log is copied
//! back after each migration, so the main file alone says what it is.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use mintaka_core::Error;
use rusqlite::{Connection, ErrorCode};

use crate::connection::for_a_look;
use crate::error::store;

/// `MNTK`, in the header of every store of ours.
pub(crate) const APPLICATION_ID: i32 = 0x4D4E_544B;

/// What a path holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No file.
    Nothing,
    /// An empty file, or an SQLite database without a table.
    Empty,
    /// A store of ours.
    Ours(SchemaRow),
}

/// The row of the table `schema`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SchemaRow {
    /// Number of the last migration.
    pub version: i64,
    /// The oldest binary that may open it.
    pub min_binary: String,
}

/// Judges a path without a trace.
///
/// # Errors
/// [`Error::Refused`] for what is not ours; [`Error::Unavailable`] for what cannot be read.
pub(crate) fn identify(path: &Path) -> Result<Found, Error> {
    let name = path.display();
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(Error::Unavailable(format!("{name} cannot be read: {error}"))),
    };
    if meta.is_dir() {
        return Err(Error::Refused(format!("{name} is a folder; name a file in it")));
    }
    if meta.len() == 0 {
        return Ok(Found::Empty);
    }
    match look_again(path) {
        Ok(Look { ours: true, schema: Some(row), .. }) => Ok(Found::Ours(row)),
        Ok(Look { ours: true, schema: None, .. }) => {
            Err(Error::Corrupt(format!("{name} is marked as a Mintaka store, but says no version; restore a backup")))
        }
        Ok(Look { tables, .. }) if tables.iter().any(|t| t == "alembic_version") => Err(Error::Refused(format!(
            "{name} is a database of a Prefect server and was left untouched. Mintaka keeps a store of its own: choose \
             another path. An import from a Prefect database is not there yet"
        ))),
        Ok(Look { tables, .. }) if !tables.is_empty() => Err(Error::Refused(format!(
            "{name} is an SQLite database of something else (it has the table `{}`) and was left untouched; choose \
             another path",
            tables[0]
        ))),
        Ok(_) if unfinished(path) => Err(Error::Refused(format!(
            "{name} is an SQLite database with an unfinished log beside it, and not a Mintaka store; it was left \
             untouched; choose another path"
        ))),
        Ok(_) => Ok(Found::Empty),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            Err(Error::Refused(format!("{name} is not an SQLite database and was left untouched; choose another path")))
        }
        Err(error) => Err(store(error)),
    }
}

struct Look {
    ours: bool,
    schema: Option<SchemaRow>,
    tables: Vec<String>,
}

/// A look without a lock may see a page that another process is just copying from its log: then it looks again.
fn look_again(path: &Path) -> rusqlite::Result<Look> {
    for _ in 0..5 {
        match look(path) {
            Err(error) if error.sqlite_error_code() != Some(ErrorCode::NotADatabase) && unfinished(path) => {
                std::thread::sleep(Duration::from_millis(20));
            }
            seen => return seen,
        }
    }
    look(path)
}

fn look(path: &Path) -> rusqlite::Result<Look> {
    let connection = for_a_look(path)?;
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")?;
    let tables = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<Vec<String>>>()?;
    let ours = id == APPLICATION_ID;
    let schema = if ours && tables.iter().any(|t| t == "schema") { schema_row(&connection)? } else { None };
    Ok(Look { ours, schema, tables })
}

/// The row of the table `schema`.
pub(crate) fn schema_row(connection: &Connection) -> rusqlite::Result<Option<SchemaRow>> {
    let mut statement = connection.prepare("SELECT version, min_binary FROM schema")?;
    let mut rows = statement.query([])?;
    match rows.next()? {
        Some(row) => Ok(Some(SchemaRow { version: row.get(0)?, min_binary: row.get(1)? })),
        None => Ok(None),
    }
}

/// Whether a log beside the file holds what the file alone does not show.
fn unfinished(path: &Path) -> bool {
    ["-wal", "-journal"].iter().any(|suffix| std::fs::metadata(beside(path, suffix)).is_ok_and(|meta| meta.len() > 0))
}

/// The file beside the main one with this suffix.
pub(crate) fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
