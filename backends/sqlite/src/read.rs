//! Reads of a session: queries, aggregates and positions.

use mintaka_core::{Aggregate, Error, Head, Query, Row, Value};
use mintaka_sqlkit::{Select, Sqlite, aggregate, select};

use crate::codec;
use crate::error::store;
use crate::fold::foldable;
use crate::plan::plan;
use crate::session::Session;

impl Session {
    pub fn select(&mut self, query: &Query) -> Result<Vec<Row>, Error> {
        let searched = self.searched(query)?;
        let query = searched.as_ref().unwrap_or(query);
        let counted = |probe: &Select| match self.values(probe)?.first().map(Vec::as_slice) {
            Some([Value::Int(n)]) => Ok(n.unsigned_abs()),
            other => Err(Error::Corrupt(format!("a count gave {other:?}"))),
        };
        let plan = plan(query, self.narrow_below, counted)?;
        let mut statement = select(&Sqlite, query, &plan);
        let Some(each) = &query.each else {
            return self.rows(&statement);
        };
        let mut rows = Vec::new();
        for value in each.values.iter().filter(|v| !v.is_null()) {
            if let Some(first) = statement.params.first_mut() {
                first.clone_from(value);
            }
            rows.extend(self.rows(&statement)?);
        }
        Ok(rows)
    }

    pub fn aggregate(&mut self, asked: &Aggregate) -> Result<Vec<Vec<Value>>, Error> {
        match foldable(asked) {
            Some(inputs) => self.fold(asked, &inputs),
            None => self.values(&aggregate(&Sqlite, asked)),
        }
    }

    /// How far the stream writers have got.
    pub fn writers(&mut self) -> Result<Vec<Head>, Error> {
        let mut statement =
            self.connection.prepare_cached("SELECT id, seq, closed FROM writer ORDER BY id").map_err(store)?;
        let head =
            |row: &rusqlite::Row<'_>| Ok(Head { writer: row.get(0)?, position: row.get(1)?, closed: row.get(2)? });
        let rows = statement.query_map([], head).map_err(store)?;
        rows.collect::<rusqlite::Result<_>>().map_err(store)
    }

    fn rows(&self, select: &Select) -> Result<Vec<Row>, Error> {
        self.rows_of(select, |row| codec::row(row, select.kinds.iter().copied()))
    }

    pub fn values(&self, select: &Select) -> Result<Vec<Vec<Value>>, Error> {
        self.rows_of(select, |row| codec::values(row, 0, select.kinds.iter().copied()))
    }

    fn rows_of<T>(
        &self,
        select: &Select,
        decode: impl Fn(&rusqlite::Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut statement = self.connection.prepare_cached(&select.text).map_err(store)?;
        codec::bind(&mut statement, &select.params).map_err(store)?;
        let mut rows = statement.raw_query();
        let mut out = Vec::new();
        while let Some(row) = rows.next().map_err(store)? {
            out.push(decode(row)?);
        }
        Ok(out)
    }
}
