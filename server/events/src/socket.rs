//! A socket of a client: handshake, liveness, what it may keep, and how it ends.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::FusedStream;
use futures_util::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use mintaka_http::Client;
use poem::Upgraded;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, Utf8Bytes};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Error as SocketError, Message};
use tokio_util::sync::CancellationToken;

use crate::end::{CloseCode, End};
use crate::limits::{Share, Shared};
use crate::line::Line;

/// Bytes that are read at once. This buffer is there as long as the socket is.
const READ: usize = 4 << 10;
/// Bytes that are written at once. What is sent goes in frames of this size, so that no buffer grows with a message.
const WRITE: usize = 8 << 10;
/// A message of more bytes than this is kept at the cost of what all sockets may keep, and its buffer is given back.
const SMALL: u64 = 16 << 10;
/// How long a closed socket waits for the other side's close frame.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a socket does once it is open.
pub(crate) trait Serve: Clone + Send + Sync + 'static {
    /// The largest message of a client, in bytes.
    const MAX_MESSAGE: usize = 1 << 20;

    /// Talks with the client until one side has enough; `Ok` is a normal close.
    fn serve(self, socket: &mut Socket) -> impl Future<Output = Result<(), End>> + Send;
}

/// What a client said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message, which no socket of ours takes.
    Binary,
    /// A ping. Its pong leaves when the socket is used next, by whatever call.
    Ping,
}

/// What listening came to.
enum Step {
    Heard(Heard),
    /// Something began that has a time limit.
    Limited,
    /// Nothing is going on, and a buffer is larger than an idle socket needs.
    Rest,
}

/// An open socket.
pub(crate) struct Socket {
    stream: WebSocketStream<Line<Upgraded>>,
    max_message: usize,
    /// Who is at the other side, as far as the upgrade told.
    pub(crate) client: Client,
    /// Whether the client speaks the sub-protocol; if not, there is no handshake (wire W13.1).
    framed: bool,
    pub(crate) shared: Arc<Shared>,
    heard: Instant,
    probed: Instant,
    /// Since when something waits to be written.
    unwritten: Option<Instant>,
    /// Since when a message is there that has not ended.
    unfinished: Option<Instant>,
    /// For that message.
    share: Option<Share>,
    stop: CancellationToken,
}

async fn stream(line: Line<Upgraded>, max_message: usize) -> WebSocketStream<Line<Upgraded>> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        .write_buffer_size(WRITE)
        // One more frame, and what is sent in between: a pong, a ping, a close frame.
        .max_write_buffer_size(3 * WRITE)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    WebSocketStream::from_raw_socket(line, Role::Server, Some(config)).await
}

impl Socket {
    pub(crate) async fn new(
        connection: Upgraded,
        max_message: usize,
        client: Client,
        framed: bool,
        shared: Arc<Shared>,
        stop: CancellationToken,
    ) -> Socket {
        let stream = stream(Line::new(connection), max_message).await;
        let now = Instant::now();
        let (unwritten, unfinished, share) = (None, None, None);
        Socket {
            stream,
            max_message,
            client,
            framed,
            shared,
            heard: now,
            probed: now,
            unwritten,
            unfinished,
            share,
            stop,
        }
    }

    /// Serves the client, if there is a place for it, until one side has enough.
    pub(crate) async fn run(mut self, has_place: bool, serve: impl Serve) {
        let served = match has_place {
            true => match self.handshake().await {
                Ok(()) => serve.serve(&mut self).await,
                Err(end) => Err(end),
            },
            false => {
                let limit = self.shared.limits.sockets;
                Err(End::Close(
                    CloseCode::Again,
                    format!("{limit} sockets are open, which is the most; try again later"),
                ))
            }
        };
        self.end(served.err().unwrap_or(End::Close(CloseCode::Normal, String::new()))).await;
    }

