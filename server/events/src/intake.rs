//! `/events/in`: events come in, one a frame, and a pong says that all before its ping are durable.
//!
//! wire W13.2: a ping and its pong are the only confirmation of this socket. A client keeps what it sent until then,
//! and sends it again after a lost connection. So a pong is held until everything that came before it is durable, and a
//! connection that cannot keep this promise is dropped without a word, because any frame would let the pong out.
//!
//! ```text
//!  client   e1 e2 e3 ping ─────────────────────────► (keeps e1 e2 e3)         pong: forgets them
//!  server      └─┴──┴─► in flight ──► one commit ──► durable ──► reads on ──► pong leaves
//! ```

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mintaka_core::Error;
use mintaka_http::Ctx;
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::events::{NewEvent, record};
use tokio::time::timeout;

use crate::end::{CloseCode, End};
use crate::limits::{Room, Share};
use crate::socket::{Heard, Serve, Socket};

/// Events of one socket that are read and not yet durable.
const MAX_IN_FLIGHT: usize = 256;
/// Their bytes.
const MAX_IN_FLIGHT_BYTES: usize = 8 << 20;
/// Bytes of memory that a byte of an event takes while it is in flight: as text, as values and as a row.
const COST: usize = 4;
/// How long a pong is held at most. Clients give up after 20 s.
const HOLD: Duration = Duration::from_secs(15);

/// The socket's side of the server.
#[derive(Clone)]
pub(crate) struct Intake(pub(crate) Ctx);

impl Serve for Intake {
    // An event that is a little too large is refused with a reason that says so.
    const MAX_MESSAGE: usize = 2 << 20;

    async fn serve(self, socket: &mut Socket) -> Result<(), End> {
        let room = socket.shared.in_flight.clone();
        let mut in_flight = InFlight { store: self.0.ops, room, events: FuturesUnordered::new(), bytes: 0 };
        let end = take_in(socket, &mut in_flight).await;
        // What was read before a malformed frame, or before the client left, is kept all the same.
        match (end, in_flight.settle().await) {
            (End::Close(..), Err(failed)) => Err(failed),
            (end, _) => Err(end),
        }
    }
}

async fn take_in(socket: &mut Socket, in_flight: &mut InFlight) -> End {
    loop {
        let heard = tokio::select! {
            // Frames first: what has arrived is collected, and goes into one commit.
            biased;
            heard = socket.hear(), if in_flight.has_room() => heard,
            Some(done) = in_flight.next() => match done {
                Ok(()) => continue,
                Err(error) => return error.into(),
            },
        };
        match heard {
            Ok(Heard::Text(text)) => {
                let share = match in_flight.share(text.len()).await {
                    Ok(share) => share,
                    Err(error) => return error.into(),
                };
                match NewEvent::parse(&text) {
                    Ok(event) => in_flight.add(event, text.len(), share),
                    Err(refused) => return refuse(CloseCode::Invalid, refused.0),
                }
            }
            Ok(Heard::Binary) => return refuse(CloseCode::Unsupported, "Events are text frames".into()),
            Ok(Heard::Ping) => {
                if in_flight.settle().await.is_err() {
                    return End::Drop;
                }
            }
            Err(end) => return end,
        }
    }
}

fn refuse(code: CloseCode, reason: String) -> End {
    tracing::warn!(reason, "an event is refused, and its connection closed");
    End::Close(code, reason)
}

type Recording = Pin<Box<dyn Future<Output = (usize, Result<(), Error>)> + Send>>;

/// Events that are being recorded. They are queued when this is polled, all that are there at once.
struct InFlight {
    store: Operations,
    /// What all sockets may have in flight.
    room: Room,
    events: FuturesUnordered<Recording>,
    bytes: usize,
}

impl InFlight {
    fn has_room(&self) -> bool {
        self.events.len() < MAX_IN_FLIGHT && self.bytes < MAX_IN_FLIGHT_BYTES
    }

    /// Waits for room among what all sockets have in flight; what this one has goes on meanwhile.
    async fn share(&mut self, bytes: usize) -> Result<Option<Share>, Error> {
        let room = self.room.clone();
        let mut share = pin!(room.take(bytes.saturating_mul(COST)));
        loop {
            tokio::select! {
                biased;
                share = &mut share => return Ok(share),
                Some(done) = self.next() => done?,
            }
        }
    }

    fn add(&mut self, event: NewEvent, bytes: usize, share: Option<Share>) {
        self.bytes += bytes;
        let store = self.store.clone();
        self.events.push(Box::pin(async move {
            let done = record(&store, &event).await.map(drop);
            drop(share);
            (bytes, done)
        }));
    }

    /// The next event that is durable, or could not be made so; `None` if nothing is in flight.
    async fn next(&mut self) -> Option<Result<(), Error>> {
        let (bytes, done) = self.events.next().await?;
        self.bytes -= bytes;
        Some(done)
    }

    /// Waits until everything in flight is durable.
    async fn settle(&mut self) -> Result<(), End> {
        let all = async {
            while let Some(done) = self.next().await {
                done?;
            }
            Ok::<_, Error>(())
        };
        match timeout(HOLD, all).await {
            Ok(done) => Ok(done?),
            Err(_) => {
                tracing::warn!("events could not be made durable in time");
                Err(End::Drop)
            }
        }
    }
}
