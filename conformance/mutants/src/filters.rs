//! Mutants of the filter language.

use mintaka_core::{Cmp, Filter, Kind, Value};

use super::fault::Fault;
use super::{Mutant, three_valued};

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "or_of_nothing_is_true",
        &["S1"],
        Fault::Filter(|filter| if filter == Filter::none() { Filter::all() } else { filter }),
    ),
    Mutant::new(
        "and_of_nothing_is_false",
        &["S1"],
        Fault::Filter(|filter| if filter == Filter::all() { Filter::none() } else { filter }),
    ),
    Mutant::new(
        "not_of_a_comparison_with_null_is_null",
        &["S2"],
        Fault::Query(|query| query.filter = three_valued::is_true(std::mem::replace(&mut query.filter, Filter::all()))),
    ),
    Mutant::new(
        "less_is_less_or_equal",
        &["S3"],
        Fault::Filter(|filter| match filter {
            Filter::Compare(column, Cmp::Lt, value) => Filter::Compare(column, Cmp::Le, value),
            other => other,
        }),
    ),
    Mutant::new(
        "null_is_less_than_every_value",
        &["S3"],
        Fault::Filter(|filter| match filter {
            Filter::Compare(column, Cmp::Lt | Cmp::Le, _) => Filter::Or(vec![Filter::IsNull(column), filter]),
            other => other,
        }),
    ),
    Mutant::new(
        "equal_texts_may_differ_in_case",
        &["S3"],
        Fault::Filter(|filter| match filter {
            Filter::Compare(column, Cmp::Eq, Value::Text(text)) => Filter::Like(vec![column], text),
            other => other,
        }),
    ),
    Mutant::new(
        "columns_are_compared_the_other_way_round",
        &["S4"],
        Fault::Filter(|filter| match filter {
            Filter::CompareColumns(a, cmp, b) => Filter::CompareColumns(b, cmp, a),
            other => other,
        }),
    ),
    Mutant::new(
        "two_columns_of_null_are_equal",
        &["S4"],
        Fault::Filter(|filter| match filter {
            Filter::CompareColumns(a, Cmp::Eq | Cmp::Le | Cmp::Ge, b) => {
                Filter::Or(vec![Filter::IsNull(a).and(Filter::IsNull(b)), filter])
            }
            other => other,
        }),
    ),
    Mutant::new(
        "in_of_nothing_is_left_out",
        &["S5"],
        Fault::Filter(|filter| match filter {
            Filter::In(_, values) if values.is_empty() => Filter::all(),
            other => other,
        }),
    ),
    Mutant::new(
        "null_among_the_values_of_in_is_null",
        &["S5"],
        Fault::Filter(|filter| match &filter {
            Filter::In(column, values) if values.contains(&Value::Null) => {
                Filter::Or(vec![Filter::IsNull(*column), filter])
            }
            _ => filter,
        }),
    ),
    Mutant::new(
        "in_takes_the_first_thousand_values",
        &["S5"],
        Fault::Filter(|mut filter| {
            if let Filter::In(_, values) = &mut filter {
                values.truncate(1_000);
            }
            filter
        }),
    ),
    Mutant::new(
        "the_empty_text_is_null",
        &["S6"],
        Fault::Filter(|filter| match filter {
            Filter::IsNull(column) if column.def().kind == Kind::Text => {
                Filter::Or(vec![Filter::eq(column, ""), filter])
            }
            other => other,
        }),
    ),
    Mutant::new(
        "a_pattern_matches_a_part_of_the_text",
        &["S7"],
        Fault::Filter(|filter| match filter {
            Filter::Like(columns, pattern) => Filter::Like(columns, format!("%{pattern}%")),
            other => other,
        }),
    ),
    Mutant::new(
        "a_backslash_is_no_character_of_a_pattern",
        &["S7"],
        Fault::Filter(|filter| match filter {
            Filter::Like(columns, pattern) => Filter::Like(columns, pattern.replace('\\', "")),
            other => other,
        }),
    ),
    Mutant::new(
        "what_is_contained_is_a_pattern",
        &["S8", "S20"],
        Fault::Filter(|filter| match filter {
            Filter::Contains(columns, part) => Filter::Like(columns, format!("%{part}%")),
            other => other,
        }),
    ),
    Mutant::new(
        "contains_folds_letters_of_every_alphabet",
        &["S8"],
        Fault::Filter(|filter| match filter {
            Filter::Contains(columns, part) => Filter::Or(vec![
                Filter::Contains(columns.clone(), part.to_lowercase()),
                Filter::Contains(columns, part.to_uppercase()),
            ]),
            other => other,
        }),
    ),
    Mutant::new(
        "texts_of_several_columns_are_matched_one_by_one",
        &["S9"],
        Fault::Filter(|filter| match filter {
            Filter::Contains(columns, part) => {
                Filter::Or(columns.into_iter().map(|column| Filter::Contains(vec![column], part.clone())).collect())
            }
            other => other,
        }),
    ),
    Mutant::new(
        "texts_joined_with_null_are_null",
        &["S9"],
        Fault::Filter(|filter| match &filter {
            Filter::Contains(columns, _) | Filter::Like(columns, _) => {
                Filter::And(columns.iter().copied().map(Filter::some).chain([filter.clone()]).collect())
            }
            _ => filter,
        }),
    ),
    Mutant::new(
        "a_prefix_is_matched_as_a_pattern",
        &["S10"],
        Fault::Filter(|filter| match filter {
            Filter::StartsWith(column, prefix) => Filter::Like(vec![column], format!("{prefix}%")),
            other => other,
        }),
    ),
    Mutant::new(
        "null_starts_with_the_empty_text",
        &["S10"],
        Fault::Filter(|filter| match &filter {
            Filter::StartsWith(column, prefix) if prefix.is_empty() => {
                Filter::Or(vec![Filter::IsNull(*column), filter])
            }
            _ => filter,
        }),
    ),
    Mutant::new(
        "any_of_no_tags_is_true",
        &["S11"],
        Fault::Filter(|filter| match filter {
            Filter::TagsAny(_, tags) if tags.is_empty() => Filter::all(),
            other => other,
        }),
    ),
    Mutant::new(
        "all_of_no_tags_is_false",
        &["S11"],
        Fault::Filter(|filter| match filter {
            Filter::TagsAll(_, tags) if tags.is_empty() => Filter::none(),
            other => other,
        }),
    ),
    Mutant::new(
        "all_of_some_tags_is_any_of_them",
        &["S11"],
        Fault::Filter(|filter| match filter {
            Filter::TagsAll(column, tags) if !tags.is_empty() => Filter::TagsAny(column, tags),
            other => other,
        }),
    ),
    Mutant::new(
        "tags_are_compared_without_case",
        &["S11"],
        Fault::Filter(|filter| match filter {
            Filter::TagsAny(column, mut tags) => {
                tags.extend(tags.clone().into_iter().map(|tag| tag.to_uppercase()));
                Filter::TagsAny(column, tags)
            }
            other => other,
        }),
    ),
    Mutant::new(
        "no_tags_are_null",
        &["S11"],
        Fault::Filter(|filter| match filter {
            Filter::TagsEmpty(column) => Filter::IsNull(column),
            other => other,
        }),
    ),
    Mutant::new(
        "a_related_row_need_not_meet_its_filter",
        &["S12"],
        Fault::Filter(|filter| match filter {
            Filter::Has { from, to, .. } => Filter::has(from, to, Filter::all()),
            other => other,
        }),
    ),
    Mutant::new(
        "a_relation_is_that_the_column_is_not_null",
        &["S12"],
        Fault::Filter(|filter| match filter {
            Filter::Has { from, filter, .. } if *filter == Filter::all() => Filter::some(from),
            other => other,
        }),
    ),
    Mutant::new(
        "relations_are_followed_two_deep",
        &["S12"],
        Fault::Filter(|filter| match filter {
            Filter::Has { from, to, filter } if depth(&filter) > 1 => Filter::has(from, to, Filter::all()),
            other => other,
        }),
    ),
    Mutant::new(
        "not_of_a_relation_is_a_relation_to_a_row_that_is_not",
        &["S12"],
        Fault::Filter(|filter| match filter {
            Filter::Not(inner) => match *inner {
                Filter::Has { from, to, filter } => Filter::has(from, to, filter.negate()),
                inner => inner.negate(),
            },
            other => other,
        }),
    ),
    Mutant::new(
        "a_quote_ends_a_text",
        &["S20"],
        Fault::Filter(|mut filter| {
            if let Filter::Compare(_, _, Value::Text(text)) | Filter::Contains(_, text) = &mut filter
                && let Some(quote) = text.find('\'')
            {
                text.truncate(quote);
            }
            filter
        }),
    ),
];

/// How many relations are one in the other.
fn depth(filter: &Filter) -> usize {
    match filter {
        Filter::And(some) | Filter::Or(some) => some.iter().map(depth).max().unwrap_or(0),
        Filter::Not(filter) => depth(filter),
        Filter::Has { filter, .. } => 1 + depth(filter),
        _ => 0,
    }
}
