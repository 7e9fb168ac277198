//! The small routes as clients use them, over a store in memory.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

use std::ops::Deref;
use std::sync::Arc;

use mintaka_api_testing::{BEFORE_2_17, Calls, V2, V3, calls};
use mintaka_core::memory::MemoryStore;
use mintaka_core::records::{BlockDocument, BlockSchema, Event, FlowRunState, StateType, Variable};
use mintaka_core::{Batch, Filter, Json, Store};
use mintaka_http::{Ctx, Settings};
use mintaka_orchestration::Operations;
use mintaka_orchestration::caller::ClientLine;
use poem::{Endpoint, Response};
use serde_json::{Value, json};
use uuid::Uuid;

struct Api<E> {
    calls: Calls<E>,
    ctx: Ctx,
    store: Store,
}

fn api_with(settings: Settings) -> Api<impl Endpoint<Output = Response>> {
    let store = Store::new(Arc::new(MemoryStore::new()));
    let ctx = Ctx::new(Operations::over(store.clone()), settings);
    Api { calls: calls(&ctx, mintaka_api_misc::apis(&ctx)), ctx, store }
}

fn api() -> Api<impl Endpoint<Output = Response>> {
    api_with(Settings::default())
}

impl<E> Deref for Api<E> {
    type Target = Calls<E>;
    fn deref(&self) -> &Calls<E> {
        &self.calls
    }
}

#[tokio::test]
async fn fixed_answers_are_those_of_the_wire() {
    let api = api();
    let table = [
        (V3, "GET", "/health", 200, json!(true)),
        (V3, "GET", "/ready", 200, json!({"message": "OK"})),
        (V3, "GET", "/hello", 200, json!("👋")),
        (V3, "GET", "/version", 200, json!("0.8.4")),
        (V3, "GET", "/admin/version", 200, json!("3.9.1")),
        ("curl/8", "GET", "/admin/version", 200, json!("3.9.1")),
        (V2, "GET", "/admin/version", 200, json!("2.20.26")),
        (V3, "GET", "/csrf-token?client=x", 422, json!({"detail": "CSRF protection is disabled."})),
        (V3, "POST", "/automations/filter", 200, json!([])),
        (V3, "POST", "/automations/count", 200, json!(0)),
        (V3, "GET", "/automations/related-to/prefect.flow.x", 200, json!([])),
        (V3, "DELETE", "/automations/owned-by/prefect.deployment.x", 202, json!(null)),
        (V3, "GET", "/concurrency_limits/tag/x", 404, json!({"detail": "Concurrency limit not found"})),
        (V3, "GET", "/v2/concurrency_limits/x", 404, json!({"detail": "Concurrency Limit not found"})),
        (V3, "POST", "/v2/concurrency_limits/filter", 200, json!([])),
        (V2, "POST", "/flow_run_notification_policies/filter", 200, json!([])),
        (V3, "GET", "/admin/storage", 200, json!({"default_result_storage_block_id": null})),
        (V3, "GET", "/collections/views/nope", 404, json!({"detail": "View nope not found in registry"})),
        (V3, "GET", "/collections/views/demo-flows", 200, json!({})),
    ];
    for (agent, method, path, status, body) in table {
        assert_eq!(api.expect(agent, method, path, Value::Null, status).await, body, "{method} {path}");
    }
}

#[tokio::test]
async fn a_missing_member_is_named_as_each_line_names_it() {
    let api = api();
    for (agent, msg, kind) in [(V2, "field required", "value_error.missing"), (V3, "Field required", "missing")] {
        let problem = |place: &str, member: &str, input: Value| match agent {
            V2 => json!([{"type": kind, "loc": [place, member], "msg": msg}]),
            _ => json!([{"type": kind, "loc": [place, member], "msg": msg, "input": input}]),
        };
        let answer = api.expect(agent, "GET", "/csrf-token", Value::Null, 422).await;
        assert_eq!(answer["exception_detail"], problem("query", "client", Value::Null));
        let sent = json!({"value": 1});
        let answer = api.expect(agent, "POST", "/variables/", sent.clone(), 422).await;
        assert_eq!(answer["exception_detail"], problem("body", "name", sent));
    }
}

