//! The one writer: a thread that commits one group of batches after another and keeps the log short.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mintaka_core::{Batches, Error, Outcome};
use tokio::sync::oneshot;

use crate::Options;
use crate::commit::commit;
use crate::error::store;
use crate::gate::Gate;
use crate::identify::beside;
use crate::queue::{Next, Queue};
use crate::session::{Session, SharedSession, lock};

/// How long a truncation of the log waits for reads to end before it gives up until the log has grown further.
const PATIENCE: Duration = Duration::from_millis(250);
/// How much the log grows before the next attempt, in bytes.
const LOG_STEP: u64 = 16 << 20;
/// After so long without a write, caches are given back.
const IDLE: Duration = Duration::from_secs(30);

/// A group of batches and who waits for it.
pub(crate) struct Commit {
    pub batches: Batches,
    pub reply: oneshot::Sender<Result<Vec<Outcome>, Error>>,
}

pub(crate) struct Writer {
    /// Whoever finds it free may read with it: see [`AtHand`](crate::at_hand::AtHand).
    session: SharedSession,
    gate: Arc<Gate>,
    log: PathBuf,
    busy_timeout: Duration,
    /// Size of the log from which it is truncated next.
    truncate_at: u64,
    max_log_bytes: u64,
}

impl Writer {
    pub fn new(session: SharedSession, path: &Path, options: &Options, gate: Arc<Gate>) -> Writer {
        Writer {
            session,
            gate,
            log: beside(path, "-wal"),
            busy_timeout: options.busy_timeout,
            truncate_at: options.max_log_bytes,
            max_log_bytes: options.max_log_bytes,
        }
    }

    /// Works until the queue is closed and empty.
    pub fn run(mut self, queue: &Queue<Commit>) {
        let mut rested = false;
        loop {
            match queue.next(if rested { Duration::from_secs(3600) } else { IDLE }) {
                Next::Item(Commit { batches, reply }) => {
                    let result = self.with_session(|session| commit(session, &batches));
                    let _ = reply.send(result); // who waited may have gone
                    self.bound_log();
                    rested = false;
                }
                Next::Idle if rested => {}
                Next::Idle => {
                    self.rest();
                    rested = true;
                }
                Next::Closed => break,
            }
        }
        let Some(session) = lock(&self.session).take() else { return };
        if let Err((_, error)) = session.connection.close() {
            tracing::warn!(%error, "the store was not closed cleanly; the next start restores it from its log");
        }
    }

    fn with_session<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, Error>) -> Result<T, Error> {
        lock(&self.session).as_mut().map_or(Err(Error::Closed), work)
    }

    /// Truncates the log once it is too large, in an instant without reads.
    fn bound_log(&mut self) {
        let size = std::fs::metadata(&self.log).map_or(0, |meta| meta.len());
        if size <= self.truncate_at {
            return;
        }
        let truncated = self.gate.alone(PATIENCE, || {
            self.with_session(|session| {
                // A reader in another process must not hold up everybody here.
                let _ = session.connection.busy_timeout(PATIENCE);
                let busy =
                    session.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
                let _ = session.connection.busy_timeout(self.busy_timeout);
                busy.map_err(store)
            })
        });
        let truncated = matches!(truncated, Some(Ok(false)));
        self.truncate_at = if truncated { self.max_log_bytes } else { size.saturating_add(LOG_STEP) };
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
