//! How many rows are read at once: as many as fit into a number of bytes, as far as the last ones tell.

use std::sync::LazyLock;

use mintaka_core::records::{Event, Log};
use mintaka_core::{Error, Query, Reader, Record};
use tokio::sync::Semaphore;

use crate::limits::{Room, Share};

/// Bytes of the rows of a page, unless one row alone has more.
pub(crate) const PAGE_BYTES: usize = 256 << 10;
/// Rows of a page at most.
const MOST: u64 = 100;
/// Rows of the first page, when nothing is known of their size.
const FIRST: u64 = 16;
/// Rows that are read at a time for all readers: what is read and then does not fit into a page is bounded by this.
const ROWS_AT_A_TIME: u32 = 2 * MOST as u32;

static READS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(ROWS_AT_A_TIME as usize));

/// A row that tells how much memory it takes.
pub(crate) trait Measured {
    /// About how many bytes the row takes, as it is and as it is sent.
    fn bytes(&self) -> usize;
}

/// What a row takes beside its texts.
const ROW: usize = 256;

impl Measured for Event {
    fn bytes(&self) -> usize {
        let texts = [self.resource.text(), self.related.text(), self.payload.text(), &self.event, &self.resource_id];
        ROW + texts.iter().map(|text| text.len()).sum::<usize>()
    }
}

impl Measured for Log {
    fn bytes(&self) -> usize {
        ROW + self.name.len() + self.message.len()
    }
}

/// Some rows of a query.
pub(crate) struct Page<R> {
    /// The rows.
    pub(crate) rows: Vec<R>,
    /// Their bytes.
    pub(crate) bytes: usize,
    /// Whether there may be more.
    pub(crate) more: bool,
    /// What these rows are kept at the cost of.
    _share: [Option<Share>; 2],
}

/// How many rows a reader asks for.
pub(crate) struct PageSize {
    rows: u64,
    room: Option<Room>,
}

impl PageSize {
    pub(crate) fn new() -> PageSize {
        PageSize { rows: FIRST, room: None }
    }

    /// For a reader that wants so many rows.
    pub(crate) fn starting(rows: u64) -> PageSize {
        PageSize { rows: rows.clamp(1, MOST), room: None }
    }

    /// At the cost of what is kept for all sockets, since a client may take its time to read a page.
    pub(crate) fn within(room: Room) -> PageSize {
        PageSize { rows: FIRST, room: Some(room) }
    }

    /// The first rows of a query: at most `limit`, and at least one if there is one.
    ///
    /// # Errors
    /// What the store answers, and [`Error::Unavailable`] if there is no room for a large row.
    pub(crate) async fn read<R: Record + Measured>(
        &mut self,
        store: &Reader,
        query: Query,
        limit: u64,
    ) -> Result<Page<R>, Error> {
        let asked = self.rows.min(limit);
        let share = match &self.room {
            Some(room) => room.take(PAGE_BYTES).await,
            None => None,
        };
        // The semaphore is never closed, and a page has fewer rows than it has permits.
        let turn = READS.acquire_many(asked as u32).await.ok();
        let mut rows: Vec<R> = store.select::<R>(query.limit(asked)).await?.into_iter().map(|row| row.record).collect();
        drop(turn);
        let found = rows.len();
        let mut bytes = 0;
        let mut fit = 0;
        for row in &rows {
            let with = bytes + row.bytes();
            if fit > 0 && with > PAGE_BYTES {
                break;
            }
            (bytes, fit) = (with, fit + 1);
        }
        rows.truncate(fit);
        self.rows = match fit < found || bytes > PAGE_BYTES / 2 {
            true => (fit as u64).max(1),
            false => (2 * self.rows).min(MOST),
        };
        // Whoever waited here with a share in hand could wait for others who do the same.
        let more_room = match &self.room {
            Some(room) if bytes > PAGE_BYTES => Some(room.try_take(bytes - PAGE_BYTES).ok_or_else(crowded)?),
            _ => None,
        };
        Ok(Page { rows, bytes, more: fit < found || found as u64 == asked, _share: [share, more_room] })
    }
}

fn crowded() -> Error {
    Error::Unavailable("too many large rows are being sent".into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mintaka_core::Store;
    use mintaka_core::memory::MemoryStore;
    use mintaka_core::records::log;
    use mintaka_core::{Batch, Direction, Time};
    use uuid::Uuid;

    use super::*;

    fn line(n: i64, bytes: usize) -> Log {
        let at = Time::from_micros(n);
        Log {
            timestamp: at,
            id: Uuid::from_u128(n as u128),
            created: at,
            updated: at,
            name: String::new(),
            level: 20,
            message: "x".repeat(bytes),
            flow_run_id: None,
            task_run_id: None,
            writer: 0,
            seq: 0,
        }
    }

    #[tokio::test]
    async fn pages_hold_as_many_rows_as_fit_and_at_least_one() {
        let store = Store::new(Arc::new(MemoryStore::new()));
        let sizes = (0..300).map(|n| match n {
            0..200 => 10,
            200..280 => PAGE_BYTES / 10,
            280..290 => 3 * PAGE_BYTES,
            _ => 10,
        });
        let lines = sizes.enumerate().map(|(n, bytes)| line(n as i64, bytes));
        store.commit(lines.fold(Batch::new(), Batch::insert)).await.unwrap();
        let (mut size, mut seen, mut most) = (PageSize::new(), Vec::new(), 0);
        loop {
            let mut query = Query::of(Log::TABLE).order(log::timestamp, Direction::Asc);
            query.after = seen.last().map(|&n| vec![Time::from_micros(n).into(), Uuid::from_u128(n as u128).into()]);
            let page: Page<Log> = size.read(&store, query, u64::MAX).await.unwrap();
            assert!(
                page.rows.len() == 1 || page.bytes <= PAGE_BYTES,
                "{} rows of {} bytes",
                page.rows.len(),
                page.bytes
            );
            most = most.max(page.rows.len());
            seen.extend(page.rows.iter().map(|row| row.timestamp.micros()));
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, (0..300).collect::<Vec<_>>());
        assert!(most > FIRST as usize, "small rows are read {most} at a time");
    }

    #[tokio::test]
    async fn a_read_waits_until_others_have_read() {
        let store = Store::new(Arc::new(MemoryStore::new()));
        store.commit(Batch::new().insert(line(1, 10))).await.unwrap();
        let others = READS.acquire_many(ROWS_AT_A_TIME).await.unwrap();
        let mut size = PageSize::new();
        let query = Query::of(Log::TABLE).order(log::timestamp, Direction::Asc);
        let mut read = std::pin::pin!(size.read::<Log>(&store, query, u64::MAX));
        assert!(futures_util::poll!(&mut read).is_pending());
        drop(others);
        assert_eq!(read.await.unwrap().rows.len(), 1);
    }
}
