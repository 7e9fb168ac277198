//! Work pools, queues and workers as clients use them.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use serde_json::{Value, json};
use support::{V2, V3, api, detail, template};

#[tokio::test]
async fn a_pool_is_made_with_its_default_queue_and_read_by_name() {
    let api = api();
    let pool = api.pool("p").await;
    assert_eq!(pool["status"], "NOT_READY");
    assert_eq!(pool["type"], "process");
    assert_eq!(pool["active_slots"], Value::Null);
    assert_eq!(pool["storage_configuration"]["default_result_storage_block_id"], Value::Null);
    let queue = api.get("/work_pools/p/queues/default", 200).await;
    assert_eq!(queue["id"], pool["default_queue_id"]);
    assert_eq!((&queue["priority"], &queue["work_pool_name"]), (&json!(1), &json!("p")));
    assert_eq!(queue["description"], "The work pool's default queue.");
    assert_eq!(api.get("/work_pools/p", 200).await["id"], pool["id"]);
    assert_eq!(detail(&api.get("/work_pools/x", 404).await), "Work pool \"x\" not found.");
    let old = api.expect("prefect/3.3.7 (API 0.8.4)", "GET", "/work_pools/p", Value::Null, 200).await;
    assert!(old["storage_configuration"].get("default_result_storage_block_id").is_none());
    assert!(old["storage_configuration"].get("bundle_upload_step").is_some());
}

#[tokio::test]
async fn pools_that_cannot_be_are_refused() {
    let api = api();
    api.pool("taken").await;
    let table = [
        (V3, json!({"name": "taken"}), 409),
        (V3, json!({"name": "Prefect-x"}), 403),
        (V3, json!({"name": "a/b"}), 422),
        (V3, json!({"name": "a%b"}), 422),
        (V3, json!({"name": ""}), 422),
        (V2, json!({"name": ""}), 400),
        (V3, json!({"name": " '"}), 422),
        (V3, json!({"name": "n", "storage_configuration": {"bundle": {}}}), 422),
        (V3, json!({"name": "n", "concurrency_limit": -1}), 422),
        (V3, json!({"name": "n", "type": null}), 422),
        (V3, json!({"name": "n", "base_job_template": {"job_configuration": {}}}), 422),
        (
            V3,
            json!({"name": "n", "base_job_template": {
            "job_configuration": {"a": "{{ b }}"}, "variables": {"properties": {"c": {}}}}}),
            422,
        ),
        (
            V3,
            json!({"name": "n", "base_job_template": {"job_configuration": {"a": "{{ b }}"},
            "variables": {"properties": {"b": {"type": "integer", "default": "x"}}}}}),
            422,
        ),
        (
            V3,
            json!({"name": "n", "base_job_template": {"job_configuration": {"a": "{{ b }}"},
            "variables": {"properties": {"b": {"default": {"$ref": {"block_document_id": "5c7f5d3e-0000-0000-0000-000000000000"}}}}}}}),
            404,
        ),
    ];
    for (agent, body, status) in table {
        api.expect(agent, "POST", "/work_pools/", body, status).await;
    }
    let empty = [(V3, 422, "name cannot be an empty string"), (V2, 400, "name cannot be empty")];
    for ((agent, status, text), name) in empty.iter().flat_map(|row| ["", " ", "' ' "].map(|name| (row, name))) {
        let answer = api.call(agent, "POST", "/work_pools/", json!({"name": name})).await;
        assert_eq!(answer.status, *status);
        assert!(answer.text.contains(text), "{}", answer.text);
    }
    let unknown = json!({"storage_configuration": {"bundle": {}}});
    let answer = api.patch("/work_pools/taken", unknown, 422).await;
    assert_eq!(answer["exception_detail"][0]["loc"], json!(["body", "storage_configuration", "bundle"]));
    for path in ["/work_pools/prefect-managed"] {
        api.patch(path, json!({"description": "x"}), 403).await;
        api.delete(path, 403).await;
        api.patch(path, json!({"is_paused": true}), 404).await;
    }
}

