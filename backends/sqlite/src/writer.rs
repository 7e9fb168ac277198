//! The one writer: a thread that owns its connection, judges groups of batches and makes them durable.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mintaka_core::{Batch, Batches, Error, Key, Outcome, Row, Rows, Stamp, Table, judge};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::oneshot;

use crate::apply::apply;
use crate::error::{self, Failure, store};
use crate::gate::Gate;
use crate::identify::beside;
use crate::queue::{Next, Queue};
use crate::statements::TableStatements;
use crate::{Options, WRITER};

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
    connection: Connection,
    statements: TableStatements,
    gate: Arc<Gate>,
    log: PathBuf,
    busy_timeout: Duration,
    /// Size of the log from which it is truncated next.
    truncate_at: u64,
    max_log_bytes: u64,
}

impl Writer {
    pub fn open(path: &std::path::Path, options: &Options, gate: Arc<Gate>) -> Result<Writer, Error> {
        Ok(Writer {
            connection: crate::connection::for_writing(path, options)?,
            statements: TableStatements::default(),
            gate,
            log: beside(path, "-wal"),
            busy_timeout: options.busy_timeout,
            truncate_at: options.max_log_bytes,
            max_log_bytes: options.max_log_bytes,
        })
    }

    /// Works until the queue is closed and empty.
    pub fn run(mut self, queue: &Queue<Commit>) {
        let mut rested = false;
        loop {
            match queue.next(if rested { Duration::from_secs(3600) } else { IDLE }) {
                Next::Item(Commit { batches, reply }) => {
                    let result = self.commit(&batches);
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
        if let Err((_, error)) = self.connection.close() {
            tracing::warn!(%error, "the store was not closed cleanly; the next start restores it from its log");
        }
    }

    /// One durable transaction. If the data of one batch cannot be stored, each is applied by itself inside it.
    fn commit(&mut self, batches: &[Batch]) -> Result<Vec<Outcome>, Error> {
        let grouped = self.transaction(|writer, stamp| writer.judge_and_apply(batches, stamp));
        match grouped {
            Err(Failure::Data(why)) => {
                tracing::warn!(batches = batches.len(), %why, "a group holds data that cannot be stored");
                self.transaction(|writer, stamp| {
                    batches.iter().map(|batch| writer.alone(batch, stamp)).collect::<Result<Vec<_>, _>>()
                })
                .map_err(Error::from)
            }
            other => other.map_err(Error::from),
        }
    }

    fn transaction(
        &mut self,
        work: impl FnOnce(&mut Writer, &mut Stamp) -> Result<Vec<Outcome>, Failure>,
    ) -> Result<Vec<Outcome>, Failure> {
        self.run_text("BEGIN IMMEDIATE")?;
        let worked = self.stamp().and_then(|mut stamp| {
            let before = stamp.seq;
            let outcomes = work(self, &mut stamp)?;
            if stamp.seq != before {
                let text = "UPDATE writer SET seq = ? WHERE id = ?";
                self.connection.prepare_cached(text)?.execute((stamp.seq, stamp.writer))?;
            }
            Ok(outcomes)
        });
        let done = worked.and_then(|outcomes| match self.run_text("COMMIT") {
            Ok(()) => Ok(outcomes),
            Err(error) => Err(Failure::Store(error::of_commit(error))),
        });
        // SQLite has already rolled back after some errors.
        if done.is_err() && !self.connection.is_autocommit() {
            self.run_text("ROLLBACK")?;
        }
        done
    }

    fn stamp(&self) -> Result<Stamp, Failure> {
        let mut statement = self.connection.prepare_cached("SELECT seq FROM writer WHERE id = ? AND NOT closed")?;
        let seq: Option<i64> = statement.query_row([WRITER], |row| row.get(0)).optional()?;
        let seq = seq.ok_or_else(|| Error::Corrupt("the row of the stream writer is missing".into()))?;
        Ok(Stamp { writer: WRITER, seq })
    }

    fn judge_and_apply(&mut self, batches: &[Batch], stamp: &mut Stamp) -> Result<Vec<Outcome>, Failure> {
        let mut rows = StoredRows { connection: &self.connection, statements: &mut self.statements };
        let (outcomes, writes) = judge(batches, &mut rows, stamp)?;
        apply(&self.connection, &mut self.statements, &writes)?;
        Ok(outcomes)
    }

    /// A batch by itself, inside the transaction of its group.
    fn alone(&mut self, batch: &Batch, stamp: &mut Stamp) -> Result<Outcome, Failure> {
        self.run_text("SAVEPOINT batch")?;
        let before = *stamp;
        let outcome = match self.judge_and_apply(std::slice::from_ref(batch), stamp) {
            Ok(mut outcomes) => {
                let none = || Failure::Store(Error::Corrupt("the judge gave no outcome".into()));
                outcomes.pop().ok_or_else(none)?
            }
            Err(Failure::Data(why)) => {
                self.run_text("ROLLBACK TO batch")?;
                *stamp = before;
                Outcome::Failed(Error::Invalid(why))
            }
            Err(other) => return Err(other),
        };
        self.run_text("RELEASE batch")?;
        Ok(outcome)
    }

    fn run_text(&self, text: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(text)?.raw_execute().map(drop)
    }

    /// Truncates the log once it is too large, in an instant without reads.
    fn bound_log(&mut self) {
        let size = std::fs::metadata(&self.log).map_or(0, |meta| meta.len());
        if size <= self.truncate_at {
            return;
        }
        let truncated = self.gate.alone(PATIENCE, || {
            // A reader in another process must not hold up everybody here.
            let _ = self.connection.busy_timeout(PATIENCE);
            let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
            let _ = self.connection.busy_timeout(self.busy_timeout);
            matches!(busy, Ok(false))
        });
        self.truncate_at = if truncated == Some(true) { self.max_log_bytes } else { size.saturating_add(LOG_STEP) };
    }

    /// Gives memory back and copies the log into the file.
    fn rest(&mut self) {
        let rested = self
            .connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .and_then(|()| self.connection.execute_batch("PRAGMA shrink_memory"));
        if let Err(error) = rested.map_err(store) {
            tracing::warn!(%error, "the log could not be copied into the store's file");
        }
    }
}

/// The rows that the judge asks for, read inside the writer's transaction.
struct StoredRows<'w> {
    connection: &'w Connection,
    statements: &'w mut TableStatements,
}

impl Rows for StoredRows<'_> {
    fn find(&mut self, table: &'static Table, key: &Key) -> Result<Option<Row>, Error> {
        self.statements.find(self.connection, table, key)
    }
}
