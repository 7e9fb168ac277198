//! What the schema of a request body says of its parts: text must be text, lists lists, whole numbers whole. Members that
//! no schema knows are ignored, which is told now and then.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::Value;

use crate::Problem;

/// How often it is told at most that members were ignored.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Counts what happens often, and is told of seldom.
struct Seldom {
    number: u64,
    told: Option<Instant>,
}

impl Seldom {
    /// Counts one more; the number so far if it is time to tell it.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.number += 1;
        if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(self.number)
    }
}

/// What is looked at in a part of a body.
enum Part {
    /// Nothing.
    Any,
    /// Text, whatever it says.
    Text,
    /// A whole number.
    Whole,
    /// A list.
    List(Box<Part>),
    /// An object whose members have names of their own.
    Values(Box<Part>),
    /// An object of these members.
    Members(HashMap<&'static str, Part>),
}

/// Looks over a body before it is parsed as `T`: tells of members that no schema knows, and turns `30.0` and `"30"`
/// into `30` where a whole number is asked for, since clients send durations that way. Gives what is of a wrong type.
pub(crate) fn look_over<T: Type + 'static>(body: &mut Value) -> Vec<Problem> {
    static PARTS: LazyLock<Mutex<HashMap<TypeId, Arc<Part>>>> = LazyLock::new(Mutex::default);
    let part = {
        let mut parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
        parts.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(part_of::<T>())).clone()
    };
    let mut look = Look { place: vec!["body".into()], problems: Vec::new() };
    look.at(body, &part);
    look.problems
}

struct Look {
    /// Where we are.
    place: Vec<Value>,
    problems: Vec<Problem>,
}

impl Look {
    fn at(&mut self, value: &mut Value, part: &Part) {
        match (part, value) {
            (Part::Any, _) | (Part::Text, Value::String(_)) | (_, Value::Null) => {}
            (Part::Text, other) => self.wrong("string_type", "Input should be a valid string", other),
            (Part::Whole, value) => {
                let text = value.as_str().and_then(|text| text.parse().ok());
                let whole = |x: &f64| value.is_f64() && x.fract() == 0.0 && x.abs() < 9e15;
                if let Some(n) = text.or_else(|| value.as_f64().filter(whole).map(|x| x as i64)) {
                    *value = n.into();
                }
            }
            (Part::List(part), Value::Array(items)) => {
                for (i, item) in items.iter_mut().enumerate() {
                    self.within(i.into(), item, part);
                }
            }
            (Part::List(_), other) => self.wrong("list_type", "Input should be a valid list", other),
            (Part::Values(part), Value::Object(members)) => {
                for (name, value) in members {
                    self.within(name.as_str().into(), value, part);
                }
            }
            (Part::Members(parts), Value::Object(members)) => {
                for (name, value) in members {
                    match parts.get(name.as_str()) {
                        Some(part) => self.within(name.as_str().into(), value, part),
                        None => self.ignored(name),
                    }
                }
            }
            (Part::Values(_) | Part::Members(_), _) => {} // parsing says what is asked for
        }
    }

    fn within(&mut self, step: Value, value: &mut Value, part: &Part) {
        if matches!(part, Part::Any) {
            return;
        }
        self.place.push(step);
        self.at(value, part);
        self.place.pop();
    }

    /// Clients newer than the server exist: whoever runs it is told now and then.
    fn ignored(&self, name: &str) {
        static IGNORED: Mutex<Seldom> = Mutex::new(Seldom { number: 0, told: None });
        let number = IGNORED.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now());
        if let Some(number) = number {
            let within = self.place.iter().map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned));
            let latest = within.chain([name.to_owned()]).collect::<Vec<_>>().join(".");
            tracing::info!(number, latest, "members of requests that no schema knows were ignored since the start");
        }
    }

    fn wrong(&mut self, kind: &str, msg: &str, input: &Value) {
        let (loc, input) = (self.place.clone(), Some(input.clone()));
        self.problems.push(Problem { r#type: kind.into(), loc, msg: msg.into(), input });
    }
}

fn part_of<T: Type>() -> Part {
    let mut registry = Registry::new();
    T::register(&mut registry);
    part(&registry, &T::schema_ref(), &mut Vec::new())
}

/// `open` names the schemas that are being read: one that holds itself is looked at once.
fn part<'r>(registry: &'r Registry, of: &'r MetaSchemaRef, open: &mut Vec<&'r str>) -> Part {
    match of {
        MetaSchemaRef::Inline(schema) => part_of_schema(registry, schema, open),
        MetaSchemaRef::Reference(name) => match registry.schemas.get(name) {
            Some(schema) if !open.contains(&name.as_str()) => {
                open.push(name);
                let part = part_of_schema(registry, schema, open);
                open.pop();
                part
            }
            _ => Part::Any,
        },
    }
}

