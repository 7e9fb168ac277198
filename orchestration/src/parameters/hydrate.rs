//! Hydration: objects with the member `__prefect_kind` stand for something else, and become it. (wire W9.11)

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::template;

/// The member that makes an object a stand-in.
const KIND: &str = "__prefect_kind";

/// Deeper nesting is not followed: JSON texts inside JSON texts would have no end.
const MAX_DEPTH: usize = 64;

/// Variables of the workspace by name.
pub type Variables = BTreeMap<String, Value>;

/// A stand-in that stands for nothing. The texts are those that clients know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A member that its kind needs is not there.
    #[error("Missing '{0}' key in __prefect object")]
    Missing(&'static str),
    /// The text of kind `json` is no JSON.
    #[error("Invalid JSON: {0}")]
    Json(String),
    /// The template of kind `jinja` cannot be rendered.
    #[error("Invalid jinja: {0}")]
    Jinja(String),
    /// There is no such variable.
    #[error("Variable '{0}' not found in workspace.")]
    Variable(String),
}

/// What stands in place of values that are not known yet, for a form that is being filled in.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// The values; null where a mark says more.
    pub values: Value,
    /// JSON pointers of stand-ins that have no value: with a fault, or (templates) because it is not known yet.
    pub marks: BTreeMap<String, Option<Fault>>,
}

/// Whether hydration needs the variables of the workspace.
pub fn mentions_variables(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            members.get(KIND).is_some_and(|kind| kind == "workspace_variable")
                || members.values().any(mentions_variables)
        }
        Value::Array(items) => items.iter().any(mentions_variables),
        _ => false,
    }
}

/// Replaces every stand-in by what it stands for.
///
/// # Errors
/// The first stand-in that stands for nothing.
pub fn hydrate(value: &Value, variables: &Variables) -> Result<Value, Fault> {
    let mut hydration = Hydration { variables, render: true, marks: BTreeMap::new(), at: Vec::new() };
    let values = match hydration.value(value) {
        Got::Value(value) => value,
        Got::Nothing => Value::Object(Map::new()),
        Got::Unknown(Some(fault)) => return Err(fault),
        Got::Unknown(None) => Value::Null,
    };
    match hydration.marks.into_values().flatten().next() {
        Some(fault) => Err(fault),
        None => Ok(values),
    }
}

/// Replaces stand-ins as far as they can be; templates are checked and not rendered.
pub fn preview(value: &Value, variables: &Variables) -> Preview {
    let mut hydration = Hydration { variables, render: false, marks: BTreeMap::new(), at: Vec::new() };
    let values = match hydration.value(value) {
        Got::Value(value) => value,
        Got::Nothing => Value::Object(Map::new()),
        Got::Unknown(fault) => {
            hydration.marks.insert(String::new(), fault);
            Value::Null
        }
    };
    Preview { values, marks: hydration.marks }
}

/// What became of a value.
enum Got {
    Value(Value),
    /// It is removed from what holds it.
    Nothing,
    Unknown(Option<Fault>),
}

struct Hydration<'a> {
    variables: &'a Variables,
    render: bool,
    marks: BTreeMap<String, Option<Fault>>,
    at: Vec<String>,
}

