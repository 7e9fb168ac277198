use mintaka_core::Json;
use mintaka_orchestration::caller::ClientLine;
use mintaka_orchestration::ops::work_pools::{NewPool, create_pool, default_agent_pool, no_storage};
use mintaka_orchestration::ops::work_queues::{NewQueue, create_queue};
use serde_json::{Value, json};

use crate::{START, V2, V3, api};

#[tokio::test]
async fn a_flow_run_is_answered_with_its_state_and_defaults() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.expect(V3, "POST", "/flow_runs/", json!({"flow_id": flow, "labels": {"team": "x"}}), 201).await;
    assert_eq!(
        (&run["state_type"], &run["state"]["type"], &run["state"]["name"]),
        (&json!("PENDING"), &json!("PENDING"), &json!("Pending"))
    );
    assert_eq!(run["state"]["id"], run["state_id"]);
    assert_eq!(run["state"]["state_details"]["flow_run_id"], run["id"]);
    assert_eq!(run["labels"], json!({"prefect.flow.id": flow, "team": "x"}));
    assert!(run["name"].as_str().unwrap().contains('-'), "{}", run["name"]);
    let defaults = [
        ("parameters", json!({})),
        ("context", json!({})),
        ("job_variables", json!({})),
        ("tags", json!([])),
        ("run_count", json!(0)),
        ("total_run_time", json!(0.0)),
        ("estimated_run_time", json!(0.0)),
        ("work_pool_name", Value::Null),
        ("created_by", Value::Null),
        ("auto_scheduled", json!(false)),
        ("expected_start_time", json!(START)),
        ("start_time", Value::Null),
    ];
    for (member, value) in defaults {
        assert_eq!(run[member], value, "{member}");
    }
    assert_eq!(run["empirical_policy"]["resuming"], false);
    assert!(run.get("sort_time").is_none(), "derived columns are not shown");
    let read = api.expect(V3, "GET", &format!("/flow_runs/{}", run["id"].as_str().unwrap()), Value::Null, 200).await;
    assert_eq!(read, run);
}

#[tokio::test]
async fn an_idempotency_key_finds_the_first_run() {
    let api = api();
    let flow = api.flow("etl").await;
    let body = |name: &str| json!({"flow_id": flow, "name": name, "idempotency_key": "k"});
    let first = api.expect(V3, "POST", "/flow_runs/", body("one"), 201).await;
    let second = api.expect(V2, "POST", "/flow_runs/", body("two"), 200).await;
    assert_eq!((&second["id"], &second["name"]), (&first["id"], &json!("one")));
    let unknown = json!({"flow_id": uuid::Uuid::nil()});
    let refused = api.expect(V3, "POST", "/flow_runs/", unknown, 409).await;
    assert!(refused["detail"].as_str().unwrap().starts_with("Data integrity conflict."));
    let no_pool = json!({"flow_id": flow, "work_pool_name": "p"});
    assert_eq!(api.expect(V3, "POST", "/flow_runs/", no_pool, 404).await["detail"], "Work pool \"p\" not found.");
    let no_queue = json!({"flow_id": flow, "work_pool_name": "p", "work_queue_name": "q"});
    assert_eq!(
        api.expect(V3, "POST", "/flow_runs/", no_queue, 404).await["detail"],
        "Work pool queue 'p/q' not found."
    );
}

#[tokio::test]
async fn a_run_in_a_pool_is_answered_with_the_names_of_queue_and_pool() {
    let api = api();
    let flow = api.flow("etl").await;
    let pool = NewPool {
        name: "p".into(),
        description: None,
        r#type: "process".into(),
        base_job_template: Json::object(),
        is_paused: false,
        concurrency_limit: None,
        storage_configuration: no_storage(),
    };
    let pool = create_pool(&api.ctx.ops, pool, ClientLine::V3).await.unwrap().unwrap();
    let run = api.expect(V3, "POST", "/flow_runs/", json!({"flow_id": flow, "work_pool_name": "p"}), 201).await;
    let shown = |run: &Value| {
        [&run["work_queue_id"], &run["work_queue_name"], &run["work_pool_id"], &run["work_pool_name"]].map(Value::clone)
    };
    let named = [json!(pool.default_queue_id), json!("default"), json!(pool.id), json!("p")];
    assert_eq!(shown(&run), named);
    let listed = api.ask("/flow_runs/filter", json!({"work_pools": {"type": {"any_": ["process"]}}, "work_pool_queues": {"name": {"startswith_": ["DEF"]}}})).await;
    assert_eq!(shown(&listed[0]), named);
    let text_only = json!({"flow_id": flow, "work_queue_name": "somewhere"});
    let run = api.expect(V3, "POST", "/flow_runs/", text_only, 201).await;
    assert_eq!(shown(&run), [Value::Null, json!("somewhere"), Value::Null, Value::Null]);
}

