//! How far a reader of a stream has come.
//!
//! A stream has several writers, and what is visible of one of them is always a prefix of what it writes. So a map from
//! writer to position says which rows were read, and never misses one: a row that was not there when its writer's
//! position was read is beyond that position.
//!
//! ```text
//!  writer 1  ■ ■ ■ ■ ■ ■ □ □        ■ read   □ to be read
//!  writer 2  ■ ■ □ □ □ ┤            retired: its position stays
//!  cursor    {1: 6, 2: 2}
//! ```
//!
//! A store names retired writers for ever, so one that came and went between two looks is read, too.

use std::collections::BTreeMap;

use mintaka_core::{Cmp, Col, Direction, Error, Filter, Head, Query, Table};
use serde::{Deserialize, Serialize};

/// For each writer the position up to which its rows were read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(BTreeMap<i64, i64>);

/// Rows of one writer that are to be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// The writer.
    pub writer: i64,
    /// The position that was reached.
    pub after: i64,
    /// The position of its last row.
    pub until: i64,
}

impl Cursor {
    /// At the end of what these writers have written.
    pub fn at(writers: &[Head]) -> Cursor {
        Cursor(writers.iter().map(|head| (head.writer, head.position)).collect())
    }

    /// Whether a row was read, or was there before the reader.
    pub fn is_past(&self, writer: i64, seq: i64) -> bool {
        self.0.get(&writer).is_some_and(|&reached| seq <= reached)
    }

    /// What is to be read up to the positions of these writers.
    pub fn ahead(&self, writers: &[Head]) -> Vec<Span> {
        let span = |head: &Head| {
            let after = self.0.get(&head.writer).copied().unwrap_or(0);
            (head.position > after).then_some(Span { writer: head.writer, after, until: head.position })
        };
        writers.iter().filter_map(span).collect()
    }

    /// Rows of a span were read: up to a position, or `None` if there are no more.
    pub fn advance(&mut self, span: Span, to: Option<i64>) {
        self.0.insert(span.writer, to.unwrap_or(span.until));
    }
}

impl Span {
    /// The query for the rows, in the order in which they were written.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a table that is no stream.
    pub fn query(self, table: &'static Table) -> Result<Query, Error> {
        let (writer, seq) = table.stream.ok_or_else(|| Error::Invalid(format!("{} is no stream", table.name)))?;
        let (writer, seq) = (Col { table, ordinal: writer }, Col { table, ordinal: seq });
        let (after, until) = (Filter::cmp(seq, Cmp::Gt, self.after), Filter::cmp(seq, Cmp::Le, self.until));
        let query = Query::of(table).filter(Filter::And(vec![Filter::eq(writer, self.writer), after, until]));
        Ok(query.order(writer, Direction::Asc).order(seq, Direction::Asc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(writer: i64, position: i64) -> Head {
        Head { writer, position, closed: false }
    }

    fn span(writer: i64, after: i64, until: i64) -> Span {
        Span { writer, after, until }
    }

    #[test]
    fn what_writers_wrote_after_the_cursor_is_ahead_of_it() {
        let mut cursor = Cursor::at(&[head(1, 5), head(2, 0)]);
        assert_eq!(cursor.ahead(&[head(1, 5), head(2, 0)]), []);
        // A writer that was not there before is read from its start.
        let writers = [head(1, 7), head(2, 0), head(3, 2)];
        assert_eq!(cursor.ahead(&writers), [span(1, 5, 7), span(3, 0, 2)]);
        cursor.advance(span(1, 5, 7), Some(6));
        cursor.advance(span(3, 0, 2), None);
        assert_eq!(cursor.ahead(&writers), [span(1, 6, 7)]);
        let past = [(1, 6, true), (1, 7, false), (2, 1, false), (3, 2, true), (4, 1, false)];
        for (writer, seq, expected) in past {
            assert_eq!(cursor.is_past(writer, seq), expected, "{writer} {seq}");
        }
    }

    #[test]
    fn a_writer_that_came_and_was_retired_between_two_looks_is_read_to_its_end_once() {
        let mut cursor = Cursor::at(&[head(1, 5)]);
        let writers = [head(1, 5), Head { closed: true, ..head(2, 9) }];
        assert_eq!(cursor.ahead(&writers), [span(2, 0, 9)]);
        cursor.advance(span(2, 0, 9), Some(4));
        assert_eq!(cursor.ahead(&writers), [span(2, 4, 9)]);
        cursor.advance(span(2, 4, 9), None);
        assert_eq!(cursor.ahead(&writers), []);
    }
}
