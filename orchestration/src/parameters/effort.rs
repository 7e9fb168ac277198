//! How much work it is to check values against a schema, counted before it is done.
//!
//! A schema that refers to itself in several alternatives doubles the work with every level of the values, so a small
//! request could keep a processor busy for hours. What is counted follows the validator: where it looks at something
//! twice, so does the count; where it may stop early, the count does not.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tokio::runtime::{Handle, RuntimeFlavor};

use super::circular::{IN_PLACE, IN_PLACE_LISTS, is_circular};
use super::invalid::Invalid;
use super::references::{REFERRING, References, objects};

/// The most steps of one check; a step takes some ten nanoseconds.
const MOST: u64 = 5_000_000;
/// The most steps of a check that is done where it is asked for: a few milliseconds.
const LIGHT: u64 = 50_000;
/// The most levels of values, references and alternatives within each other: each takes room on the stack.
const DEEPEST: usize = 256;
/// The most errors that a check may collect before one is chosen: each takes some hundred bytes.
const MOST_ERRORS: u64 = 1_000_000;

/// Steps of counting what a reference leads to.
const REFERENCE: u64 = 10;
/// Steps of compiling one keyword.
const KEYWORD: u64 = 20;
/// Steps of compiling one regular expression.
const PATTERN: u64 = 25_000;
/// Steps of one match of a regular expression that may go back and forth.
const BACKTRACKING: u64 = 5_000;
/// Bytes of text that are looked at in one step.
const BYTES: u64 = 32;

/// Keywords with one schema, with a list of them, with named ones.
const ONE: &[&str] = &[
    "items",
    "contains",
    "additionalItems",
    "additionalProperties",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "contentSchema",
];
const LISTS: &[&str] = &["prefixItems", "items"];
const NAMED: &[&str] = &["properties", "patternProperties", "dependentSchemas", "dependencies", "$defs", "definitions"];

/// Does `work` if it stays within bounds; if it is not light, where it keeps nobody else waiting. It is told whether
/// errors can be collected.
///
/// # Errors
/// [`Invalid::Circular`], [`Invalid::TooMuch`], [`Invalid::TooDeep`], [`Invalid::Schema`], and those of `work`.
pub(super) fn within_bounds<T>(
    schema: &Value,
    values: &[&Value],
    work: impl FnOnce(bool) -> Result<T, Invalid>,
) -> Result<T, Invalid> {
    match count(schema, values, LIGHT) {
        Err(Invalid::TooMuch) => aside(|| work(count(schema, values, MOST)? <= MOST_ERRORS)),
        errors => work(errors? <= MOST_ERRORS),
    }
}

/// Does what takes long, and lets other threads take over what waits for this one.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|handle| handle.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

/// The most errors that these values can have, if to find them takes at most `most` steps.
fn count(schema: &Value, values: &[&Value], most: u64) -> Result<u64, Invalid> {
    let objects = objects(schema, most).ok_or(Invalid::TooMuch)?;
    let references = References::of(schema, &objects);
    if is_circular(&objects, &references) {
        return Err(Invalid::Circular);
    }
    let mut count = Count { references, most, steps: objects.len() as u64, errors: 0 };
    count.compile(schema)?;
    for value in values {
        count.visit(schema, value, Times { asked: 0, told: 1 }, 0)?;
    }
    Ok(count.errors)
}

/// How often a schema is applied to a value.
#[derive(Clone, Copy)]
struct Times {
    /// To know whether it fits.
    asked: u64,
    /// To collect its errors.
    told: u64,
}

impl Times {
    fn all(self) -> u64 {
        self.asked.saturating_add(self.told)
    }
    /// Of a schema that is only asked, once each time.
    fn asking(self) -> Times {
        Times { asked: self.all(), told: 0 }
    }
    /// Of an alternative: before its errors are collected, all alternatives are asked.
    fn choosing(self) -> Times {
        Times { asked: self.all(), told: self.told }
    }
    /// Of a schema that says which members it knows: that is found out as errors are.
    fn marking(self) -> Times {
        Times { asked: self.asked, told: self.told.saturating_add(self.all()) }
    }
}

struct Count<'a> {
    references: References<'a>,
    most: u64,
    steps: u64,
    errors: u64,
}

impl<'a> Count<'a> {
    fn add(&mut self, times: u64, steps: u64) -> Result<(), Invalid> {
        self.steps = self.steps.saturating_add(times.saturating_mul(steps));
        if self.steps > self.most { Err(Invalid::TooMuch) } else { Ok(()) }
    }

