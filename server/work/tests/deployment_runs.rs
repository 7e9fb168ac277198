//! Runs of deployments, and the polls of workers and of processes that serve deployments.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use mintaka_core::records::Variable;
use mintaka_core::{Batch, Json, Tags};
use poem::{Endpoint, Response};
use serde_json::{Value, json};
use support::{Api, V2, V3, api, detail};

async fn deploy<E: Endpoint<Output = Response>>(api: &Api<E>, members: Value) -> (String, Value) {
    let mut body = json!({"name": "d", "flow_id": api.flow("f").await, "enforce_parameter_schema": false});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let made = api.post("/deployments/", body, 201).await;
    (format!("/deployments/{}", made["id"].as_str().unwrap()), made)
}

#[tokio::test]
async fn a_run_takes_from_the_deployment_what_the_request_leaves_open() {
    let api = api();
    api.pool("p").await;
    let members = json!({"parameters": {"x": 1, "y": 2}, "tags": ["a"], "work_pool_name": "p", "version": "7",
        "job_variables": {"cpu": 1}, "labels": {"team": "t"}});
    let (at, made) = deploy(&api, members).await;
    let body = json!({"parameters": {"y": {"__prefect_kind": "json", "value": "[3]"}}, "tags": ["b", "a"],
        "labels": {"own": true}, "job_variables": {"cpu": 4}, "name": "run", "idempotency_key": "k"});
    let run = api.post(&format!("{at}/create_flow_run"), body.clone(), 201).await;
    assert_eq!((&run["name"], &run["parameters"]), (&json!("run"), &json!({"x": 1, "y": [3]})));
    assert_eq!((&run["tags"], &run["deployment_version"]), (&json!(["a", "b"]), &json!("7")));
    assert_eq!((&run["work_pool_name"], &run["work_queue_name"]), (&json!("p"), &json!("default")));
    assert_eq!(run["job_variables"], json!({"cpu": 4}));
    let labels = &run["labels"];
    assert_eq!(
        (&labels["team"], &labels["own"], &labels["prefect.deployment.id"]),
        (&json!("t"), &json!(true), &made["id"])
    );
    assert_eq!(
        (&run["state"]["type"], &run["auto_scheduled"], &run["created_by"]),
        (&json!("SCHEDULED"), &json!(false), &Value::Null)
    );
    assert_eq!(run["expected_start_time"], run["state"]["state_details"]["scheduled_time"]);
    let again = api.post(&format!("{at}/create_flow_run"), json!({"idempotency_key": "k", "name": "other"}), 200).await;
    assert_eq!((&again["id"], &again["name"]), (&run["id"], &json!("run")));
    assert_eq!(api.get(&at, 200).await["parameters"], json!({"x": 1, "y": 2}));

    let other = api.post(&format!("{at}/create_flow_run"), json!({"work_queue_name": "fast"}), 201).await;
    assert_eq!((&other["work_queue_name"], &other["work_pool_name"]), (&json!("fast"), &json!("p")));
    let pending =
        api.expect(V2, "POST", &format!("{at}/create_flow_run"), json!({"state": {"type": "PENDING"}}), 201).await;
    assert_eq!((&pending["state_type"], &pending["name"].as_str().unwrap().contains('-')), (&json!("PENDING"), &true));
    api.post(&format!("{at}/pause_deployment"), Value::Null, 200).await;
    api.post(&format!("{at}/create_flow_run"), json!({}), 201).await;
}

