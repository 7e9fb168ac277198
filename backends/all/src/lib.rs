//! From a storage URL to an open store: the one crate that knows every backend.

mod url;

use std::sync::Arc;

use mintaka_core::memory::MemoryStore;
use mintaka_core::{Backend, Error};
use mintaka_sqlite::{Location, SqliteStore};

pub use url::Url;

/// How a store is opened. What a backend does not have is ignored by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether the folder of a store that does not exist is created, too: for the default location.
    pub create_folder: bool,
}

/// Opens the store that a URL names ([`Url::parse`]). It is created if there is none and migrated if it is older.
///
/// # Errors
/// [`Error::Unsupported`] for a URL that names no backend; [`Error::Refused`] for a store that is not ours or of a
/// newer version; else what the backend answers.
pub async fn open(url: &str, options: &Options) -> Result<Arc<dyn Backend>, Error> {
    Ok(match Url::parse(url)? {
        Url::Memory => Arc::new(MemoryStore::new()),
        Url::TemporarySqlite => open_sqlite(Location::Temporary, options).await?,
        Url::Sqlite(path) => open_sqlite(Location::File(path), options).await?,
    })
}

async fn open_sqlite(location: Location, options: &Options) -> Result<Arc<SqliteStore>, Error> {
    let options = mintaka_sqlite::Options { create_folder: options.create_folder, ..Default::default() };
    off_the_runtime(move || SqliteStore::open(location, options)).await
}

/// Runs what blocks on a thread for that.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| Err(Error::Unavailable(format!("the storage could not be reached: {e}"))))
}

/// Facts about a store, for people and commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// Name of the backend.
    pub backend: &'static str,
    /// Where it is: a path, or empty if it is nowhere.
    pub location: String,
    /// Bytes that it takes on the disk.
    pub bytes: u64,
    /// Version of its schema; 0 where there is none.
    pub schema_version: i64,
    /// The version of the schema that this binary writes; 0 where there is none.
    pub binary_schema_version: i64,
    /// The oldest binary that may open it; empty where that has no meaning.
    pub min_binary: String,
    /// The version of this binary.
    pub binary_version: &'static str,
    /// Rows of each table, in declared order; empty if they cannot be counted by this binary.
    pub rows: Vec<(&'static str, i64)>,
}

impl Info {
    fn nowhere(backend: &'static str) -> Info {
        Info {
            backend,
            location: String::new(),
            bytes: 0,
            schema_version: 0,
            binary_schema_version: 0,
            min_binary: String::new(),
            binary_version: env!("CARGO_PKG_VERSION"),
            rows: Vec::new(),
        }
    }
}

impl From<mintaka_sqlite::Info> for Info {
    fn from(info: mintaka_sqlite::Info) -> Info {
        Info {
            backend: "sqlite",
            location: info.path.display().to_string(),
            bytes: info.file_bytes + info.log_bytes,
            schema_version: info.schema_version,
            binary_schema_version: info.binary_schema_version,
            min_binary: info.min_binary,
            binary_version: info.binary_version,
            rows: info.rows,
        }
    }
}

/// Facts about the store that a URL names, which is neither created nor migrated.
///
/// # Errors
/// [`Error::Refused`] if there is none, or one that is not ours; else as [`open`].
pub async fn info(url: &str) -> Result<Info, Error> {
    match Url::parse(url)? {
        Url::Memory => Ok(Info::nowhere("memory")),
        Url::TemporarySqlite => Ok(Info::nowhere("sqlite")),
        Url::Sqlite(path) => off_the_runtime(move || mintaka_sqlite::info(&path)).await.map(Info::from),
    }
}

/// Creates the store that a URL names, or brings it to the version of this binary, and closes it again.
///
/// # Errors
/// As [`open`].
pub async fn migrate(url: &str, options: &Options) -> Result<Info, Error> {
    open(url, options).await?.close().await;
    info(url).await
}

/// What is wrong with the store that a URL names: nothing, if the list is empty. It reads all of it.
///
/// # Errors
/// As [`info`].
pub async fn integrity_check(url: &str) -> Result<Vec<String>, Error> {
    match Url::parse(url)? {
        Url::Memory | Url::TemporarySqlite => Ok(Vec::new()),
        Url::Sqlite(path) => off_the_runtime(move || mintaka_sqlite::integrity_check(&path)).await,
    }
}

#[cfg(test)]
mod tests {
    use mintaka_core::records::TABLES;

    use super::*;

    #[tokio::test]
    async fn a_store_is_created_described_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("new/store.db").display());
        assert!(matches!(info(&url).await, Err(Error::Refused(_))));
        assert!(matches!(migrate(&url, &Options::default()).await, Err(Error::Refused(_))));
        let info = migrate(&url, &Options { create_folder: true }).await.unwrap();
        assert_eq!(info.schema_version, info.binary_schema_version);
        assert_eq!(info.rows.len(), TABLES.len());
        assert!(info.bytes > 0);
        assert_eq!(integrity_check(&url).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn memory_and_temporary_stores_open() {
        for (url, name) in [("memory:", "memory"), ("sqlite+aiosqlite:///:memory:", "sqlite")] {
            let store = open(url, &Options::default()).await.unwrap();
            assert_eq!(store.caps().name, name);
            store.close().await;
        }
    }
}