    /// What it takes to prepare a schema: every schema in it once, every pattern, and once more all that says which
    /// members it knows.
    fn compile(&mut self, root: &'a Value) -> Result<(), Invalid> {
        let mut seen: HashSet<*const Value> = HashSet::new();
        let mut patterns: HashSet<&str> = HashSet::new();
        let mut todo = vec![root];
        while let Some(schema) = todo.pop() {
            let Value::Object(members) = schema else { continue };
            if !seen.insert(schema) {
                continue;
            }
            self.add(1, KEYWORD * (1 + members.len() as u64))?;
            if seen.len() > 1 && members.get("$id").is_some_and(Value::is_string) {
                return Err(Invalid::Schema("a part with its own `$id` is not supported: refer to it by `#/…`".into()));
            }
            let named = members.get("patternProperties").and_then(Value::as_object);
            let own = members.get("pattern").and_then(Value::as_str);
            for pattern in named.into_iter().flat_map(Map::keys).map(String::as_str).chain(own) {
                let steps = if patterns.insert(pattern) { PATTERN + pattern.len() as u64 } else { KEYWORD };
                self.add(1, steps)?;
            }
            if knows_members(members) {
                self.compile_again(schema)?;
            }
            for (keyword, part) in members {
                todo.extend(self.parts(keyword, part));
            }
        }
        Ok(())
    }

    /// What is compiled each time that it is come upon.
    fn compile_again(&mut self, schema: &'a Value) -> Result<(), Invalid> {
        let mut todo = vec![schema];
        while let Some(schema) = todo.pop() {
            let Value::Object(members) = schema else { continue };
            self.add(1, KEYWORD * (1 + members.len() as u64))?;
            for (keyword, part) in members.iter().filter(|(keyword, _)| is_in_place(keyword)) {
                todo.extend(self.parts(keyword, part));
            }
        }
        Ok(())
    }

    /// The schemas under a keyword.
    fn parts(&self, keyword: &str, part: &'a Value) -> Vec<&'a Value> {
        match part {
            Value::String(_) if REFERRING.contains(&keyword) => self.references.targets(part),
            Value::Array(list) if IN_PLACE_LISTS.contains(&keyword) || LISTS.contains(&keyword) => {
                list.iter().collect()
            }
            Value::Object(named) if NAMED.contains(&keyword) => named.values().collect(),
            Value::Object(_) if IN_PLACE.contains(&keyword) || ONE.contains(&keyword) => vec![part],
            _ => Vec::new(),
        }
    }

    /// What it takes to apply a schema to a value.
    fn visit(&mut self, schema: &'a Value, value: &Value, times: Times, depth: usize) -> Result<(), Invalid> {
        let Value::Object(members) = schema else { return self.add(times.all(), 1) };
        if depth >= DEEPEST {
            return Err(Invalid::TooDeep(DEEPEST));
        }
        self.add(times.all(), 1 + members.len() as u64 + own_steps(members, value))?;
        let faults = members.len() + members.get("required").and_then(Value::as_array).map_or(0, Vec::len);
        self.errors = self.errors.saturating_add(times.told.saturating_mul(faults as u64));

        let in_place = if knows_members(members) { times.marking() } else { times };
        for (keyword, part) in members.iter().filter(|(keyword, _)| is_in_place(keyword)) {
            let times = match keyword.as_str() {
                "anyOf" | "oneOf" => in_place.choosing(),
                "not" | "if" => in_place.asking(),
                _ => in_place,
            };
            if part.is_string() {
                self.add(1, REFERENCE)?;
            }
            for schema in self.parts(keyword, part) {
                self.visit(schema, value, times, depth + 1)?;
            }
        }
        match value {
            Value::Object(object) => self.visit_members(members, object, times, depth + 1),
            Value::Array(items) => self.visit_items(members, items, times, depth + 1),
            _ => Ok(()),
        }
    }

    fn visit_members(
        &mut self,
        schema: &'a Map<String, Value>,
        object: &Map<String, Value>,
        times: Times,
        depth: usize,
    ) -> Result<(), Invalid> {
        let properties = schema.get("properties").and_then(Value::as_object);
        for (name, property) in properties.into_iter().flatten() {
            if let Some(member) = object.get(name) {
                self.visit(property, member, times, depth)?;
            }
        }
        for (pattern, property) in schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
            for (name, member) in object {
                self.add(times.all(), matching(pattern, name))?;
                self.visit(property, member, times, depth)?;
            }
        }
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            let Some(others) = schema.get(keyword) else { continue };
            for (_, member) in object.iter().filter(|(name, _)| properties.is_none_or(|all| !all.contains_key(*name))) {
                self.visit(others, member, times, depth)?;
            }
        }
        if let Some(names) = schema.get("propertyNames") {
            for name in object.keys() {
                self.visit(names, &Value::String(name.clone()), times, depth)?;
            }
        }
        Ok(())
    }

    fn visit_items(
        &mut self,
        schema: &'a Map<String, Value>,
        items: &[Value],
        times: Times,
        depth: usize,
    ) -> Result<(), Invalid> {
        let first = schema.get("prefixItems").and_then(Value::as_array);
        for (schema, item) in first.into_iter().flatten().zip(items) {
            self.visit(schema, item, times, depth)?;
        }
        for keyword in ["items", "additionalItems", "unevaluatedItems", "contains"] {
            let Some(each) = schema.get(keyword) else { continue };
            let times = if keyword == "contains" { times.asking() } else { times };
            for (place, item) in items.iter().enumerate() {
                let schema = each.as_array().map_or(Some(each), |list| list.get(place));
                if let Some(schema) = schema {
                    self.visit(schema, item, times, depth)?;
                }
            }
        }
        Ok(())
    }
}

