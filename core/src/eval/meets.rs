//! Whether a row meets a filter: each node of the language, said once.

use super::Relations;
use crate::filter::Filter;
use crate::like::{folded, is_like};
use crate::{Cmp, Col, Error, Row, Value};

/// Whether a row meets a filter of its table.
///
/// # Errors
/// What `relations` answers.
pub fn meets(relations: &dyn Relations, row: &Row, filter: &Filter) -> Result<bool, Error> {
    let at = |column: &Col| &row.values[column.ordinal];
    Ok(match filter {
        Filter::And(all) => {
            for filter in all {
                if !meets(relations, row, filter)? {
                    return Ok(false);
                }
            }
            true
        }
        Filter::Or(any) => {
            for filter in any {
                if meets(relations, row, filter)? {
                    return Ok(true);
                }
            }
            false
        }
        Filter::Not(filter) => !meets(relations, row, filter)?,
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
            for other in relations.related(*to, at(from))? {
                if meets(relations, &other, filter)? {
                    return Ok(true);
                }
            }
            false
        }
    })
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
