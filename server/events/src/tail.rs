//! Follows a stream: every row that is appended after a point, once, whoever appends it.

use std::sync::Arc;

use mintaka_core::records::{Event, EventResource, Log};
use mintaka_core::{Error, Filter, Record};
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::cursor::Cursor;
use mintaka_orchestration::ops::event_index;
use tokio::sync::watch;

use crate::limits::Room;
use crate::page_size::{Measured, Page, PageSize};
use crate::positions::{Positions, Writers};

/// A row of a stream.
pub(crate) trait StreamRow: Record + Measured + serde::Serialize {
    /// Writer and position.
    fn position(&self) -> (i64, i64);
}

impl StreamRow for Event {
    fn position(&self) -> (i64, i64) {
        (self.writer, self.seq)
    }
}

impl StreamRow for Log {
    fn position(&self) -> (i64, i64) {
        (self.writer, self.seq)
    }
}

/// A reader of a stream's new rows.
pub(crate) struct Tail<R> {
    store: Operations,
    filter: Filter,
    cursor: Cursor,
    /// The writer that was read last: the others come first then.
    last: i64,
    size: PageSize,
    seen: watch::Receiver<Writers>,
    /// Keeps what is seen up to date.
    _positions: Arc<Positions>,
    /// Whether the filter looks at resources of events, which are derived and must catch up before each read.
    derived: bool,
    rows: std::marker::PhantomData<fn() -> R>,
}

impl<R: StreamRow> Tail<R> {
    /// Follows the rows that meet `filter` and are not there yet, in pages at the cost of a room.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn from_here(
        store: &Operations,
        positions: Arc<Positions>,
        filter: Filter,
        room: Room,
    ) -> Result<Tail<R>, Error> {
        let mut seen = positions.watch();
        positions.look().await?;
        let cursor = Cursor::at(&seen.borrow_and_update());
        let derived = filter.looks_at(EventResource::TABLE);
        if derived {
            event_index::catch_up(store).await?;
        }
        Ok(Tail {
            store: store.clone(),
            filter,
            cursor,
            last: 0,
            size: PageSize::within(room),
            seen,
            _positions: positions,
            derived,
            rows: std::marker::PhantomData,
        })
    }

    /// Whether a row is before the cursor, and so will never be answered.
    pub(crate) fn is_past(&self, row: &R) -> bool {
        let (writer, seq) = row.position();
        self.cursor.is_past(writer, seq)
    }

    /// The next rows, at least one, those of one writer in its order. Dropping the future loses nothing.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn next(&mut self) -> Result<Page<R>, Error> {
        loop {
            let writers = self.seen.borrow_and_update().clone();
            let mut ahead = self.cursor.ahead(&writers);
            ahead.sort_by_key(|span| (span.writer <= self.last, span.writer));
            if self.derived && !ahead.is_empty() {
                event_index::catch_up(&self.store).await?;
            }
            for span in ahead {
                let mut query = span.query(R::TABLE)?;
                query.filter = query.filter.and(self.filter.clone());
                let page = self.size.read::<R>(&self.store, query, u64::MAX).await?;
                let to = page.rows.last().filter(|_| page.more).map(|row| row.position().1);
                self.cursor.advance(span, to);
                self.last = span.writer;
                if !page.rows.is_empty() {
                    return Ok(page);
                }
            }
            if self.seen.changed().await.is_err() {
                return Err(Error::Closed);
            }
        }
    }
}
