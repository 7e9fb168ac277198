//! What flows and artifacts tell of themselves by events.

use mintaka_core::Filter;
use mintaka_core::records::Event;
use serde_json::{Value, json};

use crate::{V2, V3, api};

#[tokio::test]
async fn flows_and_latest_artifacts_tell_what_becomes_of_them_if_the_client_knows_such_events() {
    let api = api();
    let mut seen = 0;
    for (line, name) in [(V3, "a"), (V2, "b")] {
        let flow = api.expect(line, "POST", "/flows/", json!({"name": name}), 201).await;
        let flow = format!("/flows/{}", flow["id"].as_str().unwrap());
        api.expect(line, "POST", "/flows/", json!({"name": name}), 200).await;
        api.expect(line, "PATCH", &flow, json!({"tags": ["t"]}), 204).await;
        api.expect(line, "DELETE", &flow, Value::Null, 204).await;
        let mut artifacts = Vec::new();
        for data in ["1", "2"] {
            let made = api.expect(line, "POST", "/artifacts/", json!({"key": "k", "data": data}), 201).await;
            artifacts.push(made["id"].as_str().unwrap().to_owned());
        }
        api.expect(line, "POST", "/artifacts/", json!({"data": "no key"}), 201).await;
        for id in artifacts.iter().rev() {
            api.expect(line, "DELETE", &format!("/artifacts/{id}"), Value::Null, 204).await;
        }
        let mut events = api.ctx.reader.all::<Event>(Filter::all()).await.unwrap();
        events.sort_by_key(|event| event.seq);
        let told: Vec<(String, Value)> = events
            .drain(seen..)
            .map(|event| {
                let payload = event.payload.value();
                let shown = if payload["data"].is_null() { payload["tags"].clone() } else { payload["data"].clone() };
                (event.event.trim_start_matches("prefect.").to_owned(), shown)
            })
            .collect();
        seen += told.len();
        let expected = [
            ("flow.created", json!([])),
            ("flow.updated", json!(["t"])),
            ("flow.deleted", json!(["t"])),
            ("artifact-collection.created", json!("1")),
            ("artifact-collection.updated", json!("2")),
            ("artifact-collection.updated", json!("1")),
            ("artifact-collection.deleted", json!("1")),
        ];
        let expected = if line == V3 { expected.to_vec() } else { Vec::new() };
        let told: Vec<(&str, Value)> = told.iter().map(|(name, shown)| (name.as_str(), shown.clone())).collect();
        assert_eq!(told, expected, "{line}");
    }
}
