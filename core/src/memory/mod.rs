//! The reference backend: the contract of [`Backend`], evaluated literally over ordered maps in memory.
//!
//! It is the specification that can be run. Every other backend is compared with it, so it prefers the plain way of
//! saying something over the fast one, and shares no code with [`judge`](crate::judge): each is the other's check.
//! Nothing survives the process.

mod aggregate;
mod commit;
mod meets;
mod select;
mod shelf;
#[cfg(test)]
mod tests;

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;

use crate::batch::{Batches, Key, Outcome};
use crate::query::{Aggregate, Query};
use crate::{Backend, Caps, Clock, Durability, Error, Heads, Row, SystemClock, Table, Value};

use shelf::Shelves;

/// The one writer of a store that lives in one process.
const WRITER: i64 = 1;

/// The largest row, in bytes as counted by [`Value::size`](crate::Value::size).
const MAX_ROW_BYTES: usize = 16 << 20;

/// A store in the memory of this process.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    // Held for one call, never across an await.
    state: RwLock<State>,
}

struct State {
    shelves: Shelves,
    /// Position of the last stream row.
    seq: i64,
    closed: bool,
}

impl MemoryStore {
    /// An empty store on the clock of the machine.
    pub fn new() -> MemoryStore {
        MemoryStore::with_clock(Arc::new(SystemClock))
    }

    /// An empty store on another clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> MemoryStore {
        MemoryStore { clock, state: RwLock::new(State { shelves: Shelves::default(), seq: 0, closed: false }) }
    }

    fn read(&self) -> Result<RwLockReadGuard<'_, State>, Error> {
        let state = self.state.read().map_err(|_| half_done())?;
        if state.closed { Err(Error::Closed) } else { Ok(state) }
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, State>, Error> {
        let state = self.state.write().map_err(|_| half_done())?;
        if state.closed { Err(Error::Closed) } else { Ok(state) }
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
        Caps { name: "memory", durability: Durability::Process, many_processes: false, max_row_bytes: MAX_ROW_BYTES }
    }

    async fn heads(&self) -> Result<Heads, Error> {
        let state = self.read()?;
        Ok(Heads { now: self.clock.now(), writers: vec![(WRITER, state.seq)] })
    }

    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        keys.iter().try_for_each(|key| key.check(table))?;
        let state = self.read()?;
        Ok(keys.iter().map(|key| state.shelves.find(table, key).cloned()).collect())
    }

    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        query.check()?;
        Ok(select::select(&self.read()?.shelves, &query))
    }

    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        aggregate.check()?;
        Ok(aggregate::aggregate(&self.read()?.shelves, &aggregate))
    }

    async fn commit(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        let mut state = self.write()?;
        Ok(batches.iter().map(|batch| commit::commit(&mut state, batch)).collect())
    }

    async fn close(&self) {
        if let Ok(mut state) = self.state.write() {
            state.closed = true;
        }
    }
}
