//! `/events`: recording, filters, pages and counts.
#![allow(clippy::unwrap_used)] // outside of test functions too, a failure is the test's

mod stand;

use std::collections::BTreeSet;

use mintaka_core::Time;
use serde_json::{Value, json};
use stand::Stand;
use uuid::Uuid;

fn start() -> Time {
    Time::from_micros(Time::system().micros() / 86_400_000_000 * 86_400_000_000)
}

/// Ten events: of vines 0 to 4 in turn, one each minute, every second one about a hill too.
async fn garden(stand: &Stand) -> Vec<Value> {
    let events: Vec<Value> = (0..10)
        .map(|n| {
            let related = if n % 2 == 0 {
                json!([{"prefect.resource.id": "hill.1", "prefect.resource.role": "ground", "slope": n.to_string()}])
            } else {
                json!([])
            };
            json!({
                "occurred": start().plus_seconds(-3600.0 + 60.0 * f64::from(n)),
                "event": if n < 5 { "vine.grew" } else { "vine.bore_fruit" },
                "resource": {
                    "prefect.resource.id": format!("vine.{}", n % 5),
                    "prefect.resource.name": format!("Vine {} at {n}", n % 5),
                    "color": if n % 3 == 0 { "red" } else { "white" },
                },
                "related": related,
                "payload": {"Note": format!("number{n}")},
                "id": Uuid::from_u128(n as u128 + 1),
            })
        })
        .collect();
    let (status, _) = stand.ask("POST", "/api/events", Some(json!(events))).await;
    assert_eq!(status, 204);
    events
}

fn numbers(page: &Value) -> Vec<u128> {
    let events = page["events"].as_array().unwrap_or_else(|| panic!("{page}"));
    events.iter().map(|e| e["id"].as_str().unwrap().parse::<Uuid>().unwrap().as_u128() - 1).collect()
}

