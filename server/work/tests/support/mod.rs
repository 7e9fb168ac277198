//! An API over a store in memory, called as clients call it.

#![allow(dead_code, unused_imports, clippy::unwrap_used)] // each test file uses a part; in a test a panic is the report

use std::sync::Arc;

use mintaka_api_testing::{Answer, Calls, calls};
pub use mintaka_api_testing::{V2, V3};
use mintaka_core::memory::MemoryStore;
use mintaka_core::{ManualClock, Store, Time};
use mintaka_http::{Ctx, Settings};
use mintaka_orchestration::Operations;
use poem::{Endpoint, Response};
use serde_json::{Value, json};

pub struct Api<E> {
    pub calls: Calls<E>,
    pub ctx: Ctx,
    pub store: Store,
    pub clock: ManualClock,
}

pub fn api() -> Api<impl Endpoint<Output = Response>> {
    let clock = ManualClock::at(Time::parse("2026-03-02T10:00:00Z").unwrap());
    let store = Store::with_clock(Arc::new(MemoryStore::with_clock(Arc::new(clock.clone()))), Arc::new(clock.clone()));
    let ctx = Ctx::new(Operations::over(store.clone()), Settings::default());
    Api { calls: calls(&ctx, (mintaka_api_work::apis(&ctx), mintaka_api_runs::apis(&ctx))), ctx, store, clock }
}

impl<E: Endpoint<Output = Response>> Api<E> {
    pub async fn call(&self, agent: &str, method: &str, path: &str, body: Value) -> Answer {
        // Every call takes a moment, so that times of rows differ.
        self.clock.advance_seconds(0.001);
        self.calls.call(agent, method, path, body).await
    }

    /// Calls and asserts the status.
    pub async fn expect(&self, agent: &str, method: &str, path: &str, body: Value, status: u16) -> Value {
        self.clock.advance_seconds(0.001);
        self.calls.expect(agent, method, path, body, status).await
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
        self.call(V3, "POST", "/flows/", json!({"name": name})).await.json["id"].clone()
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