#[tokio::test]
async fn runs_that_do_not_fit_are_refused_with_known_texts() {
    let api = api();
    api.pool("p").await;
    let schema = json!({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]});
    let (at, _) = deploy(&api, json!({"parameter_openapi_schema": schema, "work_pool_name": "p"})).await;
    api.patch(&at, json!({"enforce_parameter_schema": true}), 204).await;
    let create = format!("{at}/create_flow_run");
    let table = [
        (json!({}), 409, "Error creating flow run: Validation failed. Failure reason: 'x' is a required property"),
        (
            json!({"parameters": {"x": "s"}}),
            409,
            "Error creating flow run: Validation failed for field 'x'. Failure reason: 's' is not of type 'integer'",
        ),
        (
            json!({"parameters": {"x": {"__prefect_kind": "workspace_variable", "variable_name": "v"}}}),
            400,
            "Error hydrating flow run parameters: Variable 'v' not found in workspace.",
        ),
        (
            json!({"parameters": {"x": 1}, "job_variables": {"cpu": "s"}}),
            422,
            "Error creating flow run: Validation failed for field 'cpu'. Failure reason: 's' is not valid under any of the given schemas",
        ),
    ];
    for (body, status, text) in table {
        assert_eq!(detail(&api.post(&create, body, status).await), text);
    }
    api.post(&create, json!({"parameters": {"x": "s"}, "enforce_parameter_schema": false}), 201).await;
    let (lonely, _) = deploy(&api, json!({"name": "lonely"})).await;
    let refused = api.post(&format!("{lonely}/create_flow_run"), json!({"work_queue_name": "q"}), 400).await;
    assert!(detail(&refused).starts_with("Cannot create flow run in work queue q because deployment "), "{refused}");
    let big = json!({"parameters": {"x": "s".repeat(600 * 1024)}});
    api.post(&format!("{lonely}/create_flow_run"), big.clone(), 422).await;
    api.expect(V2, "POST", &format!("{lonely}/create_flow_run"), big, 201).await;
    api.post("/deployments/5c7f5d3e-0000-0000-0000-000000000000/create_flow_run", json!({}), 404).await;

    let now = api.ctx.reader.now();
    let variable = Variable {
        id: api.ctx.reader.new_id(),
        created: now,
        updated: now,
        name: "v".into(),
        value: Json::of(&9),
        tags: Tags::default(),
    };
    api.store.commit(Batch::new().insert(variable)).await.unwrap();
    let stand_in = json!({"parameters": {"x": {"__prefect_kind": "workspace_variable", "variable_name": "v"}}});
    assert_eq!(api.post(&create, stand_in, 201).await["parameters"], json!({"x": 9}));
}

