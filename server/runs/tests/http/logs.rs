use serde_json::{Value, json};

use crate::{V2, V3, api};

#[tokio::test]
async fn log_lines_are_kept_filtered_and_downloaded() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "my run", "RUNNING").await;
    let line = |n: u32, level: i64, message: &str, run: Option<&str>| json!({"name": "prefect.flow_runs", "level": level, "message": message, "timestamp": format!("2026-03-01T12:00:{n:02}Z"), "flow_run_id": run});
    let lines = json!([
        line(2, 40, "Connection lost, \"retrying\"", Some(&run)),
        line(1, 20, "started\u{0}", Some(&run)),
        line(3, 10, "noise", None),
    ]);
    assert_eq!(api.expect(V3, "POST", "/logs/", lines, 201).await, Value::Null);
    api.expect(V3, "POST", "/logs/", json!([]), 201).await;
    api.expect(V3, "POST", "/logs/", line(1, 20, "one", None), 422).await;

    let table: Vec<(Value, &[&str])> = vec![
        (json!({}), &["started\u{fffd}", "Connection lost, \"retrying\"", "noise"]),
        (json!({"sort": "TIMESTAMP_DESC", "limit": 1}), &["noise"]),
        (
            json!({"logs": {"level": {"ge_": 20, "le_": 40}, "flow_run_id": {"any_": [run]}}, "offset": 1}),
            &["Connection lost, \"retrying\""],
        ),
        (json!({"logs": {"timestamp": {"before_": "2026-03-01T12:00:01Z"}}}), &["started\u{fffd}"]),
        (json!({"logs": {"text": {"query": "\"connection lost\" noise -prefect"}}}), &[]),
        (json!({"logs": {"text": {"query": "CONNECTION noise -start"}}}), &["Connection lost, \"retrying\"", "noise"]),
        (json!({"logs": {"task_run_id": {"is_null_": false}}}), &[]),
    ];
    for (body, messages) in table {
        let found = api.ask("/logs/filter", body.clone()).await;
        let found: Vec<&str> = found.as_array().unwrap().iter().map(|l| l["message"].as_str().unwrap()).collect();
        assert_eq!(found, messages, "{body}");
    }
    let long = json!({"logs": {"text": {"query": "x".repeat(201)}}});
    api.expect(V3, "POST", "/logs/filter", long, 422).await;

    let csv = api.call(V3, "GET", &format!("/flow_runs/{run}/logs/download"), Value::Null).await;
    assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(
        csv.headers["content-disposition"],
        "attachment; filename=\"flow-run-logs.csv\"; filename*=UTF-8''my%20run-logs.csv"
    );
    assert_eq!(
        csv.text,
        format!(
            "timestamp,level,flow_run_id,task_run_id,message\r\n\
        2026-03-01 12:00:01+00:00,20,{run},,started\u{fffd}\r\n\
        2026-03-01 12:00:02+00:00,40,{run},,\"Connection lost, \"\"retrying\"\"\"\r\n"
        )
    );
    api.expect(V3, "GET", &format!("/flow_runs/{}/logs/download", uuid::Uuid::nil()), Value::Null, 404).await;
}

#[tokio::test]
async fn a_download_has_every_line_however_many() {
    let api = api();
    let flow = api.flow("etl").await;
    let run = api.flow_run(&flow, "run", "RUNNING").await;
    let line = |n: usize| json!({"name": "l", "level": 20, "message": n.to_string(), "timestamp": "2026-03-01T12:00:00Z", "flow_run_id": run});
    let lines: Vec<Value> = (0..2000).map(line).collect();
    api.expect(V3, "POST", "/logs/", json!(lines), 201).await;
    let csv = api.call(V3, "GET", &format!("/flow_runs/{run}/logs/download"), Value::Null).await.text;
    let messages: std::collections::BTreeSet<usize> =
        csv.lines().skip(1).map(|line| line.rsplit(',').next().unwrap().parse().unwrap()).collect();
    assert_eq!((messages.len(), csv.lines().count()), (2000, 2001));
}

#[tokio::test]
async fn logs_go_with_their_run() {
    for agent in [V3, V2] {
        let api = api();
        let flow = api.flow("etl").await;
        let run = api.flow_run(&flow, "run", "RUNNING").await;
        let line = json!([{"name": "l", "level": 20, "message": "m", "timestamp": "2026-03-01T12:00:00Z", "flow_run_id": run}]);
        api.expect(agent, "POST", "/logs/", line, 201).await;
        api.expect(agent, "DELETE", &format!("/flow_runs/{run}"), Value::Null, 204).await;
        assert_eq!(api.ask("/logs/filter", json!({})).await.as_array().unwrap().len(), 0, "{agent}");
    }
}
