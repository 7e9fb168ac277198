//! The checksum of a schema's fields, equal to the one that clients compute.
//!
//! wire W14.3: SHA-256 over the JSON of `[[fields],{}]` as Python writes it (sorted keys, `", "` and `": "`, all but
//! printable ASCII escaped, numbers in Python's spelling), after `secret_fields` is dropped at every depth of nested
//! objects and
//! `definitions` is cut down to those that are in use and are no blocks.

use std::fmt::Write;

use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

const REFERENCE: &str = "#/definitions/";

/// `sha256:` and the hash of a schema's fields.
pub fn checksum(fields: &Map<String, Value>) -> String {
    let mut fields = without_secret_fields(fields);
    let definitions = match fields.get("definitions") {
        Some(Value::Object(definitions)) if !definitions.is_empty() => Some(definitions.clone()),
        _ => None,
    };
    if let Some(definitions) = definitions {
        let own = own_definitions(&fields, &definitions);
        if own.is_empty() {
            fields.shift_remove("definitions");
        } else {
            fields.insert("definitions".into(), Value::Object(own));
        }
    }
    let mut text = String::from("[[");
    write_object(&fields, &mut text);
    text.push_str("], {}]");
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().fold(String::from("sha256:"), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The definitions that an object refers to, directly or through others, and that are no blocks.
pub(super) fn own_definitions(object: &Map<String, Value>, definitions: &Map<String, Value>) -> Map<String, Value> {
    let mut own = Map::new();
    let mut todo = Vec::new();
    references_of_object(object, &mut todo);
    while let Some(name) = todo.pop() {
        let Some(Value::Object(definition)) = definitions.get(&name) else { continue };
        let is_block = definition.get("block_type_slug").is_some_and(|slug| !slug.is_null());
        if definition.is_empty() || is_block || own.contains_key(&name) {
            continue;
        }
        references_of_object(definition, &mut todo);
        own.insert(name, Value::Object(definition.clone()));
    }
    own
}

/// Names of the definitions that a value refers to.
pub(super) fn references(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => references_of_object(object, found),
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

fn references_of_object(object: &Map<String, Value>, found: &mut Vec<String>) {
    if let Some(Value::String(reference)) = object.get("$ref") {
        found.push(reference.replace(REFERENCE, ""));
    }
    object.values().for_each(|value| references(value, found));
}

fn without_secret_fields(object: &Map<String, Value>) -> Map<String, Value> {
    let kept = object.iter().filter(|(key, _)| *key != "secret_fields");
    kept.map(|(key, value)| match value {
        Value::Object(inner) => (key.clone(), Value::Object(without_secret_fields(inner))),
        other => (key.clone(), other.clone()),
    })
    .collect()
}

fn write_value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(number, out),
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push_str(", ");
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(object) => write_object(object, out),
    }
}

fn write_object(object: &Map<String, Value>, out: &mut String) {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(key, _)| *key);
    out.push('{');
    for (n, (key, value)) in members.into_iter().enumerate() {
        if n > 0 {
            out.push_str(", ");
        }
        write_text(key, out);
        out.push_str(": ");
        write_value(value, out);
    }
    out.push('}');
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// A number as Python's `repr` writes it: the shortest digits, an exponent below 1e-4 and from 1e16 on.
fn write_number(number: &Number, out: &mut String) {
    let float = match number.as_f64() {
        Some(float) if number.is_f64() => float,
        _ => {
            let _ = write!(out, "{number}");
            return;
        }
    };
    let scientific = format!("{:e}", float.abs());
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return };
    let digits = mantissa.replace('.', "");
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if float.is_sign_negative() {
        out.push('-');
    }
    if !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "{mantissa}e{sign}{:02}", exponent.abs());
    } else if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        let _ = write!(out, "0.{zeros}{digits}");
    } else {
        let whole = exponent as usize + 1;
        let padded = format!("{digits:0<whole$}");
        let (whole, rest) = padded.split_at(whole);
        let _ = write!(out, "{whole}.{}", if rest.is_empty() { "0" } else { rest });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_both_stock_clients() {
        // Computed by the clients 2.20.26 and 3.9.1, which agree.
        let table: Vec<Map<String, Value>> =
            serde_json::from_str(include_str!("../../../data/checksums.json")).unwrap();
        assert!(table.len() > 10);
        for case in table {
            let fields = case["fields"].as_object().unwrap();
            assert_eq!(checksum(fields), case["checksum"].as_str().unwrap(), "{:?}", case["fields"]);
        }
    }

    #[test]
    fn definitions_that_refer_to_each_other_end() {
        let fields = serde_json::json!({
            "a": {"$ref": "#/definitions/A"},
            "definitions": {"A": {"b": {"$ref": "#/definitions/B"}}, "B": {"a": {"$ref": "#/definitions/A"}}},
        });
        let fields = fields.as_object().unwrap();
        let own = own_definitions(fields, fields["definitions"].as_object().unwrap());
        assert_eq!(own.len(), 2);
    }
}
