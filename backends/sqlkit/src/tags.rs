//! Conditions on the tags of a row: by the side table of their index, or by the list in the row.

use std::collections::BTreeSet;

use mintaka_core::{Col, Kind, Value};

use crate::TagTable;
use crate::filter::value_list;
use crate::path::Path;
use crate::text::{Alias, Builder, list, quoted};

/// Of more tags than this that a row must have, it is counted how many it has.
const MANY: usize = 8;

/// The condition that a row has all of these tags.
pub(crate) fn has_all(b: &mut Builder<'_>, column: Col, tags: &[String], row: Alias, path: Path) {
    let distinct: BTreeSet<&str> = tags.iter().map(String::as_str).collect();
    let distinct: Vec<&str> = distinct.into_iter().collect();
    b.push("(");
    if let [first, ..] = distinct[..]
        && distinct.len() > MANY
    {
        has_any(b, column, &[first], row, path);
        b.push(" AND ");
        number(b, column, &distinct, row);
        b.push(&format!(" = {}", distinct.len()));
    } else {
        b.joined(distinct, " AND ", "TRUE", |b, tag| has_any(b, column, &[tag], row, path));
    }
    b.push(")");
}

/// The condition that a row has one of these tags.
pub(crate) fn has_any(b: &mut Builder<'_>, column: Col, tags: &[&str], row: Alias, path: Path) {
    let table = column.table;
    let side = TagTable::on(b.dialect, column).filter(|_| path == Path::Narrow);
    match side {
        _ if tags.is_empty() => {
            b.push("FALSE");
        }
        Some(side) => {
            let entry = b.alias();
            let key = |alias: Alias| list(table.key.iter().map(|&i| alias.named(table.columns[i].name)));
            let (open, close) = if table.key.len() == 1 { ("", "") } else { ("(", ")") };
            b.push(&format!("{open}{}{close} IN (SELECT {} FROM ", key(row), key(entry)));
            b.push(&format!("{} AS {entry} WHERE {} IN ", quoted(&side.name), entry.named("tag")));
            value_list(b, Kind::Text, texts(tags));
            b.push(")");
        }
        None => {
            b.push("EXISTS (SELECT 1");
            of_row(b, column, tags, row);
            b.push(")");
        }
    }
}

/// How many of these distinct tags a row has.
fn number(b: &mut Builder<'_>, column: Col, tags: &[&str], row: Alias) {
    // A list may hold a tag twice; the index on it does not.
    let distinct = if TagTable::on(b.dialect, column).is_some() { "*" } else { "DISTINCT j.value" };
    b.push(&format!("(SELECT count({distinct})"));
    of_row(b, column, tags, row);
    b.push(")");
}

/// ` FROM … WHERE …`: those of a row's tags that are among these.
fn of_row(b: &mut Builder<'_>, column: Col, tags: &[&str], row: Alias) {
    let table = column.table;
    let Some(side) = TagTable::on(b.dialect, column) else {
        let of = b.dialect.tags_of(&row.column(column));
        b.push(&format!(" FROM {of} AS j WHERE j.value IN "));
        return value_list(b, Kind::Text, texts(tags));
    };
    let entry = b.alias();
    b.push(&format!(" FROM {} AS {entry} WHERE {} IN ", quoted(&side.name), entry.named("tag")));
    value_list(b, Kind::Text, texts(tags));
    for &ordinal in side.sort.iter().chain(table.key) {
        let def = &table.columns[ordinal];
        let mine = row.named(def.name);
        let mine = if def.nullable { format!("coalesce({mine}, {})", b.dialect.least(def.kind)) } else { mine };
        b.push(&format!(" AND {} = {mine}", entry.named(def.name)));
    }
}

fn texts(tags: &[&str]) -> Vec<Value> {
    tags.iter().map(|tag| Value::text(*tag)).collect()
}
