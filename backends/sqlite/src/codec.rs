//! Values to SQLite and back, as the STRICT tables declare them.

use mintaka_core::{Error, Kind, Row, Time, Value};
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use rusqlite::{Statement, ToSql};
use uuid::Uuid;

/// A value as a parameter, borrowed where it can be.
struct Bound<'v>(&'v Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let borrowed = match self.0 {
            Value::Null => ValueRef::Null,
            Value::Bool(x) => ValueRef::Integer(i64::from(*x)),
            Value::Int(n) => ValueRef::Integer(*n),
            Value::Float(x) => ValueRef::Real(*x),
            Value::Text(text) | Value::Json(text) => ValueRef::Text(text.as_bytes()),
            Value::Uuid(id) => ValueRef::Blob(id.as_bytes()),
            Value::Time(time) => ValueRef::Integer(time.micros()),
            Value::Tags(tags) => {
                let text =
                    serde_json::to_string(tags).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?;
                return Ok(ToSqlOutput::Owned(Owned::Text(text)));
            }
            Value::IdOf(n) => {
                let why = format!("the id of op {n} was not resolved");
                return Err(rusqlite::Error::ToSqlConversionFailure(why.into()));
            }
        };
        Ok(ToSqlOutput::Borrowed(borrowed))
    }
}

/// Binds values to the parameters of a statement, in order.
pub(crate) fn bind<'v>(
    statement: &mut Statement<'_>,
    values: impl IntoIterator<Item = &'v Value>,
) -> rusqlite::Result<()> {
    for (n, value) in values.into_iter().enumerate() {
        statement.raw_bind_parameter(n + 1, Bound(value))?;
    }
    Ok(())
}

/// The value of a stored column.
///
/// # Errors
/// [`Error::Corrupt`] if it is of another type than the column's kind has.
pub(crate) fn value(stored: ValueRef<'_>, kind: Kind) -> Result<Value, Error> {
    let damaged = || Error::Corrupt(format!("a stored {} where {kind:?} was expected", stored.data_type()));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| Error::Corrupt("text is not UTF-8".into()));
    Ok(match (stored, kind) {
        (ValueRef::Null, _) => Value::Null,
        (ValueRef::Integer(n), Kind::Bool) => Value::Bool(n != 0),
        (ValueRef::Integer(n), Kind::Int) => Value::Int(n),
        (ValueRef::Integer(n), Kind::Time) => Value::Time(Time::from_micros(n)),
        (ValueRef::Integer(n), Kind::Float) => Value::float(n as f64),
        (ValueRef::Real(x), Kind::Float) => Value::float(x),
        (ValueRef::Text(bytes), Kind::Text) => Value::Text(text(bytes)?),
        (ValueRef::Text(bytes), Kind::Json) => Value::Json(text(bytes)?),
        (ValueRef::Text(bytes), Kind::Tags) => Value::Tags(serde_json::from_slice(bytes).map_err(|_| damaged())?),
        (ValueRef::Blob(bytes), Kind::Uuid) => Value::Uuid(Uuid::from_slice(bytes).map_err(|_| damaged())?),
        _ => return Err(damaged()),
    })
}

/// The values of an output row, from a column on.
pub(crate) fn values(
    row: &rusqlite::Row<'_>,
    first: usize,
    kinds: impl Iterator<Item = Kind>,
) -> Result<Vec<Value>, Error> {
    kinds.enumerate().map(|(i, kind)| value(row.get_ref(first + i).map_err(crate::error::store)?, kind)).collect()
}

/// A row: its version is the first output column.
pub(crate) fn row(row: &rusqlite::Row<'_>, kinds: impl Iterator<Item = Kind>) -> Result<Row, Error> {
    Ok(Row { version: row.get(0).map_err(crate::error::store)?, values: values(row, 1, kinds)? })
}
