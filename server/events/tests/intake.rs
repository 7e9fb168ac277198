//! `/events/in`: what a pong promises, and how connections end.
#![allow(clippy::unwrap_used)] // outside of test functions too, a failure is the test's

mod stand;

use std::sync::atomic::Ordering;

use futures_util::{SinkExt, StreamExt};
use mintaka_core::records::{StateType, TaskRunState, task_run_state};
use mintaka_core::{Filter, Time};
use serde_json::json;
use stand::{LIMIT, Stand, Way, event, task_run_event, until};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use uuid::Uuid;

#[tokio::test]
async fn a_pong_is_held_until_what_came_before_its_ping_is_durable() {
    let stand = Stand::start().await;
    let mut client = stand.open("/events/in").await;
    stand.gate.turn(Way::Held);
    for _ in 0..3 {
        client.say(event(Uuid::now_v7(), "vine.grew")).await;
    }
    client.ping().await;
    until(|| stand.gate.waiting.load(Ordering::SeqCst) > 0).await;
    assert!(client.is_quiet().await, "a pong left before the events were durable");
    stand.gate.turn(Way::Open);
    client.pong().await;
    assert_eq!(stand.events().await.len(), 3);
}

#[tokio::test]
async fn a_connection_that_cannot_make_events_durable_ends_without_a_pong() {
    let stand = Stand::start().await;
    let mut client = stand.open("/events/in").await;
    stand.gate.turn(Way::Held);
    client.say(event(Uuid::now_v7(), "vine.grew")).await;
    client.ping().await;
    until(|| stand.gate.waiting.load(Ordering::SeqCst) > 0).await;
    assert!(client.is_quiet().await, "a pong left before the events were durable");
    stand.gate.turn(Way::Broken);
    assert_eq!(client.frame().await, None);
    assert_eq!(stand.events().await.len(), 0);
}

#[tokio::test]
async fn a_resent_event_is_stored_once() {
    let stand = Stand::start().await;
    let sent = event(Uuid::now_v7(), "vine.grew");
    for _ in 0..2 {
        let mut client = stand.open("/events/in").await;
        client.say(sent.clone()).await;
        client.say(sent.clone()).await;
        client.ping().await;
        client.pong().await;
    }
    assert_eq!(stand.events().await.len(), 1);
}

#[tokio::test]
async fn the_handshake_may_begin_with_a_ping_and_is_left_out_without_the_sub_protocol() {
    let stand = Stand::start().await;
    let mut client = stand.dial("/events/in", Some("prefect")).await;
    client.ping().await;
    client.pong().await;
    client.say(json!({"type": "auth", "token": "any"})).await;
    assert_eq!(client.json().await, json!({"type": "auth_success"}));

    let mut legacy = stand.dial("/events/in", None).await;
    legacy.say(event(Uuid::now_v7(), "vine.grew")).await;
    legacy.ping().await;
    legacy.pong().await;
    assert_eq!(stand.events().await.len(), 1);

    let mut rude = stand.dial("/events/in", Some("prefect")).await;
    rude.say(event(Uuid::now_v7(), "vine.grew")).await;
    assert_eq!(rude.close().await, (1008, "Expected 'auth' message".into()));
}

#[tokio::test]
async fn a_frame_that_is_no_event_closes_the_connection_and_keeps_what_came_before() {
    let stand = Stand::start().await;
    let long = format!("{{\"event\": \"{}\"}}", "é".repeat(200));
    let table = [
        (Message::text("{"), 1007, "Not an event: "),
        (Message::text(long), 1007, "Not an event: "),
        (Message::text(event(Uuid::nil(), &"x".repeat(1025)).to_string()), 1007, "Event name must be at most 1024"),
        (Message::binary("{}"), 1003, "Events are text frames"),
    ];
    for (n, (frame, code, reason)) in table.into_iter().enumerate() {
        let mut client = stand.open("/events/in").await;
        client.say(event(Uuid::now_v7(), "vine.grew")).await;
        client.0.send(frame).await.unwrap();
        let (closed, why) = client.close().await;
        assert_eq!(closed, code);
        assert!(why.starts_with(reason) && why.len() <= 123, "{why}");
        assert_eq!(stand.events().await.len(), n + 1);
    }
}

#[tokio::test]
async fn a_message_that_is_too_large_closes_the_connection_and_says_why() {
    let stand = Stand::start().await;
    let (mut out, back) = stand.open("/events/in").await.0.split();
    let sending = tokio::spawn(async move { out.send(Message::text("x".repeat(17 << 20))).await });
    let closes = back.filter_map(async |frame| match frame.unwrap() {
        Message::Close(Some(frame)) => Some(u16::from(frame.code)),
        _ => None,
    });
    let code = timeout(LIMIT, std::pin::pin!(closes).next()).await.unwrap();
    assert_eq!(code, Some(1009));
    sending.abort();
}

#[tokio::test]
async fn task_runs_follow_their_newest_state_in_any_order_of_arrival() {
    let stand = Stand::start().await;
    let start = Time::system();
    let kinds = [("Pending", StateType::Pending), ("Running", StateType::Running), ("Completed", StateType::Completed)];
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let mut client = stand.open("/events/in").await;
    let mut runs = Vec::new();
    for order in orders {
        let run = Uuid::now_v7();
        runs.push(run);
        for n in order {
            let at = start.plus_seconds(n as f64);
            client.say(task_run_event(run, Uuid::now_v7(), kinds[n].0, at)).await;
        }
    }
    client.ping().await;
    client.pong().await;
    for run in runs {
        let found = stand.task_run(run).await.unwrap();
        assert_eq!(found.state_type, Some(StateType::Completed));
        assert_eq!(found.name, "press");
        let states = Filter::eq(task_run_state::task_run_id, run);
        assert_eq!(stand.ctx.ops.count::<TaskRunState>(states).await.unwrap(), 3);
    }
    assert_eq!(stand.events().await.len(), 18);
}

#[tokio::test]
async fn an_event_whose_task_run_cannot_be_read_is_recorded_all_the_same() {
    let stand = Stand::start().await;
    let mut client = stand.open("/events/in").await;
    let mut odd = task_run_event(Uuid::now_v7(), Uuid::now_v7(), "Pending", Time::system());
    odd["payload"] = json!({});
    client.say(odd).await;
    client.ping().await;
    client.pong().await;
    assert_eq!(stand.events().await.len(), 1);
}

#[tokio::test]
async fn a_flood_is_recorded_whole_and_in_few_commits() {
    let stand = Stand::start().await;
    let mut client = stand.open("/events/in").await;
    for _ in 0..2000 {
        client.say(event(Uuid::now_v7(), "vine.grew")).await;
    }
    client.ping().await;
    client.pong().await;
    assert_eq!(stand.events().await.len(), 2000);
    let commits = *stand.ctx.ops.committed().borrow();
    assert!(commits < 1000, "{commits} commits");
}

#[tokio::test]
async fn a_server_that_stops_says_so_and_waits_for_its_sockets() {
    let stand = Stand::start().await;
    let mut client = stand.open("/events/in").await;
    client.say(event(Uuid::now_v7(), "vine.grew")).await;
    stand.await_events(1).await;
    stand.ctx.stop.cancel();
    assert_eq!(client.close().await.0, 1012);
    drop(client);
    tokio::time::timeout(stand::LIMIT, stand.ctx.tasks.wait()).await.unwrap();
}
