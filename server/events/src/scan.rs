//! Reading events page by page in their order, with a bound on the rows that a request may cost.

use mintaka_core::records::{Event, event};
use mintaka_core::{Error, Query, Reader, Record, Time};
use uuid::Uuid;

use crate::criteria::Criteria;

/// Rows of one read (wire: `websocket_backfill_page_size`).
const PAGE: u64 = 250;

/// No bound: for a reader that keeps up with what it reads.
pub(crate) const UNBOUNDED: u64 = u64::MAX;

/// A position in the order of events: time of occurrence and id.
pub(crate) type Position = (Time, Uuid);

/// The query for events, in the order of the criteria, after a position.
pub(crate) fn query(criteria: &Criteria, after: Option<Position>) -> Query {
    let mut query = Query::of(Event::TABLE).filter(criteria.filter.clone()).order(event::occurred, criteria.direction);
    query.after = after.map(|(occurred, id)| vec![occurred.into(), id.into()]);
    query
}

/// The position of an event.
pub(crate) fn position(event: &Event) -> Position {
    (event.occurred, event.id)
}

/// A read of all events that the store finds, which the criteria may still refuse.
pub(crate) struct Scan<'a> {
    store: &'a Reader,
    criteria: &'a Criteria,
    after: Option<Position>,
    left: u64,
    ended: bool,
}

impl<'a> Scan<'a> {
    /// From the start of the order, at most `rows` rows.
    pub(crate) fn new(store: &'a Reader, criteria: &'a Criteria, rows: u64) -> Scan<'a> {
        Scan { store, criteria, after: None, left: rows, ended: false }
    }

    /// From a position on.
    pub(crate) fn after(mut self, position: Option<Position>) -> Scan<'a> {
        self.after = position;
        self
    }

    /// The next page; `None` at the end, or when the bound is reached.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Event>>, Error> {
        if self.ended || self.left == 0 {
            return Ok(None);
        }
        let limit = PAGE.min(self.left);
        let rows = self.store.select::<Event>(query(self.criteria, self.after).limit(limit)).await?;
        self.ended = (rows.len() as u64) < limit;
        self.left -= rows.len() as u64;
        let page: Vec<Event> = rows.into_iter().map(|row| row.record).collect();
        self.after = page.last().map(position).or(self.after);
        Ok(Some(page))
    }

    /// Where the scan stopped at its bound; `None` if it reached the end.
    pub(crate) fn stopped_at(&self) -> Option<Position> {
        if self.ended { None } else { self.after }
    }
}
