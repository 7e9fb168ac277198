//! Connections: how a file is opened for writing, for reading, and for a look that leaves no trace.

use std::path::Path;
use std::time::{Duration, Instant};

use mintaka_core::Error;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::Options;
use crate::error::store;

/// Texts of statements that a connection keeps prepared.
const STATEMENTS: usize = 256;

/// A connection that may write, as SQLite opens the file: with its log. What the store is has still to be judged, so it
/// leaves the log as it is when it is closed before [`for_writing`].
pub(crate) fn unjudged(path: &Path, create: bool, options: &Options) -> Result<Connection, Error> {
    let create = if create { OpenFlags::SQLITE_OPEN_CREATE } else { OpenFlags::empty() };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | create;
    let connection = Connection::open_with_flags(path, flags).map_err(store)?;
    prepare(&connection, options.busy_timeout)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(store)?;
    connection.pragma_update(None, "synchronous", synchronous(options)).map_err(store)?;
    Ok(connection)
}

/// Makes a connection to a store of ours the writer's.
pub(crate) fn for_writing(connection: Connection, options: &Options) -> Result<Connection, Error> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(store)?;
    into_wal(&connection, options.busy_timeout)?;
    // A page is 4 KiB: the log is copied back after 16 MB. The cache is a limit that only use fills: 32 MB.
    let pragmas = format!(
        "PRAGMA synchronous = {}; PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -32000; \
         PRAGMA temp_store = MEMORY;",
        synchronous(options)
    );
    connection.execute_batch(&pragmas).map_err(store)?;
    Ok(connection)
}

/// Closes a connection that may have a transaction open, which is rolled back; the log stays for the next one.
pub(crate) fn give_up(connection: Connection) {
    let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
    if let Err(error) = kept.and_then(|_| connection.close().map_err(|(_, error)| error)) {
        tracing::warn!(%error, "a connection could not be closed");
    }
}

/// Has the store keep a write-ahead log. SQLite does not wait for other connections here, so this does.
fn into_wal(connection: &Connection, patience: Duration) -> Result<(), Error> {
    const PAUSE: Duration = Duration::from_millis(5);
    let until = Instant::now() + patience;
    loop {
        let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get::<_, String>(0));
        match mode {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) if Instant::now() > until => {
                return Err(Error::Unavailable(format!(
                    "the SQLite file stays in journal mode `{mode}`; close what uses it"
                )));
            }
            Err(error) if Instant::now() > until || error.sqlite_error_code() != Some(ErrorCode::DatabaseBusy) => {
                return Err(store(error));
            }
            _ => std::thread::sleep(PAUSE),
        }
    }
}

fn synchronous(options: &Options) -> &'static str {
    if options.durable { "FULL" } else { "OFF" }
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
/// It reads what it can of a file that is not whole without its log.
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
    let connection = Connection::open_with_flags(uri, flags)?;
    // The header may count more pages than the file has: the others are in the log. Only so SQLite reads on.
    connection.pragma_update(None, "writable_schema", true)?;
    Ok(connection)
}
