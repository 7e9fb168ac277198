//! One batch: judged and applied step by step on the rows themselves, and taken back as soon as a step fails.

use super::shelf::Shelves;
use super::{MAX_ROW_BYTES, State, WRITER};
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

/// Applies a batch as a whole, or leaves no trace of it.
pub(super) fn commit(state: &mut State, batch: &Batch) -> Outcome {
    if let Err(malformed) = batch.check() {
        return Outcome::Failed(malformed);
    }
    state.shelves.begin();
    let seq = state.seq;
    match apply_all(state, batch) {
        Ok(ops) => Outcome::Committed { ops, stream: (state.seq > seq).then_some((WRITER, state.seq)) },
        Err(Stop(outcome)) => {
            state.shelves.undo();
            state.seq = seq;
            outcome
        }
    }
}

/// First `once`, then the guards on the store as it was before the batch, then the ops one after the other.
fn apply_all(state: &mut State, batch: &Batch) -> Result<Vec<Done>, Stop> {
    if let Some((table, values)) = &batch.once
        && let Some(row) = state.shelves.in_the_way(table, values)
    {
        return Err(Stop(Outcome::Repeated(row.clone())));
    }
    for (n, guard) in batch.guards.iter().enumerate() {
        hold(&state.shelves, n, guard)?;
    }
    if let Some((table, values)) = &batch.once {
        insert(state, table, values.clone())?;
    }
    let mut done = Vec::new();
    for (n, op) in batch.ops.iter().enumerate() {
        let one = apply(state, Part::Op(n), op, &done)?;
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
        Guard::Absent(table, key) => {
            let row = shelves.find(table, key);
            (table, row, row.is_none())
        }
    };
    if holds { Ok(()) } else { Err(Stop::conflict(Part::Guard(n), table, row)) }
}

fn apply(state: &mut State, part: Part, op: &Op, done: &[Done]) -> Result<Done, Stop> {
    match op {
        Op::Insert { table, values, on_exists } => {
            let values = resolved(values, done)?;
            match (state.shelves.in_the_way(table, &values), on_exists) {
                (None, _) => insert(state, table, values),
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
            match state.shelves.find(table, &key).cloned() {
                Some(row) if when.iter().all(|c| c.holds(&row.values)) => change(state, part, table, row, update, done),
                Some(row) => Ok(skipped(table, &row)),
                None => match state.shelves.in_the_way(table, &values) {
                    None => insert(state, table, values),
                    Some(other) => Err(Stop::conflict(part, table, Some(other))),
                },
            }
        }
        Op::Update { table, key, require, when, change: wanted } => match state.shelves.find(table, key).cloned() {
            None if require.is_empty() => Ok(Done { applied: false, inserted: false, key: None }),
            None => Err(Stop::conflict(part, table, None)),
            Some(row) if !require.iter().all(|c| c.holds(&row.values)) => Err(Stop::conflict(part, table, Some(&row))),
            Some(row) if !when.iter().all(|c| c.holds(&row.values)) => Ok(skipped(table, &row)),
            Some(row) => change(state, part, table, row, wanted, done),
        },
        Op::Delete { table, key } => {
            let key = state.shelves.find(table, key).map(|row| table.key_of(&row.values));
            if let Some(key) = &key {
                state.shelves.take(table, key);
            }
            Ok(Done { applied: key.is_some(), inserted: false, key })
        }
    }
}

fn skipped(table: &Table, row: &Row) -> Done {
    Done { applied: false, inserted: false, key: Some(table.key_of(&row.values)) }
}

/// Puts a new row, stamped if the table is a stream.
fn insert(state: &mut State, table: &'static Table, mut values: Vec<Value>) -> Result<Done, Stop> {
    if let Some((writer, seq)) = table.stream {
        state.seq += 1;
        values[writer] = Value::Int(WRITER);
        values[seq] = Value::Int(state.seq);
    }
    let key = table.key_of(&values);
    put(&mut state.shelves, table, Row { version: 1, values })?;
    Ok(Done { applied: true, inserted: true, key: Some(key) })
}

/// Changes a row, unless another has the unique key that it would get.
fn change(
    state: &mut State,
    part: Part,
    table: &'static Table,
    mut row: Row,
    change: &Change,
    done: &[Done],
) -> Result<Done, Stop> {
    let key = table.key_of(&row.values);
    for (ordinal, value) in change.on(&row.values) {
        row.values[ordinal] = resolved_one(&value, done)?;
    }
    if let Some(unique) = table.unique_of(&row.values)
        && let Some(other) = state.shelves.find(table, &Key::Unique(unique))
        && table.key_of(&other.values) != key
    {
        return Err(Stop::conflict(part, table, Some(other)));
    }
    if !change.is_soft() {
        row.version += 1;
    }
    put(&mut state.shelves, table, row)?;
    Ok(Done { applied: true, inserted: false, key: Some(key) })
}

fn put(shelves: &mut Shelves, table: &'static Table, row: Row) -> Result<(), Stop> {
    let size: usize = row.values.iter().map(Value::size).sum();
    if size > MAX_ROW_BYTES {
        let why = format!("a row of {} with {size} bytes, the most is {MAX_ROW_BYTES}", table.name);
        return Err(Stop::failed(Error::Unsupported(why)));
    }
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
