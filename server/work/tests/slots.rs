//! Who occupies the slots of pools and queues.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use serde_json::{Value, json};
use support::api;

#[tokio::test]
async fn a_pool_shows_its_queues_and_the_runs_that_occupy_their_slots() {
    let api = api();
    let flow = api.post("/flows/", json!({"name": "f"}), 201).await;
    api.post("/work_pools/", json!({"name": "p", "type": "process", "concurrency_limit": 9}), 201).await;
    let queue = api.post("/work_pools/p/queues", json!({"name": "q", "concurrency_limit": 5}), 201).await;
    for state in ["RUNNING", "RUNNING", "PENDING", "CANCELLING", "COMPLETED"] {
        let run = json!({
            "flow_id": flow["id"], "work_pool_name": "p", "work_queue_name": "q", "state": {"type": state},
        });
        api.post("/flow_runs/", run, 201).await;
    }

    let slots = api.post("/work_pools/p/concurrency_status", json!({"flow_run_limit": 2}), 200).await;
    assert_eq!((&slots["active_slots"], &slots["concurrency_limit"]), (&json!(3), &json!(9)));
    assert_eq!((&slots["count"], &slots["pages"], &slots["page"]), (&json!(2), &json!(1), &json!(1)));
    let shown = |queue: &Value| {
        let runs = queue["flow_runs"].as_array().unwrap().len();
        (queue["queue_name"].as_str().unwrap().to_owned(), queue["active_slots"].as_i64().unwrap(), runs)
    };
    let queues: Vec<_> = slots["queues"].as_array().unwrap().iter().map(shown).collect();
    assert_eq!(queues, [("default".to_owned(), 0, 0), ("q".to_owned(), 3, 2)]);
    let page = api.post("/work_pools/p/concurrency_status", json!({"page": 2, "limit": 1}), 200).await;
    assert_eq!(shown(&page["queues"][0]), ("q".to_owned(), 3, 3));

    // A queue by itself counts the runs that are being cancelled too.
    let path = format!("/work_queues/{}/concurrency_status", queue["id"].as_str().unwrap());
    let slots = api.post(&path, json!({"page": 2, "limit": 3}), 200).await;
    assert_eq!((&slots["active_slots"], &slots["pages"]), (&json!(4), &json!(2)));
    let run = &slots["flow_runs"][0];
    assert!(run["time_in_current_state"].as_f64().unwrap() > 0.0, "{run}");
    assert_eq!(api.post(&path, json!({"page": 9}), 200).await["flow_runs"], json!([]));
    api.post(&path, json!({"page": 0}), 422).await;
    api.post("/work_pools/none/concurrency_status", json!({}), 404).await;
}
