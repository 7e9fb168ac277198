//! The front door: typed reads, and writes that share commits.

mod clock;
mod group;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::batch::{Batch, Key, Outcome};
use crate::query::{Aggregate, Query};
use crate::{Backend, Clock, Error, Filter, Record, SystemClock, Time, Value, Versioned};

/// Typed access to a [`Backend`], with group commit. Cheap to clone; all clones share one queue.
#[derive(Clone)]
pub struct Store {
    backend: Arc<dyn Backend>,
    clock: Arc<clock::StoreClock>,
    group: group::Group,
    committed: watch::Receiver<u64>,
}

impl Store {
    /// A store over a backend, on the clock of the machine. Must be called inside a tokio runtime.
    pub fn new(backend: Arc<dyn Backend>) -> Store {
        Store::with_clock(backend, Arc::new(SystemClock))
    }

    /// A store over a backend, on another clock.
    pub fn with_clock(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Store {
        let clock = Arc::new(clock::StoreClock::new(clock));
        let (group, committed) = group::Group::start(backend.clone(), clock.clone());
        Store { backend, clock, group, committed }
    }

    /// The backend itself.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The current time by the store's clock.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// An id that we mint: UUIDv7. Its order means nothing.
    pub fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    /// Queues a batch, and answers once it is durable or refused.
    ///
    /// Whatever waits when the store is free goes into one commit. If the caller goes away while the batch is still
    /// queued, it is dropped; once it is being committed, it runs to its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a malformed batch; [`Error::Unavailable`] when the queue is full or the batch could not
    /// start in time; else what the backend answers. An [`Outcome::Failed`] becomes its error.
    pub async fn commit(&self, batch: Batch) -> Result<Outcome, Error> {
        self.commit_within(batch, group::DEADLINE).await
    }

    /// As [`commit`](Store::commit), with another limit for the time in the queue.
    ///
    /// # Errors
    /// As [`commit`](Store::commit).
    pub async fn commit_within(&self, batch: Batch, deadline: Duration) -> Result<Outcome, Error> {
        batch.check()?;
        match self.group.commit(batch, deadline).await? {
            Outcome::Failed(error) => Err(error),
            outcome => Ok(outcome),
        }
    }

    /// Changes whenever something was committed through this store, so that waiters in this process can look again.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// The record of a key.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn find<R: Record>(&self, key: Key) -> Result<Option<Versioned<R>>, Error> {
        key.check(R::TABLE)?;
        self.backend.get(R::TABLE, vec![key]).await?.pop().flatten().map(Versioned::from_row).transpose()
    }

    /// The record whose primary key is one id.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn get<R: Record>(&self, id: Uuid) -> Result<Option<Versioned<R>>, Error> {
        self.find(Key::id(id)).await
    }

    /// The records of these ids, in their order; those that do not exist are `None`.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn get_all<R: Record>(&self, ids: &[Uuid]) -> Result<Vec<Option<Versioned<R>>>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let keys = ids.iter().map(|&id| Key::id(id)).collect();
        self.backend
            .get(R::TABLE, keys)
            .await?
            .into_iter()
            .map(|row| row.map(Versioned::from_row).transpose())
            .collect()
    }

    /// The records that a query selects. The query must not name columns.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn select<R: Record>(&self, query: Query) -> Result<Vec<Versioned<R>>, Error> {
        debug_assert!(query.table == R::TABLE && query.columns.is_none());
        query.check()?;
        if query.limit == 0 && query.each.is_none() {
            return Ok(Vec::new());
        }
        self.backend.select(query).await?.into_iter().map(Versioned::from_row).collect()
    }

    /// The first record that a query selects.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn first<R: Record>(&self, query: Query) -> Result<Option<Versioned<R>>, Error> {
        Ok(self.select(query.limit(1)).await?.pop())
    }

    /// All records that a filter meets, read in pages by primary key.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn all<R: Record>(&self, filter: Filter) -> Result<Vec<Versioned<R>>, Error> {
        const PAGE: u64 = 1000;
        let mut records: Vec<Versioned<R>> = Vec::new();
        let mut query = Query::of(R::TABLE).filter(filter).limit(PAGE);
        loop {
            let page = self.select::<R>(query.clone()).await?;
            let last = page.last().map(|r| r.record.key());
            let full = page.len() as u64 == PAGE;
            records.extend(page);
            match last {
                Some(key) if full => query.after = Some(key),
                _ => return Ok(records),
            }
        }
    }

    /// How many rows a filter meets.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn count<R: Record>(&self, filter: Filter) -> Result<i64, Error> {
        let rows = self.aggregate(Aggregate::count(R::TABLE, filter)).await?;
        match rows.first().and_then(|r| r.first()) {
            Some(Value::Int(n)) => Ok(*n),
            other => Err(Error::Corrupt(format!("a count answered {other:?}"))),
        }
    }

    /// Groups and measures.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        aggregate.check()?;
        self.backend.aggregate(aggregate).await
    }
}
