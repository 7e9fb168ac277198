//! Names with characters that keep clients from finding what they name, and names that work although they look odd.

#![allow(clippy::unwrap_used)] // in a test a panic is the report

mod support;

use poem::Endpoint;
use poem::Response;
use serde_json::{Value, json};
use support::{Api, V2, V3, api};

const FORBIDDEN: [&str; 5] = ["a/b", "50%", "a&b", "a<b", "a>b"];

#[tokio::test]
async fn what_clients_would_not_find_by_its_name_cannot_be_made() {
    let api = api();
    let flow = api.flow("f").await;
    api.pool("p").await;
    let deployment = json!({"name": "d", "flow_id": flow, "work_pool_name": "p"});
    let made = api.post("/deployments/", deployment, 201).await;
    let at = format!("/deployments/{}", made["id"].as_str().unwrap());
    let queue = api.post("/work_pools/p/queues", json!({"name": "q"}), 201).await;
    let queue = format!("/work_queues/{}", queue["id"].as_str().unwrap());
    for agent in [V2, V3] {
        for name in FORBIDDEN {
            let table = [
                ("POST", "/flows/", json!({"name": name})),
                ("POST", "/deployments/", json!({"name": name, "flow_id": flow})),
                ("POST", "/deployments/", json!({"name": "e", "flow_id": flow, "work_queue_name": name})),
                ("PATCH", &at, json!({"work_queue_name": name})),
                ("POST", &format!("{at}/create_flow_run"), json!({"work_queue_name": name})),
                ("POST", "/work_pools/", json!({"name": name})),
                ("POST", "/work_pools/p/queues", json!({"name": name})),
                ("PATCH", "/work_pools/p/queues/q", json!({"name": name})),
                ("POST", "/work_queues/", json!({"name": name})),
                ("PATCH", &queue, json!({"name": name})),
            ];
            for (method, path, body) in table {
                let answer = api.expect(agent, method, path, body.clone(), 422).await;
                let problem = &answer["exception_detail"][0];
                assert!(
                    body.get(problem["loc"][1].as_str().unwrap()) == Some(&json!(name)),
                    "{method} {path}: {answer}"
                );
            }
        }
    }
    let answer = api.expect(V2, "POST", "/flows/", json!({"name": "a/b"}), 422).await;
    let text = "Name 'a/b' contains an invalid character. Must not contain any of: ['/', '%', '&', '>', '<'].";
    assert_eq!(answer["exception_detail"][0]["msg"], text);
    let answer = api.post("/flows/", json!({"name": "a/b"}), 422).await;
    assert_eq!(answer["exception_detail"][0]["msg"], "String should match pattern '^[^/%&><]+$'");
}

/// A name as clients write it into a path.
fn encoded(name: &str) -> String {
    let byte = |b: u8| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
        _ => format!("%{b:02X}"),
    };
    name.bytes().map(byte).collect()
}

async fn workers<E: Endpoint<Output = Response>>(api: &Api<E>, pool: &str) -> Vec<Value> {
    let found = api.post(&format!("/work_pools/{pool}/workers/filter"), json!({}), 200).await;
    found.as_array().unwrap().iter().map(|worker| worker["name"].clone()).collect()
}

#[tokio::test]
async fn other_names_work_in_paths_in_percent_encoding() {
    let api = api();
    for name in ["a/b", "50%", "a&b<c>", "a b", "é🪵", "a?b#c", "a%2Fb"] {
        api.post("/work_pools/", json!({"name": "p"}), 201).await;
        api.post("/work_pools/p/workers/heartbeat", json!({"name": name}), 204).await;
        assert_eq!(workers(&api, "p").await, [json!(name)]);
        api.delete(&format!("/work_pools/p/workers/{}", encoded(name)), 204).await;
        assert!(workers(&api, "p").await.is_empty(), "{name}");
        api.delete("/work_pools/p", 204).await;
    }
    for name in ["a b", "é🪵", "a?b#c", "a:b|c\\d", "a+b"] {
        let flow = api.flow(name).await;
        api.post("/work_pools/", json!({"name": name}), 201).await;
        let at = format!("/work_pools/{}", encoded(name));
        assert_eq!(api.get(&at, 200).await["name"], name);
        api.post(&format!("{at}/queues"), json!({"name": name}), 201).await;
        assert_eq!(api.get(&format!("{at}/queues/{}", encoded(name)), 200).await["name"], name);
        let body = json!({"name": name, "flow_id": flow, "work_pool_name": name, "work_queue_name": name});
        let made = api.post("/deployments/", body, 201).await;
        let by_name = format!("/deployments/name/{0}/{0}", encoded(name));
        assert_eq!(api.get(&by_name, 200).await["id"], made["id"]);
        assert_eq!(api.get(&format!("/flows/name/{}", encoded(name)), 200).await["id"], flow);
    }
}
