//! The one writer: a thread that commits one group of batches after another and keeps the log short.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mintaka_core::{Batches, CommitAnswer, Error, Time};
use tokio::sync::oneshot;

use crate::commit::commit;
use crate::error::store;
use crate::files::Files;
use crate::gate::Gate;
use crate::identify::beside;
use crate::queue::{Next, Queue};
use crate::session::{Session, SharedSession};
use crate::{Options, connection, migrations};

/// How long a truncation of the log waits for reads to end before it gives up until the log has grown further.
const PATIENCE: Duration = Duration::from_millis(250);
/// How much the log grows before the next attempt, in bytes.
const LOG_STEP: u64 = 16 << 20;
/// After so long without a write, caches are given back.
const IDLE: Duration = Duration::from_secs(30);
/// How often a connection that was given up is opened again.
const REOPENS_EVERY: Duration = Duration::from_secs(1);

/// A group of batches and who waits for it.
pub(crate) struct Commit {
    pub batches: Batches,
    pub reply: oneshot::Sender<Result<CommitAnswer, Error>>,
}

pub(crate) struct Writer {
    /// Whoever finds it free may read with it: see [`InlineReader`](crate::inline_reader::InlineReader).
    session: SharedSession,
    /// Whether there is no connection to write with.
    broken: Arc<AtomicBool>,
    gate: Arc<Gate>,
    files: Arc<Files>,
    path: PathBuf,
    options: Options,
    /// Size of the log from which it is truncated next.
    truncate_at: u64,
}

impl Writer {
    pub fn new(
        session: SharedSession,
        broken: Arc<AtomicBool>,
        path: &Path,
        options: &Options,
        gate: Arc<Gate>,
        files: Arc<Files>,
    ) -> Writer {
        let truncate_at = options.max_log_bytes;
        Writer { session, broken, gate, files, path: path.to_owned(), options: options.clone(), truncate_at }
    }

    /// Works until the queue is closed and empty.
    pub fn run(mut self, queue: &Queue<Commit>) {
        let mut rested = false;
        loop {
            let patience = match (self.broken.load(Ordering::Relaxed), rested) {
                (true, _) => REOPENS_EVERY,
                (false, false) => IDLE,
                (false, true) => Duration::from_secs(3600),
            };
            match queue.next(patience) {
                Next::Item(Commit { batches, reply }) => {
                    let result = self.files.check().and_then(|()| self.with_session(|s| commit(s, &batches)));
                    let answer = result.map(|outcomes| CommitAnswer { now: Time::system(), outcomes });
                    let _ = reply.send(answer); // who waited may have gone
                    self.bound_log();
                    rested = false;
                }
                Next::Idle if self.broken.load(Ordering::Relaxed) => {
                    let _ = self.with_session(|_| Ok(())); // it says so itself
                }
                Next::Idle if rested => {}
                Next::Idle => {
                    self.rest();
                    rested = true;
                }
                Next::Closed => break,
            }
        }
        let Some(session) = self.session.lock_for_writing().take() else { return };
        if let Err((_, error)) = session.connection.close() {
            tracing::warn!(%error, "the store was not closed cleanly; the next start restores it from its log");
        }
    }

    /// Works with the connection. One that was given up is opened again first; one with which the work panicked, or whose
    /// transaction nobody knows any more, is given up: closing it rolls back what is not committed.
    fn with_session<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, Error>) -> Result<T, Error> {
        let mut slot = self.session.lock_for_writing();
        let mut session = match slot.take() {
            Some(session) => session,
            None => self.reopened()?,
        };
        let result = catch_unwind(AssertUnwindSafe(|| work(&mut session))).unwrap_or_else(|_| {
            session.unusable = true;
            Err(Error::Indeterminate("the writer broke off; the server's log says why".into()))
        });
        if session.unusable {
            tracing::error!("the connection that writes is closed after a failure, and opened again");
            connection::give_up(session.connection);
            self.broken.store(true, Ordering::Relaxed);
            session = match self.reopened() {
                Ok(session) => session,
                Err(_) => return result, // tried again later
            };
        }
        *slot = Some(session);
        result
    }

    fn reopened(&self) -> Result<Session, Error> {
        let opened = self.files.check().and_then(|()| migrations::open(&self.path, &self.options));
        match opened.and_then(|connection| self.files.check().map(|()| connection)) {
            Ok(connection) => {
                self.broken.store(false, Ordering::Relaxed);
                Ok(Session::new(connection, &self.options))
            }
            Err(error) => {
                tracing::error!(%error, "the store cannot be opened for writing again");
                Err(Error::Unavailable(format!("the store cannot be opened for writing again: {error}")))
            }
        }
    }

    /// Truncates the log once it is too large, in an instant without reads.
    fn bound_log(&mut self) {
        let size = std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |meta| meta.len());
        if size <= self.truncate_at {
            return;
        }
        let truncated = self.gate.alone(PATIENCE, || {
            self.with_session(|session| {
                // A reader in another process must not hold up everybody here.
                let _ = session.connection.busy_timeout(PATIENCE);
                let busy =
                    session.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
                let _ = session.connection.busy_timeout(self.options.busy_timeout);
                busy.map_err(store)
            })
        });
        let truncated = matches!(truncated, Some(Ok(false)));
        self.truncate_at = if truncated { self.options.max_log_bytes } else { size.saturating_add(LOG_STEP) };
    }

    /// Gives memory back and copies the log into the file.
    fn rest(&mut self) {
        let rested = self.with_session(|session| {
            session
                .connection
                .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
                .and_then(|()| session.connection.execute_batch("PRAGMA shrink_memory"))
                .map_err(store)
        });
        if let Err(error) = rested {
            tracing::warn!(%error, "the log could not be copied into the store's file");
        }
    }
}

#[cfg(test)]
mod tests {
    use mintaka_core::{Backend, Batch};

    use super::*;
    use crate::{Location, SqliteStore};

    /// A second writer on the connection of a store.
    fn writer_of(store: &SqliteStore) -> Writer {
        let session = store.inline.session().clone();
        let gate = Arc::new(Gate::default());
        Writer::new(session, store.broken.clone(), &store.path, &Options::default(), gate, store.files.clone())
    }

    #[tokio::test]
    async fn a_panic_while_writing_is_maybe_done_leaves_nothing_and_the_next_write_succeeds() {
        let store = SqliteStore::temporary().unwrap();
        let broke = writer_of(&store).with_session::<()>(|session| {
            session.begin("BEGIN IMMEDIATE").unwrap();
            session.run("UPDATE writer SET seq = 77").unwrap();
            panic!("on purpose");
        });
        assert!(matches!(broke, Err(Error::Indeterminate(_))), "{broke:?}");
        assert_eq!(store.heads().await.unwrap().positions(), [(1, 0)].into());
        store.commit(vec![Batch::new()].into()).await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_cannot_be_opened_again_makes_the_store_unready_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStore::open(Location::File(path.clone()), Options::default()).unwrap();
        let writer = writer_of(&store);
        let aside = folder.path().join("aside.db");
        std::fs::rename(&path, &aside).unwrap();
        let broke = writer.with_session::<()>(|session| {
            session.unusable = true;
            Err(Error::Indeterminate("on purpose".into()))
        });
        assert!(matches!(broke, Err(Error::Indeterminate(_))));
        std::fs::rename(&aside, &path).unwrap();
        assert!(matches!(store.heads().await, Err(Error::Unavailable(_))));
        store.commit(vec![Batch::new()].into()).await.unwrap();
        store.heads().await.unwrap();
    }
}
