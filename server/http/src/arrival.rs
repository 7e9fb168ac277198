//! The body of a request as it arrives. One that stalls fails; what no handler read is read and thrown away beside the
//! answer, so that the client can send it, read the answer, and use the connection again.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};
use poem::http::{HeaderValue, Version, header};
use poem::{Request, Response};
use tokio::time::{Instant, Sleep, sleep_until, timeout};

/// A connection is kept for the next request while no more than so many bytes have to be thrown away before it.
const KEPT_UP_TO: u64 = 1 << 20;

/// A body of which fewer bytes a second have arrived in the end is given up, however steadily they come.
const LEAST_RATE: u64 = 16 << 10;

type Arriving = BoxBody<Bytes, io::Error>;

/// What is left of a body when its handler lets go of it.
enum Left {
    Nothing,
    Unread(Arriving),
    Broken,
}

/// The body of a request, from the outside.
pub(crate) struct Arrival {
    left: Arc<Mutex<Left>>,
    patience: Duration,
    /// Whether the client sends the body only when asked to.
    waits: bool,
    version: Version,
}

impl Arrival {
    /// Takes the place of a request's body, which fails after `patience` without a byte, and when it falls behind the least
    /// rate for so long; `None` if there is no body.
    pub(crate) fn of(request: &mut Request, patience: Duration) -> Option<Arrival> {
        let body: Arriving = request.take_body().into();
        if body.is_end_stream() {
            return None;
        }
        let left = Arc::new(Mutex::new(Left::Nothing));
        let now = Instant::now();
        let watched =
            Watched { body: Some(body), patience, begun: now, last: now, received: 0, stall: None, left: left.clone() };
        request.set_body(poem::Body::from(Arriving::new(watched)));
        let waits = request.headers().contains_key(header::EXPECT);
        Some(Arrival { left, patience, waits, version: request.version() })
    }

    /// Sees to what was not read, now that there is an answer.
    pub(crate) fn settle(self, response: &mut Response) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *left, Left::Nothing) {
            Left::Nothing => {}
            Left::Broken => self.close(response),
            // It will not be sent after an answer, or it will: the client alone knows.
            Left::Unread(_) if self.waits => self.close(response),
            Left::Unread(mut body) => {
                if body.size_hint().upper().is_none_or(|size| size > KEPT_UP_TO) {
                    self.close(response);
                }
                // Even before a close: what is sent to a closed connection makes the client's system drop the answer.
                tokio::spawn(timeout(self.patience, async move { while let Some(Ok(_)) = body.frame().await {} }));
            }
        }
    }

    /// Tells the client that the connection ends with this answer. (HTTP/2 has a stream per request, and no such header)
    fn close(&self, response: &mut Response) {
        if self.version <= Version::HTTP_11 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

/// The body of a request, from the inside.
struct Watched {
    /// `None` after its end.
    body: Option<Arriving>,
    patience: Duration,
    begun: Instant,
    /// When the last bytes arrived.
    last: Instant,
    received: u64,
    /// Wakes when it may be time to give up.
    stall: Option<Pin<Box<Sleep>>>,
    left: Arc<Mutex<Left>>,
}

impl Watched {
    /// When the body is given up if nothing more arrives.
    fn given_up_at(&self) -> Instant {
        self.last.min(self.begun + Duration::from_secs(self.received / LEAST_RATE)) + self.patience
    }

    fn leave(&self, left: Left) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}

impl Body for Watched {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        let frame = match Pin::new(body).poll_frame(context) {
            Poll::Ready(frame) => {
                let data = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
                this.received += data.map_or(0, |data| data.len() as u64);
                this.last = Instant::now();
                frame
            }
            Poll::Pending => {
                let at = this.given_up_at();
                let stall = this.stall.get_or_insert_with(|| Box::pin(sleep_until(at)));
                if stall.deadline() != at {
                    stall.as_mut().reset(at);
                }
                ready!(stall.as_mut().poll(context));
                Some(Err(io::ErrorKind::TimedOut.into()))
            }
        };
        match frame {
            None => this.body = None,
            Some(Err(_)) => {
                this.body = None;
                this.leave(Left::Broken);
            }
            Some(Ok(_)) => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            self.leave(Left::Unread(body));
        }
    }
}
