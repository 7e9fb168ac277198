//! Typed reads.

use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

use super::clock::StoreClock;
use crate::batch::Key;
use crate::query::{Aggregate, Query};
use crate::{Backend, Error, Filter, Heads, Record, Row, Time, Value, Versioned};

/// What can be read of a [`Store`](crate::Store), and its clock. Whoever holds one cannot change anything. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) clock: Arc<StoreClock>,
    pub(super) committed: watch::Receiver<u64>,
}

impl Reader {
    /// The current time by the store's clock.
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// An id that we mint: UUIDv7. Its order means nothing.
    pub fn new_id(&self) -> Uuid {
        Uuid::now_v7()
    }

    /// Changes whenever something was committed through the store, so that waiters in this process can look again.
    pub fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// The heads of the streams, by writer.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn heads(&self) -> Result<Heads, Error> {
        self.backend.heads().await
    }

    /// The records of these keys, in their order; those that do not exist are `None`.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn find_all<R: Record>(&self, keys: Vec<Key>) -> Result<Vec<Option<Versioned<R>>>, Error> {
        keys.iter().try_for_each(|key| key.check(R::TABLE))?;
        let rows = self.backend.get(R::TABLE, keys).await?;
        rows.into_iter().map(|row| row.map(Versioned::from_row).transpose()).collect()
    }

    /// The rows that a query selects, with the columns that it names.
    ///
    /// # Errors
    /// What the backend answers.
    pub async fn rows(&self, query: Query) -> Result<Vec<Row>, Error> {
        query.check()?;
        self.backend.select(query).await
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
