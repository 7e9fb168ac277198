use serde_json::{Value, json};

use crate::{V2, V3, api, id_of};

#[tokio::test]
async fn a_flow_is_made_once_and_found_by_name() {
    let api = api();
    let made =
        api.expect(V3, "POST", "/flows/", json!({"name": "etl", "tags": ["a", "a"], "labels": {"x": 1}}), 201).await;
    let members: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(members, ["id", "created", "updated", "name", "tags", "labels"]);
    assert_eq!(made["tags"], json!(["a", "a"]));
    let again = api.expect(V2, "POST", "/flows/", json!({"name": "etl", "tags": ["b"]}), 200).await;
    assert_eq!(again, made, "a flow that is there is not changed");
    assert_eq!(api.expect(V3, "GET", "/flows/name/etl", Value::Null, 200).await, made);
    api.expect(V3, "GET", "/flows/name/other", Value::Null, 404).await;
    for name in ["a/b", "50%", ""] {
        api.expect(V3, "POST", "/flows/", json!({"name": name}), 422).await;
    }
}

#[tokio::test]
async fn tags_of_a_flow_are_patched_and_unknown_flows_are_told() {
    let api = api();
    let id = api.flow("etl").await;
    api.clock.advance_seconds(5.0);
    api.expect(V3, "PATCH", &format!("/flows/{id}"), json!({"tags": ["new"]}), 204).await;
    let flow = api.expect(V3, "GET", &format!("/flows/{id}"), Value::Null, 200).await;
    assert_eq!((&flow["tags"], &flow["updated"]), (&json!(["new"]), &json!("2026-03-01T12:00:05.000000Z")));
    let unknown = format!("/flows/{}", uuid::Uuid::nil());
    for (method, body) in [("PATCH", json!({"tags": []})), ("GET", Value::Null), ("DELETE", Value::Null)] {
        assert_eq!(api.expect(V3, method, &unknown, body, 404).await, json!({"detail": "Flow not found"}));
    }
    api.expect(V3, "GET", "/flows/not-an-id", Value::Null, 404).await;
}

#[tokio::test]
async fn flows_are_listed_in_orders_and_pages() {
    let api = api();
    for name in ["b", "c", "a"] {
        api.flow(name).await;
        api.clock.advance_seconds(1.0);
    }
    assert_eq!(api.names(V3, "/flows/filter", json!({})).await, ["a", "b", "c"]);
    assert_eq!(api.names(V3, "/flows/filter", Value::Null).await, ["a", "b", "c"]);
    assert_eq!(api.names(V3, "/flows/filter", json!({"sort": "CREATED_DESC", "limit": 2})).await, ["a", "c"]);
    assert_eq!(api.ask("/flows/count", json!({"flows": {"name": {"like_": "B"}}})).await, 1);
    let page = api.ask("/flows/paginate", json!({"page": 2, "limit": 2})).await;
    assert_eq!(
        (&page["count"], &page["pages"], &page["page"], &page["limit"]),
        (&json!(3), &json!(2), &json!(2), &json!(2))
    );
    assert_eq!(page["results"][0]["name"], "c");
    api.expect(V3, "POST", "/flows/filter", json!({"sort": "SIZE_ASC"}), 422).await;
    let refused = api.expect(V3, "POST", "/flows/filter", json!({"limit": 201}), 422).await;
    assert_eq!(refused, json!({"detail": "Invalid limit: must be less than or equal to 200."}));
}

#[tokio::test]
async fn a_flow_takes_its_runs_with_it() {
    let api = api();
    let flow = api.flow("etl").await;
    let other = api.flow("other").await;
    let kept = api.flow_run(&other, "kept", "PENDING").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let task = api.task_run(&run, "task", "RUNNING", json!({})).await;
    let body = json!({"flow_id": other, "name": "sub", "parent_task_run_id": task});
    let sub = api.make("/flow_runs/", body).await;
    let state = api.expect(V3, "GET", &format!("/flow_runs/{run}"), Value::Null, 200).await["state_id"].clone();
    api.expect(V3, "DELETE", &format!("/flows/{flow}"), Value::Null, 204).await;
    for path in [
        format!("/flow_runs/{run}"),
        format!("/task_runs/{task}"),
        format!("/flow_run_states/{}", state.as_str().unwrap()),
    ] {
        api.expect(V3, "GET", &path, Value::Null, 404).await;
    }
    api.expect(V3, "GET", &format!("/flow_runs/{kept}"), Value::Null, 200).await;
    let sub = api.expect(V3, "GET", &format!("/flow_runs/{sub}"), Value::Null, 200).await;
    assert_eq!(sub["parent_task_run_id"], Value::Null);
    assert_eq!(
        api.ask("/flows/bulk_delete", json!({"flows": {"name": {"any_": ["other"]}}})).await,
        json!({"deleted": [other]})
    );
    assert_eq!(api.ask("/flow_runs/count", json!({})).await, 0);
    api.expect(V3, "POST", "/flows/bulk_delete", json!({"limit": 51}), 422).await;
}

#[tokio::test]
async fn the_ui_counts_deployments_and_shows_the_next_run() {
    let api = api();
    let (flow, idle) = (api.flow("etl").await, api.flow("idle").await);
    for (name, time) in [("later", "2026-03-03T00:00:00Z"), ("next", "2026-03-02T00:00:00Z")] {
        let state = json!({"type": "SCHEDULED", "state_details": {"scheduled_time": time}});
        api.make("/flow_runs/", json!({"flow_id": flow, "name": name, "state": state})).await;
    }
    let next = api.ask("/ui/flows/next-runs", json!({"flow_ids": [flow, idle]})).await;
    assert_eq!(next[&flow]["name"], "next");
    assert_eq!(next[&flow]["next_scheduled_start_time"], "2026-03-02T00:00:00.000000Z");
    assert_eq!(next.get(&idle), Some(&Value::Null));
    let mut ids = vec![&flow, &idle];
    ids.sort();
    assert_eq!(next.as_object().unwrap().keys().collect::<Vec<_>>(), ids, "in the same order at each call");
    let counts = api.ask("/ui/flows/count-deployments", json!({"flow_ids": [flow]})).await;
    assert_eq!(counts, json!({flow: 0}));
    let many = vec![id_of(&json!({"id": uuid::Uuid::nil()})); 201];
    api.expect(V3, "POST", "/ui/flows/next-runs", json!({"flow_ids": many}), 422).await;
}
