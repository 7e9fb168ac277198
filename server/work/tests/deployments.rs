//! Deployments and their schedules as clients use them.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use poem::{Endpoint, Response};
use serde_json::{Value, json};
use support::{Api, V2, V3, api, detail};

fn hourly() -> Value {
    json!({"interval": 3600, "anchor_date": "2026-01-01T00:00:00Z", "timezone": "UTC"})
}

async fn deploy<E: Endpoint<Output = Response>>(api: &Api<E>, agent: &str, members: Value, status: u16) -> Value {
    let mut body = json!({"name": "d", "flow_id": api.flow("f").await});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    api.expect(agent, "POST", "/deployments/", body, status).await
}

fn path(deployment: &Value) -> String {
    format!("/deployments/{}", deployment["id"].as_str().unwrap())
}

async fn scheduled<E: Endpoint<Output = Response>>(api: &Api<E>, deployment: &Value) -> i64 {
    let body = json!({"deployments": {"id": {"any_": [deployment["id"]]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}});
    api.post("/flow_runs/count", body, 200).await.as_i64().unwrap()
}

#[tokio::test]
async fn an_upsert_changes_what_is_sent_or_replaces_by_line() {
    let api = api();
    api.pool("p").await;
    let members = json!({"tags": ["a"], "description": "text", "parameters": {"x": 1}, "work_pool_name": "p",
        "job_variables": {"cpu": 2}, "schedules": [{"schedule": hourly()}], "version": "1", "labels": {"team": "t"},
        "concurrency_options": {"collision_strategy": "CANCEL_NEW"}});
    let made = deploy(&api, V3, members.clone(), 201).await;
    assert_eq!((&made["work_pool_name"], &made["work_queue_name"]), (&json!("p"), &json!("default")));
    assert_eq!((&made["enforce_parameter_schema"], &made["pull_steps"]), (&json!(true), &json!([])));
    assert_eq!(made["parameter_openapi_schema"], json!({}));
    assert_eq!((&made["job_variables"], &made["infra_overrides"]), (&json!({"cpu": 2}), &json!({"cpu": 2})));
    assert_eq!((&made["labels"]["team"], &made["labels"]["prefect.flow.id"]), (&json!("t"), &made["flow_id"]));
    assert_eq!((&made["schedules"][0]["schedule"], &made["schedule"]["interval"]), (&made["schedule"], &json!(3600.0)));

    let kept = deploy(&api, V3, json!({"version": "2"}), 200).await;
    assert_eq!(kept["id"], made["id"]);
    assert_eq!((&kept["tags"], &kept["description"], &kept["version"]), (&json!(["a"]), &json!("text"), &json!("2")));
    assert_eq!((&kept["parameters"], &kept["schedules"]), (&json!({}), &json!([])));
    assert_eq!(kept["job_variables"], json!({"cpu": 2}));

    let replaced = deploy(&api, V2, json!({"version": "3", "infra_overrides": {"cpu": 3}}), 200).await;
    assert_eq!((&replaced["id"], &replaced["created"]), (&made["id"], &made["created"]));
    assert_eq!((&replaced["tags"], &replaced["description"]), (&json!([]), &Value::Null));
    assert_eq!((&replaced["enforce_parameter_schema"], &replaced["pull_steps"]), (&json!(false), &Value::Null));
    assert_eq!(replaced["concurrency_options"], made["concurrency_options"], "the 2.x line does not know it");
    assert_eq!((&replaced["infra_overrides"], &replaced["work_pool_name"]), (&json!({"cpu": 3}), &json!("p")));
    assert_eq!(api.get("/deployments/name/f/d", 200).await["id"], made["id"]);
    api.get("/deployments/name/f/none", 404).await;
    api.get("/deployments/name/none/d", 404).await;
}

#[tokio::test]
async fn deployments_that_cannot_be_are_refused() {
    let api = api();
    api.pool("p").await;
    let id = "5c7f5d3e-0000-0000-0000-000000000000";
    let table = [
        (V3, json!({"flow_id": id}), 409),
        (V3, json!({"work_pool_name": "x"}), 404),
        (V3, json!({"work_pool_name": "p", "job_variables": {"cpu": "many"}}), 422),
        (V3, json!({"infrastructure_document_id": id}), 409),
        (V3, json!({"storage_document_id": id}), 409),
        (V2, json!({"infra_overrides": {}, "job_variables": {}}), 422),
        (V3, json!({"schedules": [{"schedule": {"cron": "nonsense"}}]}), 422),
        (V3, json!({"schedules": [{"schedule": hourly(), "max_scheduled_runs": 0}]}), 422),
        (V3, json!({"schedules": [{"schedule": hourly(), "slug": "s"}, {"schedule": hourly(), "slug": "s"}]}), 409),
        (V3, json!({"concurrency_limit": 0}), 422),
        (V3, json!({"concurrency_limit": 2}), 501),
        (
            V3,
            json!({"enforce_parameter_schema": true, "parameters": {"x": "s"},
            "parameter_openapi_schema": {"properties": {"x": {"type": "integer"}}}}),
            422,
        ),
        (V3, json!({"labels": {"a": null}}), 422),
        (V3, json!({"pull_steps": [1]}), 422),
        (V3, json!({"pull_steps": [{"a": 1}, null]}), 422),
        (V3, json!({"concurrency_options": {}}), 422),
        (V3, json!({"concurrency_options": {"collision_strategy": "enqueue"}}), 422),
        (V3, json!({"concurrency_options": {"collision_strategy": "ENQUEUE", "grace_period_seconds": 59}}), 422),
    ];
    for (agent, members, status) in table {
        deploy(&api, agent, members, status).await;
    }
    let options = json!({"collision_strategy": "CANCEL_NEW", "grace_period_seconds": 60});
    let steps = json!([{"prefect.deployments.steps.git_clone": {"repository": "r"}}]);
    let made = deploy(&api, V3, json!({"concurrency_options": options, "pull_steps": steps}), 201).await;
    assert_eq!((&made["concurrency_options"], &made["pull_steps"]), (&options, &steps));
    deploy(&api, V3, json!({"concurrency_limit": null, "concurrency_options": null, "version_info": null}), 200).await;
}

#[tokio::test]
async fn a_queue_that_only_a_deployment_names_goes_first_in_the_default_agent_pool() {
    let api = api();
    let made = deploy(&api, V2, json!({"work_queue_name": "q"}), 201).await;
    assert_eq!((&made["work_pool_name"], &made["work_queue_name"]), (&json!("default-agent-pool"), &json!("q")));
    let queues = api.post("/work_pools/default-agent-pool/queues/filter", json!({}), 200).await;
    assert_eq!(
        (&queues[0]["name"], &queues[1]["name"], &queues[1]["priority"]),
        (&json!("q"), &json!("default"), &json!(2))
    );
    let queue = format!("/work_queues/{}", queues[0]["id"].as_str().unwrap());
    api.delete(&queue, 204).await;
    let left = api.get(&path(&made), 200).await;
    assert_eq!(
        (&left["work_queue_name"], &left["work_queue_id"], &left["work_pool_name"]),
        (&json!("q"), &Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn a_patch_changes_what_is_sent_and_checks_parameters() {
    let api = api();
    api.pool("p").await;
    let schema = json!({"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]});
    let made = deploy(
        &api,
        V3,
        json!({"tags": ["a"], "parameters": {"x": 1}, "parameter_openapi_schema": schema, "work_pool_name": "p"}),
        201,
    )
    .await;
    let at = path(&made);
    api.patch(&at, json!({"description": "new", "paused": true}), 204).await;
    let seen = api.get(&at, 200).await;
    assert_eq!((&seen["description"], &seen["paused"], &seen["tags"]), (&json!("new"), &json!(true), &json!(["a"])));
    assert_eq!(seen["is_schedule_active"], false);
    let refused = api.patch(&at, json!({"parameters": {"x": "s"}}), 409).await;
    assert_eq!(
        detail(&refused),
        "Error updating deployment: Validation failed for field 'x'. Failure reason: 's' is not of type 'integer'"
    );
    api.patch(&at, json!({"parameters": {"x": {"__prefect_kind": "json", "value": "{"}}}), 400).await;
    api.patch(&at, json!({"parameters": {"x": {"__prefect_kind": "json", "value": "5"}}}), 204).await;
    assert_eq!(api.get(&at, 200).await["parameters"], json!({"x": 5}));
    api.patch(&at, json!({"work_pool_name": "p", "job_variables": {"cpu": "x"}}), 409).await;
    api.expect(V2, "PATCH", &at, json!({"work_pool_name": null}), 204).await;
    assert_eq!(api.get(&at, 200).await["work_pool_name"], "p");
    api.patch(&at, json!({"work_pool_name": null}), 204).await;
    assert_eq!(api.get(&at, 200).await["work_pool_name"], Value::Null);
    let unknown = "/deployments/5c7f5d3e-0000-0000-0000-000000000000";
    assert_eq!(detail(&api.patch(unknown, json!({}), 404).await), "Deployment not found.");
    assert_eq!(detail(&api.get(unknown, 404).await), "Deployment not found");
}

#[tokio::test]
async fn schedules_with_slugs_are_matched_and_others_replaced() {
    let api = api();
    let one = |slug: &str| json!({"schedule": hourly(), "slug": slug, "parameters": {"p": slug}});
    let made =
        deploy(&api, V3, json!({"schedules": [one("a"), one("b")], "enforce_parameter_schema": false}), 201).await;
    let at = path(&made);
    let slugs = async || {
        let seen = api.get(&format!("{at}/schedules"), 200).await;
        let mut slugs: Vec<_> = seen
            .as_array()
            .unwrap()
            .iter()
            .map(|s| format!("{}:{}", s["slug"].as_str().unwrap_or("-"), s["active"]))
            .collect();
        slugs.sort();
        slugs.join(" ")
    };
    // The one that was made last is listed first.
    assert_eq!(made["schedules"][0]["slug"], "b");
    api.patch(&at, json!({"schedules": []}), 204).await;
    assert_eq!(slugs().await, "a:true b:true");
    api.patch(&at, json!({"schedules": [{"slug": "a", "active": false}, one("c")]}), 204).await;
    assert_eq!(slugs().await, "a:false b:true c:true");
    api.patch(&at, json!({"schedules": [{"active": true}]}), 422).await;
    api.patch(&at, json!({"schedules": [{"slug": "new"}]}), 422).await;
    api.patch(&at, json!({"schedules": null}), 422).await;
    api.patch(&at, json!({"schedules": [{"slug": "a", "replaces": "b"}]}), 422).await;
    api.patch(&at, json!({"schedules": [{"slug": "b", "replaces": "a"}, {"slug": "a", "replaces": "b"}]}), 204).await;
    assert_eq!(slugs().await, "a:true b:false c:true");
    api.patch(&at, json!({"schedules": [{"slug": "z", "replaces": "c"}]}), 204).await;
    assert_eq!(slugs().await, "a:true b:false z:true");
    api.post(&format!("{at}/schedules"), json!([one("z")]), 409).await;
    let added = api.post(&format!("{at}/schedules"), json!([{"schedule": {"cron": "0 9 * * *"}}]), 201).await;
    assert_eq!(added.as_array().unwrap().len(), 1);
    let schedule = format!("{at}/schedules/{}", added[0]["id"].as_str().unwrap());
    api.patch(&schedule, json!({"active": false}), 204).await;
    assert_eq!(slugs().await, "-:false a:true b:false z:true");
    api.patch(&at, json!({"schedules": [{"schedule": hourly()}]}), 204).await;
    assert_eq!(slugs().await, "-:true");
    assert_eq!(detail(&api.delete(&schedule, 404).await), "Schedule not found.");
    api.patch(&schedule, json!({}), 404).await;
    api.get("/deployments/5c7f5d3e-0000-0000-0000-000000000000/schedules", 404).await;
}

#[tokio::test]
async fn added_schedules_are_answered_in_the_order_of_the_request() {
    let api = api();
    let at = path(&deploy(&api, V3, json!({}), 201).await);
    let new = json!([{"schedule": hourly(), "slug": "x"}, {"schedule": hourly(), "slug": "y"}]);
    let added = api.post(&format!("{at}/schedules"), new, 201).await;
    assert_eq!((&added[0]["slug"], &added[1]["slug"]), (&json!("x"), &json!("y")));
    let listed = api.get(&format!("{at}/schedules"), 200).await;
    assert_eq!((&listed[0]["slug"], &listed[1]["slug"]), (&json!("y"), &json!("x")));
}

#[tokio::test]
async fn a_client_without_a_name_is_known_by_what_only_the_2x_line_sends() {
    let api = api();
    let schema = |definitions: Value| json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}, "definitions": definitions});
    for (members, enforced) in [
        (json!({"parameter_openapi_schema": schema(json!({}))}), true),
        (json!({"parameter_openapi_schema": schema(Value::Null)}), false),
        (json!({"manifest_path": "a.json"}), false),
        (json!({"infra_overrides": {}}), false),
    ] {
        let made = deploy(&api, "curl/8", members.clone(), 201).await;
        assert_eq!(made["enforce_parameter_schema"], enforced, "{members}");
        api.delete(&path(&made), 204).await;
    }
    // A client that says who it is, is believed; null where there are no definitions is no fault of a schema.
    let made = deploy(&api, V3, json!({"parameter_openapi_schema": schema(Value::Null)}), 201).await;
    assert_eq!(made["enforce_parameter_schema"], true);
    let run = format!("{}/create_flow_run", path(&made));
    api.post(&run, json!({"parameters": {"n": 1}}), 201).await;
    api.post(&run, json!({"parameters": {}}), 409).await;
}

#[tokio::test]
async fn the_2x_line_has_one_schedule_under_old_names() {
    let api = api();
    let made = deploy(&api, V2, json!({"schedule": hourly(), "is_schedule_active": true, "paused": false}), 201).await;
    let at = path(&made);
    assert_eq!((&made["schedules"][0]["active"], &made["schedules"][0]["catchup"]), (&json!(true), &json!(false)));
    let v2 =
        async |method: &str, path: String, body: Value, status: u16| api.expect(V2, method, &path, body, status).await;
    v2("PATCH", at.clone(), json!({"is_schedule_active": false}), 204).await;
    let seen = api.get(&at, 200).await;
    assert_eq!((&seen["paused"], &seen["schedules"][0]["active"]), (&json!(true), &json!(false)));
    v2("POST", format!("{at}/set_schedule_active"), Value::Null, 200).await;
    let seen = api.get(&at, 200).await;
    assert_eq!((&seen["paused"], &seen["schedules"][0]["active"]), (&json!(false), &json!(true)));
    v2("POST", format!("{at}/pause_deployment"), Value::Null, 200).await;
    assert_eq!(api.get(&at, 200).await["schedules"][0]["active"], false);
    v2("PATCH", at.clone(), json!({"schedule": null}), 204).await;
    assert_eq!(api.get(&at, 200).await["schedule"], Value::Null);
    let old = json!({"schedule": hourly(), "active": true, "catchup": false, "max_active_runs": null});
    v2("POST", format!("{at}/schedules"), json!([old, old]), 201).await;
    let refused = v2("POST", format!("{at}/set_schedule_inactive"), Value::Null, 422).await;
    assert!(refused["detail"][0].as_str().unwrap().contains("multiple schedules"), "{refused}");
    v2("PATCH", at.clone(), json!({"is_schedule_active": false}), 422).await;
    v2("PATCH", at.clone(), json!({"schedules": [old]}), 204).await;
    assert_eq!(api.get(&at, 200).await["schedules"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn edits_take_scheduled_runs_back() {
    let api = api();
    let made = deploy(&api, V3, json!({"schedules": [{"schedule": hourly()}]}), 201).await;
    let at = path(&made);
    api.patch(&at, json!({"enforce_parameter_schema": false}), 204).await;
    let fill = async || api.post(&format!("{at}/schedule"), json!({"min_runs": 4}), 200).await;
    fill().await;
    let made_ahead = scheduled(&api, &made).await;
    assert!(made_ahead >= 4, "{made_ahead}");
    fill().await;
    assert_eq!(scheduled(&api, &made).await, made_ahead);
    api.patch(&at, json!({"tags": ["x"]}), 204).await;
    assert_eq!(scheduled(&api, &made).await, 0);
    fill().await;
    api.post(&format!("{at}/create_flow_run"), json!({}), 201).await;
    api.post(&format!("{at}/pause_deployment"), Value::Null, 200).await;
    assert_eq!(scheduled(&api, &made).await, 1, "what people scheduled stays");
    api.post(&format!("{at}/resume_deployment"), Value::Null, 200).await;
    fill().await;
    api.delete(&at, 204).await;
    assert_eq!(api.post("/flow_runs/count", json!({}), 200).await, 0);
    api.delete(&at, 404).await;
    api.post(&format!("{at}/schedule"), json!({}), 200).await;
}

#[tokio::test]
async fn deployments_are_listed_paged_counted_and_deleted_by_filter() {
    let api = api();
    for name in ["b", "a", "c"] {
        deploy(&api, V3, json!({"name": name, "tags": [name]}), 201).await;
    }
    let names = |list: &Value| {
        list.as_array().unwrap().iter().map(|d| d["name"].as_str().unwrap().to_owned()).collect::<String>()
    };
    assert_eq!(names(&api.post("/deployments/filter", json!({}), 200).await), "abc");
    assert_eq!(names(&api.post("/deployments/filter", json!({"sort": "CREATED_DESC"}), 200).await), "cab");
    api.post("/deployments/filter", json!({"sort": "NONSENSE"}), 422).await;
    let page = api.post("/deployments/paginate", json!({"limit": 2, "page": 2}), 200).await;
    assert_eq!((names(&page["results"]), &page["count"], &page["pages"]), ("c".into(), &json!(3), &json!(2)));
    let some = json!({"deployments": {"tags": {"all_": ["a"]}}});
    assert_eq!(api.post("/deployments/count", some.clone(), 200).await, json!(1));
    let deleted = api.post("/deployments/bulk_delete", some, 200).await;
    assert_eq!(deleted["deleted"].as_array().unwrap().len(), 1);
    assert_eq!(names(&api.post("/deployments/filter", json!({"flows": {"name": {"any_": ["f"]}}}), 200).await), "bc");
    api.post("/deployments/bulk_delete", json!({"limit": 51}), 422).await;
}
