//! Schemas that would never finish: a schema that applies itself to the same value again.

use std::collections::HashMap;

use serde_json::Value;

/// Keywords that apply other schemas to the same value.
const IN_PLACE_LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
const IN_PLACE: &[&str] = &["not", "if", "then", "else"];

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Open,
    Done,
}

/// Whether some schema inside `root` applies itself to the same value, over any number of steps. References into
/// properties and items are fine: every turn goes one level down.
pub(super) fn is_circular(root: &Value) -> bool {
    let mut marks = HashMap::new();
    subschemas(root).into_iter().any(|schema| turns(root, schema, &mut marks))
}

/// Every object inside a schema, whether it is a schema or not: what is none has no keywords that matter.
fn subschemas(root: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    let mut todo = vec![root];
    while let Some(value) = todo.pop() {
        match value {
            Value::Object(members) => {
                all.push(value);
                todo.extend(members.values());
            }
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    all
}

fn turns<'a>(root: &'a Value, schema: &'a Value, marks: &mut HashMap<*const Value, Mark>) -> bool {
    let key: *const Value = schema;
    match marks.get(&key) {
        Some(Mark::Open) => return true,
        Some(Mark::Done) => return false,
        None => {}
    }
    marks.insert(key, Mark::Open);
    let found = same_value(root, schema).into_iter().any(|next| turns(root, next, marks));
    marks.insert(key, Mark::Done);
    found
}

/// The schemas that a schema applies to its own value.
fn same_value<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Value> {
    let Value::Object(members) = schema else { return Vec::new() };
    let mut next: Vec<&Value> = IN_PLACE.iter().filter_map(|keyword| members.get(*keyword)).collect();
    for keyword in IN_PLACE_LISTS {
        next.extend(members.get(*keyword).and_then(Value::as_array).into_iter().flatten());
    }
    if let Some(Value::Object(dependent)) = members.get("dependentSchemas") {
        next.extend(dependent.values());
    }
    for keyword in ["$ref", "$dynamicRef"] {
        let target = members.get(keyword).and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        next.extend(target.and_then(|pointer| root.pointer(&decoded(pointer))));
    }
    next
}

/// A fragment as JSON pointer: `%25` and the like are read.
fn decoded(fragment: &str) -> String {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let hex = tail.get(..2).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
