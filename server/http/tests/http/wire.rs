//! A server, and connections to it byte by byte.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mintaka_http::{Limits, Server, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::stand::endpoint;

/// No wait of a test is longer.
pub const LIMIT: Duration = Duration::from_secs(10);

/// A server that runs until it is dropped.
pub struct Stand {
    pub address: SocketAddr,
    pub stop: CancellationToken,
    pub running: tokio::task::JoinHandle<()>,
    _stop: DropGuard,
}

impl Stand {
    pub async fn start() -> Stand {
        Stand::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Stand {
        Stand::bound("127.0.0.1", limits, &Settings::default()).await
    }

    pub async fn bound(host: &str, limits: Limits, settings: &Settings) -> Stand {
        let server = Server::bind(host, 0, limits).await.unwrap();
        let (address, stop) = (server.address().unwrap(), CancellationToken::new());
        let running = tokio::spawn(server.run(endpoint().with_settings(settings), stop.clone(), TaskTracker::new()));
        Stand { address, _stop: stop.clone().drop_guard(), stop, running }
    }

    pub async fn connect(&self) -> Wire {
        Wire(TcpStream::connect((Ipv4Addr::LOCALHOST, self.address.port())).await.unwrap())
    }
}

/// A connection.
pub struct Wire(pub TcpStream);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// In small letters.
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn closes(&self) -> bool {
        self.head.contains("connection: close")
    }
}

impl Wire {
    pub async fn say(&mut self, text: &str) {
        timeout(LIMIT, self.0.write_all(text.as_bytes())).await.unwrap().unwrap();
    }

    pub async fn head(&mut self, method: &str, path: &str, headers: &str) {
        self.say(&format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n")).await;
    }

    /// Whether anything comes back before a moment is over.
    pub async fn hears(&mut self) -> bool {
        timeout(Duration::from_millis(20), self.0.readable()).await.is_ok()
    }

    /// Sends a request without a body, and reads its answer.
    pub async fn ask(&mut self, method: &str, path: &str, headers: &str) -> Answer {
        self.head(method, path, headers).await;
        self.answer().await
    }

    /// Begins a request and lets its handler wait for the body.
    pub async fn keep_busy(&mut self) {
        self.head("POST", "/api/things/echo", "Content-Length: 24\r\nExpect: 100-continue\r\n").await;
        assert_eq!(self.answer().await.status, 100);
    }

    pub async fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        (timeout(LIMIT, self.0.read(&mut byte)).await.unwrap().unwrap() == 1).then_some(byte[0])
    }

    pub async fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        timeout(LIMIT, self.0.read_exact(&mut body)).await.unwrap().unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: String::from_utf8(body).unwrap() }
    }

    /// Reads until the server ends the connection, however it does.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = timeout(LIMIT, self.0.read_to_end(&mut rest)).await.unwrap();
        rest
    }

    /// Whether the server ends the connection, in an orderly way.
    pub async fn ends(&mut self) -> bool {
        self.byte().await.is_none()
    }
}
