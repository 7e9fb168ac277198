//! The wrapper: one backend with one fault.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use mintaka_core::{
    Aggregate, Backend, Batch, Batches, Caps, Condition, Conflict, Direction, Done, Each, Error, Filter, Guard, Heads,
    Key, Kind, OnExists, Op, Outcome, Part, Query, Row, Table, Value,
};

use super::{Fault, three_valued};

pub(super) struct MutantStore {
    pub(super) fault: Fault,
    pub(super) inner: Arc<dyn Backend>,
    pub(super) history: Arc<Mutex<Vec<Batches>>>,
}

#[async_trait]
impl Backend for MutantStore {
    fn caps(&self) -> Caps {
        self.inner.caps()
    }

    async fn heads(&self) -> Result<Heads, Error> {
        self.inner.heads().await
    }

    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error> {
        let mut rows = self.inner.get(table, keys).await?;
        if self.fault == Fault::UnorderedKeys {
            let length = rows.len();
            rows.sort_by(|a, b| match (a, b) {
                (Some(a), Some(b)) => a.values[0].order(&b.values[0]),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
            rows.truncate(length);
        }
        Ok(rows.into_iter().map(|row| row.map(|row| self.row_of(table, row))).collect())
    }

    async fn select(&self, query: Query) -> Result<Vec<Row>, Error> {
        query.check()?;
        let (table, whole) = (query.table, query.columns.is_none());
        let rows = match self.fault {
            Fault::NullsLast => self.nulls_last(query).await?,
            _ => self.inner.select(self.query_of(query)).await?,
        };
        Ok(rows.into_iter().map(|row| if whole { self.row_of(table, row) } else { row }).collect())
    }

    async fn aggregate(&self, mut aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        aggregate.check()?;
        aggregate.filter = self.filter_of(aggregate.filter);
        let groups = aggregate.by.len();
        let mut lines = self.inner.aggregate(aggregate).await?;
        if self.fault == Fault::SumOfNothingIsZero {
            for value in lines.iter_mut().flat_map(|line| &mut line[groups..]).filter(|value| value.is_null()) {
                *value = Value::Int(0);
            }
        }
        Ok(lines)
    }

    async fn commit(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        let outcomes = match self.fault {
            Fault::LosesLastOfGroup => self.all_but_the_last(batches).await?,
            Fault::OneFailsAll => self.up_to_the_first_conflict(batches).await?,
            Fault::HalfBatchVisible => self.in_halves(batches).await?,
            Fault::ChecksThenActs => self.after_checking(batches).await?,
            Fault::NullsCollide => self.with_nulls_equal(batches).await?,
            Fault::ForgetsLastCommit => {
                let outcomes = self.inner.commit(batches.clone()).await?;
                self.history.lock().unwrap_or_else(PoisonError::into_inner).push(batches);
                outcomes
            }
            _ => self.inner.commit(batches.iter().map(|batch| self.batch_of(batch.clone())).collect()).await?,
        };
        Ok(outcomes.into_iter().map(|outcome| self.outcome_of(outcome)).collect())
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// Faults that show in what goes in and in what comes out.
impl MutantStore {
    fn batch_of(&self, mut batch: Batch) -> Batch {
        match self.fault {
            Fault::IgnoresVersions => {
                for guard in &mut batch.guards {
                    if let Guard::Version(table, key, _) = guard {
                        *guard = Guard::Present(table, key.clone());
                    }
                }
            }
            Fault::IgnoresPresence => batch.guards.retain(|guard| !matches!(guard, Guard::Present(..))),
            Fault::RepeatsOnce => {
                if let Some((table, values)) = batch.once.take() {
                    batch.ops.push(Op::Insert { table, values, on_exists: OnExists::Skip });
                }
            }
            Fault::BumpsSoft => {
                for op in &mut batch.ops {
                    if let Op::Update { table, change, .. } = op
                        && change.is_soft()
                        && let Some(ordinal) = table.ordinal("updated")
                    {
                        // It changes nothing, but not softly.
                        let column = mintaka_core::Col { table, ordinal };
                        change.max.push((column, mintaka_core::Time::MIN.into()));
                    }
                }
            }
            _ => {}
        }
        batch
    }

    fn outcome_of(&self, outcome: Outcome) -> Outcome {
        match (self.fault, outcome) {
            (Fault::SkipsSilently, Outcome::Committed { mut ops, stream }) => {
                ops.iter_mut().for_each(|done| done.applied = true);
                Outcome::Committed { ops, stream }
            }
            (Fault::ConflictWithoutRow, Outcome::Conflict(conflict)) => {
                Outcome::Conflict(Conflict { row: None, ..conflict })
            }
            (_, outcome) => outcome,
        }
    }

    fn row_of(&self, table: &Table, mut row: Row) -> Row {
        for (column, value) in table.columns.iter().zip(&mut row.values) {
            match (self.fault, &mut *value) {
                (Fault::SortsTags, Value::Tags(tags)) => {
                    tags.sort();
                    tags.dedup();
                }
                (Fault::RewritesJson, Value::Json(text)) if column.kind == Kind::Json => {
                    if let Ok(parsed) = serde_json::from_str::<serde_json::Value>(text) {
                        *text = parsed.to_string();
                    }
                }
                _ => {}
            }
        }
        if let (Fault::WrongPositions, Some((_, seq))) = (self.fault, table.stream)
            && let Value::Int(position) = &mut row.values[seq]
        {
            // Each odd position trades places with the even one after it.
            *position = ((*position - 1) ^ 1) + 1;
        }
        row
    }

    fn query_of(&self, mut query: Query) -> Query {
        query.filter = self.filter_of(query.filter);
        match self.fault {
            Fault::NoTieBreak => {
                let last = query.order.last().map_or(Direction::Asc, |&(_, direction)| direction);
                let other = if last == Direction::Asc { Direction::Desc } else { Direction::Asc };
                for (column, _) in query.full_order().split_off(query.order.len()) {
                    query.order.push((column, other));
                }
            }
            Fault::IgnoresOffset => query.offset = 0,
            Fault::PositionSkipsNulls => {
                if let (Some(_), Some(&(column, _))) = (&query.after, query.order.first()) {
                    query.filter = query.filter.and(Filter::some(column));
                }
            }
            Fault::EachIsOneLimit => {
                if let Some(Each { column, values, k }) = query.each.take() {
                    query.filter = query.filter.and(Filter::In(column, values));
                    query.limit = k;
                }
            }
            _ => {}
        }
        query
    }

    fn filter_of(&self, filter: Filter) -> Filter {
        if self.fault == Fault::ThreeValuedNot {
            return three_valued::is_true(filter);
        }
        let inside = |filters: Vec<Filter>| filters.into_iter().map(|f| self.filter_of(f)).collect();
        match (self.fault, filter) {
            (_, Filter::And(all)) => Filter::And(inside(all)),
            (_, Filter::Or(any)) => Filter::Or(inside(any)),
            (_, Filter::Not(filter)) => self.filter_of(*filter).negate(),
            (Fault::EmptyInIsTrue, Filter::In(_, values)) if values.is_empty() => Filter::all(),
            (Fault::FoldsPrefixes, Filter::StartsWith(column, prefix)) => {
                Filter::Like(vec![column], format!("{prefix}%"))
            }
            (Fault::LosesRelationFilter, Filter::Has { from, to, .. }) => Filter::has(from, to, Filter::all()),
            (_, Filter::Has { from, to, filter }) => Filter::has(from, to, self.filter_of(*filter)),
            (_, leaf) => leaf,
        }
    }

    async fn nulls_last(&self, query: Query) -> Result<Vec<Row>, Error> {
        let (Some(&(column, direction)), None, None) = (query.order.first(), &query.columns, &query.each) else {
            return self.inner.select(query).await;
        };
        let all = Query { limit: u64::MAX, offset: 0, ..query.clone() };
        let rows = self.inner.select(all).await?;
        let (nulls, others): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.values[column.ordinal].is_null());
        let (first, second) = if direction == Direction::Asc { (others, nulls) } else { (nulls, others) };
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(first.into_iter().chain(second).skip(count(query.offset)).take(count(query.limit)).collect())
    }
}

/// Faults in how batches are applied.
impl MutantStore {
    async fn one(&self, batch: Batch) -> Result<Outcome, Error> {
        self.inner
            .commit(vec![batch].into())
            .await?
            .pop()
            .ok_or_else(|| Error::Corrupt("a commit of one batch answered none".into()))
    }

    async fn all_but_the_last(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        match &batches[..] {
            [first, .., last] | [first, last] if first.check().is_ok() => {
                let mut outcomes = self.inner.commit(batches[..batches.len() - 1].into()).await?;
                outcomes.push(Outcome::Committed { ops: last.ops.iter().map(as_if_done).collect(), stream: None });
                Ok(outcomes)
            }
            _ => self.inner.commit(batches).await,
        }
    }

    async fn up_to_the_first_conflict(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        let mut outcomes: Vec<Outcome> = Vec::new();
        for batch in batches.iter() {
            let outcome = match outcomes.last() {
                Some(failed @ (Outcome::Conflict(_) | Outcome::Failed(_))) => failed.clone(),
                _ => self.one(batch.clone()).await?,
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    async fn in_halves(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::new();
        for batch in batches.iter() {
            outcomes.push(self.in_two(batch.clone()).await?);
        }
        Ok(outcomes)
    }

    async fn in_two(&self, mut batch: Batch) -> Result<Outcome, Error> {
        if batch.ops.len() < 2 || batch.check().is_err() || format!("{batch:?}").contains("IdOf") {
            return self.one(batch).await;
        }
        let rest = Batch { ops: batch.ops.split_off(batch.ops.len() - 1), ..Batch::new() };
        let before = batch.ops.len();
        let Outcome::Committed { mut ops, stream } = self.one(batch.clone()).await? else {
            return self.one(batch).await;
        };
        tokio::task::yield_now().await;
        Ok(match self.one(rest).await? {
            Outcome::Committed { ops: more, stream: later } => {
                ops.extend(more);
                Outcome::Committed { ops, stream: later.or(stream) }
            }
            Outcome::Conflict(conflict) => Outcome::Conflict(Conflict { part: Part::Op(before), ..conflict }),
            other => other,
        })
    }

    async fn after_checking(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        let mut checked = Vec::new();
        for batch in batches.iter() {
            let mut batch = batch.clone();
            for op in &mut batch.ops {
                if let Op::Update { table, key, require, .. } = op
                    && let Ok(rows) = self.inner.get(table, vec![key.clone()]).await
                    && let Some(Some(row)) = rows.first()
                    && require.iter().all(|condition: &Condition| condition.holds(&row.values))
                {
                    require.clear();
                }
            }
            checked.push(batch);
        }
        tokio::task::yield_now().await;
        self.inner.commit(checked.into()).await
    }

    async fn with_nulls_equal(&self, batches: Batches) -> Result<Vec<Outcome>, Error> {
        let mut outcomes = Vec::new();
        for batch in batches.iter() {
            outcomes.push(match self.null_collision(batch).await? {
                Some(conflict) => Outcome::Conflict(conflict),
                None => self.one(batch.clone()).await?,
            });
        }
        Ok(outcomes)
    }

    /// The conflict of the first insert whose unique key a row has, if null equals null.
    async fn null_collision(&self, batch: &Batch) -> Result<Option<Conflict>, Error> {
        for (n, op) in batch.ops.iter().enumerate() {
            let Op::Insert { table, values, on_exists: OnExists::Conflict } = op else { continue };
            let Some(unique) = table.unique else { continue };
            if table.check_row(values).is_err() || !unique.iter().any(|&i| values[i].is_null()) {
                continue;
            }
            let same = |&ordinal: &usize| {
                let column = mintaka_core::Col { table, ordinal };
                match &values[ordinal] {
                    Value::Null => Filter::IsNull(column),
                    value => Filter::eq(column, value.clone()),
                }
            };
            let query = Query::of(table).filter(Filter::And(unique.iter().map(same).collect())).limit(1);
            if let Some(row) = self.inner.select(query).await?.pop() {
                return Ok(Some(Conflict { part: Part::Op(n), table, row: Some(row) }));
            }
        }
        Ok(None)
    }
}

/// What would be said of an op that was applied.
fn as_if_done(op: &Op) -> Done {
    let key = match op {
        Op::Insert { table, values, .. } | Op::Upsert { table, values, .. } => Some(table.key_of(values)),
        Op::Update { key: Key::Primary(key), .. } | Op::Delete { key: Key::Primary(key), .. } => Some(key.clone()),
        Op::Update { .. } | Op::Delete { .. } => None,
    };
    Done { applied: true, inserted: matches!(op, Op::Insert { .. } | Op::Upsert { .. }), key }
}
