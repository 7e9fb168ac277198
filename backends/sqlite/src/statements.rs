//! The fixed statements of each table, built when a connection first needs them.

use std::collections::HashMap;

use mintaka_core::{Error, Key, Row, Table};
use mintaka_sqlkit::{Sqlite, Statements};
use rusqlite::Connection;

use crate::codec;
use crate::error::store;

#[derive(Default)]
pub(crate) struct TableStatements(HashMap<&'static str, Statements>);

impl TableStatements {
    /// Those of a table.
    pub fn of(&mut self, table: &'static Table) -> &Statements {
        self.0.entry(table.name).or_insert_with(|| Statements::of(&Sqlite, table))
    }

    /// The row of a key.
    pub fn find(&mut self, connection: &Connection, table: &'static Table, key: &Key) -> Result<Option<Row>, Error> {
        let statements = self.of(table);
        let (text, values) = match key {
            Key::Primary(values) => (Some(&statements.find_primary), values),
            Key::Unique(values) => (statements.find_unique.as_ref(), values),
        };
        let Some(text) = text else {
            return Err(Error::Invalid(format!("{} has no unique key", table.name)));
        };
        let mut statement = connection.prepare_cached(text).map_err(store)?;
        codec::bind(&mut statement, values).map_err(store)?;
        let mut rows = statement.raw_query();
        match rows.next().map_err(store)? {
            Some(row) => codec::row(row, table.columns.iter().map(|c| c.kind)).map(Some),
            None => Ok(None),
        }
    }
}
