//! Requests made from the document: of each operation the least body, and that with each single leaf of a filter.

use serde_json::{Map, Value, json};

/// Members that say nothing about which rows are read, or in which order.
const SAY_NOTHING: &[&str] = &["operator", "limit", "offset", "page", "include_secrets"];
/// Two values where a list is asked for: one value, and several, have plans of their own.
const IDS: [&str; 2] = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"];

/// Criteria on related objects.
const OF_RELATED: &[&str] = &["id", "name", "tags", "state"];
/// What an operation needs though its schema does not say so.
const NEEDED: &[(&str, &str)] =
    &[("/ui/task_runs/dashboard/counts", r#"{"task_runs": {"start_time": {"after_": "2026-03-01T12:00:00Z"}}}"#)];

pub struct Bodies<'d> {
    pub document: &'d Value,
}

impl Bodies<'_> {
    /// The bodies of an operation on `path`, that without a criterion first. Of criteria on related objects there are a
    /// few; how all of their leaves are found is seen where they are asked for themselves.
    pub fn of(&self, path: &str, operation: &Value) -> Vec<Value> {
        let content = &operation["requestBody"]["content"];
        let schema =
            content.as_object().and_then(|content| content.values().next()).map_or(&Value::Null, |c| &c["schema"]);
        let schema = self.resolved(schema);
        let Some(members) = schema["properties"].as_object() else { return vec![Value::Null] };
        let own = |name: &str| path.split('/').any(|part| part == name);
        let has_own = members.keys().any(|name| own(name));
        let mut base = self.least(schema);
        if let Some((_, least)) = NEEDED.iter().find(|(of, _)| *of == path) {
            base.extend(serde_json::from_str::<Map<String, Value>>(least).unwrap());
        }
        let mut bodies = vec![Value::Object(base.clone())];
        for (name, member) in criteria(members) {
            let leaves =
                if has_own && !own(name) && name != "sort" { self.first_leaves(member) } else { self.leaves(member) };
            bodies.extend(leaves.into_iter().map(|leaf| with(&base, name, leaf)));
        }
        bodies
    }

    /// The required members of an object.
    fn least(&self, schema: &Value) -> Map<String, Value> {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let value = |name: &str| match name {
            "history_start" => json!("2026-03-01T00:00:00Z"),
            "history_end" => json!("2026-03-02T00:00:00Z"),
            "history_interval_seconds" => json!(3600),
            _ => self.leaves(&schema["properties"][name]).swap_remove(0),
        };
        required.map(|name| (name.to_owned(), value(name))).collect()
    }

    /// A value for each single leaf of a schema.
    pub fn leaves(&self, schema: &Value) -> Vec<Value> {
        let schema = self.resolved(schema);
        if let Some(values) = schema["enum"].as_array() {
            return values.clone();
        }
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (Some("object"), _) => match schema["properties"].as_object() {
                Some(members) => {
                    let base = self.least(schema);
                    let leaves = criteria(members).map(|(name, member)| (name, self.leaves(member)));
                    leaves
                        .flat_map(|(name, leaves)| {
                            leaves.into_iter().map(|leaf| with(&base, name, leaf)).collect::<Vec<_>>()
                        })
                        .collect()
                }
                None if schema["additionalProperties"].is_object() => {
                    let values = self.leaves(&schema["additionalProperties"]);
                    values.into_iter().map(|value| json!({"prefect.resource.name": value})).collect()
                }
                None => vec![json!({})],
            },
            (Some("array"), _) => match self.resolved(&schema["items"])["format"].as_str() {
                Some("uuid") => vec![json!(IDS[..1]), json!(IDS)],
                _ => {
                    let items = self.leaves(&schema["items"]);
                    match items.first() {
                        Some(first @ Value::String(_)) => {
                            vec![json!([first]), json!([first, items.get(1).unwrap_or(&json!("w"))])]
                        }
                        Some(Value::Array(_)) => vec![json!([items.last()])],
                        _ => items.into_iter().map(|item| json!([item])).collect(),
                    }
                }
            },
            (Some("string"), Some("uuid")) => vec![json!(IDS[0])],
            (Some("string"), Some("date-time")) => vec![json!("2026-03-01T12:00:00Z")],
            (Some("boolean"), _) => vec![json!(true), json!(false)],
            (Some("integer" | "number"), _) => vec![json!(1)],
            _ => vec![json!("vine")],
        }
    }

    /// The first leaf of each of a few members of an object.
    fn first_leaves(&self, schema: &Value) -> Vec<Value> {
        let schema = self.resolved(schema);
        let members = schema["properties"].as_object().into_iter().flat_map(criteria);
        let members = members.filter(|(name, _)| OF_RELATED.contains(&name.as_str()));
        members.filter_map(|(name, member)| Some(json!({name: self.leaves(member).into_iter().next()?}))).collect()
    }

    /// What a reference leads to; of several schemas the first.
    pub fn resolved<'v>(&'v self, schema: &'v Value) -> &'v Value {
        let one_of = ["allOf", "anyOf", "oneOf"].iter().find_map(|of| schema[of].as_array()?.first());
        if let Some(schema) = one_of {
            return self.resolved(schema);
        }
        match schema["$ref"].as_str().and_then(|to| to.strip_prefix('#')).and_then(|to| self.document.pointer(to)) {
            Some(schema) => self.resolved(schema),
            None => schema,
        }
    }
}

fn criteria(members: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    members.iter().filter(|(name, _)| !SAY_NOTHING.contains(&name.as_str()))
}

/// The base with a member; where both are objects, with their members.
fn with(base: &Map<String, Value>, name: &str, value: Value) -> Value {
    let mut body = base.clone();
    let value = match (body.get(name), value) {
        (Some(Value::Object(there)), Value::Object(more)) => {
            more.into_iter().fold(Value::Object(there.clone()), |body, (name, value)| {
                with(body.as_object().unwrap_or(&Map::new()), &name, value)
            })
        }
        (_, value) => value,
    };
    body.insert(name.to_owned(), value);
    Value::Object(body)
}
