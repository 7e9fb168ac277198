use serde_json::{Value, json};

use crate::{V3, api};

#[tokio::test]
async fn numbers_come_back_as_they_were_sent() {
    let api = api();
    let flow = api.flow("f").await;
    let sent = r#"{"power":1180591620717411303424,"below":-9223372036854775809,"float":0.1,"whole":1.0,"tiny":1e-300}"#;
    let parameters: Value = serde_json::from_str(sent).unwrap();
    let run = api.make("/flow_runs/", json!({"flow_id": flow, "parameters": parameters})).await;
    let read = api.expect(V3, "GET", &format!("/flow_runs/{run}"), Value::Null, 200).await;
    assert_eq!(read["parameters"].to_string(), sent);
}
