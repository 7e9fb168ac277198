//! A socket of a client: upgrade, handshake, liveness, and how it ends.

use std::future::Future;
use std::time::Duration;

use futures_util::{FutureExt, SinkExt, StreamExt};
use mintaka_core::Error;
use mintaka_http::{Client, Ctx};
use poem::error::NotFoundError;
use poem::http::header::SEC_WEBSOCKET_PROTOCOL;
use poem::web::websocket::{CloseCode, Message, WebSocket, WebSocketConfig, WebSocketStream};
use poem::{Endpoint, FromRequest, IntoResponse, Request, Response};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// The sub-protocol that both client lines offer.
const PROTOCOL: &str = "prefect";
/// The largest message, in bytes; an event has a lower limit of its own.
const MAX_MESSAGE: usize = 16 << 20;
/// A client that was silent for so long is asked for a sign of life.
const PROBE_AFTER: Duration = Duration::from_secs(30);
/// A client that was silent for so long is gone.
const GONE_AFTER: Duration = Duration::from_secs(90);
/// How long a client may take to read what is sent, or to say what it must say first.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a closed socket waits for the other side's close frame.
const FAREWELL: Duration = Duration::from_secs(2);
/// The longest reason of a close frame, in bytes.
const MAX_REASON: usize = 123;

/// What a socket does once it is open.
pub(crate) trait Serve: Clone + Send + Sync + 'static {
    /// Talks with the client until one side has enough; `Ok` is a normal close.
    fn serve(self, socket: &mut Socket) -> impl Future<Output = Result<(), End>> + Send;
}

/// How a socket ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The client went away.
    Gone,
    /// The connection is dropped without another word, so that nothing is confirmed that is not so.
    Drop,
    /// A close frame with a reason, which is cut to what a frame can hold.
    Close(CloseCode, String),
}

impl End {
    /// The client broke the protocol.
    pub(crate) fn protocol(reason: impl Into<String>) -> End {
        End::Close(CloseCode::Protocol, reason.into())
    }

    /// A frame could not be read. poem tells the kind of the fault in its text alone.
    fn unreadable(fault: &std::io::Error) -> End {
        match fault.to_string().starts_with("Space limit exceeded") {
            true => End::Close(CloseCode::Size, format!("A message is larger than {MAX_MESSAGE} bytes")),
            false => End::Gone,
        }
    }

    fn restart() -> End {
        End::Close(CloseCode::Restart, "The server is restarting".into())
    }
}

impl From<Error> for End {
    fn from(error: Error) -> End {
        tracing::warn!(%error, "a socket is closed because the store failed");
        End::Close(CloseCode::Again, "Storage is unavailable, try again".into())
    }
}

/// What a client said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A text frame.
    Text(String),
    /// A binary frame, which no socket of ours takes.
    Binary,
    /// A ping. Its pong leaves when the socket is used next, by whatever call.
    Ping,
}

/// An open socket.
pub(crate) struct Socket {
    stream: WebSocketStream,
    /// Who is at the other side, as far as the upgrade told.
    pub(crate) client: Client,
    /// Whether the client speaks the sub-protocol; if not, there is no handshake (wire: legacy mode).
    framed: bool,
    heard: Instant,
    probed: Instant,
    stop: CancellationToken,
    /// The server waits for the socket when it stops.
    _task: TaskTrackerToken,
}

/// The endpoint of a socket. A plain request finds nothing there.
pub(crate) fn endpoint(ctx: &Ctx, serve: impl Serve) -> impl Endpoint<Output = Response> + 'static {
    let (tasks, stop) = (ctx.tasks.clone(), ctx.stop.clone());
    poem::endpoint::make(move |request: Request| {
        let (serve, stop, task) = (serve.clone(), stop.clone(), tasks.token());
        async move {
            let (request, mut body) = request.split();
            let upgrade = WebSocket::from_request(&request, &mut body).await.map_err(|_| NotFoundError)?;
            let (client, framed) = (Client::of(&request), offers(&request, PROTOCOL));
            let config =
                WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
            let open = move |stream| async move {
                let now = Instant::now();
                let mut socket = Socket { stream, client, framed, heard: now, probed: now, stop, _task: task };
                let end = match socket.handshake().await {
                    Ok(()) => serve.serve(&mut socket).await,
                    Err(end) => Err(end),
                };
                socket.end(end.err().unwrap_or(End::Close(CloseCode::Normal, String::new()))).await;
            };
            Ok::<_, poem::Error>(upgrade.protocols([PROTOCOL]).config(config).on_upgrade(open).into_response())
        }
    })
}

