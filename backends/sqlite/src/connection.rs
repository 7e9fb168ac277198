//! Connections: how a file is opened for writing, for reading, and for a look that leaves no trace.

use std::path::Path;
use std::time::Duration;

use mintaka_core::Error;
use rusqlite::{Connection, OpenFlags};

use crate::Options;
use crate::error::store;

/// Texts of statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

/// The connection of the writer thread.
pub(crate) fn for_writing(path: &Path, options: &Options) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(store)?;
    prepare(&connection, options.busy_timeout)?;
    let synchronous = if options.durable { "FULL" } else { "OFF" };
    // A page is 4 KiB: the log is copied back after 16 MB. The cache is a limit that only use fills: 32 MB.
    let pragmas = format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 4000; \
         PRAGMA cache_size = -32000; PRAGMA temp_store = MEMORY;"
    );
    connection.execute_batch(&pragmas).map_err(store)?;
    Ok(connection)
}

/// A connection of a reader thread.
pub(crate) fn for_reading(path: &Path, options: &Options) -> Result<Connection, Error> {
    // Opened for writing, because a reader may have to restore the log's index; and told never to write.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(store)?;
    prepare(&connection, options.busy_timeout)?;
    connection
        .execute_batch("PRAGMA query_only = TRUE; PRAGMA cache_size = -4000; PRAGMA temp_store = MEMORY;")
        .map_err(store)?;
    Ok(connection)
}

fn prepare(connection: &Connection, busy_timeout: Duration) -> Result<(), Error> {
    connection.busy_timeout(busy_timeout).map_err(store)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// A connection that sees the main file as it is and leaves no trace beside it: no lock, no log, no change of a time.
pub(crate) fn for_a_look(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    Connection::open_with_flags(uri, flags)
}