    /// What the client says next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The end: the client is gone, breaks a limit, or the server stops.
    pub(crate) async fn hear(&mut self) -> Result<Heard, End> {
        let stop = self.stop.clone();
        loop {
            let deadline = self.deadline();
            let step = tokio::select! {
                biased;
                () = stop.cancelled() => return Err(End::restart()),
                step = poll_fn(|cx| self.poll_hear(cx)) => Some(step?),
                () = sleep_until(deadline) => None,
            };
            match step {
                Some(Step::Heard(heard)) => return Ok(heard),
                Some(Step::Limited) => {}
                Some(Step::Rest) => {
                    let line = self.stream.get_mut().take();
                    self.stream = stream(line, self.max_message).await;
                }
                None => self.overdue().await?,
            }
        }
    }

    fn poll_hear(&mut self, cx: &mut Context<'_>) -> Poll<Result<Step, End>> {
        // A client that does not read is not read: the pongs to its pings would be kept without a bound.
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Ready(Ok(())) => self.unwritten = None,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(End::Gone)),
            Poll::Pending if self.unwritten.is_some() => return Poll::Pending,
            Poll::Pending => {
                self.unwritten = Some(Instant::now());
                return Poll::Ready(Ok(Step::Limited));
            }
        }
        loop {
            let heard = match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Pending => return self.poll_unfinished(),
                Poll::Ready(Some(Ok(Message::Text(text)))) => Heard::Text(text),
                Poll::Ready(Some(Ok(Message::Binary(_)))) => Heard::Binary,
                Poll::Ready(Some(Ok(Message::Ping(_)))) => Heard::Ping,
                Poll::Ready(Some(Ok(Message::Pong(_) | Message::Frame(_)))) => {
                    self.heard = Instant::now();
                    continue;
                }
                Poll::Ready(Some(Ok(Message::Close(_))) | None) => return Poll::Ready(Err(End::Gone)),
                Poll::Ready(Some(Err(fault))) => return Poll::Ready(Err(End::unreadable(&fault, self.max_message))),
            };
            self.heard = Instant::now();
            if !matches!(heard, Heard::Ping) || !self.stream.get_ref().is_in_message() {
                (self.unfinished, self.share) = (None, None);
            }
            return Poll::Ready(Ok(Step::Heard(heard)));
        }
    }

    /// Nothing more is there: what there is of a message that has not ended is counted.
    fn poll_unfinished(&mut self) -> Poll<Result<Step, End>> {
        let line = self.stream.get_ref();
        if line.is_between_messages() {
            (self.unfinished, self.share) = (None, None);
            return if line.largest() > SMALL { Poll::Ready(Ok(Step::Rest)) } else { Poll::Pending };
        }
        if line.unfinished() > SMALL && self.share.is_none() {
            self.share = self.shared.held.try_take(self.max_message);
            if self.share.is_none() {
                return Poll::Ready(Err(End::busy()));
            }
        }
        if self.unfinished.is_none() {
            self.unfinished = Some(Instant::now());
            return Poll::Ready(Ok(Step::Limited));
        }
        Poll::Pending
    }

    /// When something has taken too long, or the client is asked for a sign of life.
    fn deadline(&self) -> Instant {
        let limits = &self.shared.limits;
        let probe = self.heard.max(self.probed) + limits.probe_after;
        [self.unwritten, self.unfinished].into_iter().flatten().fold(probe, |at, since| at.min(since + limits.patience))
    }

    async fn overdue(&mut self) -> Result<(), End> {
        let limits = self.shared.limits;
        let now = Instant::now();
        let is_over = |since: Option<Instant>| since.is_some_and(|since| now >= since + limits.patience);
        if is_over(self.unwritten) {
            return Err(End::unread());
        }
        if is_over(self.unfinished) {
            return Err(End::unfinished());
        }
        if now >= self.heard + limits.gone_after {
            return Err(End::Gone);
        }
        self.probed = now;
        // It leaves when the client is heard next; if it does not, that has a limit.
        match self.unwritten {
            None => self.stream.feed(Message::Ping(Bytes::new())).await.map_err(|_| End::Gone),
            Some(_) => Ok(()),
        }
    }

    /// The next JSON message; `None` if it is no JSON. Pings in between are answered.
    ///
    /// # Errors
    /// As [`hear`](Socket::hear).
    pub(crate) async fn hear_json(&mut self) -> Result<Option<Value>, End> {
        loop {
            match self.hear().await? {
                Heard::Text(text) => return Ok(serde_json::from_str(&text).ok()),
                Heard::Binary => return Ok(None),
                Heard::Ping => {}
            }
        }
    }

    /// As [`hear_json`](Socket::hear_json), for what a client says without delay.
    ///
    /// # Errors
    /// As [`hear`](Socket::hear); a client that says nothing is sent away.
    pub(crate) async fn hear_soon(&mut self) -> Result<Option<Value>, End> {
        let silent = |_| End::Close(CloseCode::Policy, "Nothing was said in time".into());
        timeout(self.shared.limits.patience, self.hear_json()).await.map_err(silent)?
    }

    /// Answers what has arrived, without waiting, and forgets it: for sockets that only send.
    ///
    /// # Errors
    /// As [`hear`](Socket::hear).
    pub(crate) fn attend(&mut self) -> Result<(), End> {
        while let Some(heard) = self.hear().now_or_never() {
            heard?;
        }
        Ok(())
    }

    /// Sends a value as a JSON text message.
    ///
    /// # Errors
    /// The client is gone, or does not read, or the server stops.
    pub(crate) async fn send(&mut self, value: &impl Serialize) -> Result<(), End> {
        let until = self.patience();
        self.put(until, value).await?;
        self.flush(until).await
    }

    /// Until when something that begins now must have ended.
    pub(crate) fn patience(&self) -> Instant {
        Instant::now() + self.shared.limits.patience
    }

    /// As [`send`](Socket::send), for one of several values: the last ones leave with [`flush`](Socket::flush).
    ///
    /// # Errors
    /// As [`send`](Socket::send).
    pub(crate) async fn put(&mut self, until: Instant, value: &impl Serialize) -> Result<(), End> {
        let mut text = Bytes::from(serde_json::to_vec(value).map_err(|error| {
            tracing::error!(%error, "a message could not be written");
            End::Close(CloseCode::Error, "Internal error".into())
        })?);
        let mut data = Data::Text;
        while !text.is_empty() {
            let some = text.split_to(text.len().min(WRITE));
            let frame = Frame::message(some, OpCode::Data(data), text.is_empty());
            self.written(until, |stream| stream.feed(Message::Frame(frame))).await?;
            data = Data::Continue;
        }
        Ok(())
    }

    /// Writes what was put.
    ///
    /// # Errors
    /// As [`send`](Socket::send).
    pub(crate) async fn flush(&mut self, until: Instant) -> Result<(), End> {
        self.written(until, |stream| stream.flush()).await
    }

    async fn written<'a, W>(
        &'a mut self,
        until: Instant,
        write: impl FnOnce(&'a mut WebSocketStream<Line<Upgraded>>) -> W,
    ) -> Result<(), End>
    where
        W: Future<Output = Result<(), SocketError>>,
    {
        tokio::select! {
            biased;
            written = timeout_at(until, write(&mut self.stream)) => match written {
                Ok(Ok(())) => Ok(()),
                Ok(Err(_)) => Err(End::Gone),
                Err(_) => Err(End::unread()),
            },
            () = self.stop.cancelled() => Err(End::restart()),
        }
    }

    /// wire W13.1: a client of the sub-protocol first sends `{"type":"auth","token":…}` and is answered
    /// `{"type":"auth_success"}`. The API has no authentication yet, and a token without one is accepted and ignored.
    async fn handshake(&mut self) -> Result<(), End> {
        if !self.framed {
            return Ok(());
        }
        match self.hear_soon().await? {
            Some(message) if message["type"] == "auth" => self.send(&serde_json::json!({"type": "auth_success"})).await,
            _ => Err(End::Close(CloseCode::Policy, "Expected 'auth' message".into())),
        }
    }

    async fn end(mut self, end: End) {
        if matches!(end, End::Drop) {
            return;
        }
        // After a fault nothing more is read, and dropping the connection at once would make the client's system drop
        // our frame.
        let faulty = self.stream.is_terminated() && matches!(end, End::Close(..));
        let farewell = async {
            if let Some(frame) = end.frame()
                && self.stream.send(Message::Close(Some(frame))).await.is_err()
            {
                return;
            }
            // Until the other side's close frame is read, or ours is written in answer to it.
            while let Some(Ok(_)) = self.stream.next().await {}
            if faulty {
                std::future::pending::<()>().await;
            }
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}