#[tokio::test]
async fn a_queue_that_only_its_name_says_is_one_of_the_agents() {
    let api = api();
    let flow = api.flow("etl").await;
    let (pool, _) = default_agent_pool(&api.ctx.ops, ClientLine::V2).await.unwrap();
    let new = NewQueue::named("q");
    let queue = create_queue(&api.ctx.ops, pool.id, new, ClientLine::V2).await.unwrap().unwrap();
    let named = json!({"flow_id": flow, "work_queue_name": "q"});
    assert_eq!(api.expect(V3, "POST", "/flow_runs/", named, 201).await["work_queue_id"], json!(queue.id));
}

#[tokio::test]
async fn parameters_of_3_x_clients_are_limited_in_size() {
    let api = api();
    let flow = api.flow("etl").await;
    let large = json!({"flow_id": flow, "parameters": {"data": "x".repeat(600_000)}});
    let answer = api.expect(V3, "POST", "/flow_runs/", large.clone(), 422).await;
    let expected =
        "Value error, Flow run parameters must be less than 524,288 bytes when serialized (got 600,011 bytes).";
    assert_eq!(answer["exception_detail"][0]["msg"], expected);
    api.expect(V2, "POST", "/flow_runs/", large, 201).await;
}

#[tokio::test]
async fn an_automation_is_noted_as_creator() {
    let api = api();
    let flow = api.flow("etl").await;
    let id = uuid::Uuid::from_u128(7);
    let request = api.calls.0.post("/api/flow_runs/").header("User-Agent", V3);
    let request =
        request.header("Prefect-Automation-ID", id.to_string()).header("Prefect-Automation-Name", "bmlnaHRseQ==");
    let response = request.body_json(&json!({"flow_id": flow})).send().await;
    let run: Value = serde_json::from_str(&response.0.into_body().into_string().await.unwrap()).unwrap();
    assert_eq!(run["created_by"], json!({"id": id, "type": "AUTOMATION", "display_value": "nightly"}));
}

