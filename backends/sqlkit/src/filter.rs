//! Filters as SQL conditions, two-valued: under a negation every comparison spells out its nulls.

use std::borrow::Cow;

use mintaka_core::{Cmp, Col, Filter, Kind, Value};

use crate::path::{Path, is_narrow};
use crate::tags;
use crate::text::{Alias, Builder, quoted};

/// Lists longer than this are bound as one parameter.
const LONG_LIST: usize = 1024;

/// Whether a null may become the value of a condition: harmless in WHERE, wrong under NOT.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nulls {
    /// A null counts as false where it ends up.
    Loose,
    /// The condition must be true or false.
    Exact,
}

/// Appends the conditions that all `parts` hold for the row `row`, each by its path.
pub(crate) fn conditions(b: &mut Builder<'_>, parts: &[Cow<'_, Filter>], row: Alias, paths: &[Path]) {
    let parts: Vec<_> = parts.iter().enumerate().collect();
    b.chained(&parts, " AND ", "TRUE", &mut |b, &(i, part)| {
        filter(b, part, row, Nulls::Loose, paths.get(i).copied().unwrap_or(Path::Narrow));
    });
}

/// Appends the condition that `filter` holds for the row `row`.
pub(crate) fn filter(b: &mut Builder<'_>, filter: &Filter, row: Alias, nulls: Nulls, path: Path) {
    match filter {
        Filter::And(all) => group(b, all, " AND ", "TRUE", row, nulls, path),
        Filter::Or(any) => group(b, any, " OR ", "FALSE", row, nulls, path),
        Filter::Not(inner) => {
            b.push("NOT (");
            self::filter(b, inner, row, Nulls::Exact, path);
            b.push(")");
        }
        Filter::Compare(_, _, Value::Null) => {
            b.push("FALSE");
        }
        Filter::Compare(column, op, value) => guarded(b, &[*column], row, nulls, |b| {
            b.push(&asked(b, *column, row, path)).push(operator(*op)).push_param(value.clone());
        }),
        Filter::CompareColumns(left, op, right) => guarded(b, &[*left, *right], row, nulls, |b| {
            b.push(&row.column(*left)).push(operator(*op)).push(&row.column(*right));
        }),
        Filter::In(column, values) => {
            let values: Vec<Value> = values.iter().filter(|v| !v.is_null()).cloned().collect();
            if values.is_empty() {
                b.push("FALSE");
            } else {
                guarded(b, &[*column], row, nulls, |b| {
                    b.push(&asked(b, *column, row, path)).push(" IN ");
                    value_list(b, column.def().kind, values);
                });
            }
        }
        Filter::IsNull(column) => {
            b.push(&row.column(*column)).push(" IS NULL");
        }
        Filter::Like(columns, pattern) => {
            let pattern = b.param(Value::text(pattern.as_str()));
            let condition = b.dialect.like(&joined_text(columns, row), &pattern);
            b.push(&condition);
        }
        Filter::Contains(columns, text) => {
            let folded = b.param(Value::text(text.to_ascii_lowercase()));
            let condition = b.dialect.contains(&joined_text(columns, row), &folded);
            b.push(&condition);
        }
        Filter::StartsWith(column, prefix) => starts_with(b, *column, prefix, row, nulls),
        Filter::TagsAny(column, tags) => {
            let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
            tags::has_any(b, *column, &tags, row, path);
        }
        Filter::TagsAll(column, tags) => tags::has_all(b, *column, tags, row, path),
        Filter::TagsEmpty(column) => {
            let empty = b.dialect.empty_tags();
            let condition = format!("coalesce({}, {empty}) = {empty}", row.column(*column));
            b.push(&condition);
        }
        Filter::Has { from, to, filter } if path == Path::Narrow && is_narrow(*from, *to) => {
            guarded(b, &[*from], row, nulls, |b| parents(b, *from, *to, filter, row, None));
        }
        Filter::Has { from, to, filter } => {
            let other = b.alias();
            b.push(&format!("EXISTS (SELECT 1 FROM {} AS {other} WHERE ", quoted(to.table.name)));
            b.push(&format!("{} = {}", other.column(*to), row.column(*from)));
            if !is_all(filter) {
                b.push(" AND ");
                self::filter(b, filter, other, Nulls::Loose, path);
            }
            b.push(")");
        }
    }
}

/// A column as it is compared with values: by an index on it, or row by row.
fn asked(b: &Builder<'_>, column: Col, row: Alias, path: Path) -> String {
    match path {
        Path::Narrow => row.column(column),
        Path::Walk => b.dialect.unindexed(&row.column(column)),
    }
}

