//! Net writes, row by row: on the writer's own thread simple statements are as fast as set-wise ones.

use std::collections::HashMap;

use mintaka_core::{Row, Table, Value, Write};
use mintaka_sqlkit::{Sqlite, Statements, parked, update_text};
use rusqlite::Connection;

use crate::MAX_ROW_BYTES;
use crate::codec::bind;
use crate::error::Failure;
use crate::session::Session;

/// Applies writes in the judge's order: deletes, updates, inserts.
pub(crate) fn apply(session: &mut Session, writes: &[Write]) -> Result<(), Failure> {
    let mut restored: HashMap<usize, usize> = HashMap::new();
    let parked = parked(writes);
    let (deletes, rest) = writes.split_at(writes.iter().take_while(|w| matches!(w, Write::Delete(..))).count());
    for write in deletes {
        one(session, write, None)?;
    }
    for place in &parked {
        if let Some(Write::Update { table, key, old, .. }) = writes.get(place.write) {
            update(&session.connection, table, &[(place.column, &place.value)], old.version, key)?;
            restored.insert(place.write, place.column);
        }
    }
    for (n, write) in rest.iter().enumerate() {
        one(session, write, restored.get(&(n + deletes.len())).copied())?;
    }
    Ok(())
}

/// One write; `restore` is a column that an update must set although it may not differ.
fn one(session: &mut Session, write: &Write, restore: Option<usize>) -> Result<(), Failure> {
    match write {
        Write::Insert(table, row) => {
            check_size(table, row)?;
            let (connection, statements) = session.statements_of(table);
            let mut insert = connection.prepare_cached(&statements.insert)?;
            bind(&mut insert, row.values.iter().chain([&Value::Int(row.version)]))?;
            insert.raw_execute()?;
            tags(connection, statements, table, None, Some(&row.values))
        }
        Write::Update { table, key, version, columns, row, old } => {
            check_size(table, row)?;
            let mut set: Vec<(usize, &Value)> = columns.iter().map(|(i, v)| (*i, v)).collect();
            if let Some(column) = restore
                && !set.iter().any(|&(i, _)| i == column)
            {
                set.push((column, &row.values[column]));
            }
            let (connection, statements) = session.statements_of(table);
            update(connection, table, &set, *version, key)?;
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

fn update(
    connection: &Connection,
    table: &Table,
    set: &[(usize, &Value)],
    version: i64,
    key: &[Value],
) -> Result<(), Failure> {
    let text = update_text(&Sqlite, table, set.iter().map(|&(i, _)| i));
    let mut statement = connection.prepare_cached(&text)?;
    bind(&mut statement, set.iter().map(|&(_, v)| v).chain([&Value::Int(version)]).chain(key))?;
    statement.raw_execute()?;
    Ok(())
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

fn check_size(table: &Table, row: &Row) -> Result<(), Failure> {
    let size: usize = row.values.iter().map(Value::size).sum();
    if size > MAX_ROW_BYTES {
        return Err(Failure::Data(format!("a row of {} with {size} bytes; the most is {MAX_ROW_BYTES}", table.name)));
    }
    Ok(())
}
