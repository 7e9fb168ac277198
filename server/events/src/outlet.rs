//! `/events/out` and `/logs/out`: rows go out as they are committed.
//!
//! The position of every writer is read first, then what was there before is sent, then what comes after that position.
//! A row committed in between is met twice, and known by its id.

use std::collections::HashSet;

use mintaka_api_filters::LogFilter;
use mintaka_core::records::{Event, Log};
use mintaka_core::{Direction, Filter, Time};
use mintaka_http::Ctx;
use poem_openapi::types::ParseFromJSON;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use uuid::Uuid;

use crate::criteria::Criteria;
use crate::filter::EventFilter;
use crate::scan::{Scan, UNBOUNDED};
use crate::socket::{End, Heard, Serve, Socket};
use crate::tail::{StreamRow, Tail};

/// How far back events are sent to a new subscriber, in seconds (wire: `maximum_websocket_backfill`).
const BACKFILL_SECONDS: f64 = 15.0 * 60.0;

/// `/events/out`
#[derive(Clone)]
pub(crate) struct EventsOut(pub(crate) Ctx);

/// `/logs/out`; there is no backfill (wire).
#[derive(Clone)]
pub(crate) struct LogsOut(pub(crate) Ctx);

impl Serve for EventsOut {
    async fn serve(self, socket: &mut Socket) -> Result<(), End> {
        let store = &self.0.ops;
        let hello = Hello::<EventFilter>::hear(socket).await?;
        let criteria = live(&hello.filter, store.now()).map_err(|fault| invalid(&fault))?;
        let tail = Tail::<Event>::from_here(store, criteria.filter.clone()).await?;
        let mut sent = HashSet::new();
        if hello.backfill {
            let mut scan = Scan::new(store, &criteria, UNBOUNDED);
            while let Some(page) = scan.next().await? {
                for event in page.iter().filter(|event| criteria.admits(event)) {
                    socket.send(&Envelope("event", event)).await?;
                    if !tail.is_past(event) {
                        sent.insert(event.id);
                    }
                }
                socket.attend()?;
            }
        }
        relay(socket, tail, "event", sent, |event| criteria.admits(event)).await
    }
}

impl Serve for LogsOut {
    async fn serve(self, socket: &mut Socket) -> Result<(), End> {
        let hello = Hello::<LogFilter>::hear(socket).await?;
        let filter = Filter::And(vec![hello.filter.to_filter(socket.client.is_v2())]);
        let tail = Tail::<Log>::from_here(&self.0.ops, filter).await?;
        relay(socket, tail, "log", HashSet::new(), |_| true).await
    }
}

/// What a filter means to a subscriber: at most a quarter of an hour back, oldest first, and without `until` no end.
fn live(filter: &EventFilter, now: Time) -> Result<Criteria, String> {
    let asked = Criteria::new(filter, now, Time::MAX)?;
    let since = asked.since.max(now.plus_seconds(-BACKFILL_SECONDS));
    Ok(Criteria::within(filter, since, asked.until)?.in_order(Direction::Asc))
}

/// Sends what the tail answers, until one side has enough.
async fn relay<R: StreamRow>(
    socket: &mut Socket,
    mut tail: Tail<R>,
    kind: &'static str,
    mut sent: HashSet<Uuid>,
    admits: impl Fn(&R) -> bool,
) -> Result<(), End> {
    loop {
        let rows = tokio::select! {
            heard = socket.hear() => {
                // A subscriber has nothing more to say; its pings are answered as the socket is read on.
                let (Heard::Text(_) | Heard::Binary | Heard::Ping) = heard?;
                continue;
            }
            rows = tail.next() => rows?,
        };
        for row in rows.iter().filter(|row| admits(row)) {
            if !sent.remove(&row.id()) {
                socket.send(&Envelope(kind, row)).await?;
            }
        }
    }
}

/// The first frame: `{"type":"filter","filter":…,"backfill":true}`.
struct Hello<F> {
    filter: F,
    backfill: bool,
}

impl<F: ParseFromJSON> Hello<F> {
    async fn hear(socket: &mut Socket) -> Result<Hello<F>, End> {
        match socket.hear_first().await? {
            Some(mut message) if message["type"] == "filter" => {
                let backfill = message["backfill"].as_bool().unwrap_or(true);
                let filter = message.get_mut("filter").map(Value::take);
                let filter = F::parse_from_json(filter).map_err(|e| invalid(&e.into_message()))?;
                Ok(Hello { filter, backfill })
            }
            _ => Err(End::protocol("Expected 'filter' message")),
        }
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
