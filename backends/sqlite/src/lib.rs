//! Mintaka on SQLite: one file, one writer thread, a few reader threads.
//!
//! ```text
//!  commit ──► queue ──► writer thread: BEGIN IMMEDIATE, judge, apply, COMMIT ──► one fsync a group
//!  get of few keys, while nobody writes ─► the writer's connection, on the caller's thread
//!  get, heads ───► queue ─► reader threads ─┬► gate ─► one short read transaction each
//!  select … ─────► queue ─► reader threads ─┘   └─ shut for the instant in which the log is truncated
//! ```
//!
//! SQLite lets one transaction write at a time, whichever process it is of, so one row of the table `writer` stamps the
//! streams of all of them: its position grows in the order of commits, and a cursor has one entry.

mod apply;
mod codec;
mod commit;
mod connection;
mod error;
mod files;
mod fold;
mod gate;
mod identify;
mod info;
mod inline_reader;
mod migrations;
mod plan;
mod queue;
mod read;
mod readers;
mod session;
mod text_search;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use mintaka_core::{
    Aggregate, Backend, Batches, Caps, CommitAnswer, Durability, Error, Heads, Key, Query, Row, Table, Time, Value,
};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::files::Files;
use crate::gate::Gate;
use crate::inline_reader::InlineReader;
use crate::queue::{Pushed, Queue};
use crate::readers::{Class, Readers};
use crate::session::{Session, SharedSession};
use crate::writer::{Commit, Writer};

pub use info::{Info, info, integrity_check};
pub use plan::plan;

/// The id under which stream rows are stamped.
const WRITER: i64 = 1;
/// Groups of batches that may wait for the writer. A [`Store`](mintaka_core::Store) sends one at a time.
const WAITING_COMMITS: usize = 1_000;
/// More keys than these are read like a query.
const POINT_KEYS: usize = 200;
/// The version of this binary.
const BINARY_VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// In this file.
    File(PathBuf),
    /// In a file in the system's folder for temporary files, which goes with the store. Nothing of it is synced.
    Temporary,
}

/// How a store is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether the folder of a file that does not exist is created, too.
    pub create_folder: bool,
    /// The most threads that answer queries while none waits. They start when they are needed; where reads wait for slow
    /// ones, up to four times as many.
    pub readers: usize,
    /// How long a read may take; then it is stopped and is [`Error::Unavailable`].
    pub read_timeout: Duration,
    /// How long to wait for another process that writes.
    pub busy_timeout: Duration,
    /// Size in bytes from which the write-ahead log is truncated.
    pub max_log_bytes: u64,
    /// Whether a commit is synced to the disk before it is answered.
    pub durable: bool,
    /// If one condition of a filter leaves fewer rows than this, they are listed and sorted; else the order of the query
    /// is followed and each row is asked. Changes speed only.
    pub narrow_below: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            create_folder: false,
            readers: 4,
            read_timeout: Duration::from_secs(30),
            busy_timeout: Duration::from_secs(5),
            max_log_bytes: 64 << 20,
            durable: true,
            narrow_below: 2000,
        }
    }
}

/// A store in an SQLite file.
///
/// Dropping it ends its threads, without waiting for them; [`close`](Backend::close) waits.
pub struct SqliteStore {
    path: PathBuf,
    temporary: bool,
    durable: bool,
    commits: Arc<Queue<Commit>>,
    inline: InlineReader,
    readers: Readers,
    files: Arc<Files>,
    /// Whether the writer has lost its connection and could not open another.
    broken: Arc<AtomicBool>,
    /// Resolves when the writer thread has ended.
    ended: Mutex<Option<oneshot::Receiver<()>>>,
    /// Removed with the store.
    _folder: Option<TempDir>,
}

