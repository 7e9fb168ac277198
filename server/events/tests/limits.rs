//! What filters and sockets may ask of the server, and what happens beyond it.
#![allow(clippy::unwrap_used)] // outside of test functions too, a failure is the test's

mod stand;

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::SinkExt;
use mintaka_api_events::SocketLimits;
use mintaka_orchestration::ops::events::{NewEvent, record};
use serde_json::{Value, json};
use stand::{LIMIT, Stand, event, frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use uuid::Uuid;

/// Limits of time that a test can wait for.
fn hurried() -> SocketLimits {
    SocketLimits { patience: Duration::from_millis(500), ..SocketLimits::default() }
}

/// Records an event of about so many bytes.
async fn recorded(stand: &Stand, bytes: usize) -> Uuid {
    let id = Uuid::now_v7();
    let mut sent = event(id, "vine.grew");
    sent["payload"] = json!({"fat": "x".repeat(bytes)});
    record(&stand.ctx.ops, &NewEvent::parse(&sent.to_string()).unwrap()).await.unwrap();
    id
}

/// A bare connection that has subscribed to all events.
async fn subscribed(stand: &Stand) -> tokio::net::TcpStream {
    let mut client = stand.raw("/events/out").await;
    client.write_all(&frame(0x81, br#"{"type":"filter","filter":{}}"#)).await.unwrap();
    client
}

/// What a client says first on a socket.
fn hello(path: &str) -> Option<Value> {
    match path {
        "/events/out" | "/logs/out" => Some(json!({"type": "filter", "filter": {}})),
        "/task_runs/subscriptions/scheduled" => Some(json!({"type": "subscribe", "keys": ["press"], "client_id": "a"})),
        _ => None,
    }
}

const SOCKETS: [&str; 4] = ["/events/in", "/events/out", "/logs/out", "/task_runs/subscriptions/scheduled"];

/// Part of a text message that goes on.
fn part(text: String) -> Message {
    Message::Frame(Frame::message(text, OpCode::Data(Data::Text), false))
}

#[tokio::test]
async fn a_filter_that_asks_too_much_is_refused_with_the_member_and_its_limit() {
    let stand = Stand::start().await;
    let texts = |n: usize| (0..n).map(|n| n.to_string()).collect::<Vec<_>>();
    let long = "é".repeat(2_049);
    let ids: Vec<Uuid> = (0..1_001).map(Uuid::from_u128).collect();
    let pairs: Vec<_> = (0..1_001).map(|n| [n.to_string(), "a".to_owned()]).collect();
    let labels = |labels: usize, patterns: usize| {
        let one = |n: usize| (n.to_string(), json!(texts(patterns)));
        Value::Object((0..labels).map(one).collect())
    };
    let table = [
        (json!({"event": {"name": texts(1_001)}}), "event.name takes at most 1000 texts, not 1001"),
        (json!({"event": {"exclude_name": texts(1_001)}}), "event.exclude_name takes at most 1000 texts"),
        (json!({"event": {"name": [long]}}), "event.name takes at most 2048 characters in a text, not 2049"),
        (json!({"event": {"prefix": [long]}}), "event.prefix takes at most 2048 characters"),
        (json!({"event": {"prefix": texts(600), "exclude_prefix": texts(600)}}), "filter takes at most 1000 prefixes"),
        (json!({"id": {"id": ids}}), "id.id takes at most 1000 ids"),
        (json!({"resource": {"id": texts(1_001)}}), "resource.id takes at most 1000 texts"),
        (json!({"resource": {"id_prefix": [long]}}), "resource.id_prefix takes at most 2048 characters"),
        (json!({"resource": {"labels": {"a": long}}}), "resource.labels takes at most 2048 characters"),
        (json!({"resource": {"labels": labels(101, 1)}}), "labels takes at most 100 labels in all"),
        (json!({"any_resource": {"labels": labels(2, 101)}}), "labels takes at most 200 patterns in all"),
        (
            json!({"related": vec![json!({"labels": {"a": "b".repeat(1_001)}}); 10]}),
            "labels takes at most 10000 characters of patterns in all, not 10010",
        ),
        (json!({"related": vec![json!({}); 21]}), "related takes at most 20 filters"),
        (json!({"related": {"id": texts(1_001)}}), "related.id takes at most 1000 texts"),
        (
            json!({"related": vec![json!({"id": texts(1_000)}); 5]}),
            "filter takes at most 4000 texts and ids of lists in all, not 5000",
        ),
        (json!({"related": {"role": texts(1_001)}}), "related.role takes at most 1000 texts"),
        (json!({"related": {"resources_in_roles": pairs}}), "filter takes at most 1000 prefixes, pairs"),
        (json!({"any_resource": vec![json!({}); 21]}), "any_resource takes at most 20 filters"),
        (json!({"any_resource": {"id": texts(1_001)}}), "any_resource.id takes at most 1000 texts"),
    ];
    for (filter, reason) in table {
        for path in ["/api/events/filter", "/api/events/count-by/event"] {
            let (status, answer) = stand.ask("POST", path, Some(json!({"filter": filter}))).await;
            let told = answer["exception_detail"][0]["msg"].as_str().unwrap_or_default();
            assert!(status == 422 && told.starts_with(reason), "{status} {told}, expected {reason}");
        }
        let mut client = stand.open("/events/out").await;
        client.say(json!({"type": "filter", "filter": filter})).await;
        let (code, told) = client.close().await;
        let reasons = [format!("Invalid filter: {reason}"), "Invalid filter: a list takes at most 1000 items".into()];
        let is_told = reasons.iter().any(|reason| told.starts_with(reason));
        assert!(code == 1002 && is_told, "{code} {told}, expected {reason}");
    }
    let mut logs = stand.open("/logs/out").await;
    logs.say(json!({"type": "filter", "filter": {"flow_run_id": {"any_": ids}}})).await;
    assert_eq!(logs.close().await, (1002, "Invalid filter: a list takes at most 1000 items".to_owned()));
    let largest = json!({
        "event": {"prefix": texts(400), "exclude_prefix": texts(300), "name": texts(1_000)},
        "id": {"id": &ids[..1_000]},
        "resource": {"id": texts(400), "id_prefix": texts(100), "labels": labels(2, 100)},
        "related": vec![json!({"id": texts(20), "role": texts(20)}); 20],
    });
    let (status, answer) = stand.ask("POST", "/api/events/filter", Some(json!({"filter": largest}))).await;
    assert_eq!((status, &answer["events"]), (200, &json!([])), "{answer}");
}

#[tokio::test]
async fn a_page_that_no_link_could_follow_is_refused() {
    let stand = Stand::start().await;
    for _ in 0..2 {
        recorded(&stand, 1).await;
    }
    let names: Vec<_> = (0..1_000).map(|n| format!("{n:0100}")).chain(["vine.grew".into()]).skip(1).collect();
    let filter = json!({"event": {"name": names}});
    for (limit, expected) in [(2, 200), (1, 422)] {
        let body = json!({"filter": filter, "limit": limit});
        let (status, answer) = stand.ask("POST", "/api/events/filter", Some(body)).await;
        assert_eq!(status, expected, "{answer}");
    }
}

#[tokio::test]
async fn a_page_of_large_events_is_shorter_and_goes_on_where_it_ended() {
    let stand = Stand::start().await;
    let mut sent = Vec::new();
    for _ in 0..20 {
        sent.push(recorded(&stand, 1_000_000).await.to_string());
    }
    let filter = json!({"filter": {"order": "ASC"}});
    let (_, mut page) = stand.ask("POST", "/api/events/filter", Some(filter)).await;
    let (mut seen, mut pages) = (Vec::new(), 0);
    loop {
        let events = page["events"].as_array().unwrap();
        assert!(!events.is_empty() && events.len() < 20 && page["total"] == 20);
        seen.extend(events.iter().map(|event| event["id"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(link) = page["next_page"].as_str() else { break };
        let path = link.strip_prefix(&format!("http://{}", stand.address)).unwrap().to_owned();
        page = stand.ask("GET", &path, None).await.1;
    }
    assert_eq!((seen, pages), (sent, 3));
}

#[tokio::test]
async fn large_events_are_judged_by_their_labels() {
    let stand = Stand::start().await;
    let mut sent = Vec::new();
    for last in ["b", "c", "b"] {
        let id = Uuid::now_v7();
        let mut large = event(id, "vine.grew");
        large["resource"]["leaf"] = json!(format!("{}{last}", "a".repeat(200_000)));
        sent.push(id.to_string());
        record(&stand.ctx.ops, &NewEvent::parse(&large.to_string()).unwrap()).await.unwrap();
    }
    let filter = json!({"order": "ASC", "resource": {"labels": {"leaf": "*a?aa*b"}}});
    let (_, page) = stand.ask("POST", "/api/events/filter", Some(json!({"filter": filter}))).await;
    let found: Vec<_> = page["events"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    assert_eq!(found, [json!(sent[0]), json!(sent[2])]);
    let mut client = stand.open("/events/out").await;
    client.say(json!({"type": "filter", "filter": filter})).await;
    for id in [&sent[0], &sent[2]] {
        assert_eq!(&client.event().await.to_string(), id);
    }
}

#[tokio::test]
async fn a_worker_that_names_too_many_tasks_is_refused() {
    let stand = Stand::start().await;
    let keys: Vec<_> = (0..1_001).map(|n| n.to_string()).collect();
    let table = [
        (json!(keys), "a".to_owned(), "expected at most 1000 'keys', not 1001"),
        (json!(["k".repeat(2_049)]), "a".to_owned(), "expected at most 2048 characters"),
        (json!(["k"]), "a".repeat(2_049), "expected at most 2048 characters"),
    ];
    for (keys, name, reason) in table {
        let mut worker = stand.open("/task_runs/subscriptions/scheduled").await;
        worker.say(json!({"type": "subscribe", "keys": keys, "client_id": name})).await;
        let (code, told) = worker.close().await;
        assert!(code == 4001 && told.starts_with(&format!("Protocol violation: {reason}")), "{code} {told}");
    }
    let query = json!({"task_worker_filter": {"task_keys": keys}});
    assert_eq!(stand.ask("POST", "/api/task_workers/filter", Some(query)).await.0, 422);
}

#[tokio::test]
async fn a_client_that_pings_and_reads_no_pong_is_not_read_on_and_then_dropped() {
    for path in SOCKETS {
        let stand = Stand::start_within(hurried()).await;
        let mut client = stand.raw(path).await;
        if let Some(hello) = hello(path) {
            client.write_all(&frame(0x81, hello.to_string().as_bytes())).await.unwrap();
        }
        let pings = frame(0x89, &[b'p'; 100]).repeat(1000);
        let flood = async { while client.write_all(&pings).await.is_ok() {} };
        timeout(LIMIT, flood).await.unwrap_or_else(|_| panic!("{path}: every ping was taken"));
        stand.await_sockets(0).await;
    }
}

#[tokio::test]
async fn a_subscriber_that_reads_nothing_is_closed() {
    let stand = Stand::start_within(hurried()).await;
    for _ in 0..100 {
        recorded(&stand, 200_000).await;
    }
    let client = subscribed(&stand).await;
    stand.await_sockets(1).await;
    stand.await_sockets(0).await;
    drop(client);
}

#[tokio::test]
async fn a_subscriber_that_reads_too_slowly_is_told_why_it_is_closed() {
    let stand = Stand::start_within(hurried()).await;
    for _ in 0..20 {
        recorded(&stand, 1_000_000).await;
    }
    let mut client = subscribed(&stand).await;
    // An event has more bytes than are read here within the server's patience.
    let (mut part, mut last) = (vec![0; 8 << 10], Vec::new());
    let read = async {
        while let Ok(some @ 1..) = client.read(&mut part).await {
            last = [&last[last.len().saturating_sub(200)..], &part[..some]].concat();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(3 * LIMIT, read).await.unwrap();
    let reason = b"What was sent was not read in time";
    assert!(last.windows(reason.len()).any(|part| part == reason));
}

#[tokio::test]
async fn a_message_that_does_not_end_is_cut_off_in_time() {
    let stand = Stand::start_within(hurried()).await;
    let expected = (1008, "A message was begun and not ended in time".to_owned());
    for path in SOCKETS {
        let mut half = stand.open(path).await;
        if let Some(hello) = hello(path) {
            half.say(hello).await;
        }
        half.0.send(part("{".into())).await.unwrap();
        // Signs of life in between do not help.
        let told = async {
            loop {
                let _ = half.0.send(Message::Ping("p".into())).await;
                match half.frame().await {
                    Some(Message::Pong(_)) => {}
                    Some(Message::Close(Some(close))) => return (u16::from(close.code), close.reason.to_string()),
                    other => panic!("{path}: {other:?}"),
                }
            }
        };
        let told = timeout(LIMIT, told).await.unwrap_or_else(|_| panic!("{path}: it goes on"));
        assert_eq!(told, expected, "{path}");
    }
    // Fragments without an end, and a frame that stops.
    let mut client = stand.raw("/events/in").await;
    let fragments = [frame(0x01, b"a"), frame(0x00, b"").repeat(1000)].concat();
    client.write_all(&fragments).await.unwrap();
    let endless = async { while client.write_all(&frame(0x00, b"").repeat(1000)).await.is_ok() {} };
    timeout(LIMIT, endless).await.expect("fragments were taken without an end");
    let mut client = stand.raw("/events/in").await;
    client.write_all(&frame(0x81, &[b'x'; 70_000])[..50_000]).await.unwrap();
    let mut all = Vec::new();
    timeout(LIMIT, client.read_to_end(&mut all)).await.unwrap().unwrap();
    assert!(all.ends_with(expected.1.as_bytes()));
    stand.await_sockets(0).await;
}

#[tokio::test]
async fn messages_that_have_not_ended_are_kept_within_a_bound_for_all_sockets() {
    let stand = Stand::start_within(SocketLimits { held: 1 << 20, ..SocketLimits::default() }).await;
    let half = || part("x".repeat(500_000));
    let mut first = stand.open("/events/out").await;
    first.0.send(half()).await.unwrap();
    first.ping().await;
    first.pong().await;
    let mut second = stand.open("/events/out").await;
    second.0.send(half()).await.unwrap();
    assert_eq!(second.close().await.0, 1013);
    // What the first one kept is free when it goes.
    drop(first);
    stand.await_sockets(0).await;
    let mut third = stand.open("/events/out").await;
    third.0.send(half()).await.unwrap();
    third.ping().await;
    third.pong().await;
}

#[tokio::test]
async fn many_senders_share_what_may_be_in_flight() {
    // Room for one event at a time.
    let stand = Stand::start_within(SocketLimits { in_flight: 1 << 20, ..SocketLimits::default() }).await;
    let send = async |n: usize| {
        let mut client = stand.open("/events/in").await;
        for _ in 0..5 {
            let mut sent = event(Uuid::now_v7(), "vine.grew");
            sent["payload"] = json!({"fat": "x".repeat(200_000 + n)});
            client.say(sent).await;
        }
        client.ping().await;
        client.pong().await;
    };
    futures_util::future::join_all((0..8).map(send)).await;
    assert_eq!(stand.events().await.len(), 40);
}

#[tokio::test]
async fn a_socket_goes_on_after_its_buffers_were_given_back() {
    let stand = Stand::start().await;
    let mut client = stand.open("/events/in").await;
    for n in 0..10 {
        let mut large = event(Uuid::now_v7(), "vine.grew");
        large["payload"] = json!({"fat": "x".repeat(100_000 * n)});
        client.say(large).await;
        client.say(event(Uuid::now_v7(), "vine.grew")).await;
        client.ping().await;
        client.pong().await;
    }
    assert_eq!(stand.events().await.len(), 20);
}

#[tokio::test]
async fn large_events_arrive_whole_and_in_order_among_small_ones() {
    let stand = Stand::start().await;
    let mut client = stand.open("/events/out").await;
    client.say(json!({"type": "filter", "filter": {}})).await;
    client.ping().await;
    client.pong().await;
    let mut sent = Vec::new();
    for n in 0..60 {
        sent.push(recorded(&stand, if n % 3 == 0 { 300_000 } else { 10 }).await);
    }
    for id in sent {
        assert_eq!(client.event().await, id);
    }
}

#[tokio::test]
async fn subscribers_share_what_may_be_sent_at_a_time() {
    // Room for one page at a time, which one who reads nothing takes for a while.
    let limits = SocketLimits { pages: 256 << 10, patience: Duration::from_secs(1), ..SocketLimits::default() };
    let stand = Stand::start_within(limits).await;
    let mut sent = Vec::new();
    for _ in 0..100 {
        sent.push(recorded(&stand, 100_000).await);
    }
    let lazy = subscribed(&stand).await;
    let read = async |_| {
        let mut client = stand.open("/events/out").await;
        client.say(json!({"type": "filter", "filter": {}})).await;
        for id in &sent {
            assert_eq!(client.event().await, *id);
        }
    };
    futures_util::future::join_all((0..4).map(read)).await;
    drop(lazy);
}

#[tokio::test]
async fn more_sockets_than_there_are_places_are_closed_with_a_reason() {
    let stand = Stand::start_within(SocketLimits { sockets: 2, ..SocketLimits::default() }).await;
    let (first, _second) = (stand.open("/events/in").await, stand.open("/logs/out").await);
    let mut third = stand.dial("/events/out", Some("prefect")).await;
    assert_eq!(third.close().await, (1013, "2 sockets are open, which is the most; try again later".to_owned()));
    drop(third);
    drop(first);
    stand.await_sockets(1).await;
    stand.open("/events/out").await;
}

#[tokio::test]
async fn a_silent_client_is_asked_for_a_sign_of_life_and_dropped_without_one() {
    let (probe_after, gone_after) = (Duration::from_millis(50), Duration::from_secs(2));
    let stand = Stand::start_within(SocketLimits { probe_after, gone_after, ..SocketLimits::default() }).await;
    let mut lively = stand.open("/events/in").await;
    let silent = stand.raw("/events/in").await;
    stand.await_sockets(2).await;
    // Reading a ping answers it.
    let mut probes = 0;
    while stand.ctx.tasks.len() == 2 {
        assert!(matches!(lively.frame().await, Some(Message::Ping(_))));
        probes += 1;
    }
    assert!(probes > 1);
    lively.say(event(Uuid::now_v7(), "vine.grew")).await;
    stand.await_events(1).await;
    drop(silent);
}

#[tokio::test]
async fn what_must_be_said_first_must_be_said_in_time() {
    let stand = Stand::start_within(hurried()).await;
    let mut before = stand.dial("/events/out", Some("prefect")).await;
    assert_eq!(before.close().await, (1008, "Nothing was said in time".to_owned()));
    let mut after = stand.open("/events/out").await;
    assert_eq!(after.close().await, (1008, "Nothing was said in time".to_owned()));
}

#[tokio::test]
async fn a_commit_is_looked_for_once_for_all_subscribers() {
    const SUBSCRIBERS: usize = 200;
    let stand = Stand::start().await;
    let open = async |_| {
        let mut client = stand.open("/events/out").await;
        client.say(json!({"type": "filter", "filter": {}, "backfill": false})).await;
        client.ping().await;
        client.pong().await;
        client
    };
    let mut clients = futures_util::future::join_all((0..SUBSCRIBERS).map(open)).await;
    let before = stand.gate.heads.load(Ordering::SeqCst);
    let id = recorded(&stand, 1).await;
    for client in &mut clients {
        assert_eq!(client.event().await, id);
    }
    let looks = stand.gate.heads.load(Ordering::SeqCst) - before;
    assert!(looks < SUBSCRIBERS, "{looks} looks");
    // Nobody looks when nobody waits.
    drop(clients);
    stand.await_sockets(0).await;
    let looks = || stand.gate.heads.load(Ordering::SeqCst);
    let ended = async {
        loop {
            let before = looks();
            tokio::time::sleep(Duration::from_millis(200)).await;
            if looks() == before {
                return;
            }
        }
    };
    timeout(LIMIT, ended).await.expect("the store is asked on");
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_those_who_read_nothing() {
    let stand = Stand::start().await;
    for _ in 0..100 {
        recorded(&stand, 200_000).await;
    }
    let client = subscribed(&stand).await;
    stand.await_sockets(1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    stand.ctx.stop.cancel();
    stand.ctx.tasks.close();
    timeout(LIMIT, stand.ctx.tasks.wait()).await.unwrap();
    drop(client);
}
