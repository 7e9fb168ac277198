use serde_json::{Value, json};

use crate::{V3, api};

#[tokio::test]
async fn inputs_are_sent_found_by_prefix_and_deleted() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let path = format!("/flow_runs/{run}/input");
    for key in ["a-1", "a-2", "b-1"] {
        let sent =
            api.expect(V3, "POST", &path, json!({"key": key, "value": format!("\"{key}\""), "sender": "s"}), 201).await;
        assert_eq!(sent, Value::Null);
        api.clock.advance_seconds(1.0);
    }
    let twice = api.expect(V3, "POST", &path, json!({"key": "a-1", "value": "2"}), 409).await;
    assert_eq!(twice["detail"], "A flow run input with this key already exists.");
    let unknown = format!("/flow_runs/{}/input", uuid::Uuid::nil());
    assert_eq!(
        api.expect(V3, "POST", &unknown, json!({"key": "a", "value": "2"}), 404).await["detail"],
        "Flow run not found"
    );
    let value = api.call(V3, "GET", &format!("{path}/a-1"), Value::Null).await;
    assert_eq!(
        (value.text.as_str(), value.headers["content-type"].to_str().unwrap()),
        ("\"a-1\"", "text/plain; charset=utf-8")
    );
    let table: Vec<(Value, &[&str])> = vec![
        (json!({"prefix": "a"}), &["a-1"]),
        (json!({"prefix": "a", "limit": -1}), &["a-1", "a-2"]),
        (json!({"prefix": "", "limit": 9, "exclude_keys": ["a-2"]}), &["a-1", "b-1"]),
    ];
    for (body, keys) in table {
        let found = api.ask(&format!("{path}/filter"), body.clone()).await;
        let found: Vec<&str> = found.as_array().unwrap().iter().map(|input| input["key"].as_str().unwrap()).collect();
        assert_eq!(found, keys, "{body}");
    }
    api.expect(V3, "DELETE", &format!("{path}/a-1"), Value::Null, 204).await;
    for method in ["GET", "DELETE"] {
        assert_eq!(
            api.expect(V3, method, &format!("{path}/a-1"), Value::Null, 404).await["detail"],
            "Flow run input not found"
        );
    }
}

#[tokio::test]
async fn a_paused_run_resumes_with_input_that_fits() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let resume = format!("/flow_runs/{run}/resume");
    let refused = api.ask(&resume, json!({})).await;
    assert_eq!(
        refused,
        json!({"state": null, "status": "ABORT",
        "details": {"type": "abort_details", "reason": "Cannot resume a flow run that is not paused."}})
    );
    let keys = json!({"schema": "paused-1-schema", "response": "paused-1-response"});
    let pause = json!({"type": "PAUSED", "state_details": {"pause_key": "1", "run_input_keyset": keys, "pause_timeout": "2026-03-01T13:00:00Z"}});
    let paused = api.expect(V3, "POST", &format!("/flow_runs/{run}/set_state"), json!({"state": pause}), 201).await;
    assert_eq!(paused["status"], "ACCEPT");
    let reason = async |input: Value| api.ask(&resume, json!({"run_input": input})).await["details"]["reason"].clone();
    assert_eq!(reason(json!({})).await, "Run input schema not found.");
    let schema = json!({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]});
    let input = format!("/flow_runs/{run}/input");
    api.expect(V3, "POST", &input, json!({"key": "paused-1-schema", "value": schema.to_string()}), 201).await;
    assert!(reason(json!({"x": "no"})).await.as_str().unwrap().starts_with("Reason: "));
    api.clock.advance_seconds(1.0);
    let resumed = api.expect(V3, "POST", &resume, json!({"run_input": {"x": 3}}), 201).await;
    assert_eq!((&resumed["status"], &resumed["state"]["type"]), (&json!("ACCEPT"), &json!("RUNNING")));
    assert_eq!(api.call(V3, "GET", &format!("{input}/paused-1-response"), Value::Null).await.text, "{\"x\":3}");
}
