//! The OpenAPI document, finished so that what it says is true and every generator reads it.

use std::sync::Arc;

use mintaka_http::Ctx;
use mintaka_orchestration::secrets::Sealer;
use poem_openapi::OpenApiService;
use serde_json::{Map, Value, json};

/// The document of the API, with paths relative to `/api`.
pub fn document(ctx: &Ctx, sealer: Arc<Sealer>) -> Value {
    let service = OpenApiService::new(crate::resources(ctx, sealer), "Mintaka", crate::VERSION).server("/api");
    let mut document: Value = serde_json::from_str(&service.spec()).unwrap_or_default();
    if let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) {
        for schema in schemas.values_mut() {
            finish(schema);
        }
        for (name, schema) in errors() {
            schemas.insert(name.into(), schema);
        }
    }
    if let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) {
        for (path, methods) in paths.iter_mut() {
            for operation in methods.as_object_mut().into_iter().flat_map(Map::values_mut) {
                answer_errors(operation);
                tag(operation, path);
            }
        }
    }
    document
}

/// Paths of a document.
pub fn paths(document: &Value) -> Vec<String> {
    document["paths"].as_object().map(|paths| paths.keys().cloned().collect()).unwrap_or_default()
}

/// A described reference is written as `allOf: [reference, description]`; generators take a single reference there, and
/// the description stands beside it already.
fn only_references(property: &mut Value) {
    if let Some(parts) = property.get_mut("allOf").and_then(Value::as_array_mut)
        && parts.iter().any(|part| part.get("$ref").is_some())
    {
        parts.retain(|part| part.get("$ref").is_some());
    }
}

/// Members that are neither required nor have a default may be null: say so.
fn finish(schema: &mut Value) {
    let required: Vec<String> = schema["required"]
        .as_array()
        .map(|names| names.iter().filter_map(|n| n.as_str().map(str::to_owned)).collect())
        .unwrap_or_default();
    if (schema.get("oneOf").is_some() || schema.get("anyOf").is_some())
        && let Some(object) = schema.as_object_mut()
    {
        object.remove("type");
    }
    let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, property) in properties.iter_mut() {
        only_references(property);
        if required.contains(name) || property.get("default").is_some() {
            continue;
        }
        match property.get("$ref").cloned() {
            Some(reference) => *property = json!({"allOf": [{"$ref": reference}], "nullable": true}),
            None => {
                if let Some(object) = property.as_object_mut() {
                    object.insert("nullable".into(), true.into());
                }
            }
        }
    }
}

fn errors() -> [(&'static str, Value); 3] {
    [
        (
            "ErrorDetail",
            json!({
                "type": "object",
                "description": "Why a request was refused; one of the two members is there.",
                "properties": {
                    "detail": {"type": "string", "nullable": true},
                    "exception_message": {"type": "string", "nullable": true},
                },
            }),
        ),
        (
            "ValidationProblem",
            json!({
                "type": "object",
                "required": ["loc", "msg", "type"],
                "properties": {
                    "loc": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
            }),
        ),
        (
            "ValidationErrors",
            json!({
                "type": "object",
                "description": "The request does not fit its schema.",
                "properties": {
                    "exception_message": {"type": "string", "nullable": true},
                    "exception_detail": {"type": "array", "nullable": true, "items": {"$ref": "#/components/schemas/ValidationProblem"}},
                    "request_body": {"nullable": true},
                    "detail": {"type": "string", "nullable": true},
                },
            }),
        ),
    ]
}

/// An operation without a tag gets the first part of its path as one: "Work Pools" for `/work_pools/…`.
fn tag(operation: &mut Value, path: &str) {
    let tagged = operation["tags"].as_array().is_some_and(|tags| !tags.is_empty());
    if let (false, Some(operation)) = (tagged, operation.as_object_mut()) {
        let words = path.trim_start_matches('/').split('/').next().unwrap_or_default().split('_');
        let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
        let name = words.filter(|word| !word.is_empty()).map(capital).collect::<Vec<_>>().join(" ");
        operation.insert("tags".into(), json!([name]));
    }
}

fn answer_errors(operation: &mut Value) {
    let takes_body = operation.get("requestBody").is_some();
    let takes_parameter = operation["parameters"].as_array().is_some_and(|p| !p.is_empty());
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let mut add = |status: &str, description: &str, schema: &str| {
        responses.entry(status.to_owned()).or_insert_with(|| {
            let reference = format!("#/components/schemas/{schema}");
            json!({"description": description, "content": {"application/json": {"schema": {"$ref": reference}}}})
        });
    };
    if takes_body {
        add("422", "The request does not fit its schema", "ValidationErrors");
    }
    if takes_parameter {
        add("404", "There is no such thing", "ErrorDetail");
    }
}
