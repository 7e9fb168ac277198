//! What pools, queues and deployments tell of themselves by events.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use mintaka_core::Filter;
use mintaka_core::records::Event;
use poem::{Endpoint, Response};
use serde_json::{Value, json};
use support::{Api, V2, V3, api};

/// The events since the last look, oldest first.
async fn told<E: Endpoint<Output = Response>>(api: &Api<E>, seen: &mut usize) -> Vec<Event> {
    let mut events = api.ctx.reader.all::<Event>(Filter::all()).await.unwrap();
    events.sort_by_key(|event| event.seq);
    let new = events.drain(*seen..).map(|event| event.record).collect::<Vec<_>>();
    *seen += new.len();
    new
}

fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.event.trim_start_matches("prefect.")).collect()
}

#[tokio::test]
async fn making_changing_and_deleting_is_told_if_the_client_knows_such_events() {
    let api = api();
    let mut seen = 0;
    let table: &[(&str, &str, Value, &[&str])] = &[
        (
            "POST",
            "/work_pools/",
            json!({"name": "p", "type": "process"}),
            &["work-queue.created", "work-pool.created", "work-pool.not-ready"],
        ),
        (
            "PATCH",
            "/work_pools/p",
            json!({"description": "d", "is_paused": true}),
            &["work-pool.updated", "work-pool.paused"],
        ),
        ("PATCH", "/work_pools/p", json!({"description": "d"}), &[]),
        ("POST", "/work_pools/p/queues", json!({"name": "q"}), &["work-queue.created"]),
        (
            "PATCH",
            "/work_pools/p/queues/q",
            json!({"is_paused": true, "concurrency_limit": 3}),
            &["work-queue.updated", "work-queue.paused"],
        ),
        ("DELETE", "/work_pools/p/queues/q", Value::Null, &["work-queue.deleted"]),
        ("DELETE", "/work_pools/p", Value::Null, &["work-queue.deleted", "work-pool.deleted"]),
    ];
    for line in [V3, V2] {
        for (method, path, body, events) in table {
            let answer = api.call(line, method, path, body.clone()).await;
            assert!(answer.status < 300, "{method} {path}: {}", answer.text);
            let of_status = |name: &&str| ["ready", "paused"].iter().any(|status| name.ends_with(status));
            let expected: Vec<&str> = events.iter().copied().filter(|name| line == V3 || of_status(name)).collect();
            assert_eq!(names(&told(&api, &mut seen).await), expected, "{line}: {method} {path} {body}");
        }
    }
}

#[tokio::test]
async fn a_deployment_tells_what_changes_and_what_it_belongs_to() {
    let api = api();
    let flow = api.post("/flows/", json!({"name": "f"}), 201).await;
    api.post("/work_pools/", json!({"name": "p", "type": "process"}), 201).await;
    let mut seen = 0;
    told(&api, &mut seen).await;

    let body = json!({"name": "d", "flow_id": flow["id"], "work_pool_name": "p"});
    let deployment = api.post("/deployments/", body.clone(), 201).await;
    let path = format!("/deployments/{}", deployment["id"].as_str().unwrap());
    let events = told(&api, &mut seen).await;
    assert_eq!(names(&events), ["deployment.created"]);
    let related = events[0].related.value();
    let roles: Vec<&str> =
        related.as_array().unwrap().iter().map(|one| one["prefect.resource.role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["flow", "work-queue", "work-pool"]);

    api.patch(&path, json!({"description": "new", "tags": []}), 204).await;
    let events = told(&api, &mut seen).await;
    assert_eq!(names(&events), ["deployment.updated"]);
    let expected = json!({"updated_fields": ["description"], "updates": {"description": {"from": null, "to": "new"}}});
    assert_eq!(events[0].payload.value(), expected);

    api.post(&format!("{path}/pause_deployment"), Value::Null, 200).await;
    assert_eq!(names(&told(&api, &mut seen).await), [""; 0]);
    api.delete(&path, 204).await;
    assert_eq!(names(&told(&api, &mut seen).await), ["deployment.deleted"]);
}