#[tokio::test]
async fn several_runs_are_made_each_by_itself() {
    let api = api();
    let schema = json!({"type": "object", "properties": {"x": {"type": "integer"}}});
    let (at, _) = deploy(&api, json!({"parameter_openapi_schema": schema})).await;
    let bulk = format!("{at}/create_flow_run/bulk");
    let body = json!([{"parameters": {"x": 1}}, {"parameters": {"x": "s"}, "enforce_parameter_schema": true}, {"idempotency_key": "k"}, {"idempotency_key": "k"}]);
    let results = api.post(&bulk, body, 200).await["results"].clone();
    let statuses: Vec<_> = results.as_array().unwrap().iter().map(|r| r["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["CREATED", "FAILED", "CREATED", "CREATED"]);
    assert_eq!(results[2]["flow_run_id"], results[3]["flow_run_id"]);
    assert!(results[1]["error"].as_str().unwrap().contains("Validation failed for field 'x'"));
    api.post(&bulk, json!(vec![json!({}); 101]), 400).await;
    assert_eq!(api.post(&bulk, json!([]), 200).await, json!({"results": []}));
}

#[tokio::test]
async fn a_worker_is_given_due_runs_within_the_limits() {
    let api = api();
    api.pool("p").await;
    let (at, made) = deploy(&api, json!({"work_pool_name": "p"})).await;
    for _ in 0..3 {
        api.post(&format!("{at}/create_flow_run"), json!({}), 201).await;
    }
    let later = json!({"state": {"type": "SCHEDULED", "state_details": {"scheduled_time": "2026-04-01T00:00:00Z"}}});
    api.post(&format!("{at}/create_flow_run"), later, 201).await;
    let poll = json!({"scheduled_before": "2026-03-02T10:01:00Z"});
    let given =
        async || api.post("/work_pools/p/get_scheduled_flow_runs", poll.clone(), 200).await.as_array().unwrap().clone();
    let runs = given().await;
    assert_eq!(runs.len(), 3);
    assert_eq!(runs[0]["work_queue_id"], made["work_queue_id"]);
    assert_eq!(
        (&runs[0]["flow_run"]["deployment_id"], &runs[0]["flow_run"]["state"]["name"]),
        (&made["id"], &json!("Scheduled"))
    );
    assert_eq!(api.get(&at, 200).await["status"], "READY");
    assert_eq!(api.get("/work_pools/p/queues/default", 200).await["status"], "READY");
    api.patch("/work_pools/p", json!({"concurrency_limit": 1}), 204).await;
    assert_eq!(given().await.len(), 1);
    api.patch("/work_pools/p", json!({"is_paused": true}), 204).await;
    assert_eq!(given().await.len(), 0);
    let named = json!({"work_queue_names": ["none"]});
    api.post("/work_pools/p/get_scheduled_flow_runs", named, 404).await;
    let served = json!({"deployment_ids": [made["id"]], "scheduled_before": "2026-03-02T10:01:00Z", "limit": 2});
    assert_eq!(api.post("/deployments/get_scheduled_flow_runs", served, 200).await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_retry_by_its_own_process_is_nobody_elses_until_the_grace_is_over() {
    let api = api();
    api.pool("p").await;
    let (at, made) = deploy(&api, json!({"work_pool_name": "p"})).await;
    let policy = json!({"retries": 1, "retry_delay": 14});
    let run = api.post(&format!("{at}/create_flow_run"), json!({"empirical_policy": policy}), 201).await;
    let at = format!("/flow_runs/{}", run["id"].as_str().unwrap());
    let to = async |agent, state: &str, status: u16| {
        let body = json!({"state": {"type": state}});
        api.expect(agent, "POST", &format!("{at}/set_state"), body, status).await["status"].clone()
    };
    let given = async || {
        let served = json!({"deployment_ids": [made["id"]]});
        let served = api.post("/deployments/get_scheduled_flow_runs", served, 200).await;
        let polled = api.post("/work_pools/p/get_scheduled_flow_runs", json!({}), 200).await;
        (served.as_array().unwrap().len(), polled.as_array().unwrap().len())
    };
    to(V3, "PENDING", 201).await;
    to(V3, "RUNNING", 201).await;
    assert_eq!(to(V3, "FAILED", 201).await, "REJECT");
    api.clock.advance_seconds(14.0 + 29.0);
    assert_eq!(given().await, (0, 0), "its process goes on with it");
    api.clock.advance_seconds(2.0);
    assert_eq!(given().await, (1, 1), "its process is dead");

    // Who used up the retries gets a retry by somebody else at once, also on the 2.x line.
    for agent in [V2, V3] {
        to(agent, "PENDING", 201).await;
        to(agent, "RUNNING", 201).await;
        assert_eq!(to(agent, "FAILED", 201).await, "ACCEPT");
        let retry = json!({"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": true});
        assert_eq!(api.expect(agent, "POST", &format!("{at}/set_state"), retry, 201).await["status"], "ACCEPT");
        assert_eq!(given().await, (1, 1), "{agent}");
    }
}

#[tokio::test]
async fn a_retry_without_the_deployment_is_refused_and_never_handed_out() {
    let api = api();
    api.pool("p").await;
    for (agent, force) in [(V2, true), (V2, false), (V3, true), (V3, false)] {
        let (at, _) = deploy(&api, json!({"work_pool_name": "p"})).await;
        let run = api.post(&format!("{at}/create_flow_run"), json!({"state": {"type": "FAILED"}}), 201).await;
        api.delete(&at, 204).await;
        let set_state = format!("/flow_runs/{}/set_state", run["id"].as_str().unwrap());
        let retry = json!({"state": {"type": "SCHEDULED", "name": "AwaitingRetry"}, "force": force});
        let refused = api.expect(agent, "POST", &set_state, retry, 200).await;
        assert_eq!((&refused["status"], &refused["details"]["type"]), (&json!("ABORT"), &json!("abort_details")));
        assert!(refused["details"]["reason"].as_str().unwrap().contains("deployment was deleted"), "{refused}");
        assert_eq!(api.post("/work_pools/p/get_scheduled_flow_runs", json!({}), 200).await, json!([]));
    }
}

#[tokio::test]
async fn an_automation_is_named_as_the_one_who_made_the_run() {
    let api = api();
    let (at, _) = deploy(&api, json!({})).await;
    let id = "5c7f5d3e-1111-4111-8111-000000000000";
    let request = api.calls.0.post(format!("/api{at}/create_flow_run")).header("User-Agent", V3);
    let request = request.header("Prefect-Automation-ID", id).header("Prefect-Automation-Name", "bmFtZQ==");
    let body = request.body_json(&json!({})).send().await.0.into_body().into_string().await.unwrap();
    let run: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(run["created_by"], json!({"id": id, "type": "AUTOMATION", "display_value": "name"}));
}