#[tokio::test]
async fn a_pool_is_paused_resumed_and_readied_by_its_worker() {
    let api = api();
    api.pool("p").await;
    let status = async || api.get("/work_pools/p", 200).await["status"].clone();
    api.patch("/work_pools/p", json!({"is_paused": true, "concurrency_limit": 3, "description": "d"}), 204).await;
    let pool = api.get("/work_pools/p", 200).await;
    assert_eq!(
        (&pool["status"], &pool["active_slots"], &pool["description"]),
        (&json!("PAUSED"), &json!(0), &json!("d"))
    );
    let beat = json!({"name": "w", "heartbeat_interval_seconds": 10});
    api.post("/work_pools/p/workers/heartbeat", beat.clone(), 204).await;
    assert_eq!(status().await, "PAUSED");
    api.patch("/work_pools/p", json!({"is_paused": false}), 204).await;
    assert_eq!(status().await, "READY");
    api.patch("/work_pools/p", json!({"concurrency_limit": null}), 204).await;
    assert_eq!(api.get("/work_pools/p", 200).await["concurrency_limit"], Value::Null);

    let workers = api.post("/work_pools/p/workers/filter", json!({}), 200).await;
    assert_eq!(workers.as_array().unwrap().len(), 1);
    assert_eq!((&workers[0]["name"], &workers[0]["status"]), (&json!("w"), &json!("ONLINE")));
    api.clock.advance_seconds(31.0);
    let seen_by = async |agent: &'static str| {
        api.expect(agent, "POST", "/work_pools/p/workers/filter", json!({}), 200).await[0]["status"].clone()
    };
    assert_eq!((seen_by(V2).await, seen_by(V3).await), (json!("OFFLINE"), json!("ONLINE")));
    api.post("/work_pools/x/workers/heartbeat", beat, 404).await;
    api.delete("/work_pools/p/workers/w", 204).await;
    api.delete("/work_pools/p/workers/w", 404).await;
}

#[tokio::test]
async fn queues_of_a_pool_keep_unique_priorities() {
    let api = api();
    api.pool("p").await;
    for (body, priority) in [
        (json!({"name": "b"}), 2),
        (json!({"name": "c", "priority": 1}), 1),
        (json!({"name": "d", "priority": 10}), 10),
        (json!({"name": "e"}), 4),
    ] {
        assert_eq!(api.post("/work_pools/p/queues", body, 201).await["priority"], priority);
    }
    let order = async || {
        let queues = api.post("/work_pools/p/queues/filter", json!({}), 200).await;
        let queues = queues.as_array().unwrap().iter();
        queues.map(|q| format!("{}{}", q["name"].as_str().unwrap(), q["priority"])).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order().await, "c1 default2 b3 e4 d10");
    api.patch("/work_pools/p/queues/d", json!({"priority": 2}), 204).await;
    assert_eq!(order().await, "c1 d2 default3 b4 e5");
    assert!(detail(&api.post("/work_pools/p/queues", json!({"name": "b"}), 409).await).contains("already exists"));
    api.patch("/work_pools/p/queues/b", json!({"name": "c"}), 409).await;
    api.patch("/work_pools/p/queues/b", json!({"name": "b2", "description": null}), 204).await;
    api.post("/work_pools/p/queues", json!({"name": "f", "priority": 0}), 422).await;
    api.delete("/work_pools/p/queues/b2", 204).await;
    let gone = api.get("/work_pools/p/queues/b2", 404).await;
    assert_eq!(detail(&gone), "Work pool queue 'p/b2' not found.");
    assert_eq!(detail(&api.delete("/work_pools/p/queues/default", 409).await), "Can't delete a pool's default queue.");
    api.delete("/work_pools/p", 204).await;
    api.delete("/work_pools/p", 404).await;
}

