//! One batch: judged and applied step by step on the rows themselves, and taken back as soon as a step fails.

use super::State;
use super::change::{holds, values_after};
use super::shelf::Shelves;
use crate::batch::{Batch, Change, Conflict, Done, Guard, Key, OnExists, Op, Outcome, Part};
use crate::{Error, Row, Table, Value};

/// Why a batch goes no further: the outcome that it comes to.
struct Stop(Outcome);

impl Stop {
    fn conflict(part: Part, table: &'static Table, row: Option<&Row>) -> Stop {
        Stop(Outcome::Conflict(Conflict { part, table, row: row.cloned() }))
    }
    fn failed(error: Error) -> Stop {
        Stop(Outcome::Failed(error))
    }
}

/// Applies a batch of a writer as a whole, or leaves no trace of it.
pub(super) fn commit(state: &mut State, writer: i64, batch: &Batch) -> Outcome {
    if let Err(malformed) = batch.check() {
        return Outcome::Failed(malformed);
    }
    let position = state.writers.get(&writer).map_or(0, |writer| writer.position);
    let mut work = Work { shelves: &mut state.shelves, writer, position };
    work.shelves.begin();
    match apply_all(&mut work, batch) {
        Ok(ops) => {
            let reached = work.position;
            if let Some(writer) = state.writers.get_mut(&writer) {
                writer.position = reached;
            }
            Outcome::Committed { ops, stream: (reached > position).then_some((writer, reached)) }
        }
        Err(Stop(outcome)) => {
            work.shelves.undo();
            outcome
        }
    }
}

/// The tables, and the positions that a batch gives out.
struct Work<'s> {
    shelves: &'s mut Shelves,
    writer: i64,
    position: i64,
}

/// First `once`, then the guards on the store as it was before the batch, then the ops one after the other.
fn apply_all(work: &mut Work<'_>, batch: &Batch) -> Result<Vec<Done>, Stop> {
    if let Some((table, values)) = &batch.once
        && let Some(row) = work.shelves.in_the_way(table, values)
    {
        return Err(Stop(Outcome::Repeated(row.clone())));
    }
    for (n, guard) in batch.guards.iter().enumerate() {
        hold(work.shelves, n, guard)?;
    }
    if let Some((table, values)) = &batch.once {
        insert(work, table, values.clone())?;
    }
    let mut done = Vec::new();
    for (n, op) in batch.ops.iter().enumerate() {
        let one = apply(work, Part::Op(n), op, &done)?;
        done.push(one);
    }
    Ok(done)
}

fn hold(shelves: &Shelves, n: usize, guard: &Guard) -> Result<(), Stop> {
    let (table, row, holds) = match guard {
        Guard::Version(table, key, version) => {
            let row = shelves.find(table, key);
            (table, row, row.is_some_and(|row| row.version == *version))
        }
        Guard::Present(table, key) => {
            let row = shelves.find(table, key);
            (table, row, row.is_some())
        }
    };
    if holds { Ok(()) } else { Err(Stop::conflict(Part::Guard(n), table, row)) }
}

fn apply(work: &mut Work<'_>, part: Part, op: &Op, done: &[Done]) -> Result<Done, Stop> {
    match op {
        Op::Insert { table, values, on_exists } => {
            let values = resolved(values, done)?;
            match (work.shelves.in_the_way(table, &values), on_exists) {
                (None, _) => insert(work, table, values),
                (Some(row), OnExists::Skip) => Ok(skipped(table, row)),
                (Some(row), OnExists::Conflict) => Err(Stop::conflict(part, table, Some(row))),
            }
        }
        Op::Upsert { table, by_unique, values, update, when } => {
            let values = resolved(values, done)?;
            // A unique key with a null in it names no row; then the primary key does.
            let key = match table.unique_of(&values) {
                Some(unique) if *by_unique => Key::Unique(unique),
                _ => Key::Primary(table.key_of(&values)),
            };
            match work.shelves.find(table, &key).cloned() {
                Some(row) if when.iter().all(|c| holds(c, &row.values)) => change(work, part, table, row, update, done),
                Some(row) => Ok(skipped(table, &row)),
                None => match work.shelves.in_the_way(table, &values) {
                    None => insert(work, table, values),
                    Some(other) => Err(Stop::conflict(part, table, Some(other))),
                },
            }
        }
        Op::Update { table, key, require, when, change: wanted } => match work.shelves.find(table, key).cloned() {
            None if require.is_empty() => Ok(Done { applied: false, inserted: false, key: None }),
            None => Err(Stop::conflict(part, table, None)),
            Some(row) if !require.iter().all(|c| holds(c, &row.values)) => Err(Stop::conflict(part, table, Some(&row))),
            Some(row) if !when.iter().all(|c| holds(c, &row.values)) => Ok(skipped(table, &row)),
            Some(row) => change(work, part, table, row, wanted, done),
        },
        Op::Delete { table, key } => {
            let key = work.shelves.find(table, key).map(|row| table.key_of(&row.values));
            if let Some(key) = &key {
                work.shelves.take(table, key);
            }
            Ok(Done { applied: key.is_some(), inserted: false, key })
        }
    }
}

fn skipped(table: &Table, row: &Row) -> Done {
    Done { applied: false, inserted: false, key: Some(table.key_of(&row.values)) }
}

/// Puts a new row, stamped if the table is a stream.
fn insert(work: &mut Work<'_>, table: &'static Table, mut values: Vec<Value>) -> Result<Done, Stop> {
    if let Some((writer, seq)) = table.stream {
        work.position += 1;
        values[writer] = Value::Int(work.writer);
        values[seq] = Value::Int(work.position);
    }
    let key = table.key_of(&values);
    put(work.shelves, table, Row { version: 1, values })?;
    Ok(Done { applied: true, inserted: true, key: Some(key) })
}

/// Changes a row, unless another has the unique key that it would get.
fn change(
    work: &mut Work<'_>,
    part: Part,
    table: &'static Table,
    mut row: Row,
    change: &Change,
    done: &[Done],
) -> Result<Done, Stop> {
    let key = table.key_of(&row.values);
    for (ordinal, value) in values_after(change, &row.values) {
        row.values[ordinal] = resolved_one(&value, done)?;
    }
    table.check_size(&row.values).map_err(Stop::failed)?;
    if let Some(unique) = table.unique_of(&row.values)
        && let Some(other) = work.shelves.find(table, &Key::Unique(unique))
        && table.key_of(&other.values) != key
    {
        return Err(Stop::conflict(part, table, Some(other)));
    }
    if !change.is_soft() {
        row.version += 1;
    }
    put(work.shelves, table, row)?;
    Ok(Done { applied: true, inserted: false, key: Some(key) })
}

fn put(shelves: &mut Shelves, table: &'static Table, row: Row) -> Result<(), Stop> {
    table.check_size(&row.values).map_err(Stop::failed)?;
    shelves.put(table, row);
    Ok(())
}

fn resolved(values: &[Value], done: &[Done]) -> Result<Vec<Value>, Stop> {
    values.iter().map(|value| resolved_one(value, done)).collect()
}

/// The value itself, or the id of the row that an earlier op made or found.
fn resolved_one(value: &Value, done: &[Done]) -> Result<Value, Stop> {
    let Value::IdOf(n) = value else { return Ok(value.clone()) };
    match done.get(*n).and_then(|op| op.key.as_deref()) {
        Some([Value::Uuid(id), ..]) => Ok(Value::Uuid(*id)),
        _ => Err(Stop::failed(Error::Invalid(format!("op {n} made or found no row")))),
    }
}
