//! What a case works with: one store of its own, and short ways to write to it and to read from it.

use std::sync::Arc;

use mintaka_core::{
    Aggregate, Backend, Batch, Conflict, Done, Error, Filter, Key, Outcome, Query, Record, Row, Table, Value, Versioned,
};

use crate::provision::{Provision, Site};

/// One store, and the place it lives in.
pub struct Lab {
    // Dropped in this order: the store before its place.
    backend: Arc<dyn Backend>,
    site: Arc<dyn Site>,
    keeps: bool,
    shares: bool,
}

impl Lab {
    /// An empty store.
    ///
    /// # Errors
    /// What the provision answers.
    pub async fn new(provision: &dyn Provision) -> Result<Lab, Error> {
        let site = provision.create().await?;
        let backend = site.open().await?;
        Ok(Lab { backend, site, keeps: provision.keeps(), shares: provision.shares() })
    }

    /// Another handle of the same store.
    ///
    /// # Errors
    /// What the site answers.
    pub async fn another(&self) -> Result<Lab, Error> {
        let backend = self.site.another().await?;
        Ok(Lab { backend, site: self.site.clone(), keeps: self.keeps, shares: self.shares })
    }

    /// Retires a stream writer; see [`Site::retire`].
    ///
    /// # Errors
    /// What the site answers.
    pub async fn retire(&self, writer: i64) -> Result<bool, Error> {
        self.site.retire(writer).await
    }

    /// Whether the store is still there when it is opened again.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// Whether the store may be open several times.
    pub fn shares(&self) -> bool {
        self.shares
    }

    /// The store.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// Closes the store and opens it again.
    ///
    /// # Errors
    /// What the site answers.
    pub async fn reopen(&mut self) -> Result<(), Error> {
        self.backend.close().await;
        self.backend = self.site.open().await?;
        Ok(())
    }

    /// Commits batches together.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn commit_all(&self, batches: Vec<Batch>) -> Result<Vec<Outcome>, Error> {
        let sent = batches.len();
        let outcomes = self.backend.commit(batches.into()).await?.outcomes;
        assert_eq!(outcomes.len(), sent, "one outcome per batch");
        Ok(outcomes)
    }

    /// Commits one batch.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn commit(&self, batch: Batch) -> Result<Outcome, Error> {
        let mut outcomes = self.commit_all(vec![batch]).await?;
        Ok(outcomes.remove(0))
    }

    /// Commits a batch that must succeed, and gives what became of each op.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn done(&self, batch: Batch) -> Result<Vec<Done>, Error> {
        let ops = batch.ops.len();
        match self.commit(batch).await? {
            Outcome::Committed { ops: done, .. } => {
                assert_eq!(done.len(), ops, "one answer per op");
                Ok(done)
            }
            other => panic!("the batch was not committed: {other:?}"),
        }
    }

    /// Commits a batch that must be a conflict, and gives it.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn conflict(&self, batch: Batch) -> Result<Conflict, Error> {
        Ok(expect_conflict(self.commit(batch).await?))
    }

    /// Inserts rows.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn seed<R: Record>(&self, records: impl IntoIterator<Item = R>) -> Result<(), Error> {
        let batch = records.into_iter().fold(Batch::new(), Batch::insert);
        self.done(batch).await.map(drop)
    }

    /// The row of a key.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn row(&self, table: &'static Table, key: Key) -> Result<Option<Row>, Error> {
        let mut rows = self.backend.get(table, vec![key]).await?;
        assert_eq!(rows.len(), 1, "one answer per key");
        Ok(rows.remove(0))
    }

    /// The record of a key.
    ///
    /// # Errors
    /// What the store answers; [`Error::Corrupt`] if the row is no `R`.
    pub async fn find<R: Record>(&self, key: Key) -> Result<Option<Versioned<R>>, Error> {
        self.row(R::TABLE, key).await?.map(Versioned::from_row).transpose()
    }

    /// The record of a key that must be there.
    ///
    /// # Errors
    /// As [`find`](Lab::find).
    pub async fn get<R: Record>(&self, key: Key) -> Result<Versioned<R>, Error> {
        match self.find(key.clone()).await? {
            Some(record) => Ok(record),
            None => panic!("{} has no row {key:?}", R::TABLE.name),
        }
    }

    /// The rows that a query selects.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        self.backend.select(query).await
    }

    /// The ids, as numbers, of the rows that a query selects.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn ids(&self, query: Query) -> Result<Vec<u128>, Error> {
        let Some(id) = query.table.ordinal("id") else { panic!("{} has no id", query.table.name) };
        let number = |row: Row| match &row.values[id] {
            Value::Uuid(id) => id.as_u128(),
            other => panic!("{other:?} is no id"),
        };
        Ok(self.select(query).await?.into_iter().map(number).collect())
    }

    /// The lines of an aggregate.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        self.backend.aggregate(aggregate).await
    }

    /// How many rows a table has.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn count(&self, table: &'static Table) -> Result<usize, Error> {
        Ok(self.select(Query::of(table).limit(100_000)).await?.len())
    }

    /// Asserts that just these rows of a table meet a filter, and that all the others meet its complement.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn meets(&self, table: &'static Table, filter: Filter, expected: &[u128]) -> Result<(), Error> {
        let all = self.ids(Query::of(table)).await?;
        let met = self.ids(Query::of(table).filter(filter.clone())).await?;
        assert_eq!(met, expected, "rows that meet {filter:?}");
        let others: Vec<u128> = all.into_iter().filter(|id| !expected.contains(id)).collect();
        let unmet = self.ids(Query::of(table).filter(filter.clone().negate())).await?;
        assert_eq!(unmet, others, "rows that do not meet {filter:?}");
        Ok(())
    }
}

/// The conflict that an outcome must be.
pub fn expect_conflict(outcome: Outcome) -> Conflict {
    match outcome {
        Outcome::Conflict(conflict) => conflict,
        other => panic!("no conflict: {other:?}"),
    }
}

/// Whether an outcome is `Committed`.
pub fn is_committed(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Committed { .. })
}
