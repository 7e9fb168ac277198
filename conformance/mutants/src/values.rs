//! Mutants of how values are kept.

use mintaka_core::{Kind, Time, Value};

use super::Mutant;
use super::fault::Fault;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "integers_are_kept_as_floats",
        &["V1"],
        Fault::Value(|_, value| {
            if let Value::Int(n) = value {
                *n = *n as f64 as i64;
            }
        }),
    ),
    Mutant::new(
        "floats_are_kept_in_single_precision",
        &["V1"],
        Fault::Value(|_, value| {
            if let Value::Float(x) = value {
                *x = f64::from(*x as f32);
            }
        }),
    ),
    Mutant::new(
        "times_are_kept_in_milliseconds",
        &["V1"],
        Fault::Value(|_, value| {
            if let Value::Time(time) = value {
                *time = Time::from_micros(time.micros() / 1_000 * 1_000);
            }
        }),
    ),
    Mutant::new(
        "the_first_fields_of_an_identifier_are_kept_the_other_way_round",
        &["V1"],
        Fault::Value(|_, value| {
            if let Value::Uuid(id) = value {
                *id = uuid::Uuid::from_bytes(id.to_bytes_le());
            }
        }),
    ),
    Mutant::new(
        "the_replacement_character_is_lost",
        &["V2"],
        Fault::Value(|_, value| {
            if let Value::Text(text) = value {
                text.retain(|c| c != '\u{fffd}');
            }
        }),
    ),
    Mutant::new(
        "spaces_at_the_end_of_a_text_are_lost",
        &["V2"],
        Fault::Value(|_, value| {
            if let Value::Text(text) = value {
                text.truncate(text.trim_end().len());
            }
        }),
    ),
    Mutant::new(
        "a_text_is_kept_up_to_64_kib",
        &["V2"],
        Fault::Value(|_, value| {
            if let Value::Text(text) = value {
                text.truncate(text.floor_char_boundary(0xffff));
            }
        }),
    ),
    Mutant::new(
        "json_is_parsed_and_written_again",
        &["V3"],
        Fault::Value(|_, value| {
            if let Value::Json(text) = value
                && let Ok(parsed) = serde_json::from_str::<serde_json::Value>(text)
            {
                *text = parsed.to_string();
            }
        }),
    ),
    Mutant::new(
        "tags_are_a_set",
        &["V4"],
        Fault::Value(|_, value| {
            if let Value::Tags(tags) = value {
                tags.sort();
                tags.dedup();
            }
        }),
    ),
    Mutant::new(
        "no_tags_are_one_empty_tag",
        &["V4"],
        Fault::Value(|_, value| {
            if let Value::Tags(tags) = value
                && tags.is_empty()
            {
                tags.push(String::new());
            }
        }),
    ),
    Mutant::new(
        "a_null_text_comes_back_empty",
        &["V5"],
        Fault::Value(|column, value| {
            if column.kind == Kind::Text && value.is_null() {
                *value = "".into();
            }
        }),
    ),
    Mutant::new(
        "a_null_number_comes_back_as_zero",
        &["V5"],
        Fault::Value(|column, value| {
            if column.kind == Kind::Float && value.is_null() {
                *value = Value::float(0.0);
            }
        }),
    ),
];
