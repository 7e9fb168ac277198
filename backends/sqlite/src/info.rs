//! What a store is and whether it is whole, for people and commands.

use std::path::{Path, PathBuf};

use mintaka_core::Error;
use mintaka_core::records::TABLES;
use mintaka_sqlkit::quoted;
use rusqlite::Connection;

use crate::error::store;
use crate::identify::{Found, SchemaRow, beside, identify, schema_row};
use crate::{BINARY_VERSION, Options, migrations};

/// Facts about a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The file.
    pub path: PathBuf,
    /// Size of the file in bytes.
    pub file_bytes: u64,
    /// Size of the write-ahead log beside it in bytes, 0 if there is none.
    pub log_bytes: u64,
    /// Version of its schema.
    pub schema_version: i64,
    /// The oldest binary that may open it.
    pub min_binary: String,
    /// The version of the schema that this binary writes.
    pub binary_schema_version: i64,
    /// The version of this binary.
    pub binary_version: &'static str,
    /// Rows of each table, in declared order. Empty if the schema is not the one that this binary writes.
    pub rows: Vec<(&'static str, i64)>,
}

/// Facts about the store at a path, which is neither created nor migrated.
///
/// # Errors
/// [`Error::Refused`] if there is none, or one that is not ours.
pub fn info(path: &Path) -> Result<Info, Error> {
    let (connection, row) = open(path)?;
    of(&connection, path, row)
}

/// What is wrong with the store at a path: nothing, if the list is empty. It reads all of it.
///
/// # Errors
/// [`Error::Refused`] if there is none, or one that is not ours.
pub fn integrity_check(path: &Path) -> Result<Vec<String>, Error> {
    check(&open(path)?.0)
}

fn open(path: &Path) -> Result<(Connection, SchemaRow), Error> {
    if identify(path)? != Found::Ours {
        return Err(Error::Refused(format!("there is no store at {}", path.display())));
    }
    let connection = crate::connection::for_reading(path, &Options::default())?;
    let row = version_of(&connection)?;
    migrations::refuse_newer(path, &row)?;
    Ok((connection, row))
}

fn version_of(connection: &Connection) -> Result<SchemaRow, Error> {
    let row = schema_row(connection).map_err(store)?;
    row.ok_or_else(|| Error::Corrupt("the store says no version of its schema; restore a backup".into()))
}

fn of(connection: &Connection, path: &Path, row: SchemaRow) -> Result<Info, Error> {
    let size = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let binary_schema_version = migrations::current();
    let tables = if row.version == binary_schema_version { TABLES } else { &[] };
    let count = |name: &'static str| {
        let text = format!("SELECT count(*) FROM {}", quoted(name));
        connection.query_row(&text, [], |row| row.get(0)).map(|n| (name, n)).map_err(store)
    };
    Ok(Info {
        path: path.to_owned(),
        file_bytes: size(path),
        log_bytes: size(&beside(path, "-wal")),
        schema_version: row.version,
        min_binary: row.min_binary,
        binary_schema_version,
        binary_version: BINARY_VERSION,
        rows: tables.iter().map(|t| count(t.name)).collect::<Result<_, _>>()?,
    })
}

fn check(connection: &Connection) -> Result<Vec<String>, Error> {
    let mut statement = connection.prepare("PRAGMA integrity_check").map_err(store)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0)).map_err(store)?;
    let mut found = lines.collect::<rusqlite::Result<Vec<_>>>().map_err(store)?;
    found.retain(|line| line != "ok");
    Ok(found)
}
