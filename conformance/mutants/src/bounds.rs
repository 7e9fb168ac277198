//! Mutants of what is much, long or great.

use mintaka_core::{Change, Condition, Key, Op, Record, Value, records::BlockSchema, records::block_schema};

use super::Mutant;
use super::fault::Fault;

/// As much as fits into a name beside its row's id.
const LONGEST: usize = mintaka_core::MAX_KEY_BYTES - 16;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "a_result_ends_after_a_thousand_rows",
        &["S21"],
        Fault::Selected(|_, rows| rows.map(|rows| rows.into_iter().take(1_000).collect())),
    ),
    Mutant::new(
        "an_aggregate_ends_after_two_thousand_lines",
        &["S21"],
        Fault::Lines(|_, lines| lines.map(|lines| lines.into_iter().take(2_000).collect())),
    ),
    Mutant::new(
        "texts_of_a_key_are_joined",
        &["G5"],
        Fault::Op(|op| {
            if let Op::Insert { table, values, .. } = op
                && *table == BlockSchema::TABLE
                && let [Value::Text(checksum), Value::Text(version)] =
                    [&values[block_schema::checksum.ordinal], &values[block_schema::version.ordinal]]
            {
                values[block_schema::checksum.ordinal] = format!("{checksum}{version}").into();
                values[block_schema::version.ordinal] = "".into();
            }
        }),
    ),
    Mutant::new(
        "a_key_is_cut_to_the_longest",
        &["G6"],
        Fault::Keys(|keys| {
            for key in keys {
                if let Key::Unique(values) = key
                    && let [Value::Text(text)] = &mut values[..]
                {
                    text.truncate(text.floor_char_boundary(LONGEST));
                }
            }
        }),
    ),
    Mutant::new(
        "a_constant_goes_to_the_other_side_of_a_condition",
        &["C26"],
        Fault::Op(|op| {
            let Op::Update { when, .. } = op else { return };
            for condition in when {
                if let Condition::Compare(left, _, right) = condition
                    && let (Some(Value::Int(more)), Some(Value::Int(n))) = (&left.constant, &right.constant)
                    && !left.columns.is_empty()
                {
                    right.constant = Some(Value::Int(n.wrapping_sub(*more)));
                    left.constant = None;
                }
            }
        }),
    ),
    Mutant::new(
        "the_least_number_is_taken_for_none",
        &["C26"],
        Fault::Op(|op| {
            if let Op::Update { change: Change { max, .. }, .. } = op {
                max.retain(|(_, value)| *value != Value::Int(i64::MIN));
            }
        }),
    ),
];
