//! A connection with its prepared statements.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use mintaka_core::{Error, Key, Row, Rows, Table};
use mintaka_sqlkit::{Sqlite, Statements};
use rusqlite::Connection;

use crate::error::store;
use crate::{Options, codec};

/// A session that several threads use in turn; `None` while it is closed. Whoever panicked with it left an open
/// transaction at most, which the next one ends.
#[derive(Clone)]
pub(crate) struct SharedSession(Arc<Shared>);

struct Shared {
    session: Mutex<Option<Session>>,
    /// Whether the writer waits for it.
    wanted: AtomicBool,
}

impl SharedSession {
    pub fn new(session: Session) -> SharedSession {
        SharedSession(Arc::new(Shared { session: Mutex::new(Some(session)), wanted: AtomicBool::new(false) }))
    }

    /// Waits for it, and goes before everybody else.
    pub fn lock_for_writing(&self) -> MutexGuard<'_, Option<Session>> {
        self.set_wanted(true);
        let session = self.0.session.lock().unwrap_or_else(PoisonError::into_inner);
        self.set_wanted(false);
        session
    }

    /// The session, unless another thread has it or the writer waits for it.
    pub fn lock_if_free(&self) -> Option<MutexGuard<'_, Option<Session>>> {
        if self.is_wanted() {
            return None;
        }
        match self.0.session.try_lock() {
            Ok(session) => Some(session),
            Err(TryLockError::Poisoned(session)) => Some(session.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    pub(crate) fn is_wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Relaxed)
    }

    pub(crate) fn set_wanted(&self, wanted: bool) {
        self.0.wanted.store(wanted, Ordering::Relaxed);
    }
}

/// A connection with its prepared statements.
pub(crate) struct Session {
    pub connection: Connection,
    statements: HashMap<&'static str, Statements>,
    /// As [`Options::narrow_below`].
    pub narrow_below: u64,
    /// Whether nobody knows any more what its transaction is: it must be closed.
    pub unusable: bool,
}

impl Session {
    pub fn new(connection: Connection, options: &Options) -> Session {
        Session { connection, statements: HashMap::new(), narrow_below: options.narrow_below, unusable: false }
    }

    /// The fixed statements of a table, built when they are first needed.
    pub fn statements_of(&mut self, table: &'static Table) -> (&Connection, &Statements) {
        let statements = self.statements.entry(table.name).or_insert_with(|| Statements::of(&Sqlite, table));
        (&self.connection, statements)
    }

    /// Runs a statement without parameters.
    pub fn run(&self, text: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(text)?.raw_execute().map(drop)
    }

    /// Ends a transaction that is open. SQLite itself has rolled back after some errors.
    pub fn roll_back(&self) -> rusqlite::Result<()> {
        if self.connection.is_autocommit() { Ok(()) } else { self.run("ROLLBACK") }
    }

    /// Begins a transaction. One that a panic left open is rolled back.
    pub fn begin(&self, text: &str) -> rusqlite::Result<()> {
        self.roll_back()?;
        self.run(text)
    }

    /// Runs reads that see one state of the store.
    pub fn snapshot<T>(&mut self, work: impl FnOnce(&mut Session) -> Result<T, Error>) -> Result<T, Error> {
        self.begin("BEGIN").map_err(store)?;
        let result = work(self);
        let rolled_back = self.roll_back().map_err(store);
        result.and_then(|value| rolled_back.map(|()| value))
    }

    /// The rows of some keys, inside a transaction.
    pub fn get(&mut self, table: &'static Table, keys: &[Key]) -> Result<Vec<Option<Row>>, Error> {
        keys.iter().map(|key| self.find(table, key)).collect()
    }
}

impl Rows for Session {
    fn find(&mut self, table: &'static Table, key: &Key) -> Result<Option<Row>, Error> {
        let (connection, statements) = self.statements_of(table);
        let (text, values) = match key {
            Key::Primary(values) => (Some(&statements.find_primary), values),
            Key::Unique(values) => (statements.find_unique.as_ref(), values),
        };
        let Some(text) = text else {
            return Err(Error::Invalid(format!("{} has no unique key", table.name)));
        };
        let mut statement = connection.prepare_cached(text).map_err(store)?;
        codec::bind(&mut statement, values).map_err(store)?;
        let mut rows = statement.raw_query();
        match rows.next().map_err(store)? {
            Some(row) => codec::row(row, table.columns.iter().map(|c| c.kind)).map(Some),
            None => Ok(None),
        }
    }
}