impl Hydration<'_> {
    fn value(&mut self, value: &Value) -> Got {
        if self.at.len() > MAX_DEPTH {
            return Got::Value(value.clone());
        }
        match value {
            Value::Object(members) if members.contains_key(KIND) => self.stand_in(members),
            Value::Object(members) => {
                let mut out = Map::new();
                for (name, member) in members {
                    if let Some(value) = self.member(name.replace('~', "~0").replace('/', "~1"), member) {
                        out.insert(name.clone(), value);
                    }
                }
                Got::Value(Value::Object(out))
            }
            Value::Array(items) => {
                let mut out = Vec::with_capacity(items.len());
                for item in items {
                    if let Some(value) = self.member(out.len().to_string(), item) {
                        out.push(value);
                    }
                }
                Got::Value(Value::Array(out))
            }
            plain => Got::Value(plain.clone()),
        }
    }

    /// A member of an object or an array; a stand-in without a value leaves null and a mark.
    fn member(&mut self, name: String, value: &Value) -> Option<Value> {
        self.at.push(name);
        let got = match self.value(value) {
            Got::Value(value) => Some(value),
            Got::Nothing => None,
            Got::Unknown(fault) => {
                self.marks.insert(format!("/{}", self.at.join("/")), fault);
                Some(Value::Null)
            }
        };
        self.at.pop();
        got
    }

    fn stand_in(&mut self, members: &Map<String, Value>) -> Got {
        match members.get(KIND).and_then(Value::as_str) {
            Some("none") => match members.get("value") {
                Some(value) => self.value(value),
                None => Got::Unknown(Some(Fault::Missing("value"))),
            },
            Some("json") => match members.get("value").map(|value| self.operand(value)) {
                None => Got::Nothing,
                Some(Got::Value(Value::String(text))) => match serde_json::from_str(&text) {
                    Ok(value) => Got::Value(value),
                    Err(error) => Got::Unknown(Some(Fault::Json(error.to_string()))),
                },
                Some(other) => other,
            },
            Some("jinja") => match members.get("template").map(|template| self.operand(template)) {
                None => Got::Unknown(Some(Fault::Missing("template"))),
                Some(Got::Value(Value::String(text))) if self.render => match template::render(&text) {
                    Ok(text) => Got::Value(Value::String(text)),
                    Err(why) => Got::Unknown(Some(Fault::Jinja(why))),
                },
                Some(Got::Value(Value::String(text))) => Got::Unknown(template::check(&text).err().map(Fault::Jinja)),
                Some(Got::Value(_)) => Got::Unknown(Some(Fault::Jinja("the template is no text".into()))),
                Some(other) => other,
            },
            Some("workspace_variable") => match members.get("variable_name").map(|name| self.operand(name)) {
                None => Got::Nothing,
                Some(Got::Value(name)) => {
                    let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
                    match self.variables.get(&name) {
                        Some(value) => Got::Value(value.clone()),
                        None => Got::Unknown(Some(Fault::Variable(name))),
                    }
                }
                Some(other) => other,
            },
            _ => Got::Value(members.get("value").cloned().unwrap_or(Value::Null)),
        }
    }

    /// The text that a kind works on, which may be a stand-in itself.
    fn operand(&mut self, value: &Value) -> Got {
        if value.is_object() { self.value(value) } else { Got::Value(value.clone()) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables() -> Variables {
        Variables::from([("n".into(), json!(7)), ("text".into(), json!("[1]"))])
    }

    #[test]
    fn stand_ins_become_what_they_stand_for() {
        let table = [
            (json!({"a": 1, "b": [true]}), json!({"a": 1, "b": [true]})),
            (json!({"a": {"__prefect_kind": "json", "value": "{\"x\": 1}"}}), json!({"a": {"x": 1}})),
            (json!({"a": {"__prefect_kind": "json"}, "b": [{"__prefect_kind": "json"}, 1]}), json!({"b": [1]})),
            (json!({"a": {"__prefect_kind": "json", "value": 3}}), json!({"a": 3})),
            (json!({"a": {"__prefect_kind": "jinja", "template": "{{ 1 + 1 }}!"}}), json!({"a": "2!"})),
            (json!({"a": {"__prefect_kind": "workspace_variable", "variable_name": "n"}}), json!({"a": 7})),
            (json!({"a": {"__prefect_kind": "workspace_variable"}}), json!({})),
            (
                json!({"a": {"__prefect_kind": "none", "value": {"b": {"__prefect_kind": "json", "value": "1"}}}}),
                json!({"a": {"b": 1}}),
            ),
            (json!({"a": {"__prefect_kind": "unknown", "value": 5}}), json!({"a": 5})),
            (json!({"a": {"__prefect_kind": null}}), json!({"a": null})),
            (
                json!({"a": {"__prefect_kind": "json", "value": {"__prefect_kind": "workspace_variable", "variable_name": "text"}}}),
                json!({"a": [1]}),
            ),
            (json!({"__prefect_kind": "json"}), json!({})),
        ];
        for (given, wanted) in table {
            assert_eq!(hydrate(&given, &variables()), Ok(wanted), "{given}");
        }
    }

    #[test]
    fn what_stands_for_nothing_is_named() {
        let table = [
            (json!({"a": {"__prefect_kind": "none"}}), "Missing 'value' key in __prefect object"),
            (json!({"a": {"__prefect_kind": "jinja"}}), "Missing 'template' key in __prefect object"),
            (
                json!({"a": [{"__prefect_kind": "workspace_variable", "variable_name": "x"}]}),
                "Variable 'x' not found in workspace.",
            ),
        ];
        for (given, text) in table {
            assert_eq!(
                hydrate(&given, &variables()).map_err(|fault| fault.to_string()),
                Err(text.to_owned()),
                "{given}"
            );
        }
        for (kind, begin) in [("json", "Invalid JSON: "), ("jinja", "Invalid jinja: ")] {
            let given = json!({"a": {"__prefect_kind": kind, "value": "{{", "template": "{{"}});
            let fault = hydrate(&given, &variables()).expect_err(kind).to_string();
            assert!(fault.starts_with(begin), "{fault}");
        }
    }

    #[test]
    fn a_preview_marks_what_is_not_known() {
        let given = json!({"a": {"__prefect_kind": "jinja", "template": "{{ x }}"}, "b": [{"__prefect_kind": "json", "value": "{"}]});
        let preview = preview(&given, &variables());
        assert_eq!(preview.values, json!({"a": null, "b": [null]}));
        assert_eq!(preview.marks.get("/a"), Some(&None));
        assert!(matches!(preview.marks.get("/b/0"), Some(Some(Fault::Json(_)))));
    }
}
