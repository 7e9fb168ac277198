//! Whether values fit a JSON Schema. Schemas come from clients: nothing is fetched, nothing runs without end.

use std::cmp::Reverse;

use jsonschema::error::ValidationErrorKind;
use jsonschema::paths::LocationSegment;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::effort::within_bounds;
use super::invalid::Invalid;
use super::messages::message;
use super::preprocess::{Nulls, repaired, without_required};

/// Steps that one regular expression may take on one text.
const BACKTRACKING: usize = 10_000;
/// The largest prepared form of one regular expression, in bytes.
const PATTERN_BYTES: usize = 2 << 20;

/// Whether a missing member counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// It does.
    Enforced,
    /// It does not: more values come later.
    Ignored,
}

/// Checks that a schema is one.
///
/// # Errors
/// [`Invalid::Schema`]
pub fn check_schema(schema: &Value) -> Result<(), Invalid> {
    match jsonschema::draft202012::meta::validate(schema) {
        Ok(()) => Ok(()),
        Err(error) => Err(Invalid::Schema(message(&error))),
    }
}

/// Prepares a schema that is [within bounds](super::effort).
pub(super) fn compile(schema: &Value, formats: bool) -> Result<Validator, Invalid> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .should_validate_formats(formats)
        .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(BACKTRACKING).size_limit(PATTERN_BYTES))
        .build(schema)
        .map_err(|error| match error.kind() {
            ValidationErrorKind::Referencing(_) => {
                Invalid::Values(format!("Validation failed. Failure reason: {error}"))
            }
            _ => Invalid::Schema(message(&error)),
        })
}

/// Checks values against a schema, after its repair.
///
/// # Errors
/// The most telling reason why they do not fit, or what is wrong with the schema.
pub fn check(values: &Value, schema: &Value, required: Required, nulls: Nulls) -> Result<(), Invalid> {
    let schema = repaired(schema, nulls);
    let schema = if required == Required::Ignored { without_required(schema) } else { schema };
    within_bounds(&schema, &[values], |errors_can_be_collected| {
        let validator = compile(&schema, false)?;
        if validator.is_valid(values) {
            return Ok(());
        }
        if !errors_can_be_collected {
            return Err(Invalid::Values(format!("Validation failed. Failure reason: {TOO_MANY}")));
        }
        let errors: Vec<_> = validator.iter_errors(values).collect();
        match best(&errors, &schema) {
            None => Ok(()),
            Some(error) => {
                let path = json_path(error);
                let place = if path.is_empty() { ".".to_owned() } else { format!(" for field '{path}'.") };
                Err(Invalid::Values(format!("Validation failed{place} Failure reason: {}", message(error))))
            }
        }
    })
}

/// What is told of values that do not fit when nobody can say where.
pub(super) const TOO_MANY: &str = "the values do not fit, and they are too large to say where";

/// Which of these values fit, without a reason. Formats do not count and nothing is required, else the schema is taken
/// as it is.
pub(super) fn fit(values: &[Value], schema: &Value) -> Result<Vec<bool>, Invalid> {
    let schema = without_required(schema.clone());
    within_bounds(&schema, &values.iter().collect::<Vec<_>>(), |_| {
        let validator = compile(&schema, false)?;
        Ok(values.iter().map(|value| validator.is_valid(value)).collect())
    })
}

/// The place of an error below the root: `a.b[0]`.
fn json_path(error: &ValidationError<'_>) -> String {
    let mut path = String::new();
    for segment in error.instance_path() {
        match segment {
            LocationSegment::Index(index) => path.push_str(&format!("[{index}]")),
            LocationSegment::Property(name) => {
                let plain = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                match (plain, path.is_empty()) {
                    (true, true) => path.push_str(&name),
                    (true, false) => path.push_str(&format!(".{name}")),
                    // The root's own sign stays where no dot follows it.
                    (false, empty) => {
                        let root = if empty { "$" } else { "" };
                        let name = name.replace('\\', "\\\\").replace('\'', "\\'");
                        path.push_str(&format!("{root}['{name}']"));
                    }
                }
            }
        }
    }
    path
}

/// The error that tells most, as the stock validator chooses it: the one nearest to the root, of those the last by
/// place, and not one that only says that no branch fits; from there into the branches, as long as one of them stands
/// out.
fn best<'e>(errors: &'e [ValidationError<'e>], schema: &Value) -> Option<&'e ValidationError<'e>> {
    // Of equals the first.
    let ranked = errors.iter().map(|error| (rank(error, schema), error));
    let mut best = ranked.reduce(|best, next| if next.0 > best.0 { next } else { best })?.1;
    loop {
        let context = match best.kind() {
            ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => context,
            _ => return Some(best),
        };
        let mut branches: Vec<_> = context.iter().flatten().map(|error| (rank(error, schema), error)).collect();
        branches.sort_by(|(one, _), (other, _)| one.cmp(other));
        match branches.as_slice() {
            [] => return Some(best),
            [first, second, ..] if first.0 == second.0 => return Some(best),
            [first, ..] => best = first.1,
        }
    }
}

