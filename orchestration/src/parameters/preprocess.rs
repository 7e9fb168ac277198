//! Repairs of schemas that older clients make: what they leave out is filled in before values are checked.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

/// Which members that are not required may be null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// Those that the schema says.
    AsWritten,
    /// Those without a default.
    WithoutDefault,
    /// All of them.
    Optional,
}

/// A copy of the schema in which properties that are not required may be null, and arrays of schemas under `items` are
/// `prefixItems`. (wire W9.12: non-required properties are widened; with a default only where [`Nulls`] says so)
pub(super) fn repaired(schema: &Value, nulls: Nulls) -> Value {
    let mut schema = schema.clone();
    let Value::Object(members) = &mut schema else { return schema };
    // Drafts are told apart by their keywords; the schemas that clients make are of this one, whatever they say. Nor
    // does it matter under which name they are known elsewhere.
    for keyword in ["$schema", "$id"] {
        members.remove(keyword);
    }
    // wire W9.12: 2.x clients send these as null where a flow has none.
    for keyword in ["definitions", "properties", "required"] {
        if members.get(keyword).is_some_and(Value::is_null) {
            members.remove(keyword);
        }
    }
    if nulls == Nulls::AsWritten {
        return schema;
    }
    repair_properties(members, nulls);
    if let Some(Value::Object(definitions)) = members.get_mut("definitions") {
        for (_, definition) in definitions.iter_mut() {
            if let Value::Object(definition) = definition {
                repair_properties(definition, nulls);
            }
        }
        let blocks: Vec<(String, Value)> = definitions
            .values()
            .filter(|definition| definition.get("block_type_slug").is_some())
            .filter_map(|definition| Some((definition.get("title")?.as_str()?.to_owned(), definition.clone())))
            .collect();
        for (title, definition) in blocks {
            definitions.insert(title, json!({"oneOf": [definition, block_reference()]}));
        }
    }
    schema
}

/// A block may be given by reference: `{"$ref": id}` or `{"$ref": {"block_document_id": id}}`.
fn block_reference() -> Value {
    json!({
        "type": "object",
        "properties": {"$ref": {"oneOf": [
            {"type": "string", "format": "uuid"},
            {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1},
        ]}},
        "required": ["$ref"],
    })
}

fn repair_properties(schema: &mut Map<String, Value>, nulls: Nulls) {
    let required: HashSet<String> = match schema.get("required") {
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => HashSet::new(),
    };
    let Some(Value::Object(properties)) = schema.get_mut("properties") else { return };
    for (name, property) in properties.iter_mut() {
        let Value::Object(property) = property else { continue };
        let may_be_null = !required.contains(name)
            && property.get("type").is_some_and(|kind| kind != "null")
            && (nulls == Nulls::Optional || !property.contains_key("default"));
        if may_be_null && let Some(kind) = property.remove("type") {
            property.insert("anyOf".into(), json!([{"type": kind}, {"type": "null"}]));
        }
        let is_tuple = matches!(property.get("items"), Some(Value::Array(items)) if !items.is_empty());
        if is_tuple
            && !property.contains_key("prefixItems")
            && let Some(items) = property.remove("items")
        {
            property.insert("prefixItems".into(), items);
        }
        repair_properties(property, nulls);
    }
}

/// A copy without any member `required`, however deep in objects.
pub(super) fn without_required(schema: Value) -> Value {
    match schema {
        Value::Object(members) => members
            .into_iter()
            .filter(|(name, _)| name != "required")
            .map(|(name, member)| (name, without_required(member)))
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}