#[tokio::test]
async fn filters_of_both_lines_find_their_events() {
    let stand = Stand::start().await;
    garden(&stand).await;
    let table: &[(Value, &[u128])] = &[
        (json!({}), &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (json!({"order": "ASC", "event": {"name": ["vine.grew"]}}), &[0, 1, 2, 3, 4]),
        (json!({"event": {"prefix": ["vine.b", "x"], "exclude_name": ["vine.grew"]}}), &[9, 8, 7, 6, 5]),
        (json!({"event": {"exclude_prefix": ["vine.b"], "prefix": []}}), &[4, 3, 2, 1, 0]),
        (json!({"resource": {"id": ["vine.1", "vine.2"]}}), &[7, 6, 2, 1]),
        (json!({"resource": {"id_prefix": ["vine.4"]}}), &[9, 4]),
        (json!({"resource": {"labels": {"prefect.resource.id": "vine.*"}, "id": ["vine.3"]}}), &[8, 3]),
        (json!({"resource": {"labels": {"color": "red"}}}), &[9, 6, 3, 0]),
        (
            json!({"resource": {"labels": {"color": ["!r*"], "prefect.resource.id": ["vine.0", "vine.?"]}}}),
            &[8, 7, 5, 4, 2, 1],
        ),
        (json!({"resource": {"labels": {"size": "*"}}}), &[]),
        (json!({"resource": {"labels": {"color": []}}}), &[]),
        (json!({"resource": {"distinct": true}}), &[9, 8, 7, 6, 5]),
        (json!({"resource": {"distinct": true, "labels": {"color": "red"}}, "order": "ASC"}), &[0, 3, 6, 9]),
        (json!({"related": {"id": ["hill.1"]}}), &[8, 6, 4, 2, 0]),
        (json!({"related": {"role": ["sky"]}}), &[]),
        (json!({"related": [{"role": ["ground"]}, {"labels": {"slope": ["4", "6"]}}]}), &[6, 4]),
        (json!({"related": {"resources_in_roles": [["hill.1", "ground"]]}, "id": {"id": [Uuid::from_u128(3)]}}), &[2]),
        (json!({"related": {"labels": {"prefect.resource.role": "ground", "slope": "8"}}}), &[8]),
        (json!({"related": {}}), &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
        (json!({"any_resource": {"id": ["hill.1", "vine.1"]}}), &[8, 6, 4, 2, 1, 0]),
        (json!({"any_resource": [{"id_prefix": ["hill."]}, {"labels": {"color": "red"}}]}), &[6, 0]),
        (json!({"text": {"query": "NUMBER7 \"number8\""}}), &[8, 7]),
        (json!({"text": {"query": "+vine.grew -red"}}), &[4, 2, 1]),
        (json!({"occurred": {"until": start().plus_seconds(-3600.0 + 60.0)}}), &[1, 0]),
        (json!({"occurred": {"since": start().plus_seconds(-3600.0 + 480.0)}}), &[9, 8]),
    ];
    for (filter, expected) in table {
        let (status, page) = stand.ask("POST", "/api/events/filter", Some(json!({"filter": filter}))).await;
        assert_eq!((status, numbers(&page).as_slice()), (200, *expected), "{filter}");
        assert_eq!((&page["total"], &page["next_page"]), (&json!(expected.len()), &Value::Null), "{filter}");
    }
}

#[tokio::test]
async fn more_prefixes_than_a_statement_takes_are_refused() {
    let stand = Stand::start().await;
    let prefixes = |n: usize| vec!["vine."; n];
    for (n, expected) in [(1_000, 200), (1_001, 422)] {
        let filters = [
            json!({"event": {"prefix": prefixes(n)}}),
            json!({"event": {"exclude_prefix": prefixes(n)}}),
            json!({"resource": {"id_prefix": prefixes(n)}}),
            json!({"any_resource": [{"id_prefix": prefixes(n)}]}),
        ];
        for filter in filters {
            let (status, _) = stand.ask("POST", "/api/events/filter", Some(json!({"filter": filter}))).await;
            assert_eq!(status, expected, "{n} in {:.60}", filter.to_string());
        }
    }
}

#[tokio::test]
async fn pages_follow_their_links_to_the_end() {
    let stand = Stand::start().await;
    garden(&stand).await;
    let filters = [
        (json!({}), 10),
        (json!({"text": {"query": "vine"}}), 10),
        (json!({"resource": {"distinct": true}}), 5),
        (json!({"resource": {"distinct": true}, "text": {"query": "vine"}}), 5),
    ];
    for (filter, total) in filters {
        let (_, mut page) = stand.ask("POST", "/api/events/filter", Some(json!({"filter": filter, "limit": 2}))).await;
        let mut seen = numbers(&page);
        while let Some(link) = page["next_page"].as_str() {
            let path = link.strip_prefix(&format!("http://{}", stand.address)).unwrap_or_else(|| panic!("{link}"));
            assert!(path.starts_with("/api/events/filter/next?page-token="), "{path}");
            let (status, next) = stand.ask("GET", path, None).await;
            assert_eq!((status, &next["total"]), (200, &json!(total)), "{filter}");
            seen.extend(numbers(&next));
            page = next;
        }
        assert_eq!(seen.len(), total, "{filter}");
        assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), total, "{filter}");
        assert!(seen.is_sorted_by(|a, b| a > b), "{filter}: {seen:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused() {
    let stand = Stand::start().await;
    let filter = "/api/events/filter";
    let table = [
        ("GET", "/api/events/filter/next?page-token=eHl6", None, 403),
        ("GET", "/api/events/filter/next?page-token=*", None, 403),
        ("GET", "/api/events/filter/next", None, 422),
        ("POST", filter, Some(json!({"limit": 51})), 422),
        ("POST", filter, Some(json!({"limit": -1})), 422),
        ("POST", filter, Some(json!({"filter": {"order": "SIDEWAYS"}})), 422),
        ("POST", filter, Some(json!({"filter": {"text": {"query": "x".repeat(201)}}})), 422),
        ("POST", filter, Some(json!({"filter": {"related": {"resources_in_roles": [["a"]]}}})), 422),
        ("POST", filter, Some(json!({"limit": 0})), 200),
        ("POST", "/api/events", Some(json!([{"event": "x"}])), 422),
        ("POST", "/api/events", Some(json!([])), 204),
        ("POST", "/api/events/count-by/moon", Some(json!({"filter": {}})), 404),
        ("POST", "/api/events/count-by/time", Some(json!({"filter": {}, "time_unit": "second"})), 422),
        ("POST", "/api/events/count-by/time", Some(json!({"filter": {}, "time_interval": 0.001})), 422),
        ("POST", "/api/events/count-by/time", Some(json!({})), 422),
    ];
    for (method, path, body, status) in table {
        let (answered, answer) = stand.ask(method, path, body.clone()).await;
        assert_eq!(answered, status, "{method} {path} {body:?}: {answer}");
    }
}

#[tokio::test]
async fn events_are_counted_by_time_name_and_resource() {
    let stand = Stand::start().await;
    garden(&stand).await;
    let count = async |by: &str, body: Value| {
        let (status, answer) = stand.ask("POST", &format!("/api/events/count-by/{by}"), Some(body)).await;
        assert_eq!(status, 200, "{answer}");
        answer.as_array().unwrap().clone()
    };
    for extra in [json!({}), json!({"query": "vine"})] {
        let filter = if extra == json!({}) { json!({}) } else { json!({"text": extra}) };
        let names = count("event", json!({"filter": filter})).await;
        let pairs: Vec<_> =
            names.iter().map(|c| (c["value"].as_str().unwrap(), c["count"].as_i64().unwrap())).collect();
        assert_eq!(pairs, [("vine.bore_fruit", 5), ("vine.grew", 5)]);
        assert_eq!(names[1]["start_time"], json!(start().plus_seconds(-3600.0)));
        assert_eq!(names[1]["end_time"], json!(start().plus_seconds(-3600.0 + 240.0)));

        let resources = count("resource", json!({"filter": filter})).await;
        assert_eq!(resources.len(), 5);
        assert_eq!((&resources[0]["value"], &resources[0]["label"]), (&json!("vine.0"), &json!("Vine 0 at 5")));

        let (since, until) = (start().plus_seconds(-3600.0), start().plus_seconds(-3600.0 + 599.0));
        let mut within = filter.clone();
        within["occurred"] = json!({"since": since, "until": until});
        let body = json!({"filter": within, "time_unit": "minute", "time_interval": 2});
        let spans = count("time", body).await;
        let counts: Vec<_> = spans.iter().map(|c| c["count"].as_i64().unwrap()).collect();
        assert_eq!(counts, [2, 2, 2, 2, 2]);
        assert_eq!((&spans[0]["value"], &spans[0]["start_time"]), (&json!("0"), &json!(since)));
        assert_eq!(spans[0]["end_time"], json!(since.plus_micros(119_999_999)));

        let days = count("day", json!({"filter": filter})).await;
        assert_eq!(days.len(), 181);
        assert_eq!(days.iter().map(|c| c["count"].as_i64().unwrap()).sum::<i64>(), 10);
    }
}
