use mintaka_core::Value::Null;
use mintaka_core::records::{FlowRun, flow_run};
use mintaka_core::{Batch, Change, Key};
use serde_json::{Value, json};

use crate::{V2, V3, api};

#[tokio::test]
async fn a_history_counts_runs_by_bucket_and_state() {
    let api = api();
    let flow = api.flow("etl").await;
    let late =
        json!({"type": "SCHEDULED", "name": "Late", "state_details": {"scheduled_time": "2026-03-01T11:59:00Z"}});
    api.make("/flow_runs/", json!({"flow_id": flow, "state": late})).await;
    api.flow_run(&flow, "one", "RUNNING").await;
    api.flow_run(&flow, "two", "RUNNING").await;
    api.clock.advance_seconds(30.0);
    let body = json!({"history_start": "2026-03-01T11:58:00Z", "history_end": "2026-03-01T12:01:30Z", "history_interval_seconds": 60});
    let history = api.ask("/flow_runs/history", body.clone()).await;
    assert_eq!(history.as_array().unwrap().len(), 4, "the last bucket reaches past the end");
    assert_eq!(history[0]["states"], json!([]));
    assert_eq!(
        history[1],
        json!({
            "interval_start": "2026-03-01T11:59:00+00:00", "interval_end": "2026-03-01T12:00:00+00:00",
            "states": [{"state_type": "SCHEDULED", "state_name": "Late", "count_runs": 1, "sum_estimated_run_time": 0.0, "sum_estimated_lateness": 90.0}],
        })
    );
    assert_eq!(
        history[2]["states"],
        json!([{"state_type": "RUNNING", "state_name": "Running", "count_runs": 2, "sum_estimated_run_time": 60.0, "sum_estimated_lateness": 0.0}])
    );
    assert_eq!(api.ask("/flow_runs/lateness", json!({})).await, json!(30.0));
    assert_eq!(api.ask("/flow_runs/lateness", json!({"flow_runs": {"id": {"any_": []}}})).await, Value::Null);

    let mut short = body.clone();
    short["history_interval_seconds"] = json!(0.5);
    let refused = api.expect(V3, "POST", "/flow_runs/history", short, 422).await;
    assert_eq!(refused["detail"], "History interval must not be less than 1 second.");
    let mut empty = body;
    empty["history_end"] = empty["history_start"].clone();
    for (agent, buckets) in [(V3, 0), (V2, 1)] {
        let history = api.expect(agent, "POST", "/task_runs/history", empty.clone(), 200).await;
        assert_eq!(history.as_array().unwrap().len(), buckets, "{agent}");
    }
    let dots = api.ask("/ui/flow_runs/history", json!({"flow_runs": {"name": {"any_": ["one"]}}})).await;
    assert_eq!(
        (&dots[0]["duration"], &dots[0]["lateness"], &dots[0]["timestamp"]),
        (&json!(30.0), &json!(0.0), &json!("2026-03-01T12:00:00.000000Z"))
    );
    api.expect(V3, "POST", "/ui/flow_runs/history", json!({"limit": 1001}), 422).await;
}

#[tokio::test]
async fn a_run_without_a_state_can_be_late_and_one_that_has_ended_cannot() {
    let api = api();
    let flow = api.flow("etl").await;
    let body = json!({"history_start": "2026-03-01T12:00:00Z", "history_end": "2026-03-01T12:01:00Z", "history_interval_seconds": 60});
    api.flow_run(&flow, "ended", "CANCELLED").await;
    api.clock.advance_seconds(30.0);
    let ended = api.ask("/flow_runs/history", body.clone()).await;
    assert_eq!(ended[0]["states"][0]["sum_estimated_lateness"], 0.0, "{ended}");
    let stateless = api.flow_run(&flow, "stateless", "PENDING").await;
    let change = Change::default().set(flow_run::state_type, Null).set(flow_run::state_name, Null);
    let key = Key::id(stateless.parse::<uuid::Uuid>().unwrap());
    api.store.commit(Batch::new().update::<FlowRun>(key, change)).await.unwrap();
    api.clock.advance_seconds(10.0);
    let history = api.ask("/flow_runs/history", body).await;
    let of_none = json!({"state_type": null, "state_name": null, "count_runs": 1, "sum_estimated_run_time": 0.0, "sum_estimated_lateness": 10.0});
    assert_eq!(history[0]["states"][0], of_none, "{history}");
    assert_eq!(history[0]["states"][1]["sum_estimated_lateness"], 0.0, "{history}");
    assert_eq!(api.ask("/flow_runs/lateness", json!({})).await, json!(5.0));
}
