//! Where the references of a schema lead, without anything that is fetched.

use std::collections::HashMap;

use serde_json::Value;

/// Keywords that refer to another schema.
pub(super) const REFERRING: &[&str] = &["$ref", "$dynamicRef"];

/// A schema and the places in it that have a name.
pub(super) struct References<'a> {
    root: &'a Value,
    anchors: HashMap<&'a str, Vec<&'a Value>>,
}

impl<'a> References<'a> {
    /// Of a schema and every object in it.
    pub(super) fn of(root: &'a Value, objects: &[&'a Value]) -> References<'a> {
        let mut anchors: HashMap<&str, Vec<&Value>> = HashMap::new();
        for object in objects {
            for keyword in ["$anchor", "$dynamicAnchor"] {
                if let Some(name) = object.get(keyword).and_then(Value::as_str) {
                    anchors.entry(name).or_default().push(object);
                }
            }
        }
        References { root, anchors }
    }

    /// The schemas that a reference may mean: one, several if they share a name, or none that is in here.
    pub(super) fn targets(&self, reference: &Value) -> Vec<&'a Value> {
        let Some(fragment) = reference.as_str().and_then(|text| text.strip_prefix('#')) else { return Vec::new() };
        let fragment = decoded(fragment);
        match self.anchors.get(fragment.as_str()) {
            Some(named) => named.clone(),
            None => self.root.pointer(&fragment).into_iter().collect(),
        }
    }
}

/// Every object inside a schema, whether it is a schema or not: what is none has no keywords that matter. `None` if the
/// schema is made of more than `most` values.
pub(super) fn objects(root: &Value, most: u64) -> Option<Vec<&Value>> {
    let mut all = Vec::new();
    let mut todo = vec![root];
    let mut looked_at = 0;
    while let Some(value) = todo.pop() {
        looked_at += 1;
        if looked_at > most {
            return None;
        }
        match value {
            Value::Object(members) => {
                all.push(value);
                todo.extend(members.values());
            }
            Value::Array(items) => todo.extend(items),
            _ => {}
        }
    }
    Some(all)
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