/// The condition that the row's parent is among those that meet `filter`, or among the first so many of them.
pub(crate) fn parents(b: &mut Builder<'_>, from: Col, to: Col, filter: &Filter, row: Alias, limit: Option<u64>) {
    let parent = b.alias();
    b.push(&row.column(from)).push(" IN (SELECT ").push(&parent.column(to));
    b.push(&format!(" FROM {} AS {parent}", quoted(to.table.name)));
    if !is_all(filter) {
        b.push(" WHERE ");
        self::filter(b, filter, parent, Nulls::Loose, Path::Narrow);
    }
    if let Some(limit) = limit {
        b.push(" LIMIT ").push_param(Value::Int(i64::try_from(limit).unwrap_or(i64::MAX)));
    }
    b.push(")");
}

/// Whether a filter is trivially true.
pub(crate) fn is_all(filter: &Filter) -> bool {
    matches!(filter, Filter::And(all) if all.iter().all(is_all))
}

fn group(b: &mut Builder<'_>, parts: &[Filter], separator: &str, empty: &str, row: Alias, nulls: Nulls, path: Path) {
    let many = parts.len() > 1;
    b.push(if many { "(" } else { "" });
    b.chained(parts, separator, empty, &mut |b, part| filter(b, part, row, nulls, path));
    b.push(if many { ")" } else { "" });
}

fn operator(op: Cmp) -> &'static str {
    match op {
        Cmp::Eq => " = ",
        Cmp::Lt => " < ",
        Cmp::Le => " <= ",
        Cmp::Gt => " > ",
        Cmp::Ge => " >= ",
    }
}

/// A condition that is null if one of these columns is; where nulls must not leak, it is made false then.
fn guarded(b: &mut Builder<'_>, columns: &[Col], row: Alias, nulls: Nulls, condition: impl FnOnce(&mut Builder<'_>)) {
    let nullable: Vec<&Col> = columns.iter().filter(|c| c.def().nullable).collect();
    if nulls == Nulls::Loose || nullable.is_empty() {
        return condition(b);
    }
    b.push("(");
    for column in nullable {
        b.push(&row.column(*column)).push(" IS NOT NULL AND ");
    }
    condition(b);
    b.push(")");
}

/// `(v, v, …)`. Its length is rounded up to a power of two by repeating the last value, so that a backend's cache of
/// statements holds few texts; a very long list becomes one parameter.
pub(crate) fn value_list(b: &mut Builder<'_>, kind: Kind, mut values: Vec<Value>) {
    b.push("(");
    if values.len() > LONG_LIST {
        let parameter = b.param(Value::Json(json_list(&values)));
        let rows = b.dialect.rows_of_list(kind, &parameter);
        b.push(&rows);
    } else {
        if let Some(last) = values.last().cloned() {
            values.resize(values.len().next_power_of_two(), last);
        }
        b.joined(values, ", ", "NULL", |b, value| {
            b.push_param(value);
        });
    }
    b.push(")");
}

fn json_list(values: &[Value]) -> String {
    let items: Vec<serde_json::Value> = values
        .iter()
        .map(|v| match v {
            Value::Bool(x) => i64::from(*x).into(),
            Value::Int(n) => (*n).into(),
            Value::Float(x) => (*x).into(),
            Value::Time(t) => t.micros().into(),
            Value::Uuid(u) => u.simple().to_string().into(),
            Value::Text(s) | Value::Json(s) => s.as_str().into(),
            Value::Tags(_) | Value::Null | Value::IdOf(_) => serde_json::Value::Null,
        })
        .collect();
    serde_json::Value::Array(items).to_string()
}

/// Texts joined by a space, a null as empty text.
fn joined_text(columns: &[Col], row: Alias) -> String {
    let parts: Vec<String> = columns
        .iter()
        .map(|c| {
            let name = row.column(*c);
            if c.def().nullable { format!("coalesce({name}, '')") } else { name }
        })
        .collect();
    if parts.len() == 1 { parts.concat() } else { format!("({})", parts.join(" || ' ' || ")) }
}

/// As a range, so that an index serves it: bytes of UTF-8 sort like code points.
fn starts_with(b: &mut Builder<'_>, column: Col, prefix: &str, row: Alias, nulls: Nulls) {
    let name = row.column(column);
    if prefix.is_empty() {
        b.push(&name).push(" IS NOT NULL");
        return;
    }
    guarded(b, &[column], row, nulls, |b| {
        b.push("(").push(&name).push(" >= ").push_param(Value::text(prefix));
        if let Some(end) = after_all_with_prefix(prefix) {
            b.push(" AND ").push(&name).push(" < ").push_param(Value::text(end));
        }
        b.push(")");
    });
}

/// The least text above every text with this prefix.
fn after_all_with_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = if last == '\u{d7ff}' { Some('\u{e000}') } else { char::from_u32(u32::from(last) + 1) };
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}
