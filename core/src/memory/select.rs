//! Selections: filter all, sort all, take some.

use std::cmp::Ordering;

use super::meets::meets;
use super::shelf::Shelves;
use crate::query::{Direction, Query};
use crate::{Cmp, Col, Row, Value};

/// The rows that a well-formed query selects.
pub(super) fn select(shelves: &Shelves, query: &Query) -> Vec<Row> {
    let order = query.full_order();
    let mut rows: Vec<&Row> = shelves.rows(query.table).filter(|row| meets(shelves, row, &query.filter)).collect();
    rows.sort_by(|a, b| in_order(&order, position(&order, a), position(&order, b)));
    if let Some(after) = &query.after {
        rows.retain(|row| in_order(&order, position(&order, row), after.iter()).is_gt());
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
    chosen.into_iter().map(|row| project(row, query.columns.as_deref())).collect()
}

/// The values of a row that decide its place in an order.
fn position<'a>(order: &'a [(Col, Direction)], row: &'a Row) -> impl Iterator<Item = &'a Value> {
    order.iter().map(|(column, _)| &row.values[column.ordinal])
}

fn in_order<'a>(
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
