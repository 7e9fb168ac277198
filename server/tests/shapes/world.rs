//! The whole API over a store that a recorder listens to, and scripts of requests to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use mintaka_core::memory::MemoryStore;
use mintaka_core::{ManualClock, Store, Time};
use mintaka_http::{Ctx, PREFIX, Settings};
use mintaka_orchestration::Operations;
use mintaka_orchestration::secrets::Sealer;
use poem::endpoint::BoxEndpoint;
use poem::{Endpoint, EndpointExt, Request, Response};
use serde_json::Value;

use crate::recorder::Recorder;

/// When the world begins; its scripts and made requests name times close to this.
const START: &str = "2026-03-01T12:00:00Z";

/// How clients of the two lines name themselves. The scripts are those of the first.
pub const LINES: [&str; 2] = ["prefect/3.9.1 (API 0.8.4)", "prefect/2.20.26 (API 0.8.4)"];

pub struct World {
    endpoint: BoxEndpoint<'static, Response>,
    /// Answers of the scripts by the names of their steps.
    answers: BTreeMap<String, Value>,
    pub ctx: Ctx,
    pub clock: ManualClock,
    pub recorder: Arc<Recorder>,
    pub document: Value,
}

impl World {
    pub fn new() -> World {
        let clock = ManualClock::at(Time::parse(START).unwrap());
        let recorder = Arc::new(Recorder::over(MemoryStore::with_clock(Arc::new(clock.clone()))));
        let ctx = Ctx::new(
            Operations::over(Store::with_clock(recorder.clone(), Arc::new(clock.clone()))),
            Settings::default(),
        );
        let sealer = Arc::new(Sealer::ephemeral());
        let document = mintaka_server::document(&ctx, sealer.clone());
        let endpoint = mintaka_server::endpoint(&ctx, sealer).boxed();
        World { endpoint, answers: BTreeMap::new(), ctx, clock, recorder, document }
    }

    /// Status and answer of a request of a client. Time passes with it.
    pub async fn call(&self, client: &str, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.clock.advance_seconds(0.01);
        let request = Request::builder()
            .method(method.parse().unwrap())
            .uri_str(format!("{PREFIX}{path}"))
            .header("User-Agent", client)
            .content_type("application/json");
        let request = if body.is_null() { request.finish() } else { request.body(body.to_string()) };
        let response = self.endpoint.get_response(request).await;
        let status = response.status().as_u16();
        let text = response.into_body().into_string().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or_default())
    }

    /// Makes the requests of a script, `[name, "METHOD /path", body]` each. `{name/member}` in them is taken from the
    /// answer of an earlier step; all must succeed. What a step asks of the store is asked by `asker` of its name.
    pub async fn run(&mut self, script: &str, asker: impl Fn(&str) -> String) {
        let steps: Vec<(String, String, Value)> = serde_json::from_str(script).unwrap();
        for (name, request, body) in steps {
            self.recorder.set_asker(&asker(&name));
            let request = self.filled(&request);
            let body = serde_json::from_str(&self.filled(&body.to_string())).unwrap();
            let (method, path) = request.split_once(' ').unwrap();
            let (status, answer) = self.call(LINES[0], method, path, &body).await;
            assert!((200..300).contains(&status), "{name}: {method} {path} {body}: {status} {answer}");
            self.answers.insert(name, answer);
        }
    }

    fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, answer) in &self.answers {
            let begin = format!("{{{name}/");
            while let Some(at) = filled.find(&begin) {
                let end = at + filled[at..].find('}').unwrap();
                let member = answer.pointer(&filled[at + begin.len() - 1..end]).and_then(Value::as_str);
                let member = member.unwrap_or_else(|| panic!("{} is not in {answer}", &filled[at..end])).to_owned();
                // Of an address the query is meant: this API is not reached at one.
                let query = member.find('?').filter(|_| member.starts_with("http")).unwrap_or(0);
                filled.replace_range(at..=end, &member[query..]);
            }
        }
        filled
    }

    /// The value of a parameter of a path for the thing that the scripts made there, if they did.
    pub fn parameter(&self, path: &str, name: &str) -> Option<&str> {
        let before = path.split(&format!("{{{name}}}")).next()?.rsplit('/');
        let made = before.filter_map(|collection| self.answers.get(collection)).find(|made| !made.is_null())?;
        let made = made.get(0).unwrap_or(made);
        let member = name.rsplit('_').next()?;
        made[name].as_str().or(made[member].as_str())
    }
}