/// Whether a keyword applies schemas to the same value.
fn is_in_place(keyword: &str) -> bool {
    IN_PLACE.contains(&keyword)
        || IN_PLACE_LISTS.contains(&keyword)
        || REFERRING.contains(&keyword)
        || ["dependentSchemas", "dependencies"].contains(&keyword)
}

/// Whether a schema asks which members or items the other schemas of its value know.
fn knows_members(schema: &Map<String, Value>) -> bool {
    schema.contains_key("unevaluatedProperties") || schema.contains_key("unevaluatedItems")
}

/// Steps of the keywords that apply no other schema.
fn own_steps(schema: &Map<String, Value>, value: &Value) -> u64 {
    let listed = |keyword: &str| match schema.get(keyword) {
        Some(Value::Array(list)) => list.len() as u64,
        Some(Value::Object(named)) => named.len() as u64,
        _ => 0,
    };
    let compared = ["enum", "const"].iter().any(|keyword| schema.contains_key(*keyword));
    let mut steps = listed("required") + listed("properties");
    if compared {
        steps += (1 + listed("enum")).saturating_mul(match value {
            Value::Object(_) | Value::Array(_) => size(value),
            _ => 1,
        });
    }
    if let Value::String(text) = value {
        steps += text.len() as u64 / BYTES;
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
            steps += matching(pattern, text);
        }
    }
    if schema.contains_key("uniqueItems") && value.is_array() {
        steps += size(value).saturating_mul(16);
    }
    steps
}

/// Steps of one match.
fn matching(pattern: &str, text: &str) -> u64 {
    let mut after_slash = false;
    let refers_back = pattern.chars().any(|c| {
        let refers = after_slash && (c.is_ascii_digit() || c == 'k');
        after_slash = c == '\\' && !after_slash;
        refers
    });
    let goes_back = refers_back || ["(?=", "(?!", "(?<", "(?>", "++", "*+", "?+"].iter().any(|m| pattern.contains(m));
    let linear = 1 + text.len() as u64 / BYTES;
    if goes_back { linear + BACKTRACKING } else { linear }
}

/// How many values a value is made of.
fn size(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(size).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(size).sum::<u64>(),
        Value::String(text) => 1 + text.len() as u64 / BYTES,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::aside;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn others_go_on_while_a_long_check_runs() {
        let ticks = Arc::new(AtomicBool::new(false));
        let seen = ticks.clone();
        let checking = tokio::spawn(async move {
            // The only worker is here. What waits for it must run before this ends.
            let waiting = tokio::spawn(async move { ticks.store(true, Ordering::SeqCst) });
            let ran = aside(|| {
                let begun = Instant::now();
                while !seen.load(Ordering::SeqCst) && begun.elapsed() < Duration::from_secs(20) {
                    std::thread::yield_now();
                }
                seen.load(Ordering::SeqCst)
            });
            waiting.await.unwrap();
            ran
        });
        assert!(checking.await.unwrap());
    }
}
