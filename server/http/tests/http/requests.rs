//! Requests as the layer and the readers of bodies see them.

use poem::test::TestClient;
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

use crate::stand::{Things, endpoint};

async fn echo(body: &'static str) -> (u16, Value) {
    let response = TestClient::new(endpoint()).post("/api/things/echo").body(body).send().await.0;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&response.into_body().into_string().await.unwrap()).unwrap())
}

#[tokio::test]
async fn an_absent_or_null_body_lacks_each_member_that_is_needed() {
    for body in ["", "null", "{}"] {
        let (status, answer) = echo(body).await;
        let places: Vec<&Value> =
            answer["exception_detail"].as_array().unwrap().iter().map(|problem| &problem["loc"]).collect();
        assert_eq!((status, places), (422, vec![&json!(["body", "name"]), &json!(["body", "size"])]), "{body:?}");
    }
}

#[tokio::test]
async fn what_is_no_number_is_null_and_a_nul_is_replaced() {
    let (status, answer) =
        echo(r#"{"name": "a\u0000b", "size": 1, "data": {"\u0000": [NaN, -Infinity, "NaN"]}}"#).await;
    assert_eq!(status, 200);
    assert_eq!(answer, json!({"name": "a\u{fffd}b", "size": 1, "data": {"\u{fffd}": [null, null, "NaN"]}}));
    assert_eq!(echo(r#"{"name": NaN, "size": 1}"#).await.0, 422);
    assert_eq!(echo(r#"{"name": "n", "size": 1, NaN}"#).await.0, 422);

    let client = TestClient::new(endpoint());
    let response = client.get("/api/things/named/a%00b").query("also", &"c\0").send().await;
    response.assert_status_is_ok();
    response.assert_json(json!(["a\u{fffd}b", "c\u{fffd}"])).await;
}

#[test]
fn the_document_says_which_answers_may_be_null() {
    let document: Value = serde_json::from_str(&OpenApiService::new(Things, "test", "1").spec()).unwrap();
    let answer = &document["paths"]["/things/none"]["get"]["responses"]["200"]["content"]["application/json"]["schema"];
    assert_eq!((&answer["type"], &answer["nullable"]), (&json!("number"), &json!(true)), "{answer}");
}
