//! Whether a row meets a filter: each node of the language, said once.

use super::shelf::Shelves;
use crate::filter::Filter;
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
        Filter::Like(columns, pattern) => {
            let (text, pattern) = (folded(&joined(row, columns)), folded(pattern));
            like(&text, &pattern)
        }
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

/// The characters of a text, with ASCII letters in lower case.
fn folded(text: &str) -> Vec<char> {
    text.chars().map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether a text is what a pattern says: `%` is any text, `_` is any character, all else is itself.
///
/// Only the last `%` seen is ever tried again, so the time is bounded by the product of the lengths.
fn like(text: &[char], pattern: &[char]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('%') => {
                retry = Some((t, p));
                p += 1;
            }
            Some(&c) if c == '_' || c == text[t] => {
                t += 1;
                p += 1;
            }
            _ => match retry {
                Some((start, percent)) => {
                    retry = Some((start + 1, percent));
                    t = start + 1;
                    p = percent + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '%')
}

fn tags(value: &Value) -> &[String] {
    match value {
        Value::Tags(tags) => tags,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::{folded, like};

    #[test]
    fn a_pattern_is_matched_as_a_whole() {
        for (text, pattern, expected) in [
            ("", "", true),
            ("", "%", true),
            ("", "_", false),
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("abc", "A_c", true),
            ("abc", "%c", true),
            ("abcabd", "%ab_", true),
            ("abcabd", "%abc", false),
            ("aXbXc", "a%x%c", true),
            ("é", "_", true),
            ("É", "é", false),
            ("100%", "100%", true),
            ("1000", "100%", true),
            ("a\\b", "a\\b", true),
        ] {
            assert_eq!(like(&folded(text), &folded(pattern)), expected, "{text:?} like {pattern:?}");
        }
    }
}
