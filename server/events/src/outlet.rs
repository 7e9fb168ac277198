//! `/events/out` and `/logs/out`: rows go out as they are committed.
//!
//! The position of every writer is read first, then what was there up to it is sent, then what comes after it.

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;

use mintaka_api_filters::LogFilter;
use mintaka_core::records::{Event, Log};
use mintaka_core::{Direction, Error, Filter, Time};
use mintaka_http::Ctx;
use poem_openapi::types::ParseFromJSON;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::criteria::Criteria;
use crate::end::End;
use crate::filter::EventFilter;
use crate::filter_limits::MAX_ITEMS;
use crate::limits::Share;
use crate::page_size::Page;
use crate::positions::Followed;
use crate::scan::{Scan, judge};
use crate::socket::{Heard, Serve, Socket};
use crate::tail::{StreamRow, Tail};

/// How far back events are sent to a new subscriber, in seconds (wire W13.3).
const BACKFILL_SECONDS: f64 = 15.0 * 60.0;
/// Bytes of memory that a byte of a filter takes: as values, as criteria and as what the store is asked.
const COST: usize = 8;

/// `/events/out`
#[derive(Clone)]
pub(crate) struct EventsOut {
    pub(crate) ctx: Ctx,
    pub(crate) followed: Arc<Followed>,
}

/// `/logs/out`; there is no backfill (wire W13.4).
#[derive(Clone)]
pub(crate) struct LogsOut {
    pub(crate) ctx: Ctx,
    pub(crate) followed: Arc<Followed>,
}

impl Serve for EventsOut {
    async fn serve(self, socket: &mut Socket) -> Result<(), End> {
        let store = &self.ctx.ops;
        let room = socket.shared.pages.clone();
        let hello = Hello::<EventFilter>::hear(socket).await?;
        let criteria = Arc::new(live(&hello.filter, store.now()).map_err(|fault| invalid(&fault))?);
        let positions = self.followed.positions(store);
        let tail = Tail::<Event>::from_here(store, positions, criteria.filter.clone(), room.clone()).await?;
        if hello.backfill {
            let mut scan = Scan::new(store, &criteria).for_socket(room);
            while let Some(mut page) = scan.next().await? {
                // What came after the tail began, the tail will bring.
                page.rows.retain(|event| tail.is_past(event));
                send(socket, "event", page).await?;
                socket.attend()?;
            }
        }
        let judge = move |page| {
            let criteria = criteria.clone();
            async move { judge(&criteria, page).await }
        };
        relay(socket, tail, "event", judge).await
    }
}

impl Serve for LogsOut {
    async fn serve(self, socket: &mut Socket) -> Result<(), End> {
        let room = socket.shared.pages.clone();
        let hello = Hello::<LogFilter>::hear(socket).await?;
        let filter = Filter::And(vec![hello.filter.to_filter(socket.client.is_v2())]);
        let positions = self.followed.positions(&self.ctx.ops);
        let tail = Tail::<Log>::from_here(&self.ctx.ops, positions, filter, room).await?;
        relay(socket, tail, "log", |page| ready(Ok(page))).await
    }
}

/// What a filter means to a subscriber: at most a quarter of an hour back, oldest first, and without `until` no end.
fn live(filter: &EventFilter, now: Time) -> Result<Criteria, String> {
    let asked = Criteria::new(filter, now, Time::MAX)?;
    let since = asked.since.max(now.plus_seconds(-BACKFILL_SECONDS));
    Ok(Criteria::within(filter, since, asked.until)?.in_order(Direction::Asc))
}

/// Sends what the tail answers, until one side has enough.
async fn relay<R: StreamRow, J: Future<Output = Result<Page<R>, Error>>>(
    socket: &mut Socket,
    mut tail: Tail<R>,
    kind: &'static str,
    judge: impl Fn(Page<R>) -> J,
) -> Result<(), End> {
    loop {
        let page = {
            // One read, however much the client says meanwhile.
            let mut next = pin!(async { judge(tail.next().await?).await });
            loop {
                tokio::select! {
                    heard = socket.hear() => {
                        // A subscriber has nothing more to say; its pings are answered as the socket is read on.
                        let (Heard::Text(_) | Heard::Binary | Heard::Ping) = heard?;
                    }
                    page = &mut next => break page?,
                }
            }
        };
        send(socket, kind, page).await?;
    }
}

/// Sends the rows of a page.
async fn send<R: Serialize>(socket: &mut Socket, kind: &'static str, page: Page<R>) -> Result<(), End> {
    let until = socket.patience();
    for row in &page.rows {
        socket.put(until, &Envelope(kind, row)).await?;
    }
    socket.flush(until).await
}

/// The first frame: `{"type":"filter","filter":…,"backfill":true}`.
struct Hello<F> {
    filter: F,
    backfill: bool,
    /// What the filter is kept at the cost of.
    _share: Share,
}

impl<F: ParseFromJSON> Hello<F> {
    async fn hear(socket: &mut Socket) -> Result<Hello<F>, End> {
        match socket.hear_soon().await? {
            Some(mut message) if message["type"] == "filter" => {
                let bytes = COST.saturating_mul(message.to_string().len());
                let share = socket.shared.held.try_take(bytes).ok_or_else(End::busy)?;
                let backfill = message["backfill"].as_bool().unwrap_or(true);
                let filter = message.get_mut("filter").map(Value::take);
                if filter.as_ref().is_some_and(|filter| longest_list(filter) > MAX_ITEMS) {
                    return Err(invalid(&format!("a list takes at most {MAX_ITEMS} items")));
                }
                let filter = F::parse_from_json(filter).map_err(|e| invalid(&e.into_message()))?;
                Ok(Hello { filter, backfill, _share: share })
            }
            _ => Err(End::protocol("Expected 'filter' message")),
        }
    }
}

/// The number of items of the longest list.
fn longest_list(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(longest_list).fold(items.len(), usize::max),
        Value::Object(members) => members.values().map(longest_list).fold(0, usize::max),
        _ => 0,
    }
}

fn invalid(fault: &str) -> End {
    End::protocol(format!("Invalid filter: {fault}"))
}

/// `{"type":"event","event":{…}}`
struct Envelope<'a, T>(&'static str, &'a T);

impl<T: Serialize> Serialize for Envelope<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("type", self.0)?;
        map.serialize_entry(self.0, self.1)?;
        map.end()
    }
}
