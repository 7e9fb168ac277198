//! Who may call: names of the server, web pages, and types of bodies.

use mintaka_http::{Limits, Settings};
use poem::http::{Method, StatusCode, header};
use poem::test::TestClient;

use crate::stand::endpoint;
use crate::wire::{Answer, Stand};

async fn ask(stand: &Stand, request: &str) -> Answer {
    let mut wire = stand.connect().await;
    wire.say(request).await;
    wire.answer().await
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[tokio::test]
async fn a_server_on_loopback_answers_to_the_names_of_loopback_and_to_those_that_are_allowed() {
    let settings = Settings { allowed_hosts: strings(&["Mintaka.example", "other.example:80"]), ..Settings::default() };
    let stand = Stand::bound("127.0.0.1", Limits::default(), &settings).await;
    for (host, status) in [
        ("localhost", 200),
        ("LOCALHOST:9", 200),
        ("localhost.:4200", 200),
        ("127.0.0.1:4200", 200),
        ("127.0.0.2", 200),
        ("[::1]", 200),
        ("[0:0:0:0:0:0:0:1]:4200", 200),
        ("mintaka.example:4200", 200),
        ("other.example:80", 200),
        ("other.example:81", 403),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("0.0.0.0", 403),
        ("192.168.0.1", 403),
        ("[::2]", 403),
        ("user@localhost", 400),
        ("localhost:port", 400),
        ("localhost, evil.example", 400),
        ("", 400),
    ] {
        let answer = ask(&stand, &format!("GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{host}: {}", answer.body);
        assert_eq!(answer.body.contains("MINTAKA_ALLOWED_HOSTS"), status == 403, "{host}: {}", answer.body);
    }
    for (request, status) in [
        // A client without a name for the server is no browser.
        ("GET /api/health HTTP/1.0\r\n\r\n", 200),
        ("GET /api/health HTTP/1.0\r\nHost: evil.example\r\n\r\n", 403),
        ("GET /api/health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
        ("GET http://localhost/api/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 200),
        ("GET http://evil.example/api/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
        ("GET http://localhost/api/health HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
        ("GET http://user@localhost/api/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        ("GET /none HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403),
    ] {
        let answer = ask(&stand, request).await;
        assert_eq!(answer.status, status, "{request}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_server_elsewhere_answers_to_any_name_unless_some_are_listed() {
    for (listed, host, status) in [
        (&[][..], "any.example", 200),
        (&["mintaka.example"], "any.example", 403),
        (&["mintaka.example"], "mintaka.example:4200", 200),
        (&["mintaka.example"], "localhost", 200),
        (&["mintaka.example", "*"], "any.example", 200),
    ] {
        let settings = Settings { allowed_hosts: strings(listed), ..Settings::default() };
        let stand = Stand::bound("0.0.0.0", Limits::default(), &settings).await;
        let answer = ask(&stand, &format!("GET /api/health HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        assert_eq!(answer.status, status, "{listed:?} {host}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_foreign_page_is_refused_whatever_it_asks_and_before_its_body_is_read() {
    let settings = Settings { cors_origins: strings(&["https://ui.example"]), ..Settings::default() };
    let stand = Stand::bound("127.0.0.1", Limits::default(), &settings).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let body = "Content-Length: 24\r\nExpect: 100-continue\r\n";
    for (origin, passes) in [
        ("http://localhost:4200", true),
        ("HTTP://LocalHost.:4200", true),
        ("https://ui.example", true),
        ("https://ui.example:443", true),
        ("http://ui.example", false),
        ("http://localhost", false),
        ("https://localhost:4200", false),
        ("http://127.0.0.1:4200", false),
        ("http://evil.example", false),
        ("http://localhost:4200.evil.example", false),
        ("http://localhost:4200, http://evil.example", false),
        ("null", false),
        ("", false),
    ] {
        for (method, path, more, served) in [
            ("GET", "/api/health", "", 200),
            ("GET", "/api/socket", upgrade, 101),
            ("POST", "/api/things/echo", body, 100),
            ("DELETE", "/api/nothing", "", 404),
            ("OPTIONS", "/api/nothing", "", 404),
            ("GET", "/", "", 404),
        ] {
            let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost:4200\r\nOrigin: {origin}\r\n{more}\r\n");
            let answer = ask(&stand, &head).await;
            assert_eq!(answer.status, if passes { served } else { 403 }, "{origin} {method} {path}: {}", answer.body);
            assert_eq!(answer.body.contains("MINTAKA_ALLOWED_ORIGINS"), !passes, "{}", answer.body);
            let allowed = answer.head.contains("access-control-allow-origin: https://ui.example");
            assert_eq!(allowed, passes && origin.contains("ui") && served != 100, "{}", answer.head);
        }
    }
    let twice =
        "GET /api/health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: http://localhost\r\n\r\n";
    assert_eq!(ask(&stand, twice).await.status, 403);
    let unnamed = "GET /api/health HTTP/1.0\r\nOrigin: http://localhost\r\n\r\n";
    assert_eq!(ask(&stand, unnamed).await.status, 403);
    let usual_port = "GET /api/health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:80\r\n\r\n";
    assert_eq!(ask(&stand, usual_port).await.status, 200);
}

#[tokio::test]
async fn pages_of_listed_origins_are_told_what_they_may_do() {
    let preflight = |settings: Settings, origin: &'static str| async move {
        let client = TestClient::new(endpoint().with_settings(&settings));
        let request = client.options("/api/things/echo").header(header::ORIGIN, origin);
        let request = request.header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
        request.header(header::ACCESS_CONTROL_REQUEST_HEADERS, "content-type, x-prefect-ui").send().await
    };
    let listed = Settings { cors_origins: strings(&["http://a", "http://b"]), ..Settings::default() };
    let response = preflight(listed.clone(), "http://b").await;
    response.assert_status_is_ok();
    response.assert_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "http://b");
    response.assert_header(header::ACCESS_CONTROL_ALLOW_METHODS, "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT");
    response.assert_header(header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, x-prefect-ui");
    response.assert_header(header::ACCESS_CONTROL_MAX_AGE, "600");
    response.assert_header(header::VARY, "origin");
    let response = preflight(listed.clone(), "http://c").await;
    response.assert_status(StatusCode::FORBIDDEN);
    assert!(!response.0.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));

    let narrow = Settings {
        cors_methods: strings(&["GET", "POST"]),
        cors_headers: strings(&["content-type"]),
        ..listed.clone()
    };
    let response = preflight(narrow, "http://b").await;
    response.assert_header(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST");
    response.assert_header(header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type");

    let all = Settings {
        cors_origins: strings(&["*"]),
        cors_methods: strings(&["*"]),
        cors_headers: strings(&["*"]),
        ..Settings::default()
    };
    for origin in ["http://c", "null"] {
        let response = preflight(all.clone(), origin).await;
        response.assert_status_is_ok();
        response.assert_header(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
        response.assert_header(header::ACCESS_CONTROL_ALLOW_HEADERS, "content-type, x-prefect-ui");
    }

    // Answers and refusals alike are shown, to pages alone.
    let client = TestClient::new(endpoint().with_settings(&listed));
    for (method, path, origin, status) in [
        (Method::GET, "/api/things/none", true, 200),
        (Method::GET, "/api/things/none", false, 200),
        (Method::GET, "/api/nothing", true, 404),
        (Method::POST, "/api/things/echo", true, 422),
        (Method::OPTIONS, "/api/things/echo", true, 405),
    ] {
        let request = client.request(method.clone(), path);
        let request = if origin { request.header(header::ORIGIN, "http://a") } else { request };
        let response = request.send().await;
        response.assert_status(StatusCode::from_u16(status).unwrap());
        let found = response.0.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
        assert_eq!(found, origin, "{method} {path} {origin}");
    }
}

#[tokio::test]
async fn a_body_is_json_or_of_no_type() {
    let stand = Stand::start().await;
    for (types, status) in [
        ("", 100),
        ("Content-Type: application/json\r\n", 100),
        ("Content-Type: Application/JSON ; charset=utf-8\r\n", 100),
        ("Content-Type: application/merge-patch+json\r\n", 100),
        ("Content-Type: text/plain\r\n", 415),
        ("Content-Type: text/plain;application/json\r\n", 415),
        ("Content-Type: application/x-www-form-urlencoded\r\n", 415),
        ("Content-Type: multipart/form-data; boundary=x\r\n", 415),
        ("Content-Type: application/jsonp\r\n", 415),
        ("Content-Type: +json\r\n", 415),
        ("Content-Type:\r\n", 415),
        ("Content-Type: application/json\r\nContent-Type: text/plain\r\n", 415),
    ] {
        // What reads no body takes no other type either.
        for path in ["echo", "touch"] {
            let head = format!("POST /api/things/{path} HTTP/1.1\r\nHost: localhost\r\n{types}");
            let status = if (path, status) == ("touch", 100) { 204 } else { status };
            for length in ["Content-Length: 24", "Transfer-Encoding: chunked"] {
                let answer = ask(&stand, &format!("{head}{length}\r\nExpect: 100-continue\r\n\r\n")).await;
                assert_eq!(answer.status, status, "{path} {types}{length}: {}", answer.body);
            }
            // Without a body its type does not matter.
            let status = if path == "touch" { 204 } else { 422 };
            assert_eq!(ask(&stand, &format!("{head}\r\n")).await.status, status, "{types}");
        }
    }
}