#[tokio::test]
async fn a_queue_without_a_pool_is_one_of_the_default_agent_pool() {
    let api = api();
    api.get("/work_queues/name/q", 404).await;
    let first = api.expect(V2, "POST", "/work_queues/", json!({"name": "default"}), 201).await;
    assert_eq!((&first["work_pool_name"], &first["priority"]), (&json!("default-agent-pool"), &json!(1)));
    let pool = api.get("/work_pools/default-agent-pool", 200).await;
    assert_eq!((&pool["status"], &pool["type"]), (&Value::Null, &json!("prefect-agent")));
    let queue = api.expect(V2, "POST", "/work_queues/", json!({"name": "q", "is_paused": true}), 201).await;
    assert_eq!(queue["status"], "NOT_READY");
    api.expect(V2, "POST", "/work_queues/", json!({"name": "q"}), 409).await;
    assert_eq!(api.get("/work_queues/name/q", 200).await["id"], queue["id"]);
    let path = format!("/work_queues/{}", queue["id"].as_str().unwrap());
    api.patch(&path, json!({"is_paused": false, "priority": 1, "concurrency_limit": 2}), 204).await;
    let queue = api.get(&path, 200).await;
    assert_eq!((&queue["priority"], &queue["active_slots"]), (&json!(1), &json!(0)));
    let status = api.get(&format!("{path}/status"), 200).await;
    assert_eq!((&status["healthy"], &status["last_polled"]), (&json!(false), &Value::Null));
    let agent = "7b3c1a52-4a52-4c52-9f52-0123456789ab";
    api.expect(V2, "POST", &format!("{path}/get_runs"), json!({"agent_id": agent, "limit": 5}), 200).await;
    api.expect(V2, "POST", &format!("{path}/get_runs"), json!({"agent_id": agent}), 200).await;
    assert_eq!(api.get(&format!("{path}/status"), 200).await["healthy"], true);
    assert_eq!(api.get(&path, 200).await["status"], "READY");
    assert_eq!(
        api.post("/work_queues/filter", json!({"work_queues": {"name": {"any_": ["q"]}}}), 200)
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let slots = api.post(&format!("{path}/concurrency_status"), json!({}), 200).await;
    assert_eq!((&slots["active_slots"], &slots["concurrency_limit"]), (&json!(0), &json!(2)));
    api.delete(&path, 204).await;
    api.delete(&path, 404).await;
    api.delete(&format!("/work_queues/{}", first["id"].as_str().unwrap()), 409).await;
}

#[tokio::test]
async fn the_legacy_filter_of_a_queue_is_refused_unless_it_can_be_read_when_the_queue_is_polled() {
    let api = api();
    let id = "7b3c1a52-4a52-4c52-9f52-0123456789ab";
    let table = [
        (json!({"tags": [1.8e19]}), 422),
        (json!({"tags": {}}), 422),
        (json!({"tags": "a"}), 422),
        (json!({"deployment_ids": ["nope"]}), 422),
        (json!({"deployment_ids": true}), 422),
        (json!([]), 422),
        (json!({}), 201),
        (json!({"tags": null, "deployment_ids": null}), 201),
        (json!({"tags": ["a"], "deployment_ids": [id]}), 201),
    ];
    for (n, (filter, status)) in table.into_iter().enumerate() {
        let body = json!({"name": format!("q{n}"), "filter": filter});
        let queue = api.post("/work_queues/", body, status).await;
        let Some(made) = queue["id"].as_str() else { continue };
        api.expect(V2, "POST", &format!("/work_queues/{made}/get_runs"), json!({"agent_id": id}), 200).await;
        api.patch(&format!("/work_queues/{made}"), json!({"filter": {"tags": [true]}}), 422).await;
    }
}

#[tokio::test]
async fn pools_are_listed_by_name_and_counted() {
    let api = api();
    for name in ["b", "a", "c"] {
        api.pool(name).await;
    }
    let names = |list: Value| {
        list.as_array().unwrap().iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect::<String>()
    };
    assert_eq!(names(api.post("/work_pools/filter", json!({}), 200).await), "abc");
    assert_eq!(names(api.post("/work_pools/filter", json!({"limit": 1, "offset": 1}), 200).await), "b");
    let some = json!({"work_pools": {"name": {"any_": ["c", "x"]}}});
    assert_eq!(names(api.post("/work_pools/filter", some.clone(), 200).await), "c");
    assert_eq!(api.post("/work_pools/count", some, 200).await, json!(1));
    api.post("/work_pools/filter", json!({"limit": 201}), 422).await;
}

#[tokio::test]
async fn a_form_is_checked_against_its_schema() {
    let api = api();
    let schema = template()["variables"].clone();
    let good = api.post("/ui/schemas/validate", json!({"schema": schema, "values": {"cpu": 1}}), 200).await;
    assert_eq!(good, json!({"valid": true, "errors": []}));
    let bad = api.post("/ui/schemas/validate", json!({"schema": schema, "values": {"env": 1}}), 200).await;
    assert_eq!(bad, json!({"valid": false, "errors": [{"property": "env", "errors": ["1 is not of type 'object'"]}]}));
    let none = api.post("/ui/schemas/validate", json!({"schema": {"type": "nonsense"}, "values": {}}), 422).await;
    assert!(detail(&none).starts_with("Invalid schema: "), "{none}");
}
