//! Backends that wrap a backend.

use async_trait::async_trait;

use crate::backend::CommitAnswer;
use crate::batch::{Batches, Key};
use crate::query::{Aggregate, Query};
use crate::{Backend, Caps, Error, Heads, Row, Table, Value};

/// A call of a backend, as data: what a layer does to every call is written once.
#[derive(Clone, Debug)]
pub enum Call {
    /// See [`Backend::heads`].
    Heads,
    /// See [`Backend::get`].
    Get(&'static Table, Vec<Key>),
    /// See [`Backend::select`].
    Select(Query),
    /// See [`Backend::aggregate`].
    Aggregate(Aggregate),
    /// See [`Backend::commit`].
    Commit(Batches),
}

/// What a backend answers to a [`Call`] of the same name.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Call::Heads`].
    Heads(Heads),
    /// To [`Call::Get`].
    Get(Vec<Option<Row>>),
    /// To [`Call::Select`].
    Select(Vec<Row>),
    /// To [`Call::Aggregate`].
    Aggregate(Vec<Vec<Value>>),
    /// To [`Call::Commit`].
    Commit(CommitAnswer),
}

impl Call {
    /// Makes the call.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn on(self, backend: &dyn Backend) -> Result<Answer, Error> {
        Ok(match self {
            Call::Heads => Answer::Heads(backend.heads().await?),
            Call::Get(table, keys) => Answer::Get(backend.get(table, keys).await?),
            Call::Select(query) => Answer::Select(backend.select(query).await?),
            Call::Aggregate(aggregate) => Answer::Aggregate(backend.aggregate(aggregate).await?),
            Call::Commit(batches) => Answer::Commit(backend.commit(batches).await?),
        })
    }
}

macro_rules! answered {
    ($kind:ident, $answer:expr) => {
        match $answer {
            Answer::$kind(answer) => Ok(answer),
            other => Err(Error::Invalid(format!("a layer answered {other:?}"))),
        }
    };
}

/// A backend over another: what it does not do in its own way is done by the inner one.
///
/// It says either what it does to every call ([`call`](Layer::call)), or what it does in one of the methods.
#[async_trait]
pub trait Layer: Send + Sync + 'static {
    /// What is wrapped.
    fn inner(&self) -> &dyn Backend;

    /// Every call that the layer has no method of its own for.
    ///
    /// # Errors
    /// What the inner backend answers.
    async fn call(&self, call: Call) -> Result<Answer, Error> {
        call.on(self.inner()).await
    }

    /// See [`Backend::caps`].
    fn caps(&self) -> Caps {
        self.inner().caps()
    }

    /// See [`Backend::heads`].
    ///
    /// # Errors
    /// As there.
    async fn heads(&self) -> Result<Heads, Error> {
        answered!(Heads, self.call(Call::Heads).await?)
    }

    /// See [`Backend::get`].
    ///
    /// # Errors
    /// As there.
    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        answered!(Get, self.call(Call::Get(table, keys)).await?)
    }

    /// See [`Backend::select`].
    ///
    /// # Errors
    /// As there.
    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        answered!(Select, self.call(Call::Select(query)).await?)
    }

    /// See [`Backend::aggregate`].
    ///
    /// # Errors
    /// As there.
    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        answered!(Aggregate, self.call(Call::Aggregate(aggregate)).await?)
    }

    /// See [`Backend::commit`].
    ///
    /// # Errors
    /// As there.
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        answered!(Commit, self.call(Call::Commit(batches)).await?)
    }
}

#[async_trait]
impl<L: Layer> Backend for L {
    fn caps(&self) -> Caps {
        Layer::caps(self)
    }
    async fn heads(&self) -> Result<Heads, Error> {
        Layer::heads(self).await
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
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        Layer::commit(self, batches).await
    }
    async fn close(&self) {
        self.inner().close().await;
    }
}