#[tokio::test]
async fn states_are_proposed_and_judged() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "PENDING").await;
    let path = format!("/flow_runs/{run}/set_state");
    api.clock.advance_seconds(2.0);
    let running = api.expect(V3, "POST", &path, json!({"state": {"type": "RUNNING"}}), 201).await;
    assert_eq!((&running["status"], &running["details"]), (&json!("ACCEPT"), &json!({"type": "accept_details"})));
    assert_eq!(running["state"]["name"], "Running");
    api.clock.advance_seconds(3.0);
    let shown = api.expect(V3, "GET", &format!("/flow_runs/{run}"), Value::Null, 200).await;
    assert_eq!(
        (
            &shown["run_count"],
            &shown["estimated_run_time"],
            &shown["total_run_time"],
            &shown["estimated_start_time_delta"]
        ),
        (&json!(1), &json!(3.0), &json!(0.0), &json!(2.0))
    );
    let pending = api.expect(V3, "POST", &path, json!({"state": {"type": "PENDING"}}), 200).await;
    assert_eq!(pending["status"], "ABORT");
    assert_eq!(
        pending["details"]["reason"],
        "This run is in a RUNNING state and cannot transition to a PENDING state."
    );
    api.expect(V3, "POST", &path, json!({"state": {"type": "PENDING"}, "force": true}), 201).await;
    api.expect(V3, "POST", &path, json!({"state": {"type": "LOST"}}), 422).await;
    api.expect(V3, "POST", &path, json!({}), 422).await;
    let unknown = format!("/flow_runs/{}/set_state", uuid::Uuid::nil());
    let told = api.expect(V3, "POST", &unknown, json!({"state": {"type": "RUNNING"}}), 404).await;
    assert_eq!(told["exception_message"], format!("Flow run with id {} not found", uuid::Uuid::nil()));

    let states = api.expect(V3, "GET", &format!("/flow_run_states/?flow_run_id={run}"), Value::Null, 200).await;
    let types: Vec<&str> = states.as_array().unwrap().iter().map(|state| state["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["PENDING", "RUNNING", "PENDING"]);
    let one = states[1]["id"].as_str().unwrap();
    assert_eq!(api.expect(V3, "GET", &format!("/flow_run_states/{one}"), Value::Null, 200).await, states[1]);
}

#[tokio::test]
async fn a_list_is_no_object() {
    let api = api();
    let flow = api.flow("f").await;
    for (member, list) in [
        ("state", json!(["SCHEDULED", "Scheduled", null, null, {}])),
        ("state", json!([])),
        ("state", json!({"type": "SCHEDULED", "state_details": []})),
        ("empirical_policy", json!([1, 2.0, 3, 4, [], false, null])),
    ] {
        let mut body = json!({"flow_id": flow});
        body[member] = list;
        api.expect(V3, "POST", "/flow_runs/", body, 422).await;
    }
}

#[tokio::test]
async fn labels_are_plain_values_wherever_they_are_sent() {
    let api = api();
    let flow = api.flow("f").await;
    let run = api.flow_run(&flow, "r", "PENDING").await;
    for (label, status) in [(json!("x"), 201), (json!(0.5), 201), (json!(null), 422), (json!({"b": "c"}), 422)] {
        let labels = json!({"a": label});
        for (path, body) in [
            ("/flows/", json!({"name": label.to_string(), "labels": labels})),
            ("/flow_runs/", json!({"flow_id": flow, "labels": labels})),
            ("/task_runs/", json!({"task_key": "k", "dynamic_key": label.to_string(), "labels": labels})),
        ] {
            api.expect(V3, "POST", path, body, status).await;
        }
        let patched = if status == 201 { 204 } else { status };
        api.expect(V3, "PATCH", &format!("/flow_runs/{run}/labels"), labels, patched).await;
    }
    let run = api.expect(V3, "GET", &format!("/flow_runs/{run}"), Value::Null, 200).await;
    assert_eq!(run["labels"]["a"], 0.5);
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let path = format!("/flow_runs/{run}");
    let body = json!({"tags": ["x"], "infrastructure_pid": "12", "parameters": {"b": 1, "a": 2}, "empirical_policy": {"retries": 3}});
    api.expect(V3, "PATCH", &path, body, 204).await;
    let shown = api.expect(V3, "GET", &path, Value::Null, 200).await;
    assert_eq!(
        (&shown["name"], &shown["tags"], &shown["infrastructure_pid"]),
        (&json!("run"), &json!(["x"]), &json!("12"))
    );
    assert_eq!(shown["parameters"].to_string(), r#"{"b":1,"a":2}"#, "order is kept");
    assert_eq!(shown["empirical_policy"]["retries"], 3);
    api.expect(V3, "PATCH", &path, json!({"name": "", "infrastructure_pid": null}), 204).await;
    let shown = api.expect(V3, "GET", &path, Value::Null, 200).await;
    assert!(!shown["name"].as_str().unwrap().is_empty() && shown["name"] != "run", "an empty name is a new random one");
    assert_eq!((&shown["infrastructure_pid"], &shown["tags"]), (&Value::Null, &json!(["x"])));
    let refused = api.expect(V3, "PATCH", &path, json!({"job_variables": {"x": 1}}), 400).await;
    assert_eq!(refused["detail"], "Job variables for a flow run in state RUNNING cannot be updated");
    api.expect(V3, "PATCH", &format!("{path}/labels"), json!({"new": true}), 204).await;
    let shown = api.expect(V3, "GET", &path, Value::Null, 200).await;
    assert_eq!(shown["labels"], json!({"prefect.flow.id": flow, "new": true}));
    let unknown = format!("/flow_runs/{}", uuid::Uuid::nil());
    assert_eq!(api.expect(V3, "PATCH", &unknown, json!({}), 404).await["detail"], "Flow run not found");
    assert!(
        api.expect(V3, "PATCH", &format!("{unknown}/labels"), json!({}), 404).await["exception_message"].is_string()
    );
}

#[tokio::test]
async fn flow_runs_are_set_and_deleted_in_bulk() {
    let api = api();
    let flow = api.flow("etl").await;
    let (done, open) = (api.flow_run(&flow, "done", "COMPLETED").await, api.flow_run(&flow, "open", "RUNNING").await);
    let body = json!({"flow_runs": {"name": {"any_": ["open"]}}, "state": {"type": "FAILED"}, "force": true});
    let set = api.ask("/flow_runs/bulk_set_state", body).await;
    assert_eq!((&set["results"][0]["flow_run_id"], &set["results"][0]["status"]), (&json!(open), &json!("ACCEPT")));
    let body = json!({"flow_runs": {"state": {"type": {"any_": ["FAILED"]}}}});
    assert_eq!(api.ask("/flow_runs/bulk_delete", body).await, json!({"deleted": [open]}));
    assert_eq!(api.names(V3, "/flow_runs/filter", json!({})).await, ["done"]);
    api.expect(V3, "DELETE", &format!("/flow_runs/{done}"), Value::Null, 204).await;
    let again = api.expect(V3, "DELETE", &format!("/flow_runs/{done}"), Value::Null, 404).await;
    assert_eq!(again, json!({"detail": "Flow run not found"}));
}
