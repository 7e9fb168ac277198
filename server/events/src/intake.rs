//! `/events/in`: events come in, one a frame, and a pong says that all before its ping are durable.
//!
//! wire: a ping and its pong are the only confirmation of this socket. A client keeps what it sent until then, and sends
//! it again after a lost connection. So a pong is held until everything that came before it is durable, and a
//! connection that cannot keep this promise is dropped without a word, because any frame would let the pong out.
//!
//! ```text
//!  client   e1 e2 e3 ping ─────────────────────────► (keeps e1 e2 e3)         pong: forgets them
//!  server      └─┴──┴─► in flight ──► one commit ──► durable ──► reads on ──► pong leaves
//! ```

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use mintaka_core::Error;
use mintaka_http::Ctx;
use mintaka_orchestration::Operations;
use mintaka_orchestration::ops::events::{NewEvent, record};
use poem::web::websocket::CloseCode;
use tokio::time::timeout;

use crate::socket::{End, Heard, Serve, Socket};

/// Events of one socket that are read and not yet durable.
const MAX_IN_FLIGHT: usize = 256;
/// Their bytes.
const MAX_IN_FLIGHT_BYTES: usize = 8 << 20;
/// How long a pong is held at most. Clients give up after 20 s.
const HOLD: Duration = Duration::from_secs(15);

/// The socket's side of the server.
#[derive(Clone)]
pub(crate) struct Intake(pub(crate) Ctx);

impl Serve for Intake {
    async fn serve(self, socket: &mut Socket) -> Result<(), End> {
        let mut in_flight = InFlight { store: self.0.ops, events: FuturesUnordered::new(), bytes: 0 };
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
            Ok(Heard::Text(text)) => match NewEvent::parse(&text) {
                Ok(event) => in_flight.add(event, text.len()),
                Err(refused) => return refuse(CloseCode::Invalid, refused.0),
            },
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
    events: FuturesUnordered<Recording>,
    bytes: usize,
}

impl InFlight {
    fn has_room(&self) -> bool {
        self.events.len() < MAX_IN_FLIGHT && self.bytes < MAX_IN_FLIGHT_BYTES
    }

    fn add(&mut self, event: NewEvent, bytes: usize) {
        self.bytes += bytes;
        let store = self.store.clone();
        self.events.push(Box::pin(async move { (bytes, record(&store, &event).await.map(drop)) }));
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
