//! `/events/out`, `/logs/out`, background task runs, and what is refused.
#![allow(clippy::unwrap_used)] // outside of test functions too, a failure is the test's

mod stand;

use std::collections::BTreeSet;
use std::time::Duration;

use mintaka_api_events::SocketLimits;
use mintaka_core::records::{Log, StateType, TaskRun, TaskRunState, task_run};
use mintaka_core::{Batch, Change, Json, Key, Tags, Time};
use mintaka_orchestration::ops::events::{NewEvent, record};
use mintaka_orchestration::{Proposed, StateDetails};
use serde_json::json;
use stand::{Stand, event};
use uuid::Uuid;

async fn recorded(stand: &Stand, name: &str) -> Uuid {
    let id = Uuid::now_v7();
    let event = NewEvent::parse(&event(id, name).to_string()).unwrap();
    record(&stand.ctx.ops, &event).await.unwrap();
    id
}

#[tokio::test]
async fn a_subscriber_sees_what_was_there_and_what_comes_without_a_gap() {
    let stand = Stand::start().await;
    let mut sent = Vec::new();
    for _ in 0..600 {
        sent.push(recorded(&stand, "vine.grew").await);
    }
    recorded(&stand, "wall.stood").await;
    let mut client = stand.open("/events/out").await;
    client.say(json!({"type": "filter", "filter": {"event": {"prefix": ["vine."]}}})).await;
    // While the old ones are sent, new ones come.
    for _ in 0..100 {
        sent.push(recorded(&stand, "vine.grew").await);
        recorded(&stand, "wall.stood").await;
    }
    let mut seen = Vec::new();
    for _ in 0..700 {
        seen.push(client.event().await);
    }
    assert_eq!(seen.iter().collect::<BTreeSet<_>>(), sent.iter().collect::<BTreeSet<_>>());
    assert!(client.is_quiet().await, "an event was sent twice");
}

#[tokio::test]
async fn without_backfill_only_new_events_are_sent_and_labels_are_matched() {
    let stand = Stand::start().await;
    recorded(&stand, "vine.grew").await;
    let mut client = stand.open("/events/out").await;
    let filter = json!({"resource": {"labels": {"color": ["!green"]}}, "occurred": {"since": Time::MIN}});
    client.say(json!({"type": "filter", "filter": filter, "backfill": false})).await;
    let mut other = stand.open("/events/out").await;
    let green = json!({"resource": {"labels": {"color": "green"}}});
    other.say(json!({"type": "filter", "filter": green, "backfill": false})).await;
    // A pong tells that the subscription, which came before the ping, is made.
    for one in [&mut client, &mut other] {
        one.ping().await;
        one.pong().await;
    }
    let id = recorded(&stand, "vine.grew").await;
    assert_eq!(client.event().await, id);
    assert!(other.is_quiet().await);
}

#[tokio::test]
async fn a_wrong_first_frame_closes_with_the_stock_reasons() {
    let stand = Stand::start().await;
    let table = [
        ("/events/out", json!({"type": "hello"}), 1002, "Expected 'filter' message"),
        ("/events/out", json!({"type": "filter", "filter": {"event": 7}}), 1002, "Invalid filter: "),
        (
            "/events/out",
            json!({"type": "filter", "filter": {"id": {"id": ["x".repeat(500)]}}}),
            1002,
            "Invalid filter: ",
        ),
        ("/logs/out", json!({"type": "hello"}), 1002, "Expected 'filter' message"),
        ("/task_runs/subscriptions/scheduled", json!({}), 4001, "Protocol violation: expected 'subscribe' message"),
        (
            "/task_runs/subscriptions/scheduled",
            json!({"type": "subscribe", "keys": []}),
            4001,
            "Protocol violation: expected 'keys' in subscribe message",
        ),
        (
            "/task_runs/subscriptions/scheduled",
            json!({"type": "subscribe", "keys": ["a"]}),
            4001,
            "Protocol violation: expected 'client_id' in subscribe message",
        ),
    ];
    for (path, frame, code, reason) in table {
        let mut client = stand.open(path).await;
        client.say(frame.clone()).await;
        let (closed, why) = client.close().await;
        assert_eq!(closed, code, "{frame}");
        assert!(why.starts_with(reason), "{frame}: {why}");
    }
}

