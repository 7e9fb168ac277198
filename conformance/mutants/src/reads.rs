//! Mutants of rows by key, and of order, pages, columns and groups of a selection.

use mintaka_core::{Cmp, Direction, Each, Error, Filter, Key, Value};

use super::Mutant;
use super::fault::Fault;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "rows_of_keys_come_by_primary_key_without_gaps",
        &["G1"],
        Fault::Got(|_, rows| {
            let mut rows = rows?;
            rows.sort_by(|a, b| match (a, b) {
                (Some(a), Some(b)) => a.values[0].order(&b.values[0]),
                (a, b) => b.is_some().cmp(&a.is_some()),
            });
            Ok(rows)
        }),
    ),
    Mutant::new(
        "no_key_is_asked_for_nothing",
        &["G1"],
        Fault::Got(|keys, rows| if keys.is_empty() { Err(Error::Invalid("no key".into())) } else { rows }),
    ),
    Mutant::new(
        "a_key_that_is_asked_twice_is_answered_once",
        &["G1"],
        Fault::Got(|keys, rows| {
            let mut rows = rows?;
            for (n, row) in rows.iter_mut().enumerate().take(100) {
                if keys[..n].contains(&keys[n]) {
                    *row = None;
                }
            }
            Ok(rows)
        }),
    ),
    Mutant::new(
        "a_unique_key_is_folded",
        &["G2"],
        Fault::Keys(|keys| {
            for value in
                keys.iter_mut().flat_map(|key| if let Key::Unique(values) = key { &mut values[..] } else { &mut [] })
            {
                if let Value::Text(text) = value {
                    text.make_ascii_lowercase();
                }
            }
        }),
    ),
    Mutant::new(
        "an_empty_text_in_a_unique_key_is_null",
        &["G2"],
        Fault::Got(|keys, rows| {
            let mut rows = rows?;
            for (key, row) in keys.iter().zip(&mut rows) {
                if matches!(key, Key::Unique(values) if values.contains(&"".into())) {
                    *row = None;
                }
            }
            Ok(rows)
        }),
    ),
    Mutant::new(
        "the_last_part_of_a_composite_key_is_not_compared",
        &["G2"],
        // The samples have one row of each beginning, and its last part is what is asked for here.
        Fault::Keys(|keys| {
            for key in keys {
                if let Key::Primary(values) = key
                    && let [_, _, Value::Int(ordinal)] = &mut values[..]
                {
                    *ordinal = 0;
                }
            }
        }),
    ),
    Mutant::new(
        "a_malformed_key_finds_nothing",
        &["G3"],
        Fault::Got(|keys, rows| rows.or_else(|_| Ok(vec![None; keys.len()]))),
    ),
    Mutant::new(
        "it_takes_as_many_keys_as_a_statement_takes_variables",
        &["G4"],
        Fault::Got(
            |keys, rows| if keys.len() > 32_766 { Err(Error::Unsupported("so many keys".into())) } else { rows },
        ),
    ),
    Mutant::new(
        "it_looks_for_the_first_thousand_keys",
        &["G4"],
        Fault::Got(|_, rows| {
            let mut rows = rows?;
            rows.iter_mut().skip(1_000).for_each(|row| *row = None);
            Ok(rows)
        }),
    ),
    Mutant::new(
        "null_is_the_greatest_value_of_an_order",
        &["S13"],
        Fault::Order(|a, b| b.is_null().cmp(&a.is_null()).reverse().then_with(|| a.order(b))),
    ),
    Mutant::new(
        "texts_are_ordered_without_case",
        &["S13"],
        Fault::Order(|a, b| match (a, b) {
            (Value::Text(a), Value::Text(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
            _ => a.order(b),
        }),
    ),
    Mutant::new(
        "numbers_are_ordered_as_texts",
        &["S13"],
        Fault::Order(|a, b| match (a, b) {
            (Value::Int(a), Value::Int(b)) => a.to_string().cmp(&b.to_string()),
            _ => a.order(b),
        }),
    ),
    Mutant::new(
        "ties_come_in_the_other_direction",
        &["S14"],
        Fault::Query(|query| {
            let last = query.order.last().map_or(Direction::Asc, |&(_, direction)| direction);
            let other = if last == Direction::Asc { Direction::Desc } else { Direction::Asc };
            let ties = query.full_order().split_off(query.order.len());
            query.order.extend(ties.into_iter().map(|(column, _)| (column, other)));
        }),
    ),
    Mutant::new(
        "ties_come_in_ascending_order",
        &["S14"],
        Fault::Query(|query| {
            let ties = query.full_order().split_off(query.order.len());
            query.order.extend(ties.into_iter().map(|(column, _)| (column, Direction::Asc)));
        }),
    ),
    Mutant::new("an_offset_is_left_out", &["S15"], Fault::Query(|query| query.offset = 0)),
    Mutant::new(
        "a_limit_of_nothing_is_no_limit",
        &["S15"],
        Fault::Query(|query| query.limit = if query.limit == 0 { u64::MAX } else { query.limit }),
    ),
    Mutant::new(
        "a_limit_that_has_no_sign_bit_left_is_nothing",
        &["S15"],
        Fault::Query(|query| query.limit = i64::try_from(query.limit).map_or(0, |_| query.limit)),
    ),
    Mutant::new(
        "a_position_leaves_out_rows_with_null",
        &["S16"],
        Fault::Query(|query| {
            if let (Some(_), Some(&(column, _))) = (&query.after, query.order.first()) {
                query.filter = query.filter.clone().and(Filter::some(column));
            }
        }),
    ),
    Mutant::new(
        "a_position_leaves_out_rows_that_tie_with_it",
        &["S16"],
        Fault::Query(|query| {
            let Some(first) = query.after.as_ref().and_then(|position| position.first()).cloned() else { return };
            let (column, direction) = query.full_order()[0];
            let beyond = if direction == Direction::Asc { Cmp::Gt } else { Cmp::Lt };
            query.filter = query.filter.clone().and(Filter::Compare(column, beyond, first));
        }),
    ),
    Mutant::new(
        "named_columns_come_in_the_order_of_the_table",
        &["S17"],
        Fault::Query(|query| query.columns.iter_mut().for_each(|columns| columns.sort_by_key(|column| column.ordinal))),
    ),
    Mutant::new(
        "rows_are_ordered_by_named_columns_alone",
        &["S17"],
        Fault::Query(|query| {
            if let (Some(columns), None) = (&query.columns, &query.after) {
                query.order.retain(|(column, _)| columns.contains(column));
            }
        }),
    ),
    Mutant::new(
        "rows_of_named_columns_have_no_version",
        &["S17"],
        Fault::Selected(|query, rows| {
            let mut rows = rows?;
            if query.columns.is_some() {
                rows.iter_mut().for_each(|row| row.version = 0);
            }
            Ok(rows)
        }),
    ),
    Mutant::new(
        "each_counts_rows_of_all_groups_together",
        &["S18"],
        Fault::Query(|query| {
            if let Some(Each { column, values, k }) = query.each.take() {
                query.filter = query.filter.clone().and(Filter::In(column, values));
                query.limit = k;
            }
        }),
    ),
    Mutant::new(
        "groups_come_in_the_order_of_their_values",
        &["S18"],
        Fault::Query(|query| query.each.iter_mut().for_each(|each| each.values.sort_by(|a, b| a.order(b)))),
    ),
    Mutant::new(
        "each_of_no_groups_is_left_out",
        &["S18"],
        Fault::Query(|query| {
            query.each.take_if(|each| each.values.is_empty());
        }),
    ),
    Mutant::new(
        "a_malformed_query_selects_nothing",
        &["S19"],
        Fault::Selected(|_, rows| {
            rows.or_else(|error| if matches!(error, Error::Invalid(_)) { Ok(Vec::new()) } else { Err(error) })
        }),
    ),
];
