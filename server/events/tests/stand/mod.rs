//! A server over a store in memory, and clients of its sockets.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)] // shared by several tests; a failure is theirs

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use mintaka_api_events::SocketLimits;
use mintaka_core::memory::MemoryStore;
use mintaka_core::records::{Event, TaskRun};
use mintaka_core::{Backend, Batches, CommitAnswer, Error, Filter, Heads, Store, Time};
use mintaka_http::{Ctx, Layer, Limits, Server, Settings};
use mintaka_orchestration::Operations;
use poem::Route;
use poem_openapi::OpenApiService;
use serde_json::{Value as Json, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

/// No wait of a test is longer.
pub const LIMIT: Duration = Duration::from_secs(10);

/// How commits of a [`Gate`] go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    Open,
    Held,
    Broken,
}

/// A backend whose commits wait, or fail, when a test says so.
pub struct Gate {
    inner: MemoryStore,
    way: watch::Sender<Way>,
    pub waiting: AtomicUsize,
    /// How often positions of writers were read.
    pub heads: AtomicUsize,
}

impl Gate {
    pub fn turn(&self, way: Way) {
        self.way.send_replace(way);
    }
}

#[async_trait]
impl mintaka_core::Layer for Gate {
    fn inner(&self) -> &dyn Backend {
        &self.inner
    }
    async fn heads(&self) -> Result<Heads, Error> {
        self.heads.fetch_add(1, Ordering::SeqCst);
        self.inner.heads().await
    }
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let way = *self.way.subscribe().wait_for(|way| *way != Way::Held).await.unwrap();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        match way {
            Way::Broken => Err(Error::Unavailable("the test says so".into())),
            _ => self.inner.commit(batches).await,
        }
    }
}

/// A server that runs until it is dropped.
pub struct Stand {
    pub ctx: Ctx,
    pub store: Store,
    pub gate: Arc<Gate>,
    pub address: String,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.ctx.stop.cancel();
    }
}

impl Stand {
    pub async fn start() -> Stand {
        Stand::start_within(SocketLimits::default()).await
    }

    /// A server whose sockets have these limits.
    pub async fn start_within(limits: SocketLimits) -> Stand {
        let (way, _) = watch::channel(Way::Open);
        let gate =
            Arc::new(Gate { inner: MemoryStore::new(), way, waiting: AtomicUsize::new(0), heads: AtomicUsize::new(0) });
        let store = Store::new(gate.clone());
        let ctx = Ctx::new(Operations::over(store.clone()), Settings::default());
        let service = OpenApiService::new(mintaka_api_events::apis(&ctx), "test", "0");
        let routes = Route::new().nest("/api", mintaka_api_events::sockets_within(&ctx, limits).nest("/", service));
        let server = Server::bind("127.0.0.1", 0, Limits::default()).await.unwrap();
        let address = server.address().unwrap().to_string();
        tokio::spawn(server.run(Layer::new(routes, []), ctx.stop.clone(), ctx.tasks.clone()));
        Stand { ctx, store, gate, address }
    }

    /// A socket after the handshake.
    pub async fn open(&self, path: &str) -> Client {
        let mut client = self.dial(path, Some("prefect")).await;
        client.say(json!({"type": "auth", "token": null})).await;
        assert_eq!(client.json().await, json!({"type": "auth_success"}));
        client
    }

    /// A socket before the handshake.
    pub async fn dial(&self, path: &str, protocol: Option<&'static str>) -> Client {
        let headers: Vec<_> = protocol.map(|protocol| ("sec-websocket-protocol", protocol)).into_iter().collect();
        self.dial_with(path, &headers).await
    }

