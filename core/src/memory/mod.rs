//! The reference backend: the contract of [`Backend`], evaluated literally over ordered maps in memory.
//!
//! It is the specification that can be run. Every other backend is compared with it, so it prefers the plain way of
//! saying something over the fast one. Batches it judges itself, without [`judge`](crate::judge) or its arithmetic: each
//! is the other's check.
//! Nothing survives the process.

mod change;
mod commit;
mod shelf;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use crate::backend::CommitAnswer;
use crate::batch::{Batches, Key};
use crate::query::{Aggregate, Query};
use crate::{Backend, Caps, Clock, Durability, Error, Head, Heads, Row, SystemClock, Table, Value, eval};

use shelf::Shelves;

/// A store in the memory of this process, as one of its handles sees it.
///
/// Every handle is a stream writer of its own, as every process is that has a store of several writers open.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    // Held for one call, never across an await.
    state: Arc<RwLock<State>>,
    writer: i64,
    closed: AtomicBool,
}

#[derive(Default)]
struct State {
    shelves: Shelves,
    /// Every writer there ever was, by its id.
    writers: BTreeMap<i64, Writer>,
}

/// A stream writer.
#[derive(Clone, Copy, Default)]
struct Writer {
    /// Position of its last stream row.
    position: i64,
    retired: bool,
}

impl State {
    fn new_writer(&mut self) -> i64 {
        let id = self.writers.len() as i64 + 1;
        self.writers.insert(id, Writer::default());
        id
    }
}

impl MemoryStore {
    /// An empty store on the clock of the machine.
    pub fn new() -> MemoryStore {
        MemoryStore::with_clock(Arc::new(SystemClock))
    }

    /// An empty store on another clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> MemoryStore {
        let mut state = State::default();
        let writer = state.new_writer();
        MemoryStore { clock, state: Arc::new(RwLock::new(state)), writer, closed: AtomicBool::new(false) }
    }

    /// Another handle of the same store, with a writer of its own.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a panic left the store half changed.
    pub fn handle(&self) -> Result<MemoryStore, Error> {
        let writer = self.state.write().map_err(|_| half_done())?.new_writer();
        Ok(MemoryStore { clock: self.clock.clone(), state: self.state.clone(), writer, closed: AtomicBool::new(false) })
    }

    /// Retires a writer, as another process does with one that it takes for dead: what its handle still tries to commit
    /// is [`Error::Closed`]. False if there is no such writer.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if a panic left the store half changed.
    pub fn retire(&self, writer: i64) -> Result<bool, Error> {
        let mut state = self.state.write().map_err(|_| half_done())?;
        let writer = state.writers.get_mut(&writer);
        Ok(writer.map(|writer| writer.retired = true).is_some())
    }

    fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::Closed) } else { Ok(()) }
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, State>, Error> {
        self.check_open()?;
        self.state.read().map_err(|_| half_done())
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, State>, Error> {
        let state = self.state.write().map_err(|_| half_done())?;
        self.check_open()?;
        Ok(state)
    }
}

fn half_done() -> Error {
    Error::Corrupt("a panic left a batch half done".into())
}

impl Default for MemoryStore {
    fn default() -> MemoryStore {
        MemoryStore::new()
    }
}

#[async_trait]
impl Backend for MemoryStore {
    fn caps(&self) -> Caps {
        Caps { name: "memory", durability: Durability::Process, many_processes: false, writers: 1 }
    }

    async fn heads(&self) -> Result<Heads, Error> {
        let state = self.read()?;
        let head = |(&writer, of): (&i64, &Writer)| Head { writer, position: of.position, closed: of.retired };
        Ok(Heads { now: self.clock.now(), writers: state.writers.iter().map(head).collect() })
    }

    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        keys.iter().try_for_each(|key| key.check(table))?;
        let state = self.read()?;
        Ok(keys.iter().map(|key| state.shelves.find(table, key).cloned()).collect())
    }

    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        query.check()?;
        let state = self.read()?;
        eval::select(&state.shelves, state.shelves.rows(query.table), &query)
    }

    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        aggregate.check()?;
        let state = self.read()?;
        eval::aggregate(&state.shelves, state.shelves.rows(aggregate.table), &aggregate)
    }

    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        let mut state = self.write()?;
        if state.writers.get(&self.writer).is_none_or(|writer| writer.retired) {
            return Err(Error::Closed);
        }
        let outcomes = batches.iter().map(|batch| commit::commit(&mut state, self.writer, batch)).collect();
        Ok(CommitAnswer { now: self.clock.now(), outcomes })
    }

    async fn close(&self) {
        if !self.closed.swap(true, Ordering::SeqCst) {
            let _ = self.retire(self.writer); // nobody can use what a panic left half changed
        }
    }
}