impl SqliteStore {
    /// Opens a store. It is created if there is none and migrated if it is older.
    ///
    /// # Errors
    /// [`Error::Refused`], with the file as it was, for a file that is not ours or of a newer version, and for a
    /// missing folder; [`Error::Unavailable`] for a file that cannot be written; [`Error::Corrupt`] for a damaged one.
    pub fn open(location: Location, options: Options) -> Result<Arc<SqliteStore>, Error> {
        let (path, options, folder) = match location {
            Location::File(path) => (path, options, None),
            Location::Temporary => {
                let folder = tempfile::Builder::new().prefix("mintaka-").tempdir();
                let folder = folder.map_err(|e| Error::Unavailable(format!("no folder for a temporary store: {e}")))?;
                (folder.path().join("store.db"), Options { durable: false, ..options }, Some(folder))
            }
        };
        let connection = migrations::open(&path, &options)?;
        let gate = Arc::new(Gate::default());
        let mut session = Session::new(connection, &options);
        session.snapshot(|session| session.writers())?; // now the log and its index are there
        let files = Arc::new(Files::of(&path));
        let session = SharedSession::new(session);
        let broken = Arc::new(AtomicBool::new(false));
        let writer = Writer::new(session.clone(), broken.clone(), &path, &options, gate.clone(), files.clone());
        let commits = Arc::new(Queue::new(WAITING_COMMITS));
        let (ends, ended) = oneshot::channel();
        let thread = WriterThread { queue: commits.clone(), _ends: ends };
        std::thread::Builder::new()
            .name("mintaka-write".into())
            .spawn(move || thread.run(writer))
            .map_err(|e| Error::Unavailable(format!("no thread for writing could be started: {e}")))?;
        Ok(Arc::new(SqliteStore {
            inline: InlineReader::new(session, options.busy_timeout),
            readers: Readers::new(path.clone(), options.clone(), gate, files.clone()),
            files,
            broken,
            path,
            temporary: folder.is_some(),
            durable: options.durable,
            commits,
            ended: Mutex::new(Some(ended)),
            _folder: folder,
        }))
    }

    /// An empty store that goes when it is dropped, for tests and experiments.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if no temporary file can be written.
    pub fn temporary() -> Result<Arc<SqliteStore>, Error> {
        SqliteStore::open(Location::Temporary, Options::default())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Facts about the store.
    ///
    /// # Errors
    /// As [`info()`].
    pub async fn info(&self) -> Result<Info, Error> {
        self.inspect(info::info).await
    }

    /// What is wrong with the store: nothing, if the list is empty. It reads all of it.
    ///
    /// # Errors
    /// As [`integrity_check()`].
    pub async fn integrity_check(&self) -> Result<Vec<String>, Error> {
        self.inspect(info::integrity_check).await
    }

    /// Reads that take long, on a connection of their own.
    async fn inspect<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let path = self.path.clone();
        let done = tokio::task::spawn_blocking(move || work(&path)).await;
        done.unwrap_or_else(|error| Err(Error::Unavailable(format!("the store could not be read: {error}"))))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.commits.close();
    }
}

/// The writer's end of the queue: however the thread ends, nobody waits for it in vain.
struct WriterThread {
    queue: Arc<Queue<Commit>>,
    _ends: oneshot::Sender<()>,
}

impl WriterThread {
    fn run(self, writer: Writer) {
        writer.run(&self.queue);
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

#[async_trait]
impl Backend for SqliteStore {
    fn caps(&self) -> Caps {
        Caps {
            name: "sqlite",
            durability: if self.durable { Durability::Power } else { Durability::Process },
            many_processes: !self.temporary,
            writers: 1,
        }
    }

    async fn heads(&self) -> Result<Heads, Error> {
        let writers = self.readers.read(Class::Point, |session| session.writers()).await?;
        // Whoever asks whether the store is ready asks this.
        self.files.check()?;
        if self.broken.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("after a failure, the store could not be opened for writing again".into()));
        }
        Ok(Heads { now: Time::system(), writers })
    }

    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        keys.iter().try_for_each(|key| key.check(table))?;
        if let Some(rows) = self.inline.get(table, &keys).await {
            return Ok(rows);
        }
        let class = if keys.len() <= POINT_KEYS { Class::Point } else { Class::Query };
        self.readers.read(class, move |session| session.get(table, &keys)).await
    }

    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        query.check()?;
        self.readers.read(Class::Query, move |session| session.select(&query)).await
    }

    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        aggregate.check()?;
        self.readers.read(Class::Query, move |session| session.aggregate(&aggregate)).await
    }

    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        let (reply, answer) = oneshot::channel();
        match self.commits.push(Commit { batches, reply }) {
            Pushed::Waiting { .. } => {}
            Pushed::Full(_) => return Err(Error::Unavailable("too many writes are waiting; try again".into())),
            Pushed::Closed(_) => return Err(Error::Closed),
        }
        answer.await.unwrap_or_else(|_| Err(Error::Indeterminate("the writer stopped before it answered".into())))
    }

    async fn close(&self) {
        self.readers.close();
        self.commits.close();
        let ended = self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(ended) = ended {
            let _ = ended.await; // it is dropped with the thread
        }
    }
}
