//! What conditions and changes come to, said once more than in [`batch`](crate::batch): as numbers of 128 bits, which no
//! sum leaves, cut to 64 at the end.

use crate::batch::{Change, Condition, Sum};
use crate::{Cmp, Value};

/// A number as it is added up.
enum Number {
    Whole(i128),
    Real(f64),
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Int(n) => Some(Number::Whole(i128::from(*n))),
        Value::Float(x) => Some(Number::Real(*x)),
        _ => None,
    }
}

fn total(parts: &[Value]) -> Value {
    let mut total = Number::Whole(0);
    for part in parts {
        total = match (total, number(part)) {
            (_, None) => return Value::Null,
            (Number::Whole(a), Some(Number::Whole(b))) => {
                // Each step ends at the ends of 64 bits.
                Number::Whole((a + b).clamp(i128::from(i64::MIN), i128::from(i64::MAX)))
            }
            (Number::Whole(a), Some(Number::Real(b))) => Number::Real(a as f64 + b),
            (Number::Real(a), Some(Number::Whole(b))) => Number::Real(a + b as f64),
            (Number::Real(a), Some(Number::Real(b))) => Number::Real(a + b),
        };
    }
    match total {
        Number::Whole(n) => i64::try_from(n).map_or(Value::Null, Value::Int),
        Number::Real(x) => Value::float(x),
    }
}

fn sum(sum: &Sum, values: &[Value]) -> Value {
    let parts: Vec<Value> =
        sum.columns.iter().map(|column| values[column.ordinal].clone()).chain(sum.constant.clone()).collect();
    match parts.as_slice() {
        [] => Value::Null,
        [one] => one.clone(),
        parts => total(parts),
    }
}

/// Whether a condition holds on the values of a row.
pub(super) fn holds(condition: &Condition, values: &[Value]) -> bool {
    match condition {
        Condition::Not(inner) => !holds(inner, values),
        Condition::Compare(left, cmp, right) => {
            let (left, right) = (sum(left, values), sum(right, values));
            if left.is_null() || right.is_null() {
                return false;
            }
            let order = left.order(&right);
            match cmp {
                Cmp::Eq => order.is_eq(),
                Cmp::Lt => order.is_lt(),
                Cmp::Le => order.is_le(),
                Cmp::Gt => order.is_gt(),
                Cmp::Ge => order.is_ge(),
            }
        }
    }
}

/// The columns that a change sets on a row, with their new values.
pub(super) fn values_after(change: &Change, values: &[Value]) -> Vec<(usize, Value)> {
    let mut after: Vec<(usize, Value)> =
        change.set.iter().map(|(column, value)| (column.ordinal, value.clone())).collect();
    for (column, more) in &change.add {
        let value = match &values[column.ordinal] {
            Value::Null => total(std::slice::from_ref(more)),
            old => total(&[old.clone(), more.clone()]),
        };
        after.push((column.ordinal, value));
    }
    for (column, least) in &change.max {
        if values[column.ordinal].is_null() || values[column.ordinal].order(least).is_lt() {
            after.push((column.ordinal, least.clone()));
        }
    }
    after
}
