//! Backends that wrap a backend.

use async_trait::async_trait;

use crate::batch::{Batches, Key, Outcome};
use crate::query::{Aggregate, Query};
use crate::{Backend, Caps, Error, Heads, Row, Table, Value};

/// A backend over another: what it does not do in its own way is done by the inner one.
#[async_trait]
pub trait Layer: Send + Sync + 'static {
    /// What is wrapped.
    fn inner(&self) -> &dyn Backend;

    /// See [`Backend::get`].
    ///
    /// # Errors
    /// As there.
    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        self.inner().get(table, keys).await
    }

    /// See [`Backend::select`].
    ///
    /// # Errors
    /// As there.
    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        self.inner().select(query).await
    }

    /// See [`Backend::aggregate`].
    ///
    /// # Errors
    /// As there.
    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        self.inner().aggregate(aggregate).await
    }

    /// See [`Backend::commit`].
    ///
    /// # Errors
    /// As there.
    async fn commit(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        self.inner().commit(batches).await
    }
}

#[async_trait]
impl<L: Layer> Backend for L {
    fn caps(&self) -> Caps {
        self.inner().caps()
    }
    async fn heads(&self) -> Result<Heads, Error> {
        self.inner().heads().await
    }
    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        Layer::get(self, table, keys).await
    }
    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        Layer::select(self, query).await
    }
    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        Layer::aggregate(self, aggregate).await
    }
    async fn commit(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        Layer::commit(self, batches).await
    }
    async fn close(&self) {
        self.inner().close().await;
    }
}
