//! Reads on the thread of the caller, with the writer's connection, while nobody writes.
//!
//! A row that is in memory is read in less time than it takes to wake another thread and be woken by it, and the writer's
//! connection has in memory what was just written, of which the caches of the others know nothing. So few keys are read
//! here if that needs no waiting. Where it turns out slow, as on a cold file, reads go to the pool for a while: an async
//! executor must not be held up.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mintaka_core::{Key, Row, Table};

use crate::session::{Session, SharedSession, lock_if_free};

/// More keys are for the pool.
const KEYS: usize = 8;
/// How often a read looks whether the session is free.
const TRIES: usize = 2;
/// A read that took longer was slow.
const SLOW: Duration = Duration::from_millis(1);
/// How long reads stay with the pool after a slow one.
const REST: Duration = Duration::from_secs(1);

pub(crate) struct AtHand {
    session: SharedSession,
    slow: Duration,
    rests_until: Mutex<Option<Instant>>,
}

impl AtHand {
    pub fn new(session: SharedSession) -> AtHand {
        AtHand { session, slow: SLOW, rests_until: Mutex::default() }
    }

    /// The rows, or `None`: the pool shall read, because it is not for here, or failed.
    pub async fn get(&self, table: &'static Table, keys: &[Key]) -> Option<Vec<Option<Row>>> {
        if keys.len() > KEYS || self.rests_until().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        for _ in 0..TRIES {
            if let Some(mut session) = lock_if_free(&self.session) {
                return self.read(session.as_mut()?, table, keys);
            }
            tokio::task::yield_now().await; // another read is over soon
        }
        None
    }

    fn read(&self, session: &mut Session, table: &'static Table, keys: &[Key]) -> Option<Vec<Option<Row>>> {
        let begins = Instant::now();
        let rows = session.snapshot(|session| session.get(table, keys));
        if rows.is_err() || begins.elapsed() > self.slow {
            *self.rests_until() = Some(begins + REST);
        }
        rows.ok()
    }

    fn rests_until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.rests_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use mintaka_core::records::Variable;
    use mintaka_core::{Backend, Record};

    use super::*;
    use crate::SqliteStore;
    use crate::session::lock;

    fn keys() -> Vec<Key> {
        vec![Key::Unique(vec!["none".into()])]
    }

    #[tokio::test]
    async fn the_pool_reads_while_somebody_writes() {
        let store = SqliteStore::temporary().unwrap();
        assert_eq!(store.at_hand.get(Variable::TABLE, &keys()).await, Some(vec![None]));
        let session = store.at_hand.session.clone();
        let (held, holds) = std::sync::mpsc::channel();
        let (over, ends) = std::sync::mpsc::channel::<()>();
        let writing = std::thread::spawn(move || {
            let session = lock(&session);
            held.send(()).unwrap();
            let _ = ends.recv();
            drop(session);
        });
        holds.recv().unwrap();
        assert_eq!(store.at_hand.get(Variable::TABLE, &keys()).await, None);
        assert_eq!(store.get(Variable::TABLE, keys()).await.unwrap(), [None]);
        over.send(()).unwrap();
        writing.join().unwrap();
    }

    #[tokio::test]
    async fn after_a_slow_read_the_pool_reads_for_a_while() {
        let store = SqliteStore::temporary().unwrap();
        let at_hand = AtHand { slow: Duration::ZERO, ..AtHand::new(store.at_hand.session.clone()) };
        assert_eq!(at_hand.get(Variable::TABLE, &keys()).await, Some(vec![None]));
        assert_eq!(at_hand.get(Variable::TABLE, &keys()).await, None);
        *at_hand.rests_until() = Some(Instant::now());
        assert_eq!(at_hand.get(Variable::TABLE, &keys()).await, Some(vec![None]));
    }

    #[tokio::test]
    async fn a_transaction_that_was_left_open_is_rolled_back() {
        let store = SqliteStore::temporary().unwrap();
        let left_open = || lock(&store.at_hand.session).as_ref().unwrap().run("BEGIN IMMEDIATE").unwrap();
        left_open();
        assert_eq!(store.at_hand.get(Variable::TABLE, &keys()).await, Some(vec![None]));
        left_open();
        store.commit(vec![mintaka_core::Batch::new()].into()).await.unwrap();
    }

    #[tokio::test]
    async fn nothing_is_read_after_the_close() {
        let store = SqliteStore::temporary().unwrap();
        store.close().await;
        assert_eq!(store.at_hand.get(Variable::TABLE, &keys()).await, None);
        assert!(matches!(store.get(Variable::TABLE, keys()).await, Err(mintaka_core::Error::Closed)));
    }
}