fn offers(request: &Request, protocol: &str) -> bool {
    let offered = request.headers().get_all(SEC_WEBSOCKET_PROTOCOL);
    offered.iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(',')).any(|one| one.trim() == protocol)
}

impl Socket {
    /// What the client says next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// The end: the client is gone, or the server stops.
    pub(crate) async fn hear(&mut self) -> Result<Heard, End> {
        loop {
            let probe_at = self.heard.max(self.probed) + PROBE_AFTER;
            let message = tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(End::restart()),
                message = self.stream.next() => message,
                () = sleep_until(probe_at) => {
                    if self.heard.elapsed() >= GONE_AFTER {
                        return Err(End::Gone);
                    }
                    self.probed = Instant::now();
                    self.write(Message::Ping(Vec::new())).await?;
                    continue;
                }
            };
            self.heard = Instant::now();
            match message {
                Some(Ok(Message::Text(text))) => return Ok(Heard::Text(text)),
                Some(Ok(Message::Binary(_))) => return Ok(Heard::Binary),
                Some(Ok(Message::Ping(_))) => return Ok(Heard::Ping),
                Some(Ok(Message::Pong(_))) => {}
                Some(Err(fault)) => return Err(End::unreadable(&fault)),
                Some(Ok(Message::Close(_))) | None => return Err(End::Gone),
            }
        }
    }

    /// The next JSON frame; `None` if it is no JSON. Pings in between are answered.
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

    /// The first frame after the handshake, which a client sends without delay.
    ///
    /// # Errors
    /// As [`hear`](Socket::hear); a client that says nothing is sent away.
    pub(crate) async fn hear_first(&mut self) -> Result<Option<Value>, End> {
        let silent = |_| End::Close(CloseCode::Policy, "Nothing was said in time".into());
        timeout(PATIENCE, self.hear_json()).await.map_err(silent)?
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

    /// Sends a value as a JSON text frame.
    ///
    /// # Errors
    /// The client is gone, or does not read.
    pub(crate) async fn send(&mut self, value: &impl Serialize) -> Result<(), End> {
        let text = serde_json::to_string(value).map_err(|error| {
            tracing::error!(%error, "a frame could not be written");
            End::Close(CloseCode::Error, "Internal error".into())
        })?;
        self.write(Message::Text(text)).await
    }

    async fn write(&mut self, message: Message) -> Result<(), End> {
        match timeout(PATIENCE, self.stream.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gone),
        }
    }

    /// wire: a client of the sub-protocol first sends `{"type":"auth","token":…}` and is answered
    /// `{"type":"auth_success"}`. The API has no authentication yet, and a token without one is accepted and ignored.
    async fn handshake(&mut self) -> Result<(), End> {
        if !self.framed {
            return Ok(());
        }
        match self.hear_first().await? {
            Some(message) if message["type"] == "auth" => self.send(&serde_json::json!({"type": "auth_success"})).await,
            _ => Err(End::Close(CloseCode::Policy, "Expected 'auth' message".into())),
        }
    }

    async fn end(mut self, end: End) {
        let unread = matches!(end, End::Close(CloseCode::Size, _));
        match end {
            End::Drop => return,
            End::Gone => {}
            End::Close(code, mut reason) => {
                reason.truncate(reason.floor_char_boundary(MAX_REASON));
                if self.write(Message::Close(Some((code, reason)))).await.is_err() {
                    return;
                }
            }
        }
        // Until the other side's close frame is read, or ours is written in answer to it. After a message that was not
        // read nothing can be, and dropping the connection at once would make the client's system drop our frame.
        let farewell = async {
            while let Some(Ok(_)) = self.stream.next().await {}
            if unread {
                std::future::pending::<()>().await;
            }
        };
        let _ = timeout(FAREWELL, farewell).await;
    }
}
