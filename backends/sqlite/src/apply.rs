//! Net writes, row by row: on the writer's own thread simple statements are as fast as set-wise ones.

use mintaka_core::{Table, Value, Write};
use mintaka_sqlkit::{Sqlite, Statements, update_text};
use rusqlite::Connection;

use crate::codec::bind;
use crate::error::Failure;
use crate::session::Session;

/// Applies writes one by one in the judge's order, in which no unique key is taken twice.
pub(crate) fn apply(session: &mut Session, writes: &[Write]) -> Result<(), Failure> {
    writes.iter().try_for_each(|write| one(session, write))
}

fn one(session: &mut Session, write: &Write) -> Result<(), Failure> {
    match write {
        Write::Insert(table, row) => {
            let (connection, statements) = session.statements_of(table);
            let mut insert = connection.prepare_cached(&statements.insert)?;
            bind(&mut insert, row.values.iter().chain([&Value::Int(row.version)]))?;
            insert.raw_execute()?;
            tags(connection, statements, table, None, Some(&row.values))
        }
        Write::Update { table, key, version, columns, row, old } => {
            let (connection, statements) = session.statements_of(table);
            let text = update_text(&Sqlite, table, columns.iter().map(|&(i, _)| i));
            let mut update = connection.prepare_cached(&text)?;
            bind(&mut update, columns.iter().map(|(_, v)| v).chain([&Value::Int(*version)]).chain(key))?;
            update.raw_execute()?;
            tags(connection, statements, table, Some(&old.values), Some(&row.values))
        }
        Write::Delete(table, key, row) => {
            let (connection, statements) = session.statements_of(table);
            let mut delete = connection.prepare_cached(&statements.delete)?;
            bind(&mut delete, key)?;
            delete.raw_execute()?;
            tags(connection, statements, table, Some(&row.values), None)
        }
    }
}

/// The entries of tag indexes that go and come with a row.
fn tags(
    connection: &Connection,
    statements: &Statements,
    table: &Table,
    old: Option<&[Value]>,
    new: Option<&[Value]>,
) -> Result<(), Failure> {
    for side in &statements.tags {
        let (gone, come) = side.changes(old, new);
        for (text, tags, row) in [(&side.delete, gone, old), (&side.insert, come, new)] {
            let Some(row) = row else { continue };
            for tag in tags {
                let mut statement = connection.prepare_cached(text)?;
                let tag = Value::text(tag);
                bind(&mut statement, [&tag].into_iter().chain(side.sort.iter().chain(table.key).map(|&i| &row[i])))?;
                statement.raw_execute()?;
            }
        }
    }
    Ok(())
}
