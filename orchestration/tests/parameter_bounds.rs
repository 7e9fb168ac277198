//! Checks of values against schemas that would take too long: refused soon, and with a reason.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

use std::time::{Duration, Instant};

use mintaka_orchestration::parameters::{Invalid, Nulls, Required, check, preview, report};
use serde_json::{Map, Value, json};

/// The most levels of values and references within each other.
const DEEPEST: usize = 256;

/// Within so long even a slow machine has refused or checked what is within bounds.
const SOON: Duration = Duration::from_secs(20);

fn told(values: &Value, schema: &Value) -> String {
    let begun = Instant::now();
    let told = match check(values, schema, Required::Enforced, Nulls::WithoutDefault) {
        Ok(()) => "fits".into(),
        Err(why) => why.to_string(),
    };
    assert!(begun.elapsed() < SOON, "{:?} for {schema:.200}", begun.elapsed());
    told
}

/// `leaf` in so many objects.
fn nested(depth: usize, leaf: Value) -> Value {
    (0..depth).fold(leaf, |inner, _| json!({"x": inner}))
}

fn tree(alternatives: usize) -> Value {
    let again = json!({"type": "object", "properties": {"x": {"$ref": "#/definitions/T"}}, "required": ["x"]});
    let mut any: Vec<Value> = vec![again; alternatives];
    any.push(json!({"type": "integer"}));
    json!({"definitions": {"T": {"anyOf": any}}, "$ref": "#/definitions/T"})
}

#[test]
fn alternatives_that_refer_to_themselves_are_bounded() {
    let too_much = Invalid::TooMuch.to_string();
    for (alternatives, depth, leaf, wanted) in [
        (1, 20, json!(1), "fits"),
        (2, 12, json!(1), "fits"),
        (1, 20, json!("s"), "Validation failed"),
        (2, 25, json!(1), &too_much),
        (2, 25, json!("s"), &too_much),
        (9, 12, json!("s"), &too_much),
        (2, 80, json!("s"), &too_much),
        (2, 120, json!("s"), &Invalid::TooDeep(DEEPEST).to_string()),
    ] {
        let text = told(&nested(depth, leaf.clone()), &tree(alternatives));
        assert!(text.starts_with(wanted), "{alternatives} alternatives, {depth} deep, {leaf}: {text:.300}");
    }
    let schema = json!({"type": "object", "properties": {"p": {"$ref": "#/definitions/T"}}, "definitions": tree(2)["definitions"]});
    let values = preview(&json!({"p": nested(25, json!("s"))}), &Default::default());
    assert_eq!(report(&values, &schema), Err(Invalid::TooMuch));
}

#[test]
fn other_ways_to_repeat_work_are_bounded_too() {
    // Each definition applies the next one twice to the same value.
    let doubled = |keyword: &str, unevaluated: bool| {
        let twice = |n: usize| {
            let next = json!({"$ref": format!("#/definitions/D{}", n + 1)});
            let mut schema = json!({keyword: [next, next]});
            if unevaluated {
                schema["unevaluatedProperties"] = json!(false);
            }
            (format!("D{n}"), schema)
        };
        let mut all: Map<String, Value> = (0..40).map(twice).collect();
        all.insert("D40".into(), json!({"type": "integer"}));
        json!({"definitions": all, "$ref": "#/definitions/D0"})
    };
    let many: Vec<Value> = (0..100).map(|n| json!(format!("{}b", "a".repeat(n % 50)))).collect();
    let slow = json!({"items": {"anyOf": vec![json!({"items": {"pattern": r"^(a*)*\1$"}}); 40]}});
    let patterns: Map<String, Value> = (0..300).map(|n| (format!(r"^[\w-]{{{n},400}}$"), json!({}))).collect();
    for (name, values, schema) in [
        ("allOf", json!(1), doubled("allOf", false)),
        ("anyOf", json!("s"), doubled("anyOf", false)),
        ("oneOf", json!(1), doubled("oneOf", false)),
        ("unevaluatedProperties", json!({"a": 1}), doubled("allOf", true)),
        ("backtracking", json!(vec![many; 10]), slow),
        ("patterns", json!({}), json!({"patternProperties": patterns})),
    ] {
        assert_eq!(told(&values, &schema), Invalid::TooMuch.to_string(), "{name}");
    }
}

#[test]
fn long_ways_are_refused_before_they_fill_the_stack() {
    let chain = |n: usize, last: Value| {
        let step = |n: usize| (format!("D{n}"), json!({"$ref": format!("#/definitions/D{}", n + 1)}));
        let mut all: Map<String, Value> = (0..n).map(step).collect();
        all.insert(format!("D{n}"), last);
        json!({"definitions": all, "$ref": "#/definitions/D0"})
    };
    let deepest = DEEPEST - 2;
    assert_eq!(told(&json!(1), &chain(deepest, json!({"type": "integer"}))), "fits");
    assert!(told(&json!("s"), &chain(deepest, json!({"type": "integer"}))).starts_with("Validation failed."));
    let too_deep = Invalid::TooDeep(DEEPEST).to_string();
    for n in [deepest + 1, 100_000] {
        assert_eq!(told(&json!(1), &chain(n, json!({"type": "integer"}))), too_deep, "{n}");
    }
    let round = chain(100_000, json!({"$ref": "#/definitions/D0"}));
    assert_eq!(told(&json!(1), &round), Invalid::Circular.to_string());
    let named = json!({"$ref": "#a", "definitions": {"A": {"$anchor": "a", "allOf": [{"$ref": "#a"}]}}});
    assert_eq!(told(&json!(1), &named), Invalid::Circular.to_string());
}

#[test]
fn large_values_are_checked_and_their_errors_are_not_all_collected() {
    let list = |n: usize, last: Value| {
        let mut items = vec![json!(1); n];
        items.push(last);
        json!({"list": items})
    };
    let schema = json!({"properties": {"list": {"items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}});
    assert_eq!(told(&list(200_000, json!(2)), &schema), "fits");
    assert_eq!(
        told(&list(1_000, json!("s")), &schema),
        "Validation failed for field 'list[1000]'. Failure reason: 's' is not valid under any of the given schemas"
    );
    assert!(told(&list(400_000, json!("s")), &schema).ends_with("too large to say where"));
    // The message holds the beginning of a large value alone.
    let text = told(&list(100_000, json!(2)), &json!({"properties": {"list": {"maxItems": 3}}}));
    assert!(text.len() < 50_000 && text.contains("…"), "{} bytes", text.len());

    let wrong = json!({"list": vec![json!({"n": "s"}); 20_000]});
    let schema = json!({"properties": {"list": {"items": {"properties": {"n": {"type": "integer"}}}}}});
    let begun = Instant::now();
    let told = report(&preview(&wrong, &Default::default()), &schema).unwrap();
    assert_eq!(told["errors"][0]["errors"].as_array().map(Vec::len), Some(1000));
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}

#[test]
fn parts_with_a_name_of_their_own_are_refused() {
    let schema = json!({"properties": {"a": {"$id": "http://x/a", "$ref": "#/definitions/A"}}});
    assert!(told(&json!({"a": 1}), &schema).starts_with("Invalid schema: a part with its own `$id`"));
    let plain = json!({"$id": "http://x/root", "properties": {"$id": {"type": "string"}}, "default": {"$id": "x"}});
    assert_eq!(told(&json!({"$id": "x"}), &plain), "fits");
}
