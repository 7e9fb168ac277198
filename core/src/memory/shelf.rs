//! Rows by primary key, their unique keys, and a log that takes a batch back.

use std::collections::BTreeMap;

use crate::batch::Key;
use crate::eval::Relations;
use crate::value::Ordered;
use crate::{Cmp, Col, Error, Row, Table, Value};

type MapKey = Vec<Ordered>;

fn map_key(values: &[Value]) -> MapKey {
    values.iter().cloned().map(Ordered).collect()
}

/// The rows of one table.
#[derive(Default)]
struct Shelf {
    rows: BTreeMap<MapKey, Row>,
    /// Primary key by unique key. A row whose unique key has a null in it is not here, so it collides with nothing.
    unique: BTreeMap<MapKey, MapKey>,
}

/// All tables, and what the batch at hand has changed in them.
#[derive(Default)]
pub(super) struct Shelves {
    shelves: BTreeMap<&'static str, Shelf>,
    /// Table, primary key and former row of each change since the batch began, oldest first.
    changed: Vec<(&'static Table, MapKey, Option<Row>)>,
}

impl Shelves {
    /// The rows of a table, by primary key.
    pub(super) fn rows(&self, table: &Table) -> impl Iterator<Item = &Row> {
        self.shelves.get(table.name).into_iter().flat_map(|shelf| shelf.rows.values())
    }

    /// The row of a key.
    pub(super) fn find(&self, table: &Table, key: &Key) -> Option<&Row> {
        let shelf = self.shelves.get(table.name)?;
        match key {
            Key::Primary(values) => shelf.rows.get(&map_key(values)),
            Key::Unique(values) => shelf.rows.get(shelf.unique.get(&map_key(values))?),
        }
    }

    /// The row that has the primary key of these values, else the one that has their unique key.
    pub(super) fn in_the_way(&self, table: &Table, values: &[Value]) -> Option<&Row> {
        let same_unique = || self.find(table, &Key::Unique(table.unique_of(values)?));
        self.find(table, &Key::Primary(table.key_of(values))).or_else(same_unique)
    }

    /// Puts a row in place of the one that has its primary key, if any.
    pub(super) fn put(&mut self, table: &'static Table, row: Row) {
        self.replace(table, map_key(&table.key_of(&row.values)), Some(row));
    }

    /// Takes a row away.
    pub(super) fn take(&mut self, table: &'static Table, key: &[Value]) {
        self.replace(table, map_key(key), None);
    }

    /// From here on, [`undo`](Shelves::undo) leads back to here.
    pub(super) fn begin(&mut self) {
        self.changed.clear();
    }

    /// Takes back every change since [`begin`](Shelves::begin), the latest first.
    pub(super) fn undo(&mut self) {
        for (table, key, former) in std::mem::take(&mut self.changed).into_iter().rev() {
            self.replace(table, key, former);
        }
        self.changed.clear();
    }

    fn replace(&mut self, table: &'static Table, key: MapKey, row: Option<Row>) {
        let shelf = self.shelves.entry(table.name).or_default();
        let unique = row.as_ref().and_then(|row| table.unique_of(&row.values));
        let former = match row {
            Some(row) => shelf.rows.insert(key.clone(), row),
            None => shelf.rows.remove(&key),
        };
        if let Some(old) = former.as_ref().and_then(|row| table.unique_of(&row.values)) {
            shelf.unique.remove(&map_key(&old));
        }
        if let Some(new) = unique {
            shelf.unique.insert(map_key(&new), key.clone());
        }
        self.changed.push((table, key, former));
    }
}

impl Relations for Shelves {
    fn related(&self, to: Col, value: &Value) -> Result<Vec<Row>, Error> {
        let rows = if to.table.key == [to.ordinal] {
            self.find(to.table, &Key::id(value.clone())).into_iter().cloned().collect()
        } else {
            self.rows(to.table).filter(|row| Cmp::Eq.holds(&row.values[to.ordinal], value)).cloned().collect()
        };
        Ok(rows)
    }
}
