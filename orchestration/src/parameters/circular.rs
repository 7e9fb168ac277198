//! Schemas that would never finish: a schema that applies itself to the same value again.

use std::collections::HashMap;

use serde_json::Value;

use super::references::{REFERRING, References};

/// Keywords that apply other schemas to the same value: lists of them, and single ones.
pub(super) const IN_PLACE_LISTS: &[&str] = &["allOf", "anyOf", "oneOf"];
pub(super) const IN_PLACE: &[&str] = &["not", "if", "then", "else"];

#[derive(Clone, Copy, PartialEq)]
enum Mark {
    Open,
    Done,
}

/// Whether one of these schemas applies itself to the same value, over any number of steps. References into properties
/// and items are fine: every turn goes one level down.
pub(super) fn is_circular<'a>(objects: &[&'a Value], references: &References<'a>) -> bool {
    let mut marks: HashMap<*const Value, Mark> = HashMap::new();
    for start in objects {
        if marks.contains_key(&std::ptr::from_ref(*start)) {
            continue;
        }
        // The way from `start` to where the search is, each with what it has not looked at. A stack of our own: clients
        // send ways of any length.
        marks.insert(*start, Mark::Open);
        let mut way = vec![(*start, same_value(start, references))];
        while let Some((at, ahead)) = way.last_mut() {
            let Some(next) = ahead.pop() else {
                marks.insert(*at, Mark::Done);
                way.pop();
                continue;
            };
            match marks.get(&std::ptr::from_ref(next)) {
                Some(Mark::Open) => return true,
                Some(Mark::Done) => {}
                None => {
                    marks.insert(next, Mark::Open);
                    way.push((next, same_value(next, references)));
                }
            }
        }
    }
    false
}

/// The schemas that a schema applies to its own value.
fn same_value<'a>(schema: &'a Value, references: &References<'a>) -> Vec<&'a Value> {
    let Value::Object(members) = schema else { return Vec::new() };
    let mut next: Vec<&Value> = IN_PLACE.iter().filter_map(|keyword| members.get(*keyword)).collect();
    for keyword in IN_PLACE_LISTS {
        next.extend(members.get(*keyword).and_then(Value::as_array).into_iter().flatten());
    }
    if let Some(Value::Object(dependent)) = members.get("dependentSchemas") {
        next.extend(dependent.values());
    }
    for keyword in REFERRING {
        next.extend(members.get(*keyword).into_iter().flat_map(|reference| references.targets(reference)));
    }
    next
}
