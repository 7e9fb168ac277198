//! Why a value does not fit, in the words that clients know: those of Python's validator.

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

/// The most bytes of a value in a message, about.
const MAX_VALUE: usize = 10_000;

/// A JSON value as Python writes it: `{'a': [1, 2.0, None, True]}`; of a large one the beginning.
pub(super) fn python(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    if out.len() > MAX_VALUE {
        out.truncate(out.floor_char_boundary(MAX_VALUE));
        out.push('…');
    }
    out
}

/// Writes a value behind what is written, until there is enough.
fn write(value: &Value, out: &mut String) {
    if out.len() > MAX_VALUE {
        return;
    }
    let between = |n: usize| if n == 0 { "" } else { ", " };
    match value {
        Value::Null => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => out.push_str(&python_text(text)),
        Value::Array(items) => {
            out.push('[');
            for (n, item) in items.iter().enumerate().take_while(|(n, _)| *n <= MAX_VALUE) {
                out.push_str(between(n));
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (n, (name, member)) in members.iter().enumerate().take_while(|(n, _)| *n <= MAX_VALUE) {
                out.push_str(between(n));
                write(&Value::String(name.clone()), out);
                out.push_str(": ");
                write(member, out);
            }
            out.push('}');
        }
    }
}

fn python_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

/// `'a', 'b' were`, `'a' was`
fn extras(names: &[String]) -> String {
    let mut names: Vec<_> = names.to_vec();
    names.sort();
    let verb = if names.len() == 1 { "was" } else { "were" };
    format!("{} {verb}", names.iter().map(|name| python_text(name)).collect::<Vec<_>>().join(", "))
}

/// The message of an error.
pub(super) fn message(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    let value = std::fmt::from_fn(|f| f.write_str(&python(error.instance())));
    match error.kind() {
        Kind::Type { kind } => {
            let names: Vec<String> = match kind {
                TypeKind::Single(one) => vec![python_text(&one.to_string())],
                TypeKind::Multiple(set) => set.iter().map(|one| python_text(&one.to_string())).collect(),
            };
            format!("{value} is not of type {}", names.join(", "))
        }
        Kind::Required { property } => format!("{} is a required property", python(property)),
        Kind::AnyOf { .. } | Kind::OneOfNotValid { .. } => {
            format!("{value} is not valid under any of the given schemas")
        }
        Kind::OneOfMultipleValid { .. } => format!("{value} is valid under each of several of the given schemas"),
        Kind::AdditionalProperties { unexpected } => {
            format!("Additional properties are not allowed ({} unexpected)", extras(unexpected))
        }
        Kind::UnevaluatedProperties { unexpected } => {
            format!("Unevaluated properties are not allowed ({} unexpected)", extras(unexpected))
        }
        Kind::Enum { options } => format!("{value} is not one of {}", python(options)),
        Kind::Constant { expected_value } => format!("{} was expected", python(expected_value)),
        Kind::Minimum { limit } => format!("{value} is less than the minimum of {}", python(limit)),
        Kind::Maximum { limit } => format!("{value} is greater than the maximum of {}", python(limit)),
        Kind::ExclusiveMinimum { limit } => {
            format!("{value} is less than or equal to the minimum of {}", python(limit))
        }
        Kind::ExclusiveMaximum { limit } => {
            format!("{value} is greater than or equal to the maximum of {}", python(limit))
        }
        Kind::MultipleOf { multiple_of } => format!("{value} is not a multiple of {multiple_of}"),
        Kind::MinLength { limit } | Kind::MinItems { limit } => {
            format!("{value} {}", if *limit == 1 { "should be non-empty" } else { "is too short" })
        }
        Kind::MaxLength { limit } | Kind::MaxItems { limit } => {
            format!("{value} {}", if *limit == 0 { "is expected to be empty" } else { "is too long" })
        }
        Kind::MinProperties { limit } => {
            format!("{value} {}", if *limit == 1 { "should be non-empty" } else { "does not have enough properties" })
        }
        Kind::MaxProperties { limit } => {
            format!("{value} {}", if *limit == 0 { "is expected to be empty" } else { "has too many properties" })
        }
        Kind::UniqueItems => format!("{value} has non-unique elements"),
        Kind::Pattern { pattern } => format!("{value} does not match {}", python_text(pattern)),
        Kind::Format { format } => format!("{value} is not a {}", python_text(format)),
        Kind::Contains => format!("{value} does not contain items matching the given schema"),
        Kind::Not { schema } => format!("{value} should not be valid under {}", python(schema)),
        Kind::FalseSchema => format!("False schema does not allow {value}"),
        Kind::AdditionalItems { limit } => {
            let found = error.instance().as_array().map_or(0, Vec::len).saturating_sub(*limit);
            let items = if *limit == 1 { "item" } else { "items" };
            format!("Expected at most {limit} {items} but found {found} extra")
        }
        _ => error.to_string(),
    }
}
