//! What mutants are made of: the reference backend, in a place where it outlives its closing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use mintaka_core::memory::MemoryStore;
use mintaka_core::{Aggregate, Backend, Batches, Caps, CommitAnswer, Error, Heads, Key, Query, Row, Table, Value};

use crate::provision::{Provision, Site};

/// Reference backends that keep what was committed when they are closed and opened again.
pub fn sound() -> impl Provision {
    Sound
}

struct Sound;

struct Place(Arc<MemoryStore>);

struct Handle {
    store: Arc<MemoryStore>,
    closed: AtomicBool,
}

impl Handle {
    fn store(&self) -> Result<&MemoryStore, Error> {
        if self.closed.load(Ordering::SeqCst) { Err(Error::Closed) } else { Ok(&self.store) }
    }
}

#[async_trait]
impl Provision for Sound {
    async fn create(&self) -> Result<Arc<dyn Site>, Error> {
        Ok(Arc::new(Place(Arc::new(MemoryStore::new()))))
    }
    fn keeps(&self) -> bool {
        true
    }
}

#[async_trait]
impl Site for Place {
    async fn open(&self) -> Result<Arc<dyn Backend>, Error> {
        Ok(Arc::new(Handle { store: self.0.clone(), closed: AtomicBool::new(false) }))
    }
}

#[async_trait]
impl Backend for Handle {
    fn caps(&self) -> Caps {
        self.store.caps()
    }
    async fn heads(&self) -> Result<Heads, Error> {
        self.store()?.heads().await
    }
    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        self.store()?.get(table, keys).await
    }
    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        self.store()?.select(query).await
    }
    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        self.store()?.aggregate(aggregate).await
    }
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        self.store()?.commit(batches).await
    }
    async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }
}
