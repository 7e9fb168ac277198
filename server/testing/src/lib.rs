//! Resources called as clients call them, without a network. For tests alone.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

use mintaka_http::{Ctx, Layer, PREFIX};
use poem::http::{HeaderMap, Method};
use poem::test::TestClient;
use poem::{Endpoint, Response, Route};
use poem_openapi::{OpenApi, OpenApiService};
use serde_json::Value;

/// How a client of the 2.x line names itself.
pub const V2: &str = "prefect/2.20.26 (API 0.8.4)";
/// How a client of the 3.x line names itself.
pub const V3: &str = "prefect/3.9.1 (API 0.8.4)";

/// What clients before 2.17 send in the same place: they do not name themselves.
pub const BEFORE_2_17: &str = "python-httpx/0.26.0";

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub text: String,
    /// The body as JSON; null if it is none.
    pub json: Value,
}

/// Resources behind the layer.
pub struct Calls<E>(pub TestClient<E>);

/// Some resources behind the layer, with the settings of a context.
pub fn calls<A: OpenApi + 'static>(ctx: &Ctx, apis: A) -> Calls<impl Endpoint<Output = Response> + use<A>> {
    let service = OpenApiService::new(apis, "test", "1");
    let document: Value = serde_json::from_str(&service.spec()).unwrap();
    let paths: Vec<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let layer = Layer::new(Route::new().nest(PREFIX, service), paths).with_settings(&ctx.settings);
    Calls(TestClient::new(layer))
}

impl<E: Endpoint> Calls<E> {
    /// The answer to a request of a client that names itself so; a null body is none.
    pub async fn call(&self, agent: &str, method: &str, path: &str, body: Value) -> Answer {
        let method: Method = method.parse().unwrap();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut request = self.0.request(method, format!("{PREFIX}{path}")).header("User-Agent", agent);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            request = request.query(name, &value);
        }
        // wire W1.2: every client sends it.
        if [V2, V3, BEFORE_2_17].contains(&agent) {
            request = request.header("X-PREFECT-API-VERSION", "0.8.4");
        }
        let request = if body.is_null() { request } else { request.body_json(&body) };
        let response = request.send().await.0;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.into_body().into_string().await.unwrap();
        Answer { status, headers, json: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    /// The JSON of an answer that must have this status.
    pub async fn expect(&self, agent: &str, method: &str, path: &str, body: Value, status: u16) -> Value {
        let answer = self.call(agent, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
        answer.json
    }
}