#[tokio::test]
async fn clients_without_a_name_are_of_the_line_that_the_settings_say() {
    for (line, version, status) in [(ClientLine::V2, "2.20.26", 422), (ClientLine::V3, "3.9.1", 404)] {
        let api = api_with(Settings { unnamed_clients: line, ..Settings::default() });
        assert_eq!(api.expect("curl/8", "GET", "/admin/version", Value::Null, 200).await, version);
        api.expect("curl/8", "GET", "/concurrency_limits/no-id", Value::Null, status).await;
        api.expect("curl/8", "GET", "/variables/no-id", Value::Null, 404).await;
        assert_eq!(api.expect(V2, "GET", "/admin/version", Value::Null, 200).await, "2.20.26");
        assert_eq!(api.expect(V3, "GET", "/admin/version", Value::Null, 200).await, "3.9.1");
    }
}

#[tokio::test]
async fn settings_have_the_sections_of_each_line() {
    let api = api_with(Settings { default_limit: 7, ..Settings::default() });
    let v2 = api.expect(V2, "GET", "/admin/settings", Value::Null, 200).await;
    assert_eq!(v2["PREFECT_API_DEFAULT_LIMIT"], 7);
    let v3 = api.expect(V3, "GET", "/admin/settings", Value::Null, 200).await;
    let sections: Vec<&String> = v3.as_object().unwrap().keys().collect();
    // wire W15.3: the sections of 3.9.1.
    let all = "home, profiles_path, debug_mode, api, cli, client, cloud, deployments, events, experiments, flows, \
        internal, logging, plugins, results, runner, server, tasks, telemetry, testing, worker, ui_url, \
        silence_api_url_misconfiguration";
    assert_eq!(sections, all.split(", ").collect::<Vec<_>>());
    assert_eq!(
        (&v3["server"]["api"]["default_limit"], &v3["server"]["api"]["max_parameter_size"]),
        (&json!(7), &json!(524_288))
    );
    assert_eq!(v3["server"]["register_blocks_on_start"], true);
    assert_eq!(v3["server"]["events"]["maximum_size_bytes"], mintaka_orchestration::ops::events::MAX_BYTES);
    assert_eq!(v3["server"]["events"]["maximum_labels_per_resource"], mintaka_orchestration::ops::events::MAX_LABELS);
    assert_eq!(v3["server"]["events"]["maximum_related_resources"], mintaka_orchestration::ops::events::MAX_RELATED);
}

