use serde_json::{Value, json};

use crate::{V2, V3, api};

#[tokio::test]
async fn a_graph_has_a_node_per_task_run_or_subflow() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let result = |id: &str| json!({"input_type": "task_run", "id": id});
    let first = api.task_run(&run, "first", "RUNNING", json!({})).await;
    api.clock.advance_seconds(1.0);
    let second =
        api.task_run(&run, "second", "PENDING", json!({"x": [result(&first)], "__parents__": [result(&first)]})).await;
    let parent = api
        .task_run(&run, "parent", "RUNNING", json!({"y": [result(&first), {"input_type": "constant", "type": "int"}]}))
        .await;
    let sub = api
        .make(
            "/flow_runs/",
            json!({"flow_id": flow, "name": "sub", "parent_task_run_id": parent, "state": {"type": "RUNNING"}}),
        )
        .await;
    api.make(
        "/artifacts/",
        json!({"key": "k", "type": "progress", "data": 0.5, "flow_run_id": run, "task_run_id": first}),
    )
    .await;
    api.make("/artifacts/", json!({"type": "result", "flow_run_id": run})).await;
    api.make("/artifacts/", json!({"type": "markdown", "data": "x", "flow_run_id": run})).await;

    let graph = api.expect(V3, "GET", &format!("/flow_runs/{run}/graph-v2"), Value::Null, 200).await;
    assert_eq!(graph["root_node_ids"], json!([first]));
    let nodes = graph["nodes"].as_array().unwrap();
    let node = |id: &str| nodes.iter().find(|node| node[0] == id).map(|node| node[1].clone()).unwrap();
    assert_eq!(nodes.len(), 3);
    assert_eq!(
        (&nodes[0][0], &node(&sub)["kind"], &node(&sub)["label"]),
        (&json!(first), &json!("flow-run"), &json!("etl / sub"))
    );
    assert_eq!(
        (&node(&second)["parents"], &node(&second)["encapsulating"]),
        (&json!([{"id": first}]), &json!([{"id": first}]))
    );
    assert_eq!(node(&first)["children"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&node(&first)["artifacts"][0]["data"], &node(&first)["artifacts"][0]["is_latest"]),
        (&json!(0.5), &json!(true))
    );
    assert_eq!((graph["artifacts"].as_array().unwrap().len(), &graph["artifacts"][0]["data"]), (1, &Value::Null));
    assert_eq!(graph["states"][0]["name"], "Running");

    let older = api.expect(V2, "GET", &format!("/flow_runs/{run}/graph-v2"), Value::Null, 200).await;
    assert_eq!(older["nodes"].as_array().unwrap().len(), 2, "2.x shows what has started");
    assert!(older["nodes"][0][1].get("encapsulating").is_none());

    let dependencies = api.expect(V3, "GET", &format!("/flow_runs/{run}/graph"), Value::Null, 200).await;
    let second = dependencies.as_array().unwrap().iter().find(|d| d["id"] == second).unwrap();
    assert_eq!(
        (&second["upstream_dependencies"], &second["state"]["type"]),
        (&json!([result(&first)]), &json!("PENDING"))
    );
    let unknown = format!("/flow_runs/{}/graph-v2", uuid::Uuid::nil());
    assert!(api.expect(V3, "GET", &unknown, Value::Null, 404).await["exception_message"].is_string());
}
