//! Mutants of heads and of the positions of stream rows.

use mintaka_core::records::Event;
use mintaka_core::{Outcome, Record, Row, Table, Value};

use super::Mutant;
use super::fault::Fault;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "the_clock_goes_back_by_a_second_with_every_commit",
        &["H1"],
        Fault::Heads(|heads, commits| heads.now = heads.now.plus_micros(-1_000_000 * commits as i64)),
    ),
    Mutant::new(
        "stream_positions_are_given_out_of_order",
        &["H2", "H5"],
        // Each odd position trades places with the even one after it.
        Fault::Row(|table, row| restamp(table, row, |position| ((position - 1) ^ 1) + 1)),
    ),
    Mutant::new(
        "a_stream_row_has_another_writer_than_the_outcome_says",
        &["H2", "H4"],
        Fault::Row(|table, row| {
            if let Some((writer, _)) = table.stream {
                row.values[writer] = Value::Int(77);
            }
        }),
    ),
    Mutant::new(
        "a_changed_stream_row_gets_another_position",
        &["H2"],
        Fault::Row(|table, row| {
            if row.version > 1 {
                restamp(table, row, |position| position + 1_000);
            }
        }),
    ),
    Mutant::new(
        "heads_are_one_position_behind",
        &["H3"],
        Fault::Heads(|heads, _| heads.writers.iter_mut().for_each(|head| head.position = (head.position - 1).max(0))),
    ),
    Mutant::new(
        "heads_of_a_new_store_are_ahead",
        &["H3"],
        Fault::Heads(|heads, commits| {
            heads.writers.iter_mut().for_each(|head| head.position += i64::from(commits == 0))
        }),
    ),
    Mutant::new(
        "an_outcome_names_the_position_before_its_last",
        &["H4"],
        Fault::Outcome(|_, outcome| {
            if let Outcome::Committed { stream: Some((_, position)), .. } = outcome {
                *position -= 1;
            }
        }),
    ),
    Mutant::new(
        "an_outcome_without_stream_rows_names_a_position",
        &["H4"],
        Fault::Outcome(|_, outcome| {
            if let Outcome::Committed { stream, .. } = outcome {
                stream.get_or_insert((1, 1));
            }
        }),
    ),
    Mutant::new(
        "the_last_row_of_a_stream_is_seen_before_the_one_before_it",
        &["H5"],
        Fault::Selected(|query, rows| {
            let mut rows = rows?;
            if let (Some((_, seq)), None) = (query.table.stream, &query.columns) {
                rows.sort_by(|a, b| a.values[seq].order(&b.values[seq]));
                if rows.len() > 1 {
                    rows.remove(rows.len() - 2);
                }
            }
            Ok(rows)
        }),
    ),
    Mutant::new(
        "two_streams_are_given_the_same_position",
        &["H6"],
        Fault::Row(|table, row| {
            if table == Event::TABLE {
                restamp(table, row, |position| position - 1);
            }
        }),
    ),
];

/// Gives a stream row another position.
fn restamp(table: &Table, row: &mut Row, change: fn(i64) -> i64) {
    if let Some((_, seq)) = table.stream
        && let Value::Int(position) = &mut row.values[seq]
    {
        *position = change(*position);
    }
}
