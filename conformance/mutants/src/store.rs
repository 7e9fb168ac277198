//! The wrapper: one backend with one fault.

use std::cmp::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mintaka_core::memory::MemoryStore;
use mintaka_core::{
    Aggregate, Backend, Batch, Batches, Caps, CommitAnswer, Direction, Durability, Error, Filter, Heads, Key, Outcome,
    Query, Row, Table, Time, Value,
};

use super::fault::{Fault, Selected};

/// One commit, and the number of the handle that it went through.
#[derive(Clone, Debug)]
pub(crate) struct Committed {
    handle: usize,
    pub(super) batches: Batches,
}

/// What was committed to a store through all its handles.
#[derive(Default)]
pub(crate) struct History {
    commits: Mutex<Vec<Committed>>,
    /// Held from the commit to its entry, so that the entries are in the order of the commits.
    committing: tokio::sync::Mutex<()>,
}

impl History {
    fn commits(&self) -> std::sync::MutexGuard<'_, Vec<Committed>> {
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Commits a history again, with a change to it, each commit through the store with the number of its handle.
pub(super) async fn replay(
    history: &History,
    change: fn(&mut Vec<Committed>),
    stores: &[Arc<dyn Backend>],
) -> Result<(), Error> {
    let mut kept = history.commits().clone();
    change(&mut kept);
    for Committed { handle, batches } in kept {
        stores[handle].commit(batches).await?;
    }
    Ok(())
}

/// A backend with a fault.
pub(crate) struct MutantStore {
    pub(super) fault: Fault,
    pub(super) inner: Arc<dyn Backend>,
    /// Its number among the handles of its store.
    pub(super) handle: usize,
    pub(super) history: Arc<History>,
}

#[async_trait]
impl Backend for MutantStore {
    fn caps(&self) -> Caps {
        let mut caps = self.inner.caps();
        match self.fault {
            Fault::Caps(change) => change(&mut caps, self.commits()),
            Fault::PromisesDurability => caps.durability = Durability::Power,
            Fault::PromisesManyProcesses => caps.many_processes = true,
            _ => {}
        }
        caps
    }

    async fn heads(&self) -> Result<Heads, Error> {
        let mut heads = self.inner.heads().await?;
        if let Fault::Heads(change) = self.fault {
            change(&mut heads, self.commits());
        }
        Ok(heads)
    }

    async fn get(&self, table: &'static Table, mut keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        if let Fault::Keys(change) = self.fault {
            change(&mut keys);
        }
        let rows = match self.fault {
            Fault::Chunks(size, change) if keys.len() > size => {
                let (first, rest) = keys.split_at(size);
                let rest = self.copy(change).await?.get(table, rest.to_vec()).await?;
                self.inner.get(table, first.to_vec()).await.map(|rows| [rows, rest].concat())
            }
            _ => self.read().await?.get(table, keys.clone()).await,
        };
        let rows = if let Fault::Got(change) = self.fault { change(&keys, rows) } else { rows }?;
        Ok(rows.into_iter().map(|row| row.map(|row| self.row_of(table, row))).collect())
    }

    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        let rows = match query.check() {
            Ok(()) => self.selected(query.clone()).await,
            Err(error) => Err(error),
        };
        if let Fault::Selected(change) = self.fault { change(&query, rows) } else { rows }
    }

    async fn aggregate(&self, mut aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        let lines = match aggregate.check() {
            Ok(()) => {
                aggregate.filter = self.filter_of(aggregate.filter);
                if let Fault::Aggregate(change) = self.fault {
                    change(&mut aggregate);
                }
                self.read().await?.aggregate(aggregate.clone()).await
            }
            Err(error) => Err(error),
        };
        if let Fault::Lines(change) = self.fault { change(&aggregate, lines) } else { lines }
    }

    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        let changed = batches.iter().map(|batch| self.batch_of(batch.clone())).collect();
        let in_order = self.history.committing.lock().await;
        let answer = match self.fault {
            Fault::Commit(way) => way(self, changed).await,
            _ => self.applied(changed).await,
        };
        if answer.is_ok() {
            self.history.commits().push(Committed { handle: self.handle, batches: batches.clone() });
        }
        drop(in_order);
        let answer = answer.map(|outcomes| {
            batches.iter().zip(outcomes).map(|(batch, outcome)| self.outcome_of(batch, outcome)).collect()
        });
        let outcomes = if let Fault::Answer(change) = self.fault { change(answer) } else { answer }?;
        Ok(CommitAnswer { now: self.inner.heads().await.map_or(Time::from_micros(0), |heads| heads.now), outcomes })
    }

    async fn close(&self) {
        if !matches!(self.fault, Fault::NeverCloses) {
            self.inner.close().await;
        }
    }
}

impl MutantStore {
    /// What batches come to on the sound store.
    pub(super) async fn applied(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        Ok(self.inner.commit(batches).await?.outcomes)
    }

