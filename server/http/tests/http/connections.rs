//! How long connections may be silent, how many there may be, and how they end.

use std::time::Duration;

use futures_util::future::join_all;
use mintaka_http::Limits;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::wire::{LIMIT, Stand, Wire};

const SHORT: Duration = Duration::from_millis(100);
/// Longer than any test waits.
const LONG: Duration = Duration::from_secs(3600);
/// The body that [`Wire::keep_busy`] announces.
const BODY: &str = r#"{"name": "n", "size": 1}"#;
/// What begins HTTP/2, and the empty settings of a client.
const PREFACE: &str = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
/// A HEADERS frame on stream 1 that does not end its block.
const HALF_OF_HEADERS: &str = "\0\0\x01\x01\0\0\0\0\x01\u{2}";
const PING: &str = "\0\0\x08\x06\0\0\0\0\0pingpong";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// All that a connection can say without asking anything.
fn beginnings() -> Vec<String> {
    let texts =
        ["", "G", "PRI * HT", "GET /api/health HTTP/1.1\r\n", "GET /api/health HTTP/1.1\r\nHost: local", PREFACE];
    let mut all: Vec<String> = texts.map(str::to_owned).into();
    all.push(format!("{PREFACE}{HALF_OF_HEADERS}"));
    all
}

async fn silent_connections(stand: &Stand) -> Vec<Wire> {
    let mut wires = Vec::new();
    for text in beginnings() {
        let mut wire = stand.connect().await;
        wire.say(&text).await;
        wires.push(wire);
    }
    let mut kept = stand.connect().await;
    assert_eq!(kept.ask("GET", "/api/health", "").await.status, 200);
    wires.push(kept);
    wires
}

#[tokio::test]
async fn a_connection_that_asks_nothing_is_closed_whatever_it_has_begun_to_say() {
    let stand = Stand::with(Limits { idle: SHORT, ..Limits::default() }).await;
    let mut wires = silent_connections(&stand).await;
    join_all(wires.iter_mut().map(Wire::rest)).await;
}

#[tokio::test]
async fn a_head_that_drips_and_pings_do_not_keep_a_connection_open() {
    let stand = Stand::with(Limits { idle: SHORT, ..Limits::default() }).await;
    for (begun, more) in [("GET /api/health HTTP/1.1\r\n", "X-A: b\r\n"), (PREFACE, PING)] {
        let mut wire = stand.connect().await;
        wire.say(begun).await;
        let dripping = async {
            while wire.0.write_all(more.as_bytes()).await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        };
        timeout(LIMIT, dripping).await.unwrap();
    }
}

#[tokio::test]
async fn a_request_under_way_is_not_silence() {
    let stand = Stand::with(Limits { idle: SHORT, ..Limits::default() }).await;
    let mut busy = stand.connect().await;
    busy.keep_busy().await;
    for _ in 0..3 {
        stand.connect().await.rest().await;
    }
    busy.say(BODY).await;
    assert_eq!(busy.answer().await.status, 200);
}