    /// A socket before the handshake, upgraded with these headers.
    pub async fn dial_with(&self, path: &str, headers: &[(&'static str, &'static str)]) -> Client {
        let mut request = format!("ws://{}/api{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        Client(timeout(LIMIT, connect_async(request)).await.unwrap().unwrap().0)
    }

    /// A bare connection after the handshake, whose system takes little that is not read.
    pub async fn raw(&self, path: &str) -> TcpStream {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(self.address.parse().unwrap()).await.unwrap();
        let head = format!(
            "GET /api{path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: prefect\r\n\r\n",
            self.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&frame(0x81, br#"{"type":"auth","token":null}"#)).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(br#"{"type":"auth_success"}"#) {
            answer.push(timeout(LIMIT, stream.read_u8()).await.unwrap().unwrap());
        }
        stream
    }

    /// Waits until so many sockets are open.
    pub async fn await_sockets(&self, number: usize) {
        until(|| self.ctx.tasks.len() == number).await;
    }

    /// The answer to a request: status and body.
    pub async fn ask(&self, method: &str, path: &str, body: Option<Json>) -> (u16, Json) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        let mut stream = TcpStream::connect(&self.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        timeout(LIMIT, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or(Json::Null))
    }

    pub async fn events(&self) -> Vec<Event> {
        self.ctx.ops.all::<Event>(Filter::all()).await.unwrap().into_iter().map(|e| e.record).collect()
    }

    /// Waits until there are so many events.
    pub async fn await_events(&self, number: usize) -> Vec<Event> {
        let mut committed = self.ctx.ops.committed();
        loop {
            committed.borrow_and_update();
            let events = self.events().await;
            if events.len() >= number {
                return events;
            }
            timeout(LIMIT, committed.changed()).await.unwrap().unwrap();
        }
    }

    pub async fn task_run(&self, id: Uuid) -> Option<TaskRun> {
        self.ctx.ops.get::<TaskRun>(id).await.unwrap().map(|run| run.record)
    }
}

/// A whole frame of a client, with its first byte, that is masked with zeros.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        long => {
            bytes.push(0x80 | 127);
            bytes.extend((long as u64).to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// Waits until a condition holds that nothing tells of.
pub async fn until(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(LIMIT, wait).await.expect("the condition never held");
}

/// A client of a socket.
pub struct Client(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Client {
    pub async fn say(&mut self, frame: Json) {
        self.text(frame.to_string()).await;
    }

    pub async fn text(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    pub async fn ping(&mut self) {
        self.0.send(Message::Ping("p".into())).await.unwrap();
    }

    /// The next frame, whatever it is; `None` when the connection ends.
    pub async fn frame(&mut self) -> Option<Message> {
        timeout(LIMIT, self.0.next()).await.expect("nothing was said").and_then(Result::ok)
    }

    /// The next text frame.
    pub async fn json(&mut self) -> Json {
        loop {
            match self.frame().await.expect("the connection ended") {
                Message::Text(text) => return serde_json::from_str(text.as_str()).unwrap(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The id of the next event.
    pub async fn event(&mut self) -> Uuid {
        let frame = self.json().await;
        assert_eq!(frame["type"], "event");
        frame["event"]["id"].as_str().unwrap().parse().unwrap()
    }

    pub async fn pong(&mut self) {
        assert!(matches!(self.frame().await, Some(Message::Pong(_))));
    }

    /// Whether the server is silent for a moment.
    pub async fn is_quiet(&mut self) -> bool {
        timeout(Duration::from_millis(150), self.0.next()).await.is_err()
    }

    /// Code and reason of the close frame that comes next.
    pub async fn close(&mut self) -> (u16, String) {
        loop {
            match self.frame().await {
                Some(Message::Close(Some(frame))) => return (frame.code.into(), frame.reason.as_str().to_owned()),
                Some(Message::Ping(_) | Message::Pong(_)) => {}
                other => panic!("no close frame: {other:?}"),
            }
        }
    }
}

/// An event about a vine, as a client sends it.
pub fn event(id: Uuid, name: &str) -> Json {
    json!({
        "occurred": Time::system(),
        "event": name,
        "resource": {"prefect.resource.id": "vine.1", "color": "red"},
        "related": [],
        "payload": {},
        "id": id,
    })
}

/// The event of a task run's state at a time.
pub fn task_run_event(run: Uuid, state: Uuid, kind: &str, at: Time) -> Json {
    json!({
        "occurred": at,
        "event": format!("prefect.task-run.{kind}"),
        "resource": {
            "prefect.resource.id": format!("prefect.task-run.{run}"),
            "prefect.resource.name": "press",
            "prefect.orchestration": "client",
        },
        "related": [],
        "payload": {
            "validated_state": {"type": kind.to_uppercase(), "name": kind},
            "task_run": {"name": "press", "task_key": "press", "dynamic_key": run.to_string(), "run_count": 1},
        },
        "id": state,
    })
}
