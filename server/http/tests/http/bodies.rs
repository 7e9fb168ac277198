//! Bodies that come late, not at all, or to somebody who does not want them.

use std::time::Duration;

use mintaka_http::Limits;

use crate::wire::Stand;

const BODY: &str = r#"{"name": "n", "size": 1}"#;

const EARLY: [(&str, &str, u16); 5] = [
    ("POST", "/api/things/touch", 204),
    ("POST", "/api/things/later", 501),
    ("POST", "/api/nothing", 404),
    ("PUT", "/api/things/touch", 405),
    ("POST", "/api/slash", 307),
];

#[tokio::test]
async fn a_body_that_nobody_reads_may_come_after_the_answer_and_the_connection_goes_on() {
    let stand = Stand::start().await;
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
    let stand = Stand::start().await;
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
    let stand = Stand::start().await;
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
    let stand = Stand::start().await;
    let mut wire = stand.connect().await;
    wire.head("POST", "/api/things/echo", "Content-Length: 10000000000\r\n").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.closes()), (413, true), "{}", answer.body);
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let stand = Stand::with(Limits { body_timeout: Duration::from_millis(50), ..Limits::default() }).await;
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
async fn a_body_that_drips_is_given_up_though_it_never_stalls() {
    let stand = Stand::with(Limits { body_timeout: Duration::from_millis(300), ..Limits::default() }).await;
    let mut wire = stand.connect().await;
    wire.head("POST", "/api/things/echo", "Content-Length: 1000000\r\n").await;
    while !wire.hears().await {
        wire.say("x").await;
    }
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.closes()), (408, true), "{}", answer.body);
}

#[tokio::test]
async fn extensions_of_chunks_and_trailers_come_to_an_end() {
    let stand = Stand::start().await;
    let extension = format!("1;{}\r\n \r\n", "a=b;".repeat(1000));
    for (begun, more) in [("", extension), ("0\r\n", format!("X-A: {}\r\n", "b".repeat(4000)))] {
        let mut wire = stand.connect().await;
        wire.head("POST", "/api/things/echo", "Transfer-Encoding: chunked\r\n").await;
        wire.say(begun).await;
        for _ in 0..20 {
            wire.say(&more).await;
        }
        let answer = wire.answer().await;
        assert_eq!((answer.status, answer.closes()), (400, true), "{}", answer.body);
    }
}

#[tokio::test]
async fn chunks_that_are_none_are_a_bad_request() {
    let stand = Stand::start().await;
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
