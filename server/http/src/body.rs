//! What the schema of a request body says of its parts: text must be text, lists lists, whole numbers whole.
//!
//! Members that no schema knows are ignored, which is told now and then, as newer clients send them. But where members
//! say which rows are meant, one that is mistyped would mean all of them: there it is refused.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Instant;

use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde_json::Value;

use crate::problem::Problems;
use crate::seldom::Seldom;
use crate::{Problem, echo};

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
    /// An object of these members, and of no others if it is closed.
    Members { parts: HashMap<&'static str, Part>, closed: bool },
}

/// Looks over a body before it is parsed as `T`: tells of members that no schema knows, and turns `30.0` and `"30"`
/// into `30` where a whole number is asked for, since clients send durations that way. Gives what is of a wrong type, and
/// members that filters do not know; with `closed`, those that the body itself does not know, too.
pub(crate) fn look_over<T: Type + 'static>(body: &mut Value, closed: bool) -> Found {
    static PARTS: LazyLock<Mutex<HashMap<TypeId, Arc<Part>>>> = LazyLock::new(Mutex::default);
    let part = {
        let mut parts = PARTS.lock().unwrap_or_else(PoisonError::into_inner);
        parts.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(part_of::<T>())).clone()
    };
    let mut look = Look { place: vec!["body".into()], found: Found::default() };
    if let (true, Value::Object(members), Part::Members { parts, .. }) = (closed, &*body, &*part) {
        members
            .iter()
            .filter(|(name, _)| !parts.contains_key(name.as_str()))
            .for_each(|(name, value)| look.unknown(name, value));
    }
    look.at(body, &part);
    look.found
}

/// What a look finds.
#[derive(Default)]
pub(crate) struct Found {
    /// Members that may not be there.
    pub unknown: Problems,
    /// Values of a wrong type.
    pub wrong: Problems,
}

struct Look {
    /// Where we are.
    place: Vec<Value>,
    found: Found,
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
            (Part::Members { parts, closed }, Value::Object(members)) => {
                for (name, value) in members {
                    match parts.get(name.as_str()) {
                        Some(part) => self.within(name.as_str().into(), value, part),
                        None if *closed => self.unknown(name, value),
                        None => self.ignored(name),
                    }
                }
            }
            (Part::Values(_) | Part::Members { .. }, _) => {} // parsing says what is asked for
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
        static IGNORED: Mutex<Seldom> = Mutex::new(Seldom::new());
        let number = IGNORED.lock().unwrap_or_else(PoisonError::into_inner).count(Instant::now());
        if let Some(number) = number {
            let within = self.place.iter().map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned));
            let names = within.chain([name.to_owned()]);
            let latest = names.map(|name| echo::cut(&name, echo::NAME).into_owned()).collect::<Vec<_>>().join(".");
            tracing::info!(number, latest, "members of requests that no schema knows were ignored since the start");
        }
    }

    fn unknown(&mut self, name: &str, value: &Value) {
        let place = &self.place;
        self.found.unknown.add(|| {
            let mut loc = place.clone();
            loc.push(name.into());
            let input = Some(echo::shown(value, echo::VALUE));
            Problem { r#type: "extra_forbidden".into(), loc, msg: "Extra inputs are not permitted".into(), input }
        });
    }

    fn wrong(&mut self, kind: &str, msg: &str, input: &Value) {
        let place = &self.place;
        self.found.wrong.add(|| {
            let (loc, input) = (place.clone(), Some(echo::shown(input, echo::VALUE)));
            Problem { r#type: kind.into(), loc, msg: msg.into(), input }
        });
    }
}

/// Whether the schema of this name says which rows are meant: all that do, and no others, are called so.
fn is_filter(name: &str) -> bool {
    name.ends_with("Filter")
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
                let mut part = part_of_schema(registry, schema, open);
                open.pop();
                if let Part::Members { closed, .. } = &mut part {
                    *closed = is_filter(name);
                }
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
        if let Part::Members { parts, .. } = part(registry, of, open) {
            members.extend(parts);
        }
    }
    match (schema.ty, &schema.items, &schema.additional_properties) {
        _ if !members.is_empty() => Part::Members { parts: members, closed: false },
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
            let problems = look_over::<Outer>(&mut body.clone(), false).wrong.told();
            let places: Vec<Value> = problems.iter().map(|p| p.loc.clone().into()).collect();
            assert_eq!(places, found, "{body}");
        }
    }

    #[derive(Object)]
    struct NameFilter {
        any_: Option<Vec<String>>,
    }

    #[derive(Object)]
    struct ThingFilter {
        name: Option<NameFilter>,
    }

    #[derive(Object)]
    struct Which {
        things: Option<ThingFilter>,
        limit: Option<i64>,
    }

    #[test]
    fn a_member_that_a_filter_does_not_know_is_refused_where_it_is() {
        for (body, closed, found) in [
            (json!({"things": {"name": {"any_": ["a"]}}, "newer": 1}), false, vec![]),
            (json!({"things": {"names": {"any_": ["a"]}}}), false, vec![json!(["body", "things", "names"])]),
            (json!({"things": {"name": {"any": ["a"]}}}), false, vec![json!(["body", "things", "name", "any"])]),
            (json!({"thing": {"name": {"any_": ["a"]}}}), true, vec![json!(["body", "thing"])]),
            (json!({"things": null, "limit": 3}), true, vec![]),
        ] {
            let problems = look_over::<Which>(&mut body.clone(), closed).unknown.told();
            let places: Vec<Value> = problems.iter().map(|p| p.loc.clone().into()).collect();
            assert_eq!(places, found, "{body}");
            assert!(problems.iter().all(|p| p.r#type == "extra_forbidden"));
        }
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
            assert!(look_over::<Outer>(&mut body, false).wrong.is_empty());
            assert_eq!(body["size"], taken, "{sent}");
        }
    }
}
