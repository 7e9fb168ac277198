//! Row writes: the statements of a table, and its tag entries.

use std::collections::BTreeSet;

use mintaka_core::{Col, Index, Kind, Table, Value};

use crate::text::{list, quoted};
use crate::{Dialect, ROW_VERSION};

/// The statements of a table whose text never changes. Build once, keep.
#[derive(Clone, Debug)]
pub struct Statements {
    /// Bind the primary key; answers the row's version and all columns.
    pub find_primary: String,
    /// Bind the unique key; answers the same. `None` if the table has no unique key.
    pub find_unique: Option<String>,
    /// Bind all columns, then the row's version.
    pub insert: String,
    /// Bind the primary key.
    pub delete: String,
    /// Side tables of its tag indexes.
    pub tags: Vec<TagTable>,
}

impl Statements {
    /// Those of a table.
    pub fn of(dialect: &dyn Dialect, table: &'static Table) -> Statements {
        let names = table.columns.iter().map(|c| quoted(c.name)).chain([quoted(ROW_VERSION)]);
        let holes = (1..=table.columns.len() + 1).map(|n| dialect.placeholder(n));
        Statements {
            find_primary: find_text(dialect, table, table.key),
            find_unique: table.unique.map(|unique| find_text(dialect, table, unique)),
            insert: format!("INSERT INTO {} ({}) VALUES ({})", quoted(table.name), list(names), list(holes)),
            delete: format!("DELETE FROM {} WHERE {}", quoted(table.name), equals(dialect, table, table.key, 1)),
            tags: table.indexes.iter().filter_map(|index| TagTable::of(dialect, table, index)).collect(),
        }
    }
}

/// A SELECT of the row's version and all columns, by equality of these columns, to be bound in their order.
pub fn find_text(dialect: &dyn Dialect, table: &Table, by: &[usize]) -> String {
    let names = [quoted(ROW_VERSION)].into_iter().chain(table.columns.iter().map(|c| quoted(c.name)));
    format!("SELECT {} FROM {} WHERE {}", list(names), quoted(table.name), equals(dialect, table, by, 1))
}

/// An UPDATE of these columns: bind them in order, then the row's version, then the primary key.
pub fn update_text(dialect: &dyn Dialect, table: &Table, ordinals: impl IntoIterator<Item = usize>) -> String {
    let mut n = 0;
    let names = ordinals.into_iter().map(|i| table.columns[i].name).chain([ROW_VERSION]);
    let sets = list(names.map(|name| {
        n += 1;
        format!("{} = {}", quoted(name), dialect.placeholder(n))
    }));
    format!("UPDATE {} SET {sets} WHERE {}", quoted(table.name), equals(dialect, table, table.key, n + 1))
}

fn equals(dialect: &dyn Dialect, table: &Table, ordinals: &[usize], first: usize) -> String {
    let parts: Vec<String> = ordinals
        .iter()
        .enumerate()
        .map(|(n, &i)| format!("{} = {}", quoted(table.columns[i].name), dialect.placeholder(first + n)))
        .collect();
    parts.join(" AND ")
}

/// The side table of a tag index: one row per distinct tag of a row, `(tag, the index's other columns, primary key)`.
///
/// Its columns hold no null: the index's other columns stand in for null with [`Dialect::least`].
#[derive(Clone, Debug)]
pub struct TagTable {
    /// Its name: that of the table and of the column.
    pub name: String,
    /// Ordinal of the column of tags.
    pub column: usize,
    /// Ordinals of the index's other columns.
    pub sort: Vec<usize>,
    /// Bind the tag, the other columns, the primary key.
    pub insert: String,
    /// Bind the same.
    pub delete: String,
}

impl TagTable {
    /// That of an index, if its first column is of kind [`Kind::Tags`].
    pub fn of(dialect: &dyn Dialect, table: &'static Table, index: &Index) -> Option<TagTable> {
        let (&column, rest) = index.columns.split_first()?;
        if table.columns[column].kind != Kind::Tags {
            return None;
        }
        let sort: Vec<usize> = rest.iter().copied().filter(|i| !table.key.contains(i)).collect();
        let name = format!("{}__{}", table.name, table.columns[column].name);
        let mut names = vec![quoted("tag")];
        let mut holes = vec![dialect.placeholder(1)];
        for (n, &ordinal) in sort.iter().chain(table.key).enumerate() {
            let def = &table.columns[ordinal];
            let hole = dialect.placeholder(n + 2);
            names.push(quoted(def.name));
            holes.push(if def.nullable { format!("coalesce({hole}, {})", dialect.least(def.kind)) } else { hole });
        }
        let conditions: Vec<String> = names.iter().zip(&holes).map(|(n, h)| format!("{n} = {h}")).collect();
        Some(TagTable {
            column,
            sort,
            insert: format!("INSERT INTO {} ({}) VALUES ({})", quoted(&name), names.join(", "), holes.join(", ")),
            delete: format!("DELETE FROM {} WHERE {}", quoted(&name), conditions.join(" AND ")),
            name,
        })
    }

    /// That of an index on this column, if there is one.
    pub fn on(dialect: &dyn Dialect, column: Col) -> Option<TagTable> {
        let index = column.table.indexes.iter().find(|i| i.columns.first() == Some(&column.ordinal))?;
        TagTable::of(dialect, column.table, index)
    }

    /// The tags whose entries go and come when a row changes; `None` is a row that does not exist.
    pub fn changes<'v>(&self, old: Option<&'v [Value]>, new: Option<&'v [Value]>) -> (Vec<&'v str>, Vec<&'v str>) {
        let moved = match (old, new) {
            (Some(old), Some(new)) => self.sort.iter().any(|&i| old[i] != new[i]),
            _ => true,
        };
        let (before, after) = (self.tags(old), self.tags(new));
        if moved {
            return (before.into_iter().collect(), after.into_iter().collect());
        }
        (before.difference(&after).copied().collect(), after.difference(&before).copied().collect())
    }

    fn tags<'v>(&self, row: Option<&'v [Value]>) -> BTreeSet<&'v str> {
        match row.map(|values| &values[self.column]) {
            Some(Value::Tags(tags)) => tags.iter().map(String::as_str).collect(),
            _ => BTreeSet::new(),
        }
    }
}
