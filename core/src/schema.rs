//! Declarations: tables, columns, keys and indexes, as data that every backend reads.

use std::fmt;

use crate::{Error, Kind, Value};

/// The largest row that any backend takes, in bytes as counted by [`Value::size`].
pub const MAX_ROW_BYTES: usize = 16 << 20;

/// The longest entry of a key or an index that any backend takes, in bytes of its texts and of 16 for each other value.
/// PostgreSQL's B-tree ends at 2,704 bytes, its own header included.
pub const MAX_KEY_BYTES: usize = 2_560;

/// A table. Made by [`record!`](crate::record); compared by name.
#[derive(Debug)]
pub struct Table {
    /// Name, the same on every backend, and Prefect's where the meaning is the same.
    pub name: &'static str,
    /// Columns in the order of a row's values.
    pub columns: &'static [ColumnDef],
    /// Ordinals of the primary key; usually one, `id`.
    pub key: &'static [usize],
    /// Ordinals of the one unique key besides the primary key, if any. A null in it never collides.
    pub unique: Option<&'static [usize]>,
    /// Secondary indexes, each serving a query shape.
    pub indexes: &'static [Index],
    /// For a stream: the ordinals of its `writer` and `seq` columns, which the backend stamps at commit.
    pub stream: Option<(usize, usize)>,
}

/// A column of a table.
#[derive(Debug)]
pub struct ColumnDef {
    /// Name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// A soft column takes `max` only, bumps no version, and may lag (last polled, last heartbeat).
    pub soft: bool,
    /// Never sent to clients.
    pub internal: bool,
}

/// A secondary index: these columns, in this order, ascending; the primary key follows as tie-break.
/// An index whose first column is of kind [`Kind::Tags`] has one entry per distinct tag.
#[derive(Debug)]
pub struct Index {
    /// Name, unique within the store.
    pub name: &'static str,
    /// Ordinals of its columns.
    pub columns: &'static [usize],
}

impl PartialEq for Table {
    fn eq(&self, other: &Table) -> bool {
        self.name == other.name
    }
}
impl Eq for Table {}

/// A column named in a filter, an order or a change.
#[derive(Clone, Copy)]
pub struct Col {
    /// Its table.
    pub table: &'static Table,
    /// Its ordinal in the table.
    pub ordinal: usize,
}

impl Col {
    /// Its declaration.
    pub fn def(self) -> &'static ColumnDef {
        &self.table.columns[self.ordinal]
    }
    /// Its name.
    pub fn name(self) -> &'static str {
        self.def().name
    }
}

impl PartialEq for Col {
    fn eq(&self, other: &Col) -> bool {
        self.table == other.table && self.ordinal == other.ordinal
    }
}
impl Eq for Col {}

impl fmt::Debug for Col {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.table.name, self.name())
    }
}

/// A row: the values of all columns in declared order (or of the selected ones), and its version.
///
/// A row is inserted with version 1; every change of a column that is not soft adds 1.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Version.
    pub version: i64,
    /// Values.
    pub values: Vec<Value>,
}

impl Table {
    /// The primary key of a row of this table.
    pub fn key_of(&self, values: &[Value]) -> Vec<Value> {
        self.key.iter().map(|&i| values[i].clone()).collect()
    }

    /// The unique key of a row, unless the table has none or a part of it is null.
    pub fn unique_of(&self, values: &[Value]) -> Option<Vec<Value>> {
        let key: Vec<Value> = self.unique?.iter().map(|&i| values[i].clone()).collect();
        if key.iter().any(Value::is_null) { None } else { Some(key) }
    }

    /// The ordinal of the column of that name.
    pub fn ordinal(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| c.name == name)
    }

    /// Checks that a value may stand in a column.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is of another kind, or null where null is not allowed.
    pub fn check(&self, ordinal: usize, value: &Value) -> Result<(), Error> {
        let Some(column) = self.columns.get(ordinal) else {
            return Err(Error::Invalid(format!("{} has no column {ordinal}", self.name)));
        };
        match value.kind() {
            Some(kind) if kind == column.kind => Ok(()),
            None if matches!(value, Value::IdOf(_)) && column.kind == Kind::Uuid => Ok(()),
            None if value.is_null() && column.nullable => Ok(()),
            _ => Err(Error::Invalid(format!("{}.{} cannot hold {value:?}", self.name, column.name))),
        }
    }

    /// Checks that a row is no larger than a row or an entry of an index may be.
    ///
    /// # Errors
    /// [`Error::TooLarge`], which names the value.
    pub fn check_size(&self, values: &[Value]) -> Result<(), Error> {
        let bytes: usize = values.iter().map(Value::size).sum();
        if bytes <= MAX_KEY_BYTES {
            return Ok(()); // as no entry holds more than its row
        }
        let name = |ordinal: usize| format!("{}.{}", self.name, self.columns[ordinal].name);
        let largest = |ordinals: &mut dyn Iterator<Item = usize>| {
            ordinals.max_by_key(|&ordinal| values[ordinal].size()).map_or(String::new(), name)
        };
        if bytes > MAX_ROW_BYTES {
            return Err(Error::TooLarge(format!(
                "{} is too large: its row would have {bytes} bytes, the most is {MAX_ROW_BYTES}",
                largest(&mut (0..values.len()))
            )));
        }
        let tree = |columns: &'static [usize]| columns.iter().chain(self.key).copied();
        for columns in [self.key].into_iter().chain(self.unique).chain(self.indexes.iter().map(|index| index.columns)) {
            let bytes: usize = tree(columns).map(|ordinal| values[ordinal].key_size()).sum();
            if bytes > MAX_KEY_BYTES {
                return Err(Error::TooLarge(format!(
                    "{} is too long: what is searched by may have at most about {MAX_KEY_BYTES} bytes",
                    largest(&mut tree(columns))
                )));
            }
        }
        Ok(())
    }

    /// Checks a full row.
    ///
    /// # Errors
    /// [`Error::Invalid`], as [`Table::check`], or if the number of values is another.
    pub fn check_row(&self, values: &[Value]) -> Result<(), Error> {
        if values.len() != self.columns.len() {
            return Err(Error::Invalid(format!(
                "{} takes {} values, not {}",
                self.name,
                self.columns.len(),
                values.len()
            )));
        }
        values.iter().enumerate().try_for_each(|(i, v)| self.check(i, v))
    }
}
