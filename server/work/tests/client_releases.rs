//! What differs between releases of clients, called with the headers that each of them sends.

mod support;

use mintaka_api_testing::BEFORE_2_17;
use serde_json::{Value, json};
use support::{V2, V3, api};

fn release(version: &str) -> String {
    format!("prefect/{version} (API 0.8.4)")
}

#[tokio::test]
async fn early_3_x_clients_get_no_null_for_the_queue_of_a_deployment() {
    let api = api();
    let flow = api.flow("f").await;
    api.pool("p").await;
    let served = json!({"name": "served", "flow_id": flow});
    let pooled = json!({"name": "pooled", "flow_id": flow, "work_pool_name": "p"});
    let id = api.post("/deployments/", served.clone(), 201).await["id"].as_str().unwrap().to_owned();
    let queue = api.post("/deployments/", pooled, 201).await["work_queue_id"].clone();
    let lists = [("/deployments/filter", None), ("/deployments/paginate", Some("results"))];
    for (agent, expected) in [
        (release("3.0.0rc20"), None),
        (release("3.0.11"), None),
        (release("3.1.5"), None),
        (release("3.1.6"), Some(&Value::Null)),
        (V3.to_owned(), Some(&Value::Null)),
        (V2.to_owned(), Some(&Value::Null)),
        (BEFORE_2_17.to_owned(), Some(&Value::Null)),
    ] {
        let mut answers = vec![
            api.expect(&agent, "POST", "/deployments/", served.clone(), 200).await,
            api.expect(&agent, "GET", &format!("/deployments/{id}"), Value::Null, 200).await,
            api.expect(&agent, "GET", "/deployments/name/f/served", Value::Null, 200).await,
        ];
        for (path, member) in lists {
            let found = api.expect(&agent, "POST", path, json!({"sort": "NAME_ASC"}), 200).await;
            let found = member.map_or(found.clone(), |member| found[member].clone());
            assert_eq!(found[0]["work_queue_id"], queue, "{agent}");
            answers.push(found[1].clone());
        }
        for answer in answers {
            assert_eq!((&answer["id"], answer.get("work_queue_id")), (&json!(id), expected), "{agent}: {answer}");
        }
    }
}

#[tokio::test]
async fn clients_before_2_17_are_of_the_2_x_line_although_they_do_not_name_themselves() {
    let api = api();
    let flow = api.flow("f").await;
    let made = api.post("/deployments/", json!({"name": "d", "flow_id": flow}), 201).await;
    let run = format!("/deployments/{}/create_flow_run", made["id"].as_str().unwrap());
    let large = json!({"parameters": {"x": "x".repeat(700_000)}});
    for (agent, status) in [(BEFORE_2_17, 201), (V2, 201), (V3, 422), ("python-requests/2.32", 422)] {
        api.expect(agent, "POST", &run, large.clone(), status).await;
    }
}
