//! Selections: filter all, sort all, take some.

use std::cmp::Ordering;

use super::{Relations, meets};
use crate::query::{Direction, Query};
use crate::{Cmp, Col, Error, Row, Value};

/// The rows that a well-formed query selects of all rows of its table.
///
/// # Errors
/// What `relations` answers.
pub fn select<'r>(
    relations: &dyn Relations,
    all: impl IntoIterator<Item = &'r Row>,
    query: &Query,
) -> Result<Vec<Row>, Error> {
    let order = query.full_order();
    let mut rows = Vec::new();
    for row in all {
        if meets(relations, row, &query.filter)? {
            rows.push(row);
        }
    }
    rows.sort_by(|a, b| compare(&order, position(&order, a), position(&order, b)));
    if let Some(after) = &query.after {
        rows.retain(|row| compare(&order, position(&order, row), after.iter()).is_gt());
    }
    let chosen: Vec<&Row> = match &query.each {
        Some(each) => each
            .values
            .iter()
            .flat_map(|value| {
                let of_group = |row: &&&Row| Cmp::Eq.holds(&row.values[each.column.ordinal], value);
                rows.iter().filter(of_group).take(count(each.k)).copied().collect::<Vec<_>>()
            })
            .collect(),
        None => rows.into_iter().skip(count(query.offset)).take(count(query.limit)).collect(),
    };
    Ok(chosen.into_iter().map(|row| project(row, query.columns.as_deref())).collect())
}

/// The values of a row that decide its place in an order.
fn position<'a>(order: &'a [(Col, Direction)], row: &'a Row) -> impl Iterator<Item = &'a Value> {
    order.iter().map(|(column, _)| &row.values[column.ordinal])
}

/// Which of two positions comes first in an order: one value for each of its entries.
pub fn compare<'a>(
    order: &[(Col, Direction)],
    a: impl Iterator<Item = &'a Value>,
    b: impl Iterator<Item = &'a Value>,
) -> Ordering {
    for (((_, direction), a), b) in order.iter().zip(a).zip(b) {
        match direction.applied(a.order(b)) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    Ordering::Equal
}

impl Direction {
    pub(super) fn applied(self, ascending: Ordering) -> Ordering {
        match self {
            Direction::Asc => ascending,
            Direction::Desc => ascending.reverse(),
        }
    }
}

fn project(row: &Row, columns: Option<&[Col]>) -> Row {
    match columns {
        None => row.clone(),
        Some(columns) => {
            Row { version: row.version, values: columns.iter().map(|c| row.values[c.ordinal].clone()).collect() }
        }
    }
}

fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