/// How much an error of one level tells: greater is more.
fn rank(error: &ValidationError<'_>, schema: &Value) -> (Reverse<usize>, Vec<String>, bool, bool) {
    let path: Vec<String> = error
        .instance_path()
        .into_iter()
        .map(|segment| match segment {
            LocationSegment::Index(index) => format!("{index:020}"),
            LocationSegment::Property(name) => name.into_owned(),
        })
        .collect();
    let weak = matches!(
        error.kind(),
        ValidationErrorKind::AnyOf { .. }
            | ValidationErrorKind::OneOfNotValid { .. }
            | ValidationErrorKind::OneOfMultipleValid { .. }
    );
    let is_of_type = !matches!(error.kind(), ValidationErrorKind::Type { .. }) && {
        let place = error.schema_path().as_str().rsplit_once('/').map_or("", |(parent, _)| parent);
        schema.pointer(place).is_some_and(|schema| schema.get("type").is_some())
    };
    (Reverse(path.len()), path, !weak, !is_of_type)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(values: Value, schema: Value) -> String {
        check(&values, &schema, Required::Enforced, Nulls::WithoutDefault)
            .map_or_else(|e| e.to_string(), |()| "fits".into())
    }

    #[test]
    fn reasons_have_the_texts_that_clients_know() {
        let object = |properties: Value, required: Value| json!({"type": "object", "properties": properties, "required": required});
        let table = [
            (json!({"x": 1}), object(json!({"x": {"type": "integer", "position": 0}}), json!(["x"])), "fits"),
            (json!({"x": "s"}), object(json!({"x": {"type": "integer"}}), json!(["x"])),
                "Validation failed for field 'x'. Failure reason: 's' is not of type 'integer'"),
            (json!({"x": "s"}), object(json!({"x": {"type": "integer"}}), json!([])),
                "Validation failed for field 'x'. Failure reason: 's' is not valid under any of the given schemas"),
            (json!({"x": null}), object(json!({"x": {"type": "integer"}}), json!([])), "fits"),
            (json!({"x": null}), object(json!({"x": {"type": "integer", "default": 1}}), json!([])),
                "Validation failed for field 'x'. Failure reason: None is not of type 'integer'"),
            (json!({}), object(json!({"x": {"type": "integer"}}), json!(["x"])),
                "Validation failed. Failure reason: 'x' is a required property"),
            (json!({"x": [1, "it's"]}), object(json!({"x": {"items": {"type": "integer"}}}), json!([])),
                "Validation failed for field 'x[1]'. Failure reason: \"it's\" is not of type 'integer'"),
            (json!({"x": {"y": true}}), object(json!({"x": {"$ref": "#/definitions/D"}}), json!([])).as_object().map(|schema| {
                let mut schema = schema.clone();
                schema.insert("definitions".into(), json!({"D": {"type": "object", "properties": {"y": {"type": "string"}}, "required": ["y"]}}));
                Value::Object(schema)
            }).unwrap_or_default(), "Validation failed for field 'x.y'. Failure reason: True is not of type 'string'"),
            (json!({"x": "c"}), object(json!({"x": {"enum": ["a", 1.5, null]}}), json!([])),
                "Validation failed for field 'x'. Failure reason: 'c' is not one of ['a', 1.5, None]"),
            (json!({"x": 1}), json!({"type": "object", "properties": {"y": {}}, "additionalProperties": false}),
                "Validation failed. Failure reason: Additional properties are not allowed ('x' was unexpected)"),
            (json!({"x": [1, "a"]}), object(json!({"x": {"type": "array", "items": [{"type": "integer"}, {"type": "integer"}]}}), json!(["x"])),
                "Validation failed for field 'x[1]'. Failure reason: 'a' is not of type 'integer'"),
            (json!({"x": 1}), json!({"type": "nonsense"}), "Invalid schema: 'nonsense' is not valid under any of the given schemas"),
        ];
        for (values, schema, text) in table {
            assert_eq!(told(values.clone(), schema.clone()), text, "{values} in {schema}");
        }
    }

    #[test]
    fn circular_and_remote_references_are_refused_and_recursive_ones_work() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"properties": {"a": {"$ref": "#/definitions/A"}}, "definitions": {"A": {"$ref": "#/definitions/B"}, "B": {"allOf": [{"$ref": "#/definitions/A"}]}}}),
        ] {
            assert_eq!(told(json!({"a": 1}), schema), Invalid::Circular.to_string());
        }
        let tree = json!({"$ref": "#/definitions/T", "definitions": {"T": {"type": "object", "properties": {"kids": {"items": {"$ref": "#/definitions/T"}}}}}});
        assert_eq!(told(json!({"kids": [{"kids": []}]}), tree.clone()), "fits");
        assert!(told(json!({"kids": [{"kids": [3]}]}), tree).contains("'kids[0].kids[0]'"));
        for reference in ["http://127.0.0.1:1/schema.json", "file:///etc/passwd", "#/definitions/missing"] {
            let text = told(json!({"a": 1}), json!({"properties": {"a": {"$ref": reference}}}));
            assert!(text.starts_with("Validation failed. Failure reason: "), "{text}");
        }
    }

    #[test]
    fn required_members_can_be_left_for_later() {
        let schema =
            json!({"type": "object", "properties": {"x": {"type": "object", "required": ["y"]}}, "required": ["x"]});
        for values in [json!({}), json!({"x": {}})] {
            assert_eq!(check(&values, &schema, Required::Ignored, Nulls::WithoutDefault), Ok(()));
            assert!(check(&values, &schema, Required::Enforced, Nulls::WithoutDefault).is_err());
        }
    }
}
