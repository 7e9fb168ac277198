//! Reads on the thread of the caller, with the writer's connection, while nobody writes.
//!
//! A row that is in memory is read in less time than it takes to wake another thread and be woken by it, and the writer's
//! connection has in memory what was just written, of which the caches of the others know nothing. So few keys are read
//! here if that needs no waiting. A read that turns out slow, as on a cold file, sends the following ones to the pool for
//! a while: an async executor must not be held up. The writer goes first: while it waits for its connection, nobody else
//! takes it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mintaka_core::{Key, Row, Table};

use crate::session::{Session, SharedSession};

/// More keys are for the pool.
const KEYS: usize = 8;
/// How often a read looks whether the session is free.
const TRIES: usize = 2;
/// A read that took longer was slow.
const SLOW: Duration = Duration::from_millis(1);
/// How long reads stay with the pool after a slow one.
const BACKOFF: Duration = Duration::from_secs(1);

pub(crate) struct InlineReader {
    session: SharedSession,
    busy_timeout: Duration,
    slow: Duration,
    backoff_until: Mutex<Option<Instant>>,
}

impl InlineReader {
    pub fn new(session: SharedSession, busy_timeout: Duration) -> InlineReader {
        InlineReader { session, busy_timeout, slow: SLOW, backoff_until: Mutex::default() }
    }

    /// The rows, or `None`: the pool shall read, because it is not for here, or failed.
    pub async fn get(&self, table: &'static Table, keys: &[Key]) -> Option<Vec<Option<Row>>> {
        if keys.len() > KEYS || self.backoff_until().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        for _ in 0..TRIES {
            if let Some(mut session) = self.session.lock_if_free() {
                return self.read(session.as_mut()?, table, keys);
            }
            tokio::task::yield_now().await; // another read is over soon
        }
        None
    }

    fn read(&self, session: &mut Session, table: &'static Table, keys: &[Key]) -> Option<Vec<Option<Row>>> {
        let begins = Instant::now();
        // What another process locks is waited for in the pool.
        let mut rows = session.connection.busy_timeout(Duration::ZERO).ok().and_then(|()| {
            let rows = session.snapshot(|session| session.get(table, keys));
            rows.ok()
        });
        if session.connection.busy_timeout(self.busy_timeout).is_err() {
            rows = None;
        }
        if rows.is_none() || begins.elapsed() > self.slow {
            *self.backoff_until() = Some(begins + BACKOFF);
        }
        rows
    }

    #[cfg(test)]
    pub fn session(&self) -> &SharedSession {
        &self.session
    }

    fn backoff_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.backoff_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mintaka_core::records::Variable;
    use mintaka_core::{Backend, Record};

    use super::*;
    use crate::SqliteStore;

    fn keys() -> Vec<Key> {
        vec![Key::Unique(vec!["none".into()])]
    }

    #[tokio::test]
    async fn the_pool_reads_while_somebody_writes() {
        let store = SqliteStore::temporary().unwrap();
        assert_eq!(store.inline.get(Variable::TABLE, &keys()).await, Some(vec![None]));
        let session = store.inline.session.clone();
        let (held, holds) = std::sync::mpsc::channel();
        let (over, ends) = std::sync::mpsc::channel::<()>();
        let writing = std::thread::spawn(move || {
            let session = session.lock_for_writing();
            held.send(()).unwrap();
            let _ = ends.recv();
            drop(session);
        });
        holds.recv().unwrap();
        assert_eq!(store.inline.get(Variable::TABLE, &keys()).await, None);
        assert_eq!(store.get(Variable::TABLE, keys()).await.unwrap(), [None]);
        over.send(()).unwrap();
        writing.join().unwrap();
    }

    #[tokio::test]
    async fn nobody_takes_the_connection_for_which_the_writer_waits() {
        let store = SqliteStore::temporary().unwrap();
        let session = store.inline.session.clone();
        let reading = session.lock_if_free().unwrap();
        let writing = {
            let session = session.clone();
            std::thread::spawn(move || drop(session.lock_for_writing()))
        };
        while !session.is_wanted() {
            std::thread::yield_now();
        }
        drop(reading);
        writing.join().unwrap();
        assert!(session.lock_if_free().is_some(), "afterwards it is free again");
        session.set_wanted(true);
        assert_eq!(store.inline.get(Variable::TABLE, &keys()).await, None);
    }

    #[tokio::test]
    async fn after_a_slow_read_the_pool_reads_for_a_while() {
        let store = SqliteStore::temporary().unwrap();
        let session = store.inline.session.clone();
        let inline = InlineReader { slow: Duration::ZERO, ..InlineReader::new(session, Duration::ZERO) };
        assert_eq!(inline.get(Variable::TABLE, &keys()).await, Some(vec![None]));
        assert_eq!(inline.get(Variable::TABLE, &keys()).await, None);
        *inline.backoff_until() = Some(Instant::now());
        assert_eq!(inline.get(Variable::TABLE, &keys()).await, Some(vec![None]));
    }

    #[tokio::test]
    async fn a_transaction_that_was_left_open_is_rolled_back() {
        let store = SqliteStore::temporary().unwrap();
        let left_open = || {
            let session = store.inline.session.lock_for_writing();
            session.as_ref().unwrap().run("BEGIN IMMEDIATE").unwrap();
        };
        left_open();
        assert_eq!(store.inline.get(Variable::TABLE, &keys()).await, Some(vec![None]));
        left_open();
        store.commit(vec![mintaka_core::Batch::new()].into()).await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_read_after_the_close() {
        let store = SqliteStore::temporary().unwrap();
        store.close().await;
        assert_eq!(store.inline.get(Variable::TABLE, &keys()).await, None);
        assert!(matches!(store.get(Variable::TABLE, keys()).await, Err(mintaka_core::Error::Closed)));
    }
}
