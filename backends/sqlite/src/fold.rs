//! Groups and sums, folded as the rows come.
//!
//! SQLite sorts rows to group them, which takes as long again as reading them. Counts and sums need no order: a map of the
//! groups does.

use std::collections::HashMap;

use mintaka_core::eval::sort_lines;
use mintaka_core::{Aggregate, Error, Group, Kind, Measure, Time, Value};
use mintaka_sqlkit::{Select, Sqlite, inputs};
use rusqlite::types::ValueRef;

use crate::codec;
use crate::error::store;
use crate::session::Session;

/// The statement that reads what an aggregate is folded from, if it can be: if it has groups, and counts and sums alone.
pub(crate) fn foldable(asked: &Aggregate) -> Option<Select> {
    let folds = |measure: &Measure| matches!(measure, Measure::Count | Measure::Sum(_) | Measure::SumSince(..));
    (!asked.by.is_empty() && asked.measures.iter().all(folds)).then(|| inputs(&Sqlite, asked))
}

/// One measure of one group so far.
#[derive(Clone)]
enum Sum {
    Count(i64),
    /// Of no value it is null.
    Ints(Option<i128>),
    Floats(Option<f64>),
}

impl Sum {
    fn of(measure: &Measure) -> Sum {
        match measure {
            Measure::Sum(column) if column.def().kind == Kind::Int => Sum::Ints(None),
            Measure::Sum(_) | Measure::SumSince(..) => Sum::Floats(None),
            _ => Sum::Count(0),
        }
    }

    fn add(&mut self, measure: &Measure, stored: ValueRef<'_>) -> Result<(), Error> {
        match (self, measure, stored) {
            (Sum::Count(n), ..) => *n += 1,
            (_, _, ValueRef::Null) => {}
            (Sum::Ints(sum), _, ValueRef::Integer(n)) => *sum = Some(sum.unwrap_or(0) + i128::from(n)),
            (Sum::Floats(sum), Measure::SumSince(_, origin), ValueRef::Integer(micros)) => {
                *sum = Some(sum.unwrap_or(0.0) + micros.saturating_sub(origin.micros()) as f64);
            }
            (Sum::Floats(sum), _, ValueRef::Real(x)) => *sum = Some(sum.unwrap_or(0.0) + x),
            (_, _, other) => return Err(Error::Corrupt(format!("a stored {} in a sum", other.data_type()))),
        }
        Ok(())
    }

    fn value(self, measure: &Measure) -> Result<Value, Error> {
        Ok(match self {
            Sum::Count(n) => Value::Int(n),
            Sum::Ints(None) | Sum::Floats(None) => Value::Null,
            Sum::Floats(Some(x)) => Value::float(x),
            Sum::Ints(Some(n)) => {
                let too_large = |_| Error::Invalid(format!("{measure:?} is too large"));
                Value::Int(i64::try_from(n).map_err(too_large)?)
            }
        })
    }
}

impl Session {
    /// Runs the statement of [`foldable`] and folds its rows.
    pub fn fold(&self, asked: &Aggregate, select: &Select) -> Result<Vec<Vec<Value>>, Error> {
        let mut statement = self.connection.prepare_cached(&select.text).map_err(store)?;
        codec::bind(&mut statement, &select.params).map_err(store)?;
        let mut rows = statement.raw_query();
        let mut groups: HashMap<Vec<u8>, usize> = HashMap::new();
        let mut lines: Vec<(Vec<Value>, Vec<Sum>)> = Vec::new();
        // Rows of a group often come one after the other.
        let (mut key, mut last_key, mut last) = (Vec::new(), Vec::new(), None);
        while let Some(row) = rows.next().map_err(store)? {
            let input = |i: usize| row.get_ref(i).map_err(store);
            key.clear();
            for (i, group) in asked.by.iter().enumerate() {
                append(&mut key, group, input(i)?);
            }
            let line = match last {
                Some(line) if key == last_key => line,
                _ => match groups.get(&key) {
                    Some(&line) => line,
                    None => {
                        let of = |(i, group): (usize, &Group)| value_of(group, input(i)?);
                        let values = asked.by.iter().enumerate().map(of).collect::<Result<_, Error>>()?;
                        lines.push((values, asked.measures.iter().map(Sum::of).collect()));
                        groups.insert(key.clone(), lines.len() - 1);
                        lines.len() - 1
                    }
                },
            };
            if last != Some(line) {
                last = Some(line);
                last_key.clone_from(&key);
            }
            let mut place = asked.by.len();
            for (sum, measure) in lines[line].1.iter_mut().zip(&asked.measures) {
                if matches!(measure, Measure::Count) {
                    sum.add(measure, ValueRef::Null)?;
                } else {
                    sum.add(measure, input(place)?)?;
                    place += 1;
                }
            }
        }
        let whole = |(mut values, sums): (Vec<Value>, Vec<Sum>)| {
            for (sum, measure) in sums.into_iter().zip(&asked.measures) {
                values.push(sum.value(measure)?);
            }
            Ok(values)
        };
        let mut lines = lines.into_iter().map(whole).collect::<Result<Vec<_>, Error>>()?;
        sort_lines(asked, &mut lines);
        Ok(lines)
    }
}

/// What tells a row's group from others.
fn append(key: &mut Vec<u8>, group: &Group, stored: ValueRef<'_>) {
    let mut part = |kind: u8, bytes: &[u8]| {
        key.push(kind);
        key.extend_from_slice(&(bytes.len() as u32).to_ne_bytes());
        key.extend_from_slice(bytes);
    };
    match (group, stored) {
        (_, ValueRef::Null) => part(0, &[]),
        (Group::Bucket { origin, width, .. }, ValueRef::Integer(micros)) => {
            part(1, &bucket(micros, *origin, *width).to_ne_bytes());
        }
        (_, ValueRef::Integer(n)) => part(1, &n.to_ne_bytes()),
        (_, ValueRef::Real(x)) => part(2, &x.to_bits().to_ne_bytes()),
        (_, ValueRef::Text(bytes)) => part(3, bytes),
        (_, ValueRef::Blob(bytes)) => part(4, bytes),
    }
}

fn value_of(group: &Group, stored: ValueRef<'_>) -> Result<Value, Error> {
    match (group, stored) {
        (Group::Bucket { origin, width, .. }, ValueRef::Integer(micros)) => {
            Ok(Value::Int(bucket(micros, *origin, *width)))
        }
        (Group::Column(column) | Group::Bucket { column, .. }, stored) => codec::value(stored, column.def().kind),
    }
}

fn bucket(micros: i64, origin: Time, width: i64) -> i64 {
    micros.saturating_sub(origin.micros()).div_euclid(width)
}