    fn commits(&self) -> usize {
        self.history.commits().len()
    }

    /// The store that reads are of.
    async fn read(&self) -> Result<Arc<dyn Backend>, Error> {
        // What is closed answers so itself.
        match self.fault {
            Fault::Reads(change) if self.inner.heads().await.is_ok() => self.copy(change).await,
            _ => Ok(self.inner.clone()),
        }
    }

    /// A store that was made by what was committed to this one, with a change to that.
    pub(super) async fn copy(&self, change: fn(&mut Vec<Committed>)) -> Result<Arc<dyn Backend>, Error> {
        let copy = MemoryStore::new();
        let handles = self.history.commits().iter().map(|commit| commit.handle + 1).max().unwrap_or(0);
        let handle = |_| Ok(Arc::new(copy.handle()?) as Arc<dyn Backend>);
        let stores: Vec<Arc<dyn Backend>> = (0..handles).map(handle).collect::<Result<_, Error>>()?;
        replay(&self.history, change, &stores).await?;
        Ok(Arc::new(copy))
    }

    async fn selected(&self, mut query: Query) -> Selected {
        let (table, whole) = (query.table, query.columns.is_none());
        query.filter = self.filter_of(query.filter);
        if let Fault::Query(change) = self.fault {
            change(&mut query);
        }
        let rows = match self.fault {
            Fault::Order(order) => self.in_order(query, order).await?,
            Fault::Chunks(size, change) => self.in_chunks(query, size, change).await?,
            _ => self.read().await?.select(query).await?,
        };
        Ok(rows.into_iter().map(|row| if whole { self.row_of(table, row) } else { row }).collect())
    }

    /// Rows of groups, those after so many from another store.
    async fn in_chunks(&self, mut query: Query, size: usize, change: fn(&mut Vec<Committed>)) -> Selected {
        let mut rest = query.clone();
        if let (Some(first), Some(rest)) = (&mut query.each, &mut rest.each)
            && first.values.len() > size
        {
            rest.values = first.values.split_off(size);
        } else {
            return self.inner.select(query).await;
        }
        let rest = self.copy(change).await?.select(rest).await?;
        Ok([self.inner.select(query).await?, rest].concat())
    }

    /// Rows in the order of a comparison; a query for a part of the rows or of their columns is answered as it should be.
    async fn in_order(&self, query: Query, compare: fn(&Value, &Value) -> Ordering) -> Selected {
        if query.after.is_some() || query.columns.is_some() || query.each.is_some() {
            return self.inner.select(query).await;
        }
        let mut rows = self.inner.select(Query { limit: u64::MAX, offset: 0, ..query.clone() }).await?;
        let order = query.full_order();
        rows.sort_by(|a, b| {
            let by_column = |&(column, direction): &(mintaka_core::Col, Direction)| {
                let ascending = compare(&a.values[column.ordinal], &b.values[column.ordinal]);
                if direction == Direction::Asc { ascending } else { ascending.reverse() }
            };
            order.iter().map(by_column).find(|by| by.is_ne()).unwrap_or(Ordering::Equal)
        });
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(rows.into_iter().skip(count(query.offset)).take(count(query.limit)).collect())
    }

    fn filter_of(&self, filter: Filter) -> Filter {
        let Fault::Filter(change) = self.fault else { return filter };
        let inside = |filters: Vec<Filter>| filters.into_iter().map(|f| self.filter_of(f)).collect();
        change(match filter {
            Filter::And(all) => Filter::And(inside(all)),
            Filter::Or(any) => Filter::Or(inside(any)),
            Filter::Not(filter) => self.filter_of(*filter).negate(),
            Filter::Has { from, to, filter } => Filter::has(from, to, self.filter_of(*filter)),
            leaf => leaf,
        })
    }

    fn row_of(&self, table: &Table, mut row: Row) -> Row {
        match self.fault {
            Fault::Row(change) => change(table, &mut row),
            Fault::Value(change) => {
                table.columns.iter().zip(&mut row.values).for_each(|(column, value)| change(column, value));
            }
            _ => {}
        }
        row
    }

    fn batch_of(&self, mut batch: Batch) -> Batch {
        match self.fault {
            Fault::Batch(change) if batch.check().is_ok() => change(&mut batch),
            Fault::Op(change) if batch.check().is_ok() => batch.ops.iter_mut().for_each(change),
            _ => {}
        }
        batch
    }

    fn outcome_of(&self, batch: &Batch, mut outcome: Outcome) -> Outcome {
        if let Outcome::Committed { ops: done, .. } = &mut outcome {
            done.truncate(batch.ops.len());
            if let Fault::Done(change) = self.fault {
                batch.ops.iter().zip(done).for_each(|(op, done)| change(op, done));
            }
        }
        if let Fault::Outcome(change) = self.fault {
            change(batch, &mut outcome);
        }
        outcome
    }
}
