use mintaka_core::records::FlowRun;
use mintaka_core::{Batch, Json};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{V2, V3, api};

#[tokio::test]
async fn flow_runs_are_filtered_as_the_wire_says() {
    let api = api();
    let (etl, ml) = (api.flow("etl").await, api.flow("ml").await);
    let make = async |flow: &str, name: &str, tags: Value, state: Value| {
        let body = json!({"flow_id": flow, "name": name, "tags": tags, "state": state, "idempotency_key": (name == "gamma").then_some("k")});
        api.make("/flow_runs/", body).await
    };
    let scheduled = json!({"type": "SCHEDULED", "state_details": {"scheduled_time": "2026-03-02T00:00:00Z"}});
    let alpha = make(&etl, "alpha", json!(["a", "b"]), json!({"type": "RUNNING"})).await;
    make(&etl, "beta", json!(["b"]), scheduled).await;
    make(&ml, "gamma", json!([]), json!({"type": "FAILED", "name": "TimedOut"})).await;
    api.task_run(&alpha, "t", "RUNNING", json!({})).await;

    let everything = ["alpha", "beta", "gamma"];
    let table: Vec<(Value, &[&str])> = vec![
        (json!({}), &everything),
        (json!({"flow_runs": {}}), &everything),
        (json!({"flow_runs": null}), &everything),
        (json!({"flow_runs": {"id": {"any_": [alpha]}}}), &["alpha"]),
        (json!({"flow_runs": {"id": {"not_any_": [alpha]}}}), &["beta", "gamma"]),
        (json!({"flow_runs": {"id": {"any_": []}}}), &[]),
        (json!({"flow_runs": {"id": {"not_any_": []}}}), &everything),
        (json!({"flow_runs": {"name": {"like_": "ALPH"}}}), &["alpha"]),
        (json!({"flow_runs": {"name": {"like_": "l%H"}}}), &["alpha"]),
        (json!({"flow_runs": {"name": {"like_": "_eta"}}}), &["beta"]),
        (json!({"flow_runs": {"name": {"like_": ""}}}), &everything),
        (json!({"flow_runs": {"tags": {"all_": ["b"]}}}), &["alpha", "beta"]),
        (json!({"flow_runs": {"tags": {"all_": ["b", "a"]}}}), &["alpha"]),
        (json!({"flow_runs": {"tags": {"any_": ["a", "z"]}}}), &["alpha"]),
        (json!({"flow_runs": {"tags": {"any_": []}}}), &[]),
        (json!({"flow_runs": {"tags": {"all_": []}}}), &everything),
        (json!({"flow_runs": {"tags": {"is_null_": true}}}), &["gamma"]),
        (json!({"flow_runs": {"tags": {"operator": "or_", "all_": ["a"], "is_null_": true}}}), &["alpha", "gamma"]),
        (json!({"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}), &["alpha"]),
        (json!({"flow_runs": {"state": {"name": {"not_any_": ["TimedOut"]}}}}), &["alpha", "beta"]),
        (
            json!({"flow_runs": {"state": {"operator": "or_", "type": {"any_": ["RUNNING"]}, "name": {"any_": ["TimedOut"]}}}}),
            &["alpha", "gamma"],
        ),
        (json!({"flow_runs": {"state": {"operator": "or_", "type": {}, "name": {"any_": ["TimedOut"]}}}}), &["gamma"]),
        (
            json!({"flow_runs": {"operator": "or_", "name": {"any_": ["beta"]}, "tags": {"is_null_": true}}}),
            &["beta", "gamma"],
        ),
        (json!({"flow_runs": {"operator": "or_", "name": {"any_": ["beta"]}, "tags": {}}}), &everything),
        (json!({"flow_runs": {"idempotency_key": {"not_any_": ["other"]}}}), &["gamma"]),
        (json!({"flow_runs": {"deployment_id": {"is_null_": true}}}), &everything),
        (json!({"flow_runs": {"expected_start_time": {"after_": "2026-03-02T00:00:00Z"}}}), &["beta"]),
        (json!({"flow_runs": {"start_time": {"after_": "2026-03-02T00:00:00"}}}), &["beta"]),
        (json!({"flow_runs": {"created_by": {"is_null_": true}}}), &everything),
        (json!({"flows": {"name": {"any_": ["ml"]}}}), &["gamma"]),
        (json!({"flows": {"name": {"any_": ["etl"]}}, "flow_runs": {"tags": {"any_": ["a"]}}}), &["alpha"]),
        (json!({"task_runs": {}}), &["alpha"]),
        (json!({"task_runs": {"name": {"any_": ["u"]}}}), &[]),
        (json!({"deployments": {}}), &[]),
        (json!({"work_pools": {}}), &[]),
        (json!({"work_pool_queues": {}}), &[]),
    ];
    for (mut body, names) in table {
        assert_eq!(api.ask("/flow_runs/count", body.clone()).await, names.len(), "{body}");
        body["sort"] = json!("NAME_ASC");
        assert_eq!(api.names(V3, "/flow_runs/filter", body.clone()).await, names, "{body}");
    }
    let after = json!({"flow_runs": {"start_time": {"after_": "2026-03-02T00:00:00Z"}}});
    assert_eq!(api.names(V2, "/flow_runs/filter", after).await, [""; 0], "2.x means runs that have started");
    for refused in [
        json!([]),
        json!({"flow_runs": {"state": {"type": {"any_": ["LOST"]}}}}),
        json!({"flow_runs": {"created_by": {"id_": ["nobody"]}}}),
    ] {
        api.expect(V3, "POST", "/flow_runs/filter", refused, 422).await;
    }
}

#[tokio::test]
async fn task_runs_and_flows_are_filtered_by_what_they_are_related_to() {
    let api = api();
    let (etl, ml) = (api.flow("etl").await, api.flow("ml").await);
    let run = api.flow_run(&etl, "run", "RUNNING").await;
    let parent = api.task_run(&run, "parent", "RUNNING", json!({})).await;
    api.task_run(&run, "leaf", "RUNNING", json!({})).await;
    api.make("/task_runs/", json!({"name": "background", "task_key": "b", "dynamic_key": "1"})).await;
    api.make("/flow_runs/", json!({"flow_id": ml, "name": "sub", "parent_task_run_id": parent})).await;

    let all = ["background", "leaf", "parent"];
    let table: Vec<(&str, Value, &[&str])> = vec![
        (V3, json!({}), &all),
        (V3, json!({"task_runs": {"flow_run_id": {}}}), &["leaf", "parent"]),
        (V2, json!({"task_runs": {"flow_run_id": {}}}), &all),
        (V3, json!({"task_runs": {"flow_run_id": {"is_null_": true, "any_": [run]}}}), &["background"]),
        (V3, json!({"task_runs": {"flow_run_id": {"any_": [run]}}}), &["leaf", "parent"]),
        (V3, json!({"task_runs": {"flow_run_id": {"is_null_": null}}}), &all),
        (V3, json!({"task_runs": {"subflow_runs": {"exists_": true}}}), &["parent"]),
        (V3, json!({"task_runs": {"subflow_runs": {"exists_": false}}}), &["background", "leaf"]),
        (V3, json!({"flow_runs": {}}), &["leaf", "parent"]),
        (V3, json!({"flows": {"name": {"any_": ["ml"]}}}), &[]),
        (V3, json!({"work_pools": {}}), &all),
    ];
    for (agent, mut body, names) in table {
        body["sort"] = json!("NAME_ASC");
        assert_eq!(api.names(agent, "/task_runs/filter", body.clone()).await, names, "{agent} {body}");
    }
    let flows: Vec<(Value, &[&str])> = vec![
        (json!({"task_runs": {}}), &["etl"]),
        (json!({"flow_runs": {"name": {"any_": ["sub"]}}}), &["ml"]),
        (json!({"flow_runs": {"name": {"any_": ["sub"]}}, "task_runs": {}}), &[]),
        (json!({"flows": {"deployment": {"is_null_": true}}}), &["etl", "ml"]),
        (json!({"flows": {"deployment": {"is_null_": false}}}), &[]),
    ];
    for (body, names) in flows {
        assert_eq!(api.names(V3, "/flows/filter", body.clone()).await, names, "{body}");
    }
    let parents = json!({"flow_runs": {"parent_flow_run_id": {"any_": [run]}}});
    assert_eq!(api.names(V3, "/flow_runs/filter", parents).await, ["sub"]);
}

#[tokio::test]
async fn flow_runs_are_filtered_by_who_made_them() {
    let api = api();
    let flow = api.flow("f").await;
    let by_hand = Uuid::parse_str(&api.flow_run(&flow, "by hand", "PENDING").await).unwrap();
    let maker = Uuid::from_u128(7);
    for (id, name, kind) in [(1, "scheduled", "SCHEDULE"), (2, "automatic", "AUTOMATION")] {
        let run = api.ctx.reader.get::<FlowRun>(by_hand).await.unwrap().unwrap().record;
        let run = FlowRun { id: Uuid::from_u128(id), name: name.into(), ..run };
        let maker = if id == 1 { maker } else { Uuid::nil() };
        let run = run.made_by(Some(Json::from(json!({"id": maker, "type": kind}))));
        api.store.commit(Batch::new().insert(run)).await.unwrap();
    }
    let table: Vec<(Value, &[&str])> = vec![
        (json!({}), &["automatic", "by hand", "scheduled"]),
        (json!({"type_": ["SCHEDULE", "X"]}), &["scheduled"]),
        (json!({"id_": [maker]}), &["scheduled"]),
        (json!({"id_": [maker], "type_": ["AUTOMATION"]}), &[]),
        (json!({"operator": "or_", "id_": [maker], "type_": ["AUTOMATION"]}), &["automatic", "scheduled"]),
        (json!({"is_null_": true}), &["by hand"]),
        (json!({"is_null_": false, "type_": []}), &[]),
    ];
    for (created_by, names) in table {
        let body = json!({"flow_runs": {"created_by": created_by}, "sort": "NAME_ASC"});
        assert_eq!(api.names(V3, "/flow_runs/filter", body).await, names, "{created_by}");
    }
}

#[tokio::test]
async fn patterns_that_are_longer_or_more_than_engines_take_are_refused() {
    let api = api();
    let run = api.flow_run(&api.flow("f").await, "r", "PENDING").await;
    for (length, status) in [(10_000, 200), (10_001, 422)] {
        let text = "é".repeat(length);
        for (path, body) in [
            ("/flow_runs/filter", json!({"flow_runs": {"name": {"like_": text}}})),
            ("/flow_runs/count", json!({"work_pool_queues": {"name": {"startswith_": ["a", text]}}})),
            ("/artifacts/filter", json!({"artifacts": {"key": {"like_": text}}})),
            ("/flow_runs/count", json!({"deployments": {"flow_or_deployment_name": {"like_": text}}})),
            (&format!("/flow_runs/{run}/input/filter"), json!({"prefix": text})),
        ] {
            api.expect(V3, "POST", path, body, status).await;
        }
    }
    for (number, status) in [(1_000, 200), (1_001, 422)] {
        let body = json!({"work_pool_queues": {"name": {"startswith_": vec!["a"; number]}}});
        api.expect(V3, "POST", "/flow_runs/count", body, status).await;
    }
}
