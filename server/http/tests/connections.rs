//! Connections: bodies that come late, not at all, or to somebody who does not want them.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod stand;

use std::time::Duration;

use mintaka_http::{Limits, Server};
use stand::endpoint;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// No wait of a test is longer.
const LIMIT: Duration = Duration::from_secs(10);
const BODY: &str = r#"{"name": "n", "size": 1}"#;

/// A server that runs until it is dropped.
struct Stand {
    address: std::net::SocketAddr,
    _stop: DropGuard,
}

impl Stand {
    async fn start(body_timeout: Duration) -> Stand {
        let limits = Limits { body_timeout, ..Limits::default() };
        let server = Server::bind("127.0.0.1", 0, limits).await.unwrap();
        let (address, stop) = (server.address().unwrap(), CancellationToken::new());
        tokio::spawn(server.run(endpoint(), stop.clone(), TaskTracker::new()));
        Stand { address, _stop: stop.drop_guard() }
    }

    async fn connect(&self) -> Wire {
        Wire(TcpStream::connect(self.address).await.unwrap())
    }
}

struct Wire(TcpStream);

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn closes(&self) -> bool {
        self.head.contains("connection: close")
    }
}

impl Wire {
    async fn say(&mut self, text: &str) {
        timeout(LIMIT, self.0.write_all(text.as_bytes())).await.unwrap().unwrap();
    }

    async fn head(&mut self, method: &str, path: &str, headers: &str) {
        self.say(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")).await;
    }

    async fn byte(&mut self) -> Option<u8> {
        let mut byte = [0];
        (timeout(LIMIT, self.0.read(&mut byte)).await.unwrap().unwrap() == 1).then_some(byte[0])
    }

    async fn answer(&mut self) -> Answer {
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

    /// Whether the server ends the connection, in an orderly way.
    async fn ends(&mut self) -> bool {
        self.byte().await.is_none()
    }
}

const EARLY: [(&str, &str, u16); 5] = [
    ("POST", "/api/things/touch", 204),
    ("POST", "/api/things/later", 501),
    ("POST", "/api/nothing", 404),
    ("PUT", "/api/things/touch", 405),
    ("POST", "/api/slash", 307),
];

#[tokio::test]
async fn a_body_that_nobody_reads_may_come_after_the_answer_and_the_connection_goes_on() {
    let stand = Stand::start(LIMIT).await;
    for (method, path, status) in EARLY {
        let mut wire = stand.connect().await;
        for _ in 0..2 {
            wire.head(method, path, &format!("Content-Length: {}\r\n", BODY.len())).await;
            let answer = wire.answer().await;
            assert_eq!((answer.status, answer.closes()), (status, false), "{path}");
            wire.say(BODY).await;
        }
        wire.head("POST", "/api/things/echo", &format!("Content-Length: {}\r\n", BODY.len())).await;
        wire.say(BODY).await;
        assert_eq!(wire.answer().await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_large_body_that_nobody_reads_ends_the_connection_and_the_answer_says_so() {
    let stand = Stand::start(LIMIT).await;
    let large = "x".repeat(5 << 20);
    for (method, path, status) in EARLY {
        let mut wire = stand.connect().await;
        wire.head(method, path, &format!("Content-Length: {}\r\n", large.len())).await;
        wire.say(&large).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.closes()), (status, true), "{path}");
        assert!(wire.ends().await);
    }
    // Of unknown length.
    let mut wire = stand.connect().await;
    wire.head("POST", "/api/nothing", "Transfer-Encoding: chunked\r\n").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.closes()), (404, true));
}

#[tokio::test]
async fn a_client_that_asks_before_it_sends_is_not_asked_for_what_nobody_reads() {
    let stand = Stand::start(LIMIT).await;
    let mut wire = stand.connect().await;
    wire.head("POST", "/api/nothing", "Content-Length: 10\r\nExpect: 100-continue\r\n").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.closes()), (404, true));
    let mut wire = stand.connect().await;
    let headers = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", BODY.len());
    wire.head("POST", "/api/things/echo", &headers).await;
    assert_eq!(wire.answer().await.status, 100);
    wire.say(BODY).await;
    assert_eq!(wire.answer().await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_refused_at_once() {
    let stand = Stand::start(LIMIT).await;
    let mut wire = stand.connect().await;
    wire.head("POST", "/api/things/echo", "Content-Length: 10000000000\r\n").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.closes()), (413, true), "{}", answer.body);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let stand = Stand::start(Duration::from_millis(50)).await;
    let mut wire = stand.connect().await;
    wire.head("POST", "/api/things/echo", "Content-Length: 10\r\n").await;
    wire.say("{\"a").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.closes()), (408, true), "{}", answer.body);
    assert!(wire.ends().await);
    // The same where nobody reads it.
    let mut wire = stand.connect().await;
    wire.head("POST", "/api/things/touch", "Content-Length: 10\r\n").await;
    assert_eq!(wire.answer().await.status, 204);
    assert!(wire.ends().await);
}

#[tokio::test]
async fn chunks_that_are_none_are_a_bad_request() {
    let stand = Stand::start(LIMIT).await;
    let mut wire = stand.connect().await;
    wire.head("POST", "/api/things/echo", "Transfer-Encoding: chunked\r\n").await;
    wire.say("zz\r\n").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.closes()), (400, true), "{}", answer.body);
    let mut wire = stand.connect().await;
    for _ in 0..2 {
        wire.head("POST", "/api/things/echo", "Transfer-Encoding: chunked\r\n").await;
        wire.say(&format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len())).await;
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.closes()), (200, false), "{}", answer.body);
    }
}
