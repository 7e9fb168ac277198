//! Reading events page by page in their order, with a bound on what a request may cost.

use std::sync::{Arc, LazyLock};
use std::thread::available_parallelism;

use mintaka_core::records::{Event, event};
use mintaka_core::{Error, Query, Record, Time};
use mintaka_orchestration::Operations;
use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::criteria::Criteria;
use crate::limits::Room;
use crate::page_size::{Page, PageSize};

/// Rows that one request reads at most when the store cannot judge all of its filter.
const SCAN_ROWS: u64 = 20_000;
/// Steps that judging them may take, about a second of one thread's work.
const SCAN_STEPS: u64 = 256 << 20;
/// Steps that are done at once by a thread that serves others too, about a millisecond.
const STEPS_AT_ONCE: usize = 1 << 18;

/// Turns of those that judge for longer. Half of the processors is left to others.
static JUDGES: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, |number| number.get().div_ceil(2))));

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

/// Those of the events, which the store found, that meet all of the criteria.
///
/// # Errors
/// [`Error::Unavailable`] if the thread that judges them ended.
pub(crate) async fn judge(criteria: &Arc<Criteria>, mut page: Page<Event>) -> Result<Page<Event>, Error> {
    if criteria.is_exact() {
        return Ok(page);
    }
    if page.bytes.saturating_mul(criteria.weight()) <= STEPS_AT_ONCE {
        page.rows.retain(|event| criteria.admits(event));
        return Ok(page);
    }
    // The semaphore is never closed.
    let turn = JUDGES.acquire().await.ok();
    let criteria = criteria.clone();
    let judged = tokio::task::spawn_blocking(move || {
        page.rows.retain(|event| criteria.admits(event));
        page
    });
    let page = judged.await.map_err(|error| Error::Unavailable(format!("events could not be judged: {error}")));
    drop(turn);
    page
}

/// A read of all events that meet the criteria.
pub(crate) struct Scan<'a> {
    store: &'a Operations,
    criteria: &'a Arc<Criteria>,
    after: Option<Position>,
    size: PageSize,
    /// Rows and steps that may still be spent.
    rows: u64,
    steps: u64,
    ended: bool,
}

impl<'a> Scan<'a> {
    /// From the start of the order on, for one request.
    pub(crate) fn new(store: &'a Operations, criteria: &'a Arc<Criteria>) -> Scan<'a> {
        let (rows, steps) = (SCAN_ROWS, SCAN_STEPS);
        Scan { store, criteria, after: None, size: PageSize::new(), rows, steps, ended: false }
    }

    /// To the end, whatever it costs, for a socket: its client sets the pace.
    pub(crate) fn for_socket(self, room: Room) -> Scan<'a> {
        Scan { rows: u64::MAX, steps: u64::MAX, size: PageSize::within(room), ..self }
    }

    /// For a reader that wants so many events.
    pub(crate) fn expecting(self, rows: u64) -> Scan<'a> {
        Scan { size: PageSize::starting(rows), ..self }
    }

    /// From a position on.
    pub(crate) fn after(mut self, position: Option<Position>) -> Scan<'a> {
        self.after = position;
        self
    }

    /// The events of the next page, which may be none; `None` at the end, or when the bound is reached.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn next(&mut self) -> Result<Option<Page<Event>>, Error> {
        if self.ended || self.rows == 0 || self.steps == 0 {
            return Ok(None);
        }
        let page = self.size.read::<Event>(self.store, query(self.criteria, self.after), self.rows).await?;
        self.ended = !page.more;
        self.rows = self.rows.saturating_sub(page.rows.len() as u64);
        self.steps = self.steps.saturating_sub(page.bytes.saturating_mul(self.criteria.weight()) as u64);
        self.after = page.rows.last().map(position).or(self.after);
        judge(self.criteria, page).await.map(Some)
    }

    /// Where the scan stopped at its bound; `None` if it reached the end.
    pub(crate) fn stopped_at(&self) -> Option<Position> {
        if self.ended { None } else { self.after }
    }
}
