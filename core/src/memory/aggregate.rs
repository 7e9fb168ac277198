//! Aggregates: put every row into its group, then measure each group.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::meets::meets;
use super::shelf::Shelves;
use crate::query::{Aggregate, Direction, Group, Measure};
use crate::value::Ordered;
use crate::{Col, Row, Value};

/// The groups and measures of a well-formed aggregate.
pub(super) fn aggregate(shelves: &Shelves, aggregate: &Aggregate) -> Vec<Vec<Value>> {
    let mut groups: BTreeMap<Vec<Ordered>, Vec<&Row>> = BTreeMap::new();
    if aggregate.by.is_empty() {
        groups.insert(Vec::new(), Vec::new());
    }
    for row in shelves.rows(aggregate.table).filter(|row| meets(shelves, row, &aggregate.filter)) {
        let group = aggregate.by.iter().map(|by| Ordered(group_of(row, by))).collect();
        groups.entry(group).or_default().push(row);
    }
    // Groups come in ascending order, and the sort below is stable.
    let mut lines: Vec<Vec<Value>> = groups
        .into_iter()
        .map(|(group, rows)| {
            let measures = aggregate.measures.iter().map(|m| measure(&rows, m));
            group.into_iter().map(|value| value.0).chain(measures).collect()
        })
        .collect();
    lines.sort_by(|a, b| in_order(&aggregate.order, a, b));
    lines.truncate(usize::try_from(aggregate.limit).unwrap_or(usize::MAX));
    lines
}

fn in_order(order: &[(usize, Direction)], a: &[Value], b: &[Value]) -> Ordering {
    let by_each = order.iter().map(|&(i, direction)| direction.applied(a[i].order(&b[i])));
    by_each.reduce(Ordering::then).unwrap_or(Ordering::Equal)
}

fn group_of(row: &Row, by: &Group) -> Value {
    match by {
        Group::Column(column) => row.values[column.ordinal].clone(),
        Group::Bucket { column, origin, width } => match &row.values[column.ordinal] {
            // The width is positive, so the Euclidean quotient is the floor.
            Value::Time(time) => Value::Int((time.micros() - origin.micros()).div_euclid(*width)),
            _ => Value::Null,
        },
    }
}

fn measure(rows: &[&Row], measure: &Measure) -> Value {
    let present = |column: &Col| {
        let ordinal = column.ordinal;
        rows.iter().map(move |row| &row.values[ordinal]).filter(|value| !value.is_null())
    };
    match measure {
        Measure::Count => Value::Int(rows.len() as i64),
        Measure::CountDistinct(column) => {
            Value::Int(present(column).cloned().map(Ordered).collect::<BTreeSet<_>>().len() as i64)
        }
        Measure::Sum(column) => {
            present(column).cloned().reduce(|a, b| crate::batch::plus(&a, &b)).unwrap_or(Value::Null)
        }
        Measure::SumSince(column, origin) => present(column)
            .filter_map(|value| if let Value::Time(t) = value { Some(t.micros() - origin.micros()) } else { None })
            .map(|micros| micros as f64)
            .reduce(|a, b| a + b)
            .map_or(Value::Null, Value::float),
        Measure::Min(column) => present(column).min_by(|a, b| a.order(b)).cloned().unwrap_or(Value::Null),
        Measure::Max(column) => present(column).max_by(|a, b| a.order(b)).cloned().unwrap_or(Value::Null),
    }
}
