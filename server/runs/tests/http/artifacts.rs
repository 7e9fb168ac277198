use serde_json::{Value, json};

use crate::{V2, V3, api, id_of};

#[tokio::test]
async fn the_latest_artifact_of_a_key_follows_what_happens() {
    let api = api();
    let first = api.make("/artifacts/", json!({"key": "report", "type": "markdown", "data": "one"})).await;
    api.clock.advance_seconds(1.0);
    let second = api.make("/artifacts/", json!({"key": "report", "type": "markdown", "data": {"b": 1, "a": 2}})).await;
    api.make("/artifacts/", json!({"data": 5})).await;
    let latest = api.expect(V3, "GET", "/artifacts/report/latest", Value::Null, 200).await;
    assert_eq!((&latest["data"], latest.get("latest_id")), (&json!({"b": 1, "a": 2}), None));
    assert_ne!(id_of(&latest), second, "the id is the collection's");
    let collections = api.ask("/artifacts/latest/filter", json!({})).await;
    assert_eq!(
        (collections.as_array().unwrap().len(), &collections[0]["latest_id"], &collections[0]["id"]),
        (1, &json!(second), &latest["id"])
    );
    assert_eq!(api.ask("/artifacts/latest/count", json!({"artifacts": {"type": {"not_any_": ["markdown"]}}})).await, 0);

    api.expect(V3, "PATCH", &format!("/artifacts/{second}"), json!({"description": "new", "data": null}), 204).await;
    api.expect(V3, "PATCH", &format!("/artifacts/{first}"), json!({"description": "old"}), 204).await;
    let latest = api.expect(V3, "GET", "/artifacts/report/latest", Value::Null, 200).await;
    assert_eq!((&latest["description"], &latest["data"]), (&json!("new"), &Value::Null));

    api.expect(V3, "DELETE", &format!("/artifacts/{second}"), Value::Null, 204).await;
    let latest = api.expect(V3, "GET", "/artifacts/report/latest", Value::Null, 200).await;
    assert_eq!(
        (&latest["data"], &latest["description"], &latest["created"]),
        (&json!("one"), &json!("old"), &json!("2026-03-01T12:00:00.000000Z"))
    );
    api.expect(V3, "DELETE", &format!("/artifacts/{first}"), Value::Null, 204).await;
    let gone = api.expect(V3, "GET", "/artifacts/report/latest", Value::Null, 404).await;
    assert_eq!(gone, json!({"detail": "Artifact not found."}));
    assert_eq!(api.ask("/artifacts/count", json!({})).await, 1);
    assert_eq!(api.ask("/artifacts/count", json!({"artifacts": {"key": {"exists_": true}}})).await, 0);
    assert_eq!(api.ask("/artifacts/count", json!({"flow_runs": {}})).await, 0);
}

#[tokio::test]
async fn metadata_is_cut_and_keys_are_checked() {
    let api = api();
    let long = json!({"metadata_": {"x": "é".repeat(501)}});
    let made = api.expect(V3, "POST", "/artifacts/", long, 201).await;
    assert_eq!(made["metadata_"]["x"], format!("{}...", "é".repeat(500)));
    api.expect(V3, "POST", "/artifacts/", json!({"metadata_": {"x": 1}}), 422).await;
    let made = api.expect(V2, "POST", "/artifacts/", json!({"metadata_": {"x": 1, "y": true}}), 201).await;
    assert_eq!(made["metadata_"], json!({"x": "1", "y": "True"}));
    api.expect(V3, "POST", "/artifacts/", json!({"key": "Report"}), 422).await;
}

#[tokio::test]
async fn a_saved_search_is_replaced_by_name() {
    let api = api();
    let filters =
        json!([{"object": "flow_run", "property": "state", "type": "state", "operation": "equals", "value": "FAILED"}]);
    let made = api.expect(V3, "PUT", "/saved_searches/", json!({"name": "failed", "filters": filters}), 201).await;
    assert_eq!(made["filters"], filters);
    let again = api.expect(V3, "PUT", "/saved_searches/", json!({"name": "failed"}), 200).await;
    assert_eq!((&again["id"], &again["filters"]), (&made["id"], &json!([])));
    assert_eq!(api.names(V3, "/saved_searches/filter", json!({})).await, ["failed"]);
    let path = format!("/saved_searches/{}", id_of(&made));
    api.expect(V3, "GET", &path, Value::Null, 200).await;
    api.expect(V3, "DELETE", &path, Value::Null, 204).await;
    assert_eq!(api.expect(V3, "DELETE", &path, Value::Null, 404).await["detail"], "Saved search not found");
}