#[tokio::test]
async fn a_client_that_takes_no_answer_is_given_up_however_much_it_asks() {
    let stand = Stand::with(Limits { idle: SHORT, ..Limits::default() }).await;
    let until_it_is_closed = |size: usize| {
        let stand = &stand;
        async move {
            let mut wire = stand.connect().await;
            let request = format!("GET /api/things/long/{size} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(100);
            while wire.0.write_all(request.as_bytes()).await.is_ok() {
                tokio::time::sleep(SHORT / 10).await;
            }
        }
    };
    let sizes = [8 << 10, 200, 200, 200, 100, 100, 70, 70];
    timeout(LIMIT, join_all(sizes.map(until_it_is_closed))).await.unwrap();
}

/// A GET without a body on an HTTP/2 stream.
fn get(stream: u8, path: &str) -> Vec<u8> {
    let mut block = vec![0x82, 0x86, 0x04, path.len() as u8]; // GET, http, and a path
    block.extend(path.bytes());
    block.extend(b"\x01\x09localhost");
    let mut frame = vec![0, 0, block.len() as u8, 0x01, 0x05, 0, 0, 0, stream]; // HEADERS, the last ones of the request
    frame.extend(block);
    frame
}

#[tokio::test]
async fn a_stream_whose_answer_nobody_takes_is_given_up_though_the_client_pings() {
    let stand = Stand::with(Limits { idle: SHORT, ..Limits::default() }).await;
    let mut wire = stand.connect().await;
    // Settings with a window of no bytes.
    wire.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0").await;
    wire.0.write_all(&get(1, "/api/things/long/200")).await.unwrap();
    let pinging = async {
        while wire.0.write_all(PING.as_bytes()).await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    timeout(LIMIT, pinging).await.unwrap();
}

#[tokio::test]
async fn streams_are_bounded_and_those_that_are_reset_end_the_connection() {
    let stand = Stand::start().await;
    let mut wire = stand.connect().await;
    wire.say(PREFACE).await;
    let mut settings = Vec::new();
    while settings.len() < 9 || settings.len() < 9 + usize::from(settings[2]) {
        settings.push(wire.byte().await.unwrap());
    }
    assert!(settings.windows(6).any(|one| one == [0, 3, 0, 0, 0, 32]), "{settings:?}");
    for stream in (1..=255).step_by(2) {
        let mut frames = get(stream, "/api/health");
        frames.extend([0, 0, 4, 0x03, 0, 0, 0, 0, stream, 0, 0, 0, 8]); // RST_STREAM: cancelled
        if wire.0.write_all(&frames).await.is_err() {
            break;
        }
    }
    wire.rest().await;
}

#[tokio::test]
async fn a_client_that_takes_an_answer_slowly_gets_all_of_it() {
    let idle = Duration::from_millis(500);
    let stand = Stand::with(Limits { idle, ..Limits::default() }).await;
    let mut wire = stand.connect().await;
    wire.head("GET", "/api/things/long/8192", "Connection: close\r\n").await;
    let (mut taken, mut part) = (0, vec![0; 64 << 10]);
    loop {
        let bytes = timeout(LIMIT, wire.0.read(&mut part)).await.unwrap().unwrap();
        if bytes == 0 {
            break;
        }
        taken += bytes;
        tokio::time::sleep(idle / 50).await;
    }
    assert!(taken > 8 << 20, "{taken}");
}

#[tokio::test]
async fn a_socket_may_be_silent() {
    let stand = Stand::with(Limits { idle: SHORT, ..Limits::default() }).await;
    let mut socket = stand.connect().await;
    assert_eq!(socket.ask("GET", "/api/socket", UPGRADE).await.status, 101);
    for _ in 0..3 {
        stand.connect().await.rest().await;
    }
    // A masked text, with a mask of zeros.
    socket.0.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    let mut echo = [0; 4];
    timeout(LIMIT, socket.0.read_exact(&mut echo)).await.unwrap().unwrap();
    assert_eq!(&echo, b"\x81\x02hi");
}

#[tokio::test]
async fn a_new_connection_takes_the_place_of_a_silent_one() {
    let stand = Stand::with(Limits { connections: 4, reserve: 1, idle: LONG, ..Limits::default() }).await;
    let mut silent = Vec::new();
    for _ in 0..10 {
        silent.extend(silent_connections(&stand).await);
        assert_eq!(stand.connect().await.ask("GET", "/api/things/none", "").await.status, 200);
    }
}

#[tokio::test]
async fn when_every_connection_is_busy_the_server_says_how_it_is_and_that_others_should_come_back() {
    let stand = Stand::with(Limits { connections: 3, reserve: 2, ..Limits::default() }).await;
    let mut busy = [stand.connect().await, stand.connect().await];
    for wire in &mut busy {
        wire.keep_busy().await;
    }
    let mut socket = stand.connect().await;
    assert_eq!(socket.ask("GET", "/api/socket", UPGRADE).await.status, 101);
    // Silent ones in the reserve give way too.
    let _silent = [stand.connect().await, stand.connect().await, stand.connect().await];
    for _ in 0..5 {
        let answer = stand.connect().await.ask("GET", "/api/health", "").await;
        assert_eq!((answer.status, answer.closes()), (200, true));
        let mut refused = stand.connect().await;
        let answer = refused.ask("GET", "/api/things/none", "").await;
        assert_eq!((answer.status, answer.closes()), (503, true), "{}", answer.body);
        assert!(answer.head.contains("retry-after: 1\r\n"), "{}", answer.head);
        assert!(refused.ends().await);
    }
    for wire in &mut busy {
        wire.say(BODY).await;
        assert_eq!(wire.answer().await.status, 200);
    }
    assert_eq!(stand.connect().await.ask("GET", "/api/things/none", "").await.status, 200);
}

#[tokio::test]
async fn the_server_stops_at_once_though_silent_connections_hold_every_place() {
    for connections in [4, 100] {
        let limits = Limits { connections, reserve: 1, idle: LONG, grace: LONG, ..Limits::default() };
        let stand = Stand::with(limits).await;
        let _silent = silent_connections(&stand).await;
        stand.stop.cancel();
        timeout(LIMIT, stand.running).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_server_stops_though_busy_connections_hold_every_place_and_others_wait_for_one() {
    let limits = Limits { connections: 1, reserve: 1, grace: SHORT, ..Limits::default() };
    let stand = Stand::with(limits).await;
    let mut busy = stand.connect().await;
    busy.keep_busy().await;
    let _waiting = [stand.connect().await, stand.connect().await, stand.connect().await];
    stand.stop.cancel();
    timeout(LIMIT, stand.running).await.unwrap().unwrap();
    busy.rest().await;
}

#[tokio::test]
async fn what_is_under_way_when_the_server_stops_is_answered() {
    let stand = Stand::with(Limits { grace: LONG, ..Limits::default() }).await;
    let mut busy = stand.connect().await;
    busy.keep_busy().await;
    stand.stop.cancel();
    // It stops: nothing new is accepted.
    while tokio::net::TcpStream::connect(stand.address).await.is_ok() {
        tokio::time::sleep(SHORT / 10).await;
    }
    busy.say(BODY).await;
    assert_eq!(busy.answer().await.status, 200);
    assert!(busy.ends().await);
    timeout(LIMIT, stand.running).await.unwrap().unwrap();
}

#[tokio::test]
async fn heads_are_bounded_in_size_and_number_and_name_the_host() {
    let stand = Stand::start().await;
    let headers = |number: usize| (0..number).map(|n| format!("X-{n}: a\r\n")).collect::<String>();
    for (headers, status) in [
        (headers(99), 200),
        (headers(101), 431),
        (format!("X-A: {}\r\n", "a".repeat(60 << 10)), 200),
        (format!("X-A: {}\r\n", "a".repeat(70 << 10)), 431),
    ] {
        let answer = stand.connect().await.ask("GET", "/api/health", &headers).await;
        assert_eq!(answer.status, status, "{} bytes", headers.len());
    }
    for (request, status) in [("GET /api/health HTTP/1.1\r\n\r\n", 400), ("GET /api/health HTTP/1.0\r\n\r\n", 200)] {
        let mut wire = stand.connect().await;
        wire.say(request).await;
        assert_eq!(wire.answer().await.status, status, "{request}");
    }
}
