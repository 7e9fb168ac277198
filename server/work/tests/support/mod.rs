//! An API over a store in memory, called as clients call it.

#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part; in a test a panic is the report

use std::sync::Arc;

use mintaka_core::memory::MemoryStore;
use mintaka_core::{ManualClock, Store, Time};
use mintaka_http::{Ctx, Layer, PREFIX, Settings};
use poem::http::Method;
use poem::test::TestClient;
use poem::{Endpoint, Response, Route};
use poem_openapi::OpenApiService;
use serde_json::{Value, json};

pub const V2: &str = "prefect/2.20.26 (API 0.8.4)";
pub const V3: &str = "prefect/3.9.1 (API 0.8.4)";

pub struct Api<E> {
    pub client: TestClient<E>,
    pub ctx: Ctx,
    pub clock: ManualClock,
}

pub fn api() -> Api<impl Endpoint<Output = Response>> {
    let clock = ManualClock::at(Time::parse("2026-03-02T10:00:00Z").unwrap());
    let store = Store::with_clock(Arc::new(MemoryStore::with_clock(Arc::new(clock.clone()))), Arc::new(clock.clone()));
    let ctx = Ctx::new(store, Settings::default());
    let apis = (mintaka_api_work::apis(&ctx), mintaka_api_runs::apis(&ctx));
    let service = OpenApiService::new(apis, "test", "1");
    Api { client: TestClient::new(Layer::new(Route::new().nest(PREFIX, service), Vec::new())), ctx, clock }
}

impl<E: Endpoint<Output = Response>> Api<E> {
    pub async fn call(&self, agent: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method: Method = method.parse().unwrap();
        // Every call takes a moment, so that times of rows differ.
        self.clock.advance_seconds(0.001);
        let request = self.client.request(method, format!("{PREFIX}{path}")).header("User-Agent", agent);
        let request = if body.is_null() { request } else { request.body_json(&body) };
        let response = request.send().await.0;
        let status = response.status().as_u16();
        let text = response.into_body().into_string().await.unwrap();
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    /// Calls and asserts the status.
    pub async fn expect(&self, agent: &str, method: &str, path: &str, body: Value, status: u16) -> Value {
        let (got, answer) = self.call(agent, method, path, body).await;
        assert_eq!(got, status, "{method} {path}: {answer}");
        answer
    }

    pub async fn post(&self, path: &str, body: Value, status: u16) -> Value {
        self.expect(V3, "POST", path, body, status).await
    }

    pub async fn get(&self, path: &str, status: u16) -> Value {
        self.expect(V3, "GET", path, Value::Null, status).await
    }

    pub async fn patch(&self, path: &str, body: Value, status: u16) -> Value {
        self.expect(V3, "PATCH", path, body, status).await
    }

    pub async fn delete(&self, path: &str, status: u16) -> Value {
        self.expect(V3, "DELETE", path, Value::Null, status).await
    }

    /// Makes a flow and answers its id.
    pub async fn flow(&self, name: &str) -> Value {
        let (_, flow) = self.call(V3, "POST", "/flows/", json!({"name": name})).await;
        flow["id"].clone()
    }

    /// Makes a process pool.
    pub async fn pool(&self, name: &str) -> Value {
        self.post("/work_pools/", json!({"name": name, "type": "process", "base_job_template": template()}), 201).await
    }
}

/// A template with a typed variable and one that has a default.
pub fn template() -> Value {
    json!({
        "job_configuration": {"command": "{{ command }}", "env": "{{ env }}", "cpu": "{{ cpu }}"},
        "variables": {"type": "object", "properties": {
            "command": {"type": "string"}, "env": {"type": "object", "default": {}}, "cpu": {"type": "integer"},
        }},
    })
}

/// The text of an error answer.
pub fn detail(answer: &Value) -> &str {
    answer["detail"].as_str().unwrap_or_default()
}