#[tokio::test]
async fn logs_are_sent_as_they_come() {
    let stand = Stand::start().await;
    let mut client = stand.open("/logs/out").await;
    let run = Uuid::now_v7();
    client.say(json!({"type": "filter", "filter": {"flow_run_id": {"any_": [run]}}})).await;
    client.ping().await;
    client.pong().await;
    let now = Time::system();
    let line = |flow_run_id: Uuid| Log {
        timestamp: now,
        id: Uuid::now_v7(),
        created: now,
        updated: now,
        name: "press".into(),
        level: 20,
        message: "must".into(),
        flow_run_id: Some(flow_run_id),
        task_run_id: None,
        writer: 0,
        seq: 0,
    };
    let (mine, other) = (line(run), line(Uuid::now_v7()));
    let batch = Batch::new().insert(other).insert(mine.clone());
    stand.store.commit(batch).await.unwrap();
    let frame = client.json().await;
    assert_eq!(
        (frame["type"].as_str(), frame["log"]["id"].as_str()),
        (Some("log"), Some(mine.id.to_string().as_str()))
    );
    assert!(client.is_quiet().await);
}

/// A background task run that waits for a worker.
async fn scheduled(stand: &Stand, key: &str, deferred: bool) -> Uuid {
    let (now, id, state_id) = (Time::system(), Uuid::now_v7(), Uuid::now_v7());
    let details = StateDetails { deferred: Some(deferred), scheduled_time: Some(now), ..StateDetails::default() };
    let name = if deferred { "Scheduled" } else { "AwaitingRetry" };
    let state = TaskRunState {
        id: state_id,
        created: now,
        updated: now,
        task_run_id: id,
        r#type: StateType::Scheduled,
        name: name.into(),
        timestamp: now,
        message: None,
        state_details: Json::of(&details),
        data: None,
    };
    let run = TaskRun {
        id,
        created: now,
        updated: now,
        name: "press-1".into(),
        flow_run_id: None,
        task_key: key.into(),
        dynamic_key: id.to_string(),
        cache_key: None,
        cache_expiration: None,
        task_version: None,
        empirical_policy: Json::object(),
        tags: Tags::default(),
        labels: Json::object(),
        state_id: Some(state_id),
        task_inputs: Json::object(),
        state_type: Some(StateType::Scheduled),
        state_name: Some(name.into()),
        state_timestamp: Some(now),
        run_count: 0,
        flow_run_run_count: 0,
        expected_start_time: Some(now),
        next_scheduled_start_time: Some(now),
        start_time: None,
        end_time: None,
        total_run_time: 0.0,
        sort_time: Some(now),
        start_delay: None,
    };
    assert_eq!(Proposed::scheduled(now).r#type, state.r#type);
    stand.store.commit(Batch::new().insert(run).insert(state)).await.unwrap();
    id
}

#[tokio::test]
async fn a_background_run_goes_to_one_worker_and_comes_back_if_it_is_not_taken() {
    let stand = Stand::start().await;
    let path = "/task_runs/subscriptions/scheduled";
    let hello = |name: &str| json!({"type": "subscribe", "keys": ["press"], "client_id": name});
    scheduled(&stand, "wash", true).await;
    scheduled(&stand, "press", false).await;

    let mut first = stand.open(path).await;
    first.say(hello("first")).await;
    assert!(first.is_quiet().await, "a run of another task, or one that is not deferred");
    let run = scheduled(&stand, "press", true).await;
    let offered = first.json().await;
    assert_eq!(offered["id"], run.to_string());
    assert_eq!(offered["state"]["state_details"]["deferred"], true);
    assert_eq!(offered["state"]["type"], "SCHEDULED");

    let mut second = stand.open(path).await;
    second.say(hello("second")).await;
    assert!(second.is_quiet().await, "the run was offered twice");
    let (status, workers) = stand.ask("POST", "/api/task_workers/filter", Some(json!({}))).await;
    let names: Vec<_> = workers.as_array().unwrap().iter().map(|w| w["identifier"].clone()).collect();
    assert_eq!((status, names), (200, vec![json!("first"), json!("second")]));

    // The first goes away without an answer.
    drop(first);
    assert_eq!(second.json().await["id"], run.to_string());
    second.say(json!({"type": "ack"})).await;
    let next = scheduled(&stand, "press", true).await;
    assert_eq!(second.json().await["id"], next.to_string());
    second.say(json!({"type": "quit"})).await;
    assert_eq!(second.close().await.0, 1000);

    // What was taken is not offered again, what was let go is.
    let mut third = stand.open(path).await;
    third.say(hello("third")).await;
    assert_eq!(third.json().await["id"], next.to_string());
    third.say(json!({"type": "ack"})).await;
    assert!(third.is_quiet().await);
    let begun = Change::default().set(task_run::state_type, StateType::Pending);
    stand.store.commit(Batch::new().update::<TaskRun>(Key::id(run), begun)).await.unwrap();
    third.say(json!({"type": "quit"})).await;
    assert_eq!(third.close().await.0, 1000);
    let query = json!({"task_worker_filter": {"task_keys": ["press"]}});
    assert_eq!(stand.ask("POST", "/api/task_workers/filter", Some(query)).await, (200, json!([])));
}

#[tokio::test]
async fn a_run_that_a_worker_does_not_answer_goes_to_another_one() {
    let patience = Duration::from_millis(200);
    let stand = Stand::start_within(SocketLimits { patience, ..SocketLimits::default() }).await;
    let path = "/task_runs/subscriptions/scheduled";
    let hello = |name: &str| json!({"type": "subscribe", "keys": ["press"], "client_id": name});
    let mut first = stand.open(path).await;
    first.say(hello("first")).await;
    let run = scheduled(&stand, "press", true).await;
    assert_eq!(first.json().await["id"], run.to_string());
    assert_eq!(first.close().await, (1008, "Nothing was said in time".to_owned()));
    let mut second = stand.open(path).await;
    second.say(hello("second")).await;
    assert_eq!(second.json().await["id"], run.to_string());
}

#[tokio::test]
async fn a_run_is_offered_when_its_time_comes() {
    let stand = Stand::start().await;
    let run = scheduled(&stand, "press", true).await;
    let soon = Time::system().plus_seconds(1.0);
    let later = Change::default().set(task_run::next_scheduled_start_time, soon);
    stand.store.commit(Batch::new().update::<TaskRun>(Key::id(run), later)).await.unwrap();
    let mut worker = stand.open("/task_runs/subscriptions/scheduled").await;
    worker.say(json!({"type": "subscribe", "keys": ["press"], "client_id": "a"})).await;
    assert_eq!(worker.json().await["id"], run.to_string());
    assert!(Time::system() >= soon);
}

#[tokio::test]
async fn a_worker_of_the_2_x_line_needs_no_name() {
    let stand = Stand::start().await;
    let agent = ("user-agent", "prefect/2.20.26 (API 0.8.4)");
    let mut worker = stand.dial_with("/task_runs/subscriptions/scheduled", &[agent]).await;
    worker.say(json!({"type": "subscribe", "keys": ["press"]})).await;
    let run = scheduled(&stand, "press", true).await;
    assert_eq!(worker.json().await["id"], run.to_string());
}

#[tokio::test]
async fn what_is_no_socket_is_not_found() {
    let stand = Stand::start().await;
    assert_eq!(stand.ask("GET", "/api/events/in", None).await.0, 404);
    assert_eq!(stand.ask("GET", "/api/work_pools/p/workers/connect", None).await.0, 404);
}
