//! JSON objects of requests whose members have names of their own: free ones, labels, and inputs of task runs.

use std::borrow::Cow;

use mintaka_core::Json;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// Declares a kind of object, and what is wrong with a member's value.
macro_rules! json_object {
    ($(#[$doc:meta])* $name:ident, $fault:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize)]
        #[serde(transparent)]
        pub struct $name(pub Map<String, Value>);

        impl From<$name> for Json {
            fn from(object: $name) -> Json {
                Json::from(Value::Object(object.0))
            }
        }

        impl Type for $name {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")))
            }
            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::empty())
            }
        }

        impl ParseFromJSON for $name {
            fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
                parsed(value, $fault).map($name).map_err(ParseError::custom)
            }
        }

        impl ToJSON for $name {
            fn to_json(&self) -> Option<Value> {
                Some(Value::Object(self.0.clone()))
            }
        }
    };
}

json_object! {
    /// A JSON object of any members, their order kept.
    JsonObject, |_| None
}

json_object! {
    /// Labels: each is a text, a number, true or false.
    Labels, |value| {
        let plain = value.is_string() || value.is_number() || value.is_boolean();
        (!plain).then_some("a text, a number, true or false")
    }
}

json_object! {
    /// What the parameters of a task run come from: for each a list of results, parameters and constants.
    TaskInputs, |value| {
        let inputs = value.as_array().is_some_and(|inputs| inputs.iter().all(is_task_input));
        (!inputs).then_some("a list of results, parameters and constants")
    }
}

fn parsed(value: Option<Value>, fault: impl Fn(&Value) -> Option<&'static str>) -> Result<Map<String, Value>, String> {
    let Value::Object(members) = value.unwrap_or_default() else { return Err("this is not an object".into()) };
    match members.iter().find_map(|(name, value)| Some((name, fault(value)?))) {
        Some((name, wanted)) => Err(format!("`{name}` is not {wanted}")),
        None => Ok(members),
    }
}

/// wire W7.10: `input_type` says which member there is: of `task_run` and `flow_run` it is `id`, of `parameter` it is
/// `name`, and of `constant` it is `type`. Without it the member tells.
fn is_task_input(input: &Value) -> bool {
    let text = |member: &str| input.get(member).is_some_and(Value::is_string);
    let id = || input.get("id").and_then(Value::as_str).is_some_and(|id| Uuid::parse_str(id).is_ok());
    match input.get("input_type").map(Value::as_str) {
        Some(Some("task_run" | "flow_run")) => id(),
        Some(Some("parameter")) => text("name"),
        Some(Some("constant")) => text("type"),
        Some(_) => false,
        None => id() || text("name") || text("type"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_plain_values() {
        for (labels, fine) in [
            (json!({"a": "x", "b": 1, "c": 0.5, "d": true}), true),
            (json!({}), true),
            (json!({"a": null}), false),
            (json!({"a": []}), false),
            (json!({"a": {"b": "c"}}), false),
            (json!([]), false),
        ] {
            assert_eq!(Labels::parse_from_json(Some(labels.clone())).is_ok(), fine, "{labels}");
        }
    }

    #[test]
    fn task_inputs_are_lists_of_what_their_type_says() {
        let id = "7b3c1a52-4a52-4c52-9f52-0123456789ab";
        for (inputs, fine) in [
            (json!([]), true),
            (json!([{"input_type": "task_run", "id": id}, {"input_type": "flow_run", "id": id}]), true),
            (json!([{"input_type": "parameter", "name": "x"}, {"input_type": "constant", "type": "int"}]), true),
            (json!([{"id": id}, {"name": "x"}, {"type": "int"}]), true),
            (json!([{"input_type": "task_run", "id": "x"}]), false),
            (json!([{"input_type": "task_run", "name": "x"}]), false),
            (json!([{"input_type": "parameter", "name": null}]), false),
            (json!([{"input_type": "sensor", "name": "x"}]), false),
            (json!([{"input_type": null, "name": "x"}]), false),
            (json!([{}]), false),
            (json!(["x"]), false),
            (json!({"name": "x"}), false),
            (json!(null), false),
        ] {
            let sent = json!({"a": [], "b": inputs});
            assert_eq!(TaskInputs::parse_from_json(Some(sent)).is_ok(), fine, "{inputs}");
        }
    }
}
