//! The checked-in document is the one that the code makes, and it says what a generator needs.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test fails by panicking

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use mintaka_core::Store;
use mintaka_core::memory::MemoryStore;
use mintaka_http::{Ctx, Settings};
use mintaka_orchestration::Operations;
use mintaka_orchestration::secrets::Sealer;
use serde_json::Value;

fn document() -> Value {
    let ctx = Ctx::new(Operations::over(Store::new(Arc::new(MemoryStore::new()))), Settings::default());
    mintaka_server::document(&ctx, Arc::new(Sealer::ephemeral()))
}

#[tokio::test]
async fn the_checked_in_document_is_the_one_that_the_code_makes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = format!("{}\n", serde_json::to_string_pretty(&document()).unwrap());
    if std::env::var_os("MINTAKA_WRITE_OPENAPI").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let checked_in = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        checked_in == made,
        "server/openapi.json differs from the code: run `cargo xtask openapi` and look at the difference"
    );
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let document = document();
    let schemas: HashSet<String> = document["components"]["schemas"].as_object().unwrap().keys().cloned().collect();
    let mut todo = vec![&document];
    while let Some(value) = todo.pop() {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(reference)) = members.get("$ref") {
                    let name = reference.rsplit('/').next().unwrap();
                    assert!(schemas.contains(name), "{reference} leads nowhere");
                }
                todo.extend(members.values());
            }
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    let mut names = HashSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no name"));
            assert!(names.insert(name.to_owned()), "two operations are named {name}");
        }
    }
}

#[tokio::test]
async fn the_document_has_every_operation_of_both_client_lines() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let mut missing = Vec::new();
    for line in include_str!("operations.txt").lines() {
        let (method, path) = line.split_once(' ').unwrap();
        let same = |known: &String| shape(known) == shape(path);
        let found = paths.iter().any(|(known, methods)| same(known) && methods.get(method.to_lowercase()).is_some());
        if !found {
            missing.push(line);
        }
    }
    assert!(missing.is_empty(), "missing: {missing:#?}");
}

/// A path with its parameters' names left out.
fn shape(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}
