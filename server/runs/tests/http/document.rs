use std::collections::BTreeSet;

use poem_openapi::OpenApiService;
use serde_json::Value;

use crate::api;

/// Calls `visit` with every object of a document.
fn walk(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            visit(members);
            members.values().for_each(|member| walk(member, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

#[tokio::test]
async fn operations_have_names_of_their_own_and_references_lead_somewhere() {
    let service = OpenApiService::new(mintaka_api_runs::apis(&api().ctx), "test", "1");
    let document: Value = serde_json::from_str(&service.spec()).unwrap();
    let (mut operations, mut names) = (0, BTreeSet::new());
    let known: BTreeSet<&String> = document["components"]["schemas"].as_object().unwrap().keys().collect();
    walk(&document, &mut |object| {
        if let Some(name) = object.get("operationId") {
            operations += 1;
            names.insert(name.as_str().unwrap().to_owned());
        }
        if object.get("type") == Some(&Value::from("array")) {
            assert!(object.contains_key("items"), "a list of what? {object:?}");
        }
        if let Some(Value::String(reference)) = object.get("$ref") {
            let name = reference.trim_start_matches("#/components/schemas/").to_owned();
            assert!(known.contains(&name), "{reference}");
        }
    });
    assert_eq!((operations, names.len()), (65, 65));
}