#[tokio::test]
async fn what_cannot_be_made_yet_says_so() {
    let api = api();
    for path in ["/automations/", "/concurrency_limits/", "/v2/concurrency_limits/", "/flow_run_notification_policies/"]
    {
        let answer = api.expect(V3, "POST", path, json!({}), 501).await;
        assert!(answer["detail"].as_str().unwrap().contains("not available"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn slots_of_unknown_limits_are_granted_and_leases_without_limits_hold() {
    let api = api();
    let want = json!({"names": ["db"], "slots": 1, "mode": "concurrency", "create_if_missing": null});
    assert_eq!(api.expect(V3, "POST", "/v2/concurrency_limits/increment", want.clone(), 200).await, json!([]));
    let mut leased = want.clone();
    leased["lease_duration"] = json!(300);
    let lease = api.expect(V3, "POST", "/v2/concurrency_limits/increment-with-lease", leased, 200).await;
    assert_eq!(lease["limits"], json!([]));
    let id = lease["lease_id"].as_str().unwrap();
    let renew = format!("/v2/concurrency_limits/leases/{id}/renew");
    api.expect(V3, "POST", &renew, json!({"lease_duration": 60}), 204).await;
    api.expect(V3, "POST", &renew, json!({"lease_duration": 59}), 422).await;
    api.expect(V3, "POST", "/v2/concurrency_limits/decrement-with-lease", json!({"lease_id": id}), 204).await;
    let back = json!({"names": ["db"], "slots": 1, "occupancy_seconds": 0.5});
    assert_eq!(api.expect(V2, "POST", "/v2/concurrency_limits/decrement", back, 200).await, json!([]));
    for bad in [json!({"names": [], "slots": 1}), json!({"names": ["a"], "slots": 0})] {
        api.expect(V3, "POST", "/v2/concurrency_limits/increment", bad, 422).await;
    }
    let tags = json!({"names": ["a"], "task_run_id": Uuid::now_v7()});
    assert_eq!(api.expect(V3, "POST", "/concurrency_limits/increment", tags, 200).await, json!([]));
}

#[tokio::test]
async fn automations_do_not_exist_for_old_clients_when_events_are_off() {
    let api = api_with(Settings { events: false, ..Settings::default() });
    let answer = api.expect(V2, "POST", "/automations/filter", Value::Null, 404).await;
    assert!(answer["detail"].as_str().unwrap().starts_with("Automations are not enabled."));
    api.expect(V3, "POST", "/automations/filter", Value::Null, 200).await;
}

#[tokio::test]
async fn templates_are_checked_for_their_syntax() {
    let api = api();
    api.expect(V3, "POST", "/templates/validate", json!("hello {{ flow.name }}"), 204).await;
    api.expect(V3, "POST", "/automations/templates/validate", Value::Null, 204).await;
    let answer = api.expect(V3, "POST", "/templates/validate", json!("a\n{% if %}"), 422).await;
    assert_eq!((&answer["error"]["line"], &answer["error"]["source"]), (&json!(2), &json!("a\n{% if %}")));
}

#[tokio::test]
async fn variables_live_by_id_and_by_name() {
    let api = api();
    let made =
        api.expect(V3, "POST", "/variables/", json!({"name": "a-b", "value": {"x": [1]}, "tags": ["t"]}), 201).await;
    assert_eq!(made["value"], json!({"x": [1]}));
    let by_id = format!("/variables/{}", made["id"].as_str().unwrap());
    assert_eq!(api.expect(V3, "GET", &by_id, Value::Null, 200).await, made);
    assert_eq!(api.expect(V3, "GET", "/variables/name/a-b", Value::Null, 200).await, made);
    assert_eq!(api.expect(V2, "GET", "/variables/name/a-b", Value::Null, 200).await["value"], json!(r#"{"x":[1]}"#));

    let again = api.expect(V3, "POST", "/variables/", json!({"name": "a-b", "value": 1}), 409).await;
    assert_eq!(again, json!({"detail": "A variable with the name 'a-b' already exists."}));

    api.expect(V3, "PATCH", "/variables/name/a-b", json!({"value": null}), 204).await;
    let patched = api.expect(V3, "GET", &by_id, Value::Null, 200).await;
    assert_eq!((&patched["value"], &patched["tags"]), (&Value::Null, &json!(["t"])));
    assert!(patched["updated"].as_str() >= made["updated"].as_str());

    api.expect(V3, "POST", "/variables/", json!({"name": "other", "value": 1}), 201).await;
    api.expect(V3, "PATCH", &by_id, json!({"name": "other"}), 409).await;
    api.expect(V3, "DELETE", &by_id, Value::Null, 204).await;
    for (method, path) in [("DELETE", by_id.as_str()), ("GET", "/variables/name/a-b"), ("PATCH", "/variables/name/a-b")]
    {
        let answer = api.expect(V3, method, path, json!({}), 404).await;
        assert_eq!(answer, json!({"detail": "Variable not found."}));
    }
    api.expect(V3, "GET", "/variables/nonsense", Value::Null, 404).await;

    let events = api.ctx.reader.all::<Event>(Filter::all()).await.unwrap();
    let told: Vec<&str> = events.iter().map(|event| event.event.rsplit('.').next().unwrap()).collect();
    assert_eq!(told, ["created", "updated", "created", "deleted"], "refused changes are not told");
}

#[tokio::test]
async fn each_line_has_its_own_rules_for_names_and_values_of_variables() {
    let api = api();
    let long = "x".repeat(4999);
    let table = [
        (V3, json!({"name": "A", "value": 1}), 422),
        (V3, json!({"name": "", "value": 1}), 201),
        (V3, json!({"name": "n1"}), 422),
        (V3, json!({"name": "n2", "value": null}), 201),
        (V3, json!({"name": "n3", "value": long}), 422),
        (V3, json!({"name": "n4", "value": &long[1..]}), 201),
        (V3, json!({"name": "n".repeat(256), "value": 1}), 422),
        (V2, json!({"name": "a-b", "value": "x"}), 422),
        (V2, json!({"name": "n5", "value": null}), 422),
        (V2, json!({"name": "n5", "value": []}), 422),
        (V2, json!({"name": "n6", "value": format!("{long}y")}), 201),
        (V2, json!({"name": "n7", "value": true}), 201),
        (V2, json!({"name": "n7", "value": "x"}), 409),
    ];
    for (agent, body, status) in table {
        let answer = api.expect(agent, "POST", "/variables/", body.clone(), status).await;
        if body["value"] == json!(true) {
            assert_eq!(answer["value"], json!("True"));
        }
    }
}

#[tokio::test]
async fn every_client_of_the_2_x_line_reads_values_as_text() {
    let api = api();
    api.expect(V3, "POST", "/variables/", json!({"name": "obj", "value": {"a": [1]}}), 201).await;
    for agent in [V2, BEFORE_2_17] {
        let listed = api.expect(agent, "POST", "/variables/filter", json!({}), 200).await;
        assert_eq!(listed[0]["value"], r#"{"a":[1]}"#);
        let named = api.expect(agent, "GET", "/variables/name/obj", Value::Null, 200).await;
        assert_eq!(named["value"], r#"{"a":[1]}"#);
    }
}

#[tokio::test]
async fn variables_are_found_by_filter_in_order_and_counted() {
    let api = api();
    for (name, tags) in [("b", json!(["x", "y"])), ("a", json!(["x"])), ("c", json!([])), ("ab", json!([]))] {
        api.expect(V3, "POST", "/variables/", json!({"name": name, "value": name, "tags": tags}), 201).await;
    }
    let table = [
        (json!({}), vec!["a", "ab", "b", "c"]),
        (json!({"sort": "NAME_DESC", "limit": 2, "offset": 1}), vec!["b", "ab"]),
        (json!({"sort": "CREATED_DESC", "limit": 1}), vec!["ab"]),
        (json!({"limit": 0}), vec![]),
        (json!({"variables": null, "limit": null}), vec!["a", "ab", "b", "c"]),
        (json!({"variables": {"name": {"any_": ["a", "zz"]}}}), vec!["a"]),
        (json!({"variables": {"name": {"any_": []}}}), vec![]),
        (json!({"variables": {"name": {"like_": "B"}}}), vec!["ab", "b"]),
        (json!({"variables": {"tags": {"all_": ["x"]}}}), vec!["a", "b"]),
        (json!({"variables": {"tags": {"is_null_": true}}}), vec!["ab", "c"]),
        (json!({"variables": {"operator": "or_", "name": {"any_": ["c"]}, "tags": {"all_": ["y"]}}}), vec!["b", "c"]),
        (json!({"variables": {"value": {"any_": ["ab", "zz"]}}}), vec!["ab"]),
        (json!({"variables": {"value": {"like_": "B%"}, "name": {"like_": "a"}}}), vec!["ab"]),
        (json!({"variables": {"operator": "or_", "value": {"any_": ["c"]}, "tags": {"all_": ["y"]}}}), vec!["b", "c"]),
        (json!({"variables": {"operator": "or_", "name": {"any_": ["c"]}, "tags": {}}}), vec!["a", "ab", "b", "c"]),
    ];
    for (body, names) in table {
        let found = api.expect(V3, "POST", "/variables/filter", body.clone(), 200).await;
        let found: Vec<&str> = found.as_array().unwrap().iter().map(|v| v["name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{body}");
    }
    assert_eq!(api.expect(V3, "POST", "/variables/count", Value::Null, 200).await, json!(4));
    let some = json!({"variables": {"tags": {"all_": ["x"]}}});
    assert_eq!(api.expect(V3, "POST", "/variables/count", some, 200).await, json!(2));
    let answer = api.expect(V3, "POST", "/variables/filter", json!({"limit": 201}), 422).await;
    assert_eq!(answer, json!({"detail": "Invalid limit: must be less than or equal to 200."}));
    api.expect(V3, "POST", "/variables/filter", json!({"sort": "NOPE"}), 422).await;
}

#[tokio::test]
async fn worker_types_come_from_the_built_in_ones_and_from_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), r#"{"mine": {"cloud": {"type": "cloud"}}}"#).unwrap();
    std::fs::write(folder.path().join("b.json"), "damaged").unwrap();
    let api = api_with(Settings { collections: Some(folder.path().into()), ..Settings::default() });
    let view = "/collections/views/aggregate-worker-metadata";
    let v3 = api.expect(V3, "GET", view, Value::Null, 200).await;
    assert_eq!(v3["mine"]["cloud"]["type"], "cloud");
    assert!(v3["prefect"].get("prefect-agent").is_none());
    let v2 = api.expect(V2, "GET", view, Value::Null, 200).await;
    assert_eq!(v2["prefect"]["prefect-agent"]["type"], "prefect-agent");
    let template = &v3["prefect"]["process"]["default_base_job_configuration"];
    let configured: Vec<&String> = template["job_configuration"].as_object().unwrap().keys().collect();
    assert_eq!(configured, ["command", "env", "labels", "name", "stream_output", "working_dir"]);
    for name in configured {
        assert_eq!(template["job_configuration"][name], format!("{{{{ {name} }}}}"));
        assert!(template["variables"]["properties"].get(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn the_default_result_storage_must_be_a_block_that_can_be_written_to() {
    let api = api();
    let store = &api.store;
    let now = store.now();
    let mut documents = Vec::new();
    for (n, capabilities) in [["write-path", "read-path"].as_slice(), &[]].into_iter().enumerate() {
        let schema = BlockSchema {
            id: store.new_id(),
            created: now,
            updated: now,
            checksum: format!("sha256:{n}"),
            fields: Json::object(),
            block_type_id: Uuid::nil(),
            capabilities: capabilities.iter().copied().collect(),
            version: "1".into(),
        };
        let document = BlockDocument {
            id: store.new_id(),
            created: now,
            updated: now,
            name: format!("d{n}"),
            data: String::new(),
            block_schema_id: schema.id,
            block_type_id: Uuid::nil(),
            block_type_name: None,
            is_anonymous: false,
        };
        documents.push(document.id);
        store.commit(Batch::new().insert(schema).insert(document)).await.unwrap();
    }
    let chosen = json!({"default_result_storage_block_id": documents[0]});
    assert_eq!(api.expect(V3, "PUT", "/admin/storage", chosen.clone(), 200).await, chosen);
    assert_eq!(api.expect(V3, "PUT", "/admin/storage", chosen.clone(), 200).await, chosen);
    assert_eq!(api.expect(V3, "GET", "/admin/storage", Value::Null, 200).await, chosen);
    let unfit = json!({"default_result_storage_block_id": documents[1]});
    let answer = api.expect(V3, "PUT", "/admin/storage", unfit, 422).await;
    assert!(answer["detail"].as_str().unwrap().ends_with("cannot be used for result storage."));
    let unknown = json!({"default_result_storage_block_id": Uuid::nil()});
    api.expect(V3, "PUT", "/admin/storage", unknown, 404).await;
    api.expect(V3, "DELETE", "/admin/storage", Value::Null, 204).await;
    api.expect(V3, "DELETE", "/admin/storage", Value::Null, 204).await;
    let none = json!({"default_result_storage_block_id": null});
    assert_eq!(api.expect(V3, "GET", "/admin/storage", Value::Null, 200).await, none);
}

#[tokio::test]
async fn clearing_needs_a_confirmation_and_leaves_nothing() {
    let api = api();
    for n in 0..3 {
        api.expect(V3, "POST", "/variables/", json!({"name": format!("v{n}"), "value": 1}), 201).await;
    }
    api.expect(V2, "POST", "/admin/database/clear", Value::Null, 400).await;
    assert_eq!(api.ctx.reader.count::<Variable>(Filter::all()).await.unwrap(), 3);
    api.expect(V2, "POST", "/admin/database/clear", json!({"confirm": true}), 204).await;
    assert_eq!(api.ctx.reader.count::<Variable>(Filter::all()).await.unwrap(), 0);
    api.expect(V2, "POST", "/admin/database/create", json!({"confirm": true}), 204).await;
    api.expect(V2, "POST", "/admin/database/drop", json!({"confirm": true}), 501).await;
}

#[tokio::test]
async fn observed_states_are_distinct_and_newest_first() {
    let api = api();
    let store = &api.store;
    let start = store.now();
    let history = [
        (StateType::Running, "Running", 1.0),
        (StateType::Scheduled, "Late", 0.0),
        (StateType::Running, "Running", 3.0),
        (StateType::Running, "Retrying", 2.0),
    ];
    for (kind, name, at) in history {
        let state = FlowRunState {
            id: store.new_id(),
            created: start,
            updated: start,
            flow_run_id: Uuid::nil(),
            r#type: kind,
            name: name.into(),
            timestamp: start.plus_seconds(at),
            message: None,
            state_details: Json::object(),
            data: None,
        };
        store.commit(Batch::new().insert(state)).await.unwrap();
    }
    let table = [
        ("/observed-states", vec!["Running", "Retrying", "Late"]),
        ("/observed-states?order_by=NAME_ASC", vec!["Retrying", "Running", "Late"]),
        ("/observed-states?query=R", vec!["Running", "Retrying"]),
        ("/observed-states?query=late", vec!["Late"]),
        ("/observed-states?limit=1", vec!["Running"]),
    ];
    for (path, names) in table {
        let found = api.expect(V3, "GET", path, Value::Null, 200).await;
        let found: Vec<&str> = found.as_array().unwrap().iter().map(|s| s["state_name"].as_str().unwrap()).collect();
        assert_eq!(found, names, "{path}");
    }
    api.expect(V3, "GET", "/observed-states?limit=0", Value::Null, 422).await;
}
