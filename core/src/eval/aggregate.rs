//! Aggregates: put every row into its group, then measure each group.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::{Relations, meets};
use crate::query::{Aggregate, Direction, Group, Measure};
use crate::value::Ordered;
use crate::{Col, Error, Kind, Row, Value};

/// The groups and measures of a well-formed aggregate over all rows of its table.
///
/// # Errors
/// What `relations` answers; [`Error::Invalid`] for a sum of more than 64 bits.
pub fn aggregate<'r>(
    relations: &dyn Relations,
    all: impl IntoIterator<Item = &'r Row>,
    aggregate: &Aggregate,
) -> Result<Vec<Vec<Value>>, Error> {
    let mut groups: BTreeMap<Vec<Ordered>, Vec<&Row>> = BTreeMap::new();
    if aggregate.by.is_empty() {
        groups.insert(Vec::new(), Vec::new());
    }
    for row in all {
        if meets(relations, row, &aggregate.filter)? {
            let group = aggregate.by.iter().map(|by| Ordered(group_of(row, by))).collect();
            groups.entry(group).or_default().push(row);
        }
    }
    let mut lines: Vec<Vec<Value>> = groups
        .into_iter()
        .map(|(group, rows)| {
            let measures = aggregate.measures.iter().map(|m| measure(&rows, m));
            group.into_iter().map(|value| Ok(value.0)).chain(measures).collect()
        })
        .collect::<Result<_, _>>()?;
    sort_lines(aggregate, &mut lines);
    Ok(lines)
}

/// Puts the lines of an aggregate in order, as it asks and then by all groups, and leaves as many as it asks for.
pub fn sort_lines(aggregate: &Aggregate, lines: &mut Vec<Vec<Value>>) {
    let groups = (0..aggregate.by.len()).map(|group| (group, Direction::Asc));
    let order: Vec<(usize, Direction)> = aggregate.order.iter().copied().chain(groups).collect();
    lines.sort_by(|a, b| {
        let by_each = order.iter().map(|&(i, direction)| direction.applied(a[i].order(&b[i])));
        by_each.fold(Ordering::Equal, Ordering::then)
    });
    lines.truncate(usize::try_from(aggregate.limit).unwrap_or(usize::MAX));
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

fn measure(rows: &[&Row], measure: &Measure) -> Result<Value, Error> {
    let present = |column: &Col| {
        let ordinal = column.ordinal;
        rows.iter().map(move |row| &row.values[ordinal]).filter(|value| !value.is_null())
    };
    Ok(match measure {
        Measure::Count => Value::Int(rows.len() as i64),
        Measure::CountDistinct(column) => {
            Value::Int(present(column).cloned().map(Ordered).collect::<BTreeSet<_>>().len() as i64)
        }
        Measure::Sum(column) => sum(column, present(column))?,
        Measure::SumSince(column, origin) => present(column)
            .filter_map(|value| if let Value::Time(t) = value { Some(t.micros() - origin.micros()) } else { None })
            .map(|micros| micros as f64)
            .reduce(|a, b| a + b)
            .map_or(Value::Null, Value::float),
        Measure::Min(column) => present(column).min_by(|a, b| a.order(b)).cloned().unwrap_or(Value::Null),
        Measure::Max(column) => present(column).max_by(|a, b| a.order(b)).cloned().unwrap_or(Value::Null),
    })
}

/// Of 64-bit numbers there are never so many that a sum of 128 bits ends.
fn sum<'v>(column: &Col, values: impl Iterator<Item = &'v Value>) -> Result<Value, Error> {
    let (mut ints, mut floats, mut any) = (0_i128, 0.0, false);
    for value in values {
        any = true;
        match value {
            Value::Int(n) => ints += i128::from(*n),
            Value::Float(x) => floats += x,
            _ => {}
        }
    }
    match column.def().kind {
        _ if !any => Ok(Value::Null),
        Kind::Float => Ok(Value::float(floats)),
        _ => i64::try_from(ints)
            .map(Value::Int)
            .map_err(|_| Error::Invalid(format!("the sum of {column:?} is too large"))),
    }
}
