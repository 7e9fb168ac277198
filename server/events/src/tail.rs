//! Follows a stream: every row that is appended after a point, once, whoever appends it.
//!
//! A cursor is a map from writer to position. What is visible of one writer is always a prefix, so a row that was not
//! there when its writer's position was read is beyond that position.

use std::collections::BTreeMap;
use std::time::Duration;

use mintaka_core::records::{Event, EventResource, Log};
use mintaka_core::{Cmp, Col, Direction, Error, Filter, Query, Record};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::event_index;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

/// Rows of one read.
const PAGE: u64 = 250;
/// How often the store is asked without a commit of this process: others may have written.
const POLL: Duration = Duration::from_secs(1);
/// How often it is asked at most.
const PACE: Duration = Duration::from_millis(10);

/// A row of a stream.
pub(crate) trait StreamRow: Record + serde::Serialize {
    /// Identifier.
    fn id(&self) -> Uuid;
    /// Writer and position.
    fn position(&self) -> (i64, i64);
}

impl StreamRow for Event {
    fn id(&self) -> Uuid {
        self.id
    }
    fn position(&self) -> (i64, i64) {
        (self.writer, self.seq)
    }
}

impl StreamRow for Log {
    fn id(&self) -> Uuid {
        self.id
    }
    fn position(&self) -> (i64, i64) {
        (self.writer, self.seq)
    }
}

/// A reader of a stream's new rows.
pub(crate) struct Tail<R> {
    store: Operations,
    writer: Col,
    seq: Col,
    filter: Filter,
    cursor: BTreeMap<i64, i64>,
    committed: watch::Receiver<u64>,
    asked: Option<Instant>,
    /// Whether the filter looks at resources of events, which are derived and must catch up before each read.
    derived: bool,
    rows: std::marker::PhantomData<fn() -> R>,
}

impl<R: StreamRow> Tail<R> {
    /// Follows the rows that meet `filter` and are not there yet.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn from_here(store: &Operations, filter: Filter) -> Result<Tail<R>, Error> {
        let (writer, seq) = R::TABLE.stream.ok_or_else(|| Error::Invalid(format!("{} is no stream", R::TABLE.name)))?;
        let heads = store.heads().await?;
        let derived = filter.looks_at(EventResource::TABLE);
        if derived {
            event_index::catch_up(store).await?;
        }
        Ok(Tail {
            store: store.clone(),
            writer: Col { table: R::TABLE, ordinal: writer },
            seq: Col { table: R::TABLE, ordinal: seq },
            filter,
            cursor: heads.positions(),
            committed: store.committed(),
            asked: None,
            derived,
            rows: std::marker::PhantomData,
        })
    }

    /// Whether a row is before the cursor, and so will never be answered.
    pub(crate) fn is_past(&self, row: &R) -> bool {
        let (writer, seq) = row.position();
        self.cursor.get(&writer).is_some_and(|&reached| seq <= reached)
    }

    /// The next rows, at least one, those of one writer in its order. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn next(&mut self) -> Result<Vec<R>, Error> {
        loop {
            if let Some(asked) = self.asked {
                sleep_until(asked + PACE).await;
            }
            self.committed.borrow_and_update();
            let rows = self.read().await?;
            self.asked = Some(Instant::now());
            if !rows.is_empty() {
                return Ok(rows);
            }
            tokio::select! {
                changed = self.committed.changed() => if changed.is_err() { return Err(Error::Closed) },
                () = sleep(POLL) => {}
            }
        }
    }

    async fn read(&mut self) -> Result<Vec<R>, Error> {
        let heads = self.store.heads().await?.positions();
        if self.derived && heads != self.cursor {
            event_index::catch_up(&self.store).await?;
        }
        let mut cursor = self.cursor.clone();
        let mut rows = Vec::new();
        for (&writer, &head) in &heads {
            let reached = cursor.entry(writer).or_insert(0);
            if head > *reached {
                let page = self.page(writer, *reached, Some(head)).await?;
                *reached = if (page.len() as u64) < PAGE { head } else { last_of(&page, head) };
                rows.extend(page);
            }
        }
        // A writer that was retired writes no more: it is read to its end, then forgotten.
        for (writer, reached) in self.cursor.iter().filter(|(writer, _)| !heads.contains_key(writer)) {
            let page = self.page(*writer, *reached, None).await?;
            if (page.len() as u64) < PAGE {
                cursor.remove(writer);
            } else {
                cursor.insert(*writer, last_of(&page, *reached));
            }
            rows.extend(page);
        }
        self.cursor = cursor;
        Ok(rows)
    }

    async fn page(&self, writer: i64, after: i64, until: Option<i64>) -> Result<Vec<R>, Error> {
        let mut filter = vec![Filter::eq(self.writer, writer), Filter::cmp(self.seq, Cmp::Gt, after)];
        filter.extend(until.map(|head| Filter::cmp(self.seq, Cmp::Le, head)));
        filter.push(self.filter.clone());
        let query = Query::of(R::TABLE)
            .filter(Filter::And(filter))
            .order(self.writer, Direction::Asc)
            .order(self.seq, Direction::Asc)
            .limit(PAGE);
        Ok(self.store.select::<R>(query).await?.into_iter().map(|row| row.record).collect())
    }
}

fn last_of<R: StreamRow>(page: &[R], otherwise: i64) -> i64 {
    page.last().map_or(otherwise, |row| row.position().1)
}