fn part_of_schema<'r>(registry: &'r Registry, schema: &'r MetaSchema, open: &mut Vec<&'r str>) -> Part {
    let mut members = HashMap::new();
    for (name, of) in &schema.properties {
        members.insert(*name, part(registry, of, open));
    }
    for of in &schema.all_of {
        if let Part::Members(more) = part(registry, of, open) {
            members.extend(more);
        }
    }
    match (schema.ty, &schema.items, &schema.additional_properties) {
        _ if !members.is_empty() => Part::Members(members),
        ("integer", ..) => Part::Whole,
        ("string", ..) if schema.format.is_none() && schema.enum_items.is_empty() => Part::Text,
        ("array", Some(item), _) => Part::List(Box::new(part(registry, item, open))),
        ("object", _, Some(value)) => match part(registry, value, open) {
            Part::Any => Part::Any,
            value => Part::Values(Box::new(value)),
        },
        _ => Part::Any,
    }
}

#[cfg(test)]
mod tests {
    use poem_openapi::Object;
    use serde_json::json;

    use super::*;

    #[derive(Object)]
    struct Inner {
        name: Option<String>,
        again: Option<Vec<Inner>>,
    }

    #[derive(Object)]
    struct Outer {
        name: String,
        tags: Option<Vec<String>>,
        size: Option<i64>,
        labels: Option<HashMap<String, String>>,
        inner: Option<Inner>,
        free: Option<Value>,
    }

    #[test]
    fn what_is_of_a_wrong_type_is_found_where_it_is() {
        for (body, found) in [
            (json!({"name": "n", "tags": ["a"], "free": 5, "labels": {"a": "b"}, "inner": null, "new": 1}), vec![]),
            (json!({"name": 5}), vec![json!(["body", "name"])]),
            (
                json!({"name": true, "tags": ["a", 1, {}]}),
                vec![json!(["body", "name"]), json!(["body", "tags", 1]), json!(["body", "tags", 2])],
            ),
            (json!({"tags": "a"}), vec![json!(["body", "tags"])]),
            (json!({"labels": {"a": 1}}), vec![json!(["body", "labels", "a"])]),
            (json!({"inner": {"name": [], "again": [{"name": 1}]}}), vec![json!(["body", "inner", "name"])]),
        ] {
            let problems = look_over::<Outer>(&mut body.clone());
            let places: Vec<Value> = problems.iter().map(|p| p.loc.clone().into()).collect();
            assert_eq!(places, found, "{body}");
        }
    }

    #[test]
    fn what_is_ignored_is_told_at_once_and_then_once_a_minute() {
        let (mut seldom, start) = (Seldom { number: 0, told: None }, Instant::now());
        let told = [0, 1, 59, 60, 61, 121].map(|seconds| seldom.count(start + Duration::from_secs(seconds)));
        assert_eq!(told, [Some(1), None, None, Some(4), None, Some(6)]);
    }

    #[test]
    fn whole_numbers_in_other_clothes_become_whole_numbers() {
        for (sent, taken) in [
            (json!(30.0), json!(30)),
            (json!("30"), json!(30)),
            (json!(30), json!(30)),
            (json!(30.5), json!(30.5)),
            (json!(1e300), json!(1e300)),
            (json!("x"), json!("x")),
        ] {
            let mut body = json!({"name": "n", "size": sent});
            assert_eq!(look_over::<Outer>(&mut body).len(), 0);
            assert_eq!(body["size"], taken, "{sent}");
        }
    }
}
