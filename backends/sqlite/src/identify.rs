//! What a file is, judged before it is opened.
//!
//! A store that is not ours is refused byte for byte as it was, and nothing appears beside it. So the first look goes
//! through SQLite (reading the file any other way would, on closing it, drop the locks that this process may hold on
//! it), on a connection that takes no lock and reads no log. It answers only whose file it is: that stands in the header
//! of the file since its first byte was written. What the store holds, its version too, SQLite says with its log.

use std::io::{ErrorKind, Read};
use std::path::Path;

use mintaka_core::Error;
use rusqlite::{Connection, ErrorCode};

use crate::connection::for_a_look;
use crate::error::store;
use crate::migrations;

/// `MNTK`, in the header of every store of ours.
pub(crate) const APPLICATION_ID: i32 = 0x4D4E_544B;

/// What a path holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No file.
    Nothing,
    /// An empty file, or an SQLite database that nobody has put anything into.
    Empty,
    /// A store of ours.
    Ours,
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
/// [`Error::Refused`] for what is not ours or newer, and for a log without its store; [`Error::Unavailable`] for what
/// cannot be read.
pub(crate) fn identify(path: &Path) -> Result<Found, Error> {
    let name = path.display();
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            refuse_orphaned_log(path)?;
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(Error::Unavailable(format!("{name} cannot be read: {error}"))),
    };
    if meta.is_dir() {
        return Err(Error::Refused(format!("{name} is a folder; name a file in it")));
    }
    if meta.len() == 0 {
        refuse_orphaned_log(path)?;
        return Ok(Found::Empty);
    }
    let look = match Look::at(path) {
        Ok(look) => look,
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) => {
            return Err(Error::Refused(format!(
                "{name} is not an SQLite database and was left untouched; choose another path"
            )));
        }
        Err(error) => return Err(store(error)),
    };
    if look.contents.application_id == APPLICATION_ID {
        // Without a log, the main file says the version too: a newer store is refused before it is opened.
        if let Some(row) = look.contents.schema.filter(|_| !look.unfinished) {
            migrations::refuse_newer(path, &row)?;
        }
        return Ok(Found::Ours);
    }
    refuse_foreign(path, &look.contents)?;
    if look.unfinished {
        return Err(Error::Refused(format!(
            "{name} is an SQLite database with an unfinished log beside it, and not a Mintaka store; it was left \
             untouched; choose another path"
        )));
    }
    Ok(Found::Empty)
}

/// Refuses a database that somebody else has put something into.
pub(crate) fn refuse_foreign(path: &Path, contents: &Contents) -> Result<(), Error> {
    let name = path.display();
    if contents.objects.iter().any(|object| object == "alembic_version") {
        return Err(Error::Refused(format!(
            "{name} is a database of a Prefect server and was left untouched. Mintaka keeps a store of its own: choose \
             another path. An import from a Prefect database is not there yet"
        )));
    }
    let of_others = match contents.objects.first() {
        Some(object) => format!("it has `{object}`"),
        None if contents.application_id != 0 => format!("its application id is {:#010x}", contents.application_id),
        None if contents.user_version != 0 => format!("its user version is {}", contents.user_version),
        None => return Ok(()),
    };
    Err(Error::Refused(format!(
        "{name} is an SQLite database of something else ({of_others}) and was left untouched; choose another path"
    )))
}

/// Refuses to put a store beside a log that was left by another: SQLite would replay it into the new one, or delete it.
fn refuse_orphaned_log(path: &Path) -> Result<(), Error> {
    let Some(log) = ["-wal", "-journal"].map(|suffix| beside(path, suffix)).into_iter().find(|log| has_bytes(log))
    else {
        return Ok(());
    };
    // Looked at after its log: another process may have begun to create the store meanwhile. The journal of a creation
    // undoes it if it was interrupted, which SQLite does.
    let is = match std::fs::metadata(path) {
        Ok(meta) if meta.len() > 0 || journal_of_creation(&log) => return Ok(()),
        Ok(_) => "is empty",
        Err(_) => "is missing",
    };
    Err(Error::Refused(format!(
        "{} is the log of a store, but the store's own file {} {is}. If that file was moved or deleted by mistake, put \
         it back beside its log. To begin with a new store, move the log away first",
        log.display(),
        path.display()
    )))
}

/// Whether a log is the rollback journal of a first transaction. Bytes 16 to 20 of its header say how many pages there
/// were before; until the journal is synced, its first eight bytes are zero and SQLite does not use it.
fn journal_of_creation(journal: &Path) -> bool {
    const MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
    let mut header = [0; 20];
    let read = std::fs::File::open(journal).and_then(|mut file| file.read_exact(&mut header));
    read.is_ok() && (header[..8] == MAGIC || header[..8] == [0; 8]) && header[16..20] == [0; 4]
}

/// What a database says of itself.
#[derive(Debug)]
pub(crate) struct Contents {
    /// Whose it is; 0 if nobody said so.
    pub application_id: i32,
    /// A number for its owner; 0 if it was never set.
    pub user_version: i32,
    /// Tables, views and triggers by name.
    pub objects: Vec<String>,
    /// The row of the table `schema`, of a store of ours.
    pub schema: Option<SchemaRow>,
}

impl Contents {
    /// Reads them.
    pub fn of(connection: &Connection) -> rusqlite::Result<Contents> {
        let number = |pragma: &str| connection.pragma_query_value(None, pragma, |row| row.get(0));
        let mut contents = Contents {
            application_id: number("application_id")?,
            user_version: number("user_version")?,
            objects: Vec::new(),
            schema: None,
        };
        let mut statement =
            connection.prepare("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name")?;
        contents.objects = statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        if contents.application_id == APPLICATION_ID && contents.objects.iter().any(|object| object == "schema") {
            contents.schema = schema_row(connection)?;
        }
        Ok(contents)
    }
}

/// What the main file says, without its log.
struct Look {
    contents: Contents,
    /// Whether there is a log that may say otherwise.
    unfinished: bool,
}

impl Look {
    fn at(path: &Path) -> rusqlite::Result<Look> {
        let connection = for_a_look(path)?;
        let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let unfinished = ["-wal", "-journal"].iter().any(|suffix| has_bytes(&beside(path, suffix)));
        let contents = match Contents::of(&connection) {
            Ok(contents) => contents,
            // While there is a log, or another process copies its pages, the rest of the main file need not be whole.
            Err(error) if id != APPLICATION_ID && !unfinished => return Err(error),
            Err(_) => Contents { application_id: id, user_version: 0, objects: Vec::new(), schema: None },
        };
        Ok(Look { contents, unfinished })
    }
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

fn has_bytes(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0)
}

/// The file beside the main one with this suffix.
pub(crate) fn beside(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
