//! Whether a row meets a filter: each node of the language, said once.

use super::shelf::Shelves;
use crate::filter::Filter;
use crate::like::{folded, is_like};
use crate::{Cmp, Col, Row, Value};

/// Whether `row` meets `filter`.
pub(super) fn meets(shelves: &Shelves, row: &Row, filter: &Filter) -> bool {
    let at = |column: &Col| &row.values[column.ordinal];
    match filter {
        Filter::And(all) => all.iter().all(|filter| meets(shelves, row, filter)),
        Filter::Or(any) => any.iter().any(|filter| meets(shelves, row, filter)),
        Filter::Not(filter) => !meets(shelves, row, filter),
        Filter::Compare(column, cmp, value) => cmp.holds(at(column), value),
        Filter::CompareColumns(a, cmp, b) => cmp.holds(at(a), at(b)),
        Filter::In(column, values) => values.iter().any(|value| Cmp::Eq.holds(at(column), value)),
        Filter::IsNull(column) => at(column).is_null(),
        Filter::Like(columns, pattern) => is_like(&joined(row, columns), pattern),
        Filter::Contains(columns, part) => {
            let (text, part) = (folded(&joined(row, columns)), folded(part));
            (0..=text.len()).any(|start| text[start..].starts_with(&part))
        }
        Filter::StartsWith(column, prefix) => match at(column) {
            Value::Text(text) => text.as_bytes().starts_with(prefix.as_bytes()),
            _ => false,
        },
        Filter::TagsAny(column, wanted) => wanted.iter().any(|tag| tags(at(column)).contains(tag)),
        Filter::TagsAll(column, wanted) => wanted.iter().all(|tag| tags(at(column)).contains(tag)),
        Filter::TagsEmpty(column) => tags(at(column)).is_empty(),
        Filter::Has { from, to, filter } => {
            shelves.related(to, at(from)).into_iter().any(|other| meets(shelves, other, filter))
        }
    }
}

/// The texts of some columns with a space between each two; null counts as empty text.
fn joined(row: &Row, columns: &[Col]) -> String {
    let text = |column: &Col| match &row.values[column.ordinal] {
        Value::Text(text) => text.clone(),
        _ => String::new(),
    };
    columns.iter().map(text).collect::<Vec<_>>().join(" ")
}

fn tags(value: &Value) -> &[String] {
    match value {
        Value::Tags(tags) => tags,
        _ => &[],
    }
}
