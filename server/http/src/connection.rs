//! One connection: what it may ask, and how long it may be silent. Nothing else bounds the time in which the first byte,
//! the head of a request, the next request, or the next part of an answer is to be sent or taken.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, StatusCode, Version, header};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Endpoint, IntoResponse, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::arrival::Arrival;
use crate::departure::Departing;
use crate::room::{Activity, Place};
use crate::{ApiError, Limits, PREFIX};

/// A connection in the reserve may be silent for so long.
const RESERVE_IDLE: Duration = Duration::from_secs(2);
/// What is sent to a connection that is to close, and its goodbye, may take so long.
const LINGER: Duration = Duration::from_secs(1);
/// The same when its place is needed.
const HURRY: Duration = Duration::from_millis(10);

/// What every connection needs.
pub(crate) struct Front<E> {
    pub(crate) endpoint: E,
    pub(crate) local: LocalAddr,
    pub(crate) limits: Limits,
    pub(crate) builder: Builder<TokioExecutor>,
    /// Cancelled when the server stops: requests under way are answered.
    pub(crate) stop: CancellationToken,
    /// Cancelled when the time for that is over.
    pub(crate) end: CancellationToken,
}

impl<E: Endpoint<Output = Response> + 'static> Front<E> {
    /// Serves a connection until it ends or becomes a socket, which keeps the place.
    pub(crate) async fn attend(self: Arc<Self>, stream: TcpStream, remote: SocketAddr, place: Place) {
        let (activity, reserved) = (place.activity.clone(), place.is_reserved());
        let patience = if reserved { RESERVE_IDLE.min(self.limits.idle) } else { self.limits.idle };
        let remote = RemoteAddr(remote.into());
        let service = {
            let (front, activity) = (self.clone(), activity.clone());
            hyper::service::service_fn(move |request| {
                front.clone().answer(request, remote.clone(), activity.clone(), reserved)
            })
        };
        let io = TokioIo::new(Placed { stream, place });
        let mut connection = pin!(self.builder.serve_connection_with_upgrades(io, service));
        // When it was told to end, and how long it may be silent from then on.
        let mut told: Option<(Instant, Duration)> = None;
        let ended = loop {
            let due = || match told {
                None => activity.silent_at(patience),
                // What it has begun is ended in peace.
                Some((at, rest)) if rest < LINGER && !activity.is_idle() => activity.silent_at(LINGER).max(at + LINGER),
                Some((at, rest)) => activity.silent_at(rest).max(at + rest),
            };
            let silent_at = due();
            let rest = tokio::select! {
                // The time first: a connection that is asked may buffer one more part of its answer, which is no progress.
                biased;
                () = sleep_until(silent_at) => {
                    if due() > silent_at {
                        continue;
                    }
                    if told.is_some() {
                        break Ok(());
                    }
                    LINGER
                }
                () = activity.unwanted.cancelled(), if told.is_none() => {
                    if self.stop.is_cancelled() { LINGER } else { HURRY }
                }
                () = self.end.cancelled(), if told.is_some() => break Ok(()),
                ended = connection.as_mut() => break ended,
            };
            told = Some((Instant::now(), rest));
            connection.as_mut().graceful_shutdown();
        };
        activity.leave_alone();
        if let Err(error) = ended {
            tracing::debug!(%error, "connection ended");
        }
    }

    async fn answer(
        self: Arc<Self>,
        request: hyper::Request<Incoming>,
        remote: RemoteAddr,
        activity: Arc<Activity>,
        reserved: bool,
    ) -> Result<hyper::Response<Departing>, Infallible> {
        // Not before it is polled: a request that is behind an answer that nobody takes waits, and is not handled.
        let handled = activity.handle();
        let version = request.version();
        let mut request: Request = (request, self.local.clone(), remote, Scheme::HTTP).into();
        let arrival = Arrival::of(&mut request, self.limits.body_timeout);
        let mut response = match self.refusal(&request, reserved) {
            Some(refused) => refused.into_response(),
            None => self.endpoint.get_response(request).await,
        };
        if let Some(arrival) = arrival {
            arrival.settle(&mut response);
        }
        if reserved && version <= Version::HTTP_11 {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        let leaving = handled.answered();
        Ok(hyper::Response::from(response).map(|body| Departing::new(body, leaving)))
    }

    /// Why a request is not even looked at.
    fn refusal(&self, request: &Request, reserved: bool) -> Option<ApiError> {
        if request.headers().len() > self.limits.headers {
            let detail = format!("The request has more than {} headers.", self.limits.headers);
            return Some(ApiError::detail(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail));
        }
        let nameless = !request.headers().contains_key(header::HOST) && request.uri().authority().is_none();
        if nameless && request.version() == Version::HTTP_11 {
            return Some(ApiError::detail(StatusCode::BAD_REQUEST, "A request of HTTP/1.1 has a Host header."));
        }
        let asks_how_it_is = || matches!(request.uri().path().strip_prefix(PREFIX), Some("/health" | "/ready"));
        (reserved && !asks_how_it_is()).then(|| {
            ApiError::busy("The server has no connections left. Try again in a moment, with fewer connections.")
        })
    }
}

/// A stream that keeps its place as long as it is open, whatever it becomes.
struct Placed {
    stream: TcpStream,
    place: Place,
}

impl Placed {
    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(1..))) {
            self.place.activity.writes();
        }
        written
    }
}

impl AsyncRead for Placed {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
