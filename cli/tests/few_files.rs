//! A server that may open few files serves, and stops, whoever connects.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No wait is longer.
const LIMIT: Duration = Duration::from_secs(60);
/// More than the server may have open.
const CONNECTIONS: usize = 200;

/// Ends with the test, whatever happens.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn ask(port: u16, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn silent_connections_past_the_open_files_hold_up_neither_requests_nor_the_end() {
    let home = tempfile::tempdir().expect("folder");
    let port = support::free_port();
    let mut server = Process(
        Command::new("sh")
            .args(["-c", "ulimit -n 64; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mintaka"), "server", "start"])
            .args(["--port", &port.to_string()])
            .env("MINTAKA_HOME", home.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the server starts"),
    );
    let health = "GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let until = Instant::now() + LIMIT;
    while !ask(port, health).is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
        assert!(Instant::now() < until, "the server does not answer");
        std::thread::sleep(Duration::from_millis(10)); // until it listens
    }
    let mut silent = Vec::new();
    for n in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        let beginning = ["", "G", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"][n % 3];
        // It may be closed by then, for the sake of a newer one.
        let _ = stream.write_all(beginning.as_bytes());
        silent.push(stream);
    }
    let body = r#"{"name": "f"}"#;
    let post = format!(
        "POST /api/flows/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    for (request, status) in [(health, "200"), (&post, "201"), (&post, "200"), (health, "200")] {
        let answer = ask(port, request).unwrap_or_default();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}: {answer}");
    }
    let told = Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().expect("a signal");
    assert!(told.success());
    let until = Instant::now() + LIMIT;
    while server.0.try_wait().expect("status").is_none() {
        assert!(Instant::now() < until, "the server does not end");
        std::thread::sleep(Duration::from_millis(10)); // until it has ended
    }
}
