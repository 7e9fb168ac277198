//! The resources of runs as clients use them, over a store in memory.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod artifacts;
mod document;
mod filters;
mod flow_runs;
mod flows;
mod graph;
mod histories;
mod inputs;
mod lifecycle_events;
mod logs;
mod numbers;
mod task_runs;

use std::ops::Deref;
use std::sync::Arc;

use mintaka_api_testing::{Calls, calls};
pub(crate) use mintaka_api_testing::{V2, V3};
use mintaka_core::memory::MemoryStore;
use mintaka_core::{Clock, ManualClock, Store, Time};
use mintaka_http::{Ctx, Settings};
use mintaka_orchestration::Operations;
use poem::{Endpoint, Response};
use serde_json::{Value, json};

/// When the clock of a test stands at its start.
pub(crate) const START: &str = "2026-03-01T12:00:00.000000Z";

/// A server without a network.
pub(crate) struct Api<E> {
    calls: Calls<E>,
    pub(crate) ctx: Ctx,
    pub(crate) store: Store,
    pub(crate) clock: ManualClock,
}

/// A server over an empty store, whose clock stands at [`START`].
pub(crate) fn api() -> Api<impl Endpoint<Output = Response>> {
    let clock = ManualClock::at(Time::parse(START).unwrap());
    let backend = Arc::new(MemoryStore::with_clock(Arc::new(clock.clone()) as Arc<dyn Clock>));
    let store = Store::with_clock(backend, Arc::new(clock.clone()));
    let ctx = Ctx::new(Operations::over(store.clone()), Settings::default());
    Api { calls: calls(&ctx, mintaka_api_runs::apis(&ctx)), ctx, store, clock }
}

impl<E> Deref for Api<E> {
    type Target = Calls<E>;
    fn deref(&self) -> &Calls<E> {
        &self.calls
    }
}

impl<E: Endpoint<Output = Response>> Api<E> {
    /// A POST of a 3.x client that must be answered with 200.
    pub(crate) async fn ask(&self, path: &str, body: Value) -> Value {
        self.expect(V3, "POST", path, body, 200).await
    }

    /// A POST of a 3.x client that must make something; its id.
    pub(crate) async fn make(&self, path: &str, body: Value) -> String {
        id_of(&self.expect(V3, "POST", path, body, 201).await)
    }

    /// A new flow.
    pub(crate) async fn flow(&self, name: &str) -> String {
        self.make("/flows/", json!({"name": name})).await
    }

    /// A new flow run in a state of this type.
    pub(crate) async fn flow_run(&self, flow: &str, name: &str, state: &str) -> String {
        self.make("/flow_runs/", json!({"flow_id": flow, "name": name, "state": {"type": state}})).await
    }

    /// A new task run in a state of this type.
    pub(crate) async fn task_run(&self, flow_run: &str, name: &str, state: &str, inputs: Value) -> String {
        let body = json!({
            "flow_run_id": flow_run, "name": name, "task_key": name, "dynamic_key": "0",
            "state": {"type": state}, "task_inputs": inputs,
        });
        self.make("/task_runs/", body).await
    }

    /// The names of what a POST lists.
    pub(crate) async fn names(&self, agent: &str, path: &str, body: Value) -> Vec<String> {
        let answer = self.expect(agent, "POST", path, body, 200).await;
        answer.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    }
}

/// The id of what was answered.
pub(crate) fn id_of(answer: &Value) -> String {
    answer["id"].as_str().unwrap_or_else(|| panic!("no id in {answer}")).to_owned()
}
