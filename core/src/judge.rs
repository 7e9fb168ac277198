//! Decides batches against rows, in memory: what each comes to, and the net writes. Pure, and written once.

mod order;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::batch::{Batch, Conflict, Done, Guard, Key, OnExists, Op, Outcome, Part};
use crate::value::Ordered;
use crate::{Error, Row, Table, Value};

use order::Rewrite;

/// Where the judge finds the rows that batches name.
pub trait Rows {
    /// The row as it is in the store, before any of the batches.
    ///
    /// # Errors
    /// Whatever the store answers; the judge passes it on.
    fn find(&mut self, table: &'static Table, key: &Key) -> Result<Option<Row>, Error>;
}

/// The writer whose stream rows are stamped, and its last position.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// Writer id.
    pub writer: i64,
    /// Last position given out; the judge advances it.
    pub seq: i64,
}

/// A net write of one row.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A row that was not there.
    Insert(&'static Table, Row),
    /// A row that was there: its primary key, its new version, and the columns that differ.
    Update {
        /// Table.
        table: &'static Table,
        /// Primary key.
        key: Vec<Value>,
        /// New version.
        version: i64,
        /// Ordinals and new values.
        columns: Vec<(usize, Value)>,
        /// The whole new row.
        row: Row,
        /// The whole old row.
        old: Row,
    },
    /// A row that was there and goes: its primary key and what it held.
    Delete(&'static Table, Vec<Value>, Row),
}

type Id = (&'static str, Vec<Ordered>);

struct Slot {
    table: &'static Table,
    before: Option<Row>,
    now: Option<Row>,
}

/// The store with the batches judged so far applied.
struct Overlay<'a> {
    rows: &'a mut dyn Rows,
    slots: BTreeMap<Id, Slot>,
    unique: BTreeMap<Id, Option<Vec<Value>>>,
    undo: Vec<Undo>,
}

enum Undo {
    Slot(Id, Option<Row>),
    Unique(Id, Option<Vec<Value>>),
}

fn id(table: &Table, key: &[Value]) -> Id {
    (table.name, key.iter().cloned().map(Ordered).collect())
}

impl Overlay<'_> {
    fn slot(&mut self, table: &'static Table, key: &[Value]) -> Result<&mut Slot, Error> {
        match self.slots.entry(id(table, key)) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => {
                let before = self.rows.find(table, &Key::Primary(key.to_vec()))?;
                Ok(entry.insert(Slot { table, now: before.clone(), before }))
            }
        }
    }

    fn primary_of(&mut self, table: &'static Table, unique: &[Value]) -> Result<Option<Vec<Value>>, Error> {
        let uid = id(table, unique);
        if let Some(found) = self.unique.get(&uid) {
            return Ok(found.clone());
        }
        let row = self.rows.find(table, &Key::Unique(unique.to_vec()))?;
        let mut primary = row.as_ref().map(|r| table.key_of(&r.values));
        if let (Some(key), Some(row)) = (&primary, row) {
            let slot = self.slots.entry(id(table, key)).or_insert_with(|| Slot {
                table,
                now: Some(row.clone()),
                before: Some(row),
            });
            // The row may have been changed or deleted by an earlier batch before its unique key was asked for.
            let holds_still = slot.now.as_ref().and_then(|r| table.unique_of(&r.values)).as_deref() == Some(unique);
            if !holds_still {
                primary = None;
            }
        }
        self.unique.insert(uid, primary.clone());
        Ok(primary)
    }

    fn find(&mut self, table: &'static Table, key: &Key) -> Result<Option<Row>, Error> {
        let primary = match key {
            Key::Primary(primary) => Some(primary.clone()),
            Key::Unique(unique) => self.primary_of(table, unique)?,
        };
        match primary {
            Some(primary) => Ok(self.slot(table, &primary)?.now.clone()),
            None => Ok(None),
        }
    }

    fn put(&mut self, table: &'static Table, key: &[Value], row: Option<Row>) -> Result<(), Error> {
        let old = self.slot(table, key)?.now.clone();
        let (old_unique, new_unique) = (
            old.as_ref().and_then(|r| table.unique_of(&r.values)),
            row.as_ref().and_then(|r| table.unique_of(&r.values)),
        );
        if old_unique != new_unique {
            if let Some(unique) = old_unique {
                self.put_unique(table, &unique, None)?;
            }
            if let Some(unique) = new_unique {
                self.put_unique(table, &unique, Some(key.to_vec()))?;
            }
        }
        let slot = self.slot(table, key)?;
        slot.now = row;
        self.undo.push(Undo::Slot(id(table, key), old));
        Ok(())
    }

    fn put_unique(
        &mut self,
        table: &'static Table,
        unique: &[Value],
        primary: Option<Vec<Value>>,
    ) -> Result<(), Error> {
        let old = self.primary_of(table, unique)?;
        let uid = id(table, unique);
        self.unique.insert(uid.clone(), primary);
        self.undo.push(Undo::Unique(uid, old));
        Ok(())
    }

    fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Slot(id, old) => {
                    if let Some(slot) = self.slots.get_mut(&id) {
                        slot.now = old;
                    }
                }
                Undo::Unique(id, old) => {
                    self.unique.insert(id, old);
                }
            }
        }
    }

    /// The row that stands in the way of a new one.
    fn collision(&mut self, table: &'static Table, values: &[Value]) -> Result<Option<Row>, Error> {
        if let Some(row) = self.find(table, &Key::Primary(table.key_of(values)))? {
            return Ok(Some(row));
        }
        match table.unique_of(values) {
            Some(unique) => self.find(table, &Key::Unique(unique)),
            None => Ok(None),
        }
    }
}

enum Verdict {
    Committed(Vec<Done>),
    Repeated(Row),
    Conflict(Conflict),
}

/// Judges batches in order.
///
/// Returns one outcome per batch and the net writes of those that are committed. Any engine can apply these one by one
/// without a unique key being taken twice in between: deletes come first, then updates, a key being given up before it is
/// taken, then inserts. Where rows trade their keys in a circle, one of them gets another key meanwhile, by an update of
/// its own.
///
/// # Errors
/// What `rows` answers. A batch that is malformed, too large, or refers to an op that made no row, is
/// [`Outcome::Failed`].
pub fn judge(batches: &[Batch], rows: &mut dyn Rows, stamp: &mut Stamp) -> Result<(Vec<Outcome>, Vec<Write>), Error> {
    let mut overlay = Overlay { rows, slots: BTreeMap::new(), unique: BTreeMap::new(), undo: Vec::new() };
    let mut outcomes = Vec::with_capacity(batches.len());
    for batch in batches {
        overlay.undo.clear();
        let seq_before = stamp.seq;
        let verdict = batch.check().and_then(|()| judge_one(batch, &mut overlay, stamp));
        outcomes.push(match verdict {
            Ok(Verdict::Committed(ops)) => {
                Outcome::Committed { ops, stream: (stamp.seq > seq_before).then_some((stamp.writer, stamp.seq)) }
            }
            other => {
                overlay.roll_back();
                stamp.seq = seq_before;
                match other {
                    Ok(Verdict::Repeated(row)) => Outcome::Repeated(row),
                    Ok(Verdict::Conflict(conflict)) => Outcome::Conflict(conflict),
                    Err(error @ (Error::Invalid(_) | Error::TooLarge(_))) => Outcome::Failed(error),
                    Err(error) => return Err(error),
                    Ok(Verdict::Committed(_)) => continue,
                }
            }
        });
    }
    Ok((outcomes, net(overlay.slots)))
}

fn judge_one(batch: &Batch, overlay: &mut Overlay<'_>, stamp: &mut Stamp) -> Result<Verdict, Error> {
    if let Some((table, values)) = &batch.once
        && let Some(row) = overlay.collision(table, values)?
    {
        return Ok(Verdict::Repeated(row));
    }
    for (n, guard) in batch.guards.iter().enumerate() {
        let (table, key) = match guard {
            Guard::Version(table, key, _) | Guard::Present(table, key) => (*table, key),
        };
        let row = overlay.find(table, key)?;
        let holds = match guard {
            Guard::Version(_, _, version) => row.as_ref().is_some_and(|r| r.version == *version),
            Guard::Present(..) => row.is_some(),
        };
        if !holds {
            return Ok(Verdict::Conflict(Conflict { part: Part::Guard(n), table, row }));
        }
    }
    if let Some((table, values)) = &batch.once {
        insert(table, values.clone(), overlay, stamp)?;
    }
    let mut done: Vec<Done> = Vec::with_capacity(batch.ops.len());
    for (n, op) in batch.ops.iter().enumerate() {
        match apply(op, &done, overlay, stamp)? {
            Ok(d) => done.push(d),
            Err(row) => return Ok(Verdict::Conflict(Conflict { part: Part::Op(n), table: op.table(), row })),
        }
    }
    Ok(Verdict::Committed(done))
}

fn insert(
    table: &'static Table,
    mut values: Vec<Value>,
    overlay: &mut Overlay<'_>,
    stamp: &mut Stamp,
) -> Result<Done, Error> {
    if let Some((writer, seq)) = table.stream {
        stamp.seq += 1;
        values[writer] = Value::Int(stamp.writer);
        values[seq] = Value::Int(stamp.seq);
    }
    table.check_size(&values)?;
    let key = table.key_of(&values);
    overlay.put(table, &key, Some(Row { version: 1, values }))?;
    Ok(Done { applied: true, inserted: true, key: Some(key) })
}

fn skipped(table: &Table, row: Option<&Row>) -> Done {
    Done { applied: false, inserted: false, key: row.map(|r| table.key_of(&r.values)) }
}

/// Applies one op; the inner `Err` is a conflict with the row it is about.
fn apply(
    op: &Op,
    done: &[Done],
    overlay: &mut Overlay<'_>,
    stamp: &mut Stamp,
) -> Result<Result<Done, Option<Row>>, Error> {
    match op {
        Op::Insert { table, values, on_exists } => {
            let values = resolve(values, done)?;
            match (overlay.collision(table, &values)?, on_exists) {
                (None, _) => insert(table, values, overlay, stamp).map(Ok),
                (Some(row), OnExists::Skip) => Ok(Ok(skipped(table, Some(&row)))),
                (Some(row), OnExists::Conflict) => Ok(Err(Some(row))),
            }
        }
        Op::Upsert { table, by_unique, values, update, when } => {
            let values = resolve(values, done)?;
            let key = match (by_unique, table.unique_of(&values)) {
                (true, Some(unique)) => Key::Unique(unique),
                _ => Key::Primary(table.key_of(&values)),
            };
            match overlay.find(table, &key)? {
                Some(row) if when.iter().all(|c| c.holds(&row.values)) => change(table, row, update, done, overlay),
                Some(row) => Ok(Ok(skipped(table, Some(&row)))),
                None => match overlay.collision(table, &values)? {
                    None => insert(table, values, overlay, stamp).map(Ok),
                    row => Ok(Err(row)),
                },
            }
        }
        Op::Update { table, key, require, when, change: wanted } => match overlay.find(table, key)? {
            None if require.is_empty() => Ok(Ok(skipped(table, None))),
            None => Ok(Err(None)),
            Some(row) if !require.iter().all(|c| c.holds(&row.values)) => Ok(Err(Some(row))),
            Some(row) if !when.iter().all(|c| c.holds(&row.values)) => Ok(Ok(skipped(table, Some(&row)))),
            Some(row) => change(table, row, wanted, done, overlay),
        },
        Op::Delete { table, key } => match overlay.find(table, key)? {
            None => Ok(Ok(skipped(table, None))),
            Some(row) => {
                let key = table.key_of(&row.values);
                overlay.put(table, &key, None)?;
                Ok(Ok(Done { applied: true, inserted: false, key: Some(key) }))
            }
        },
    }
}

fn change(
    table: &'static Table,
    mut row: Row,
    wanted: &crate::batch::Change,
    done: &[Done],
    overlay: &mut Overlay<'_>,
) -> Result<Result<Done, Option<Row>>, Error> {
    let key = table.key_of(&row.values);
    let unique = table.unique_of(&row.values);
    for (ordinal, value) in wanted.on(&row.values) {
        row.values[ordinal] = resolve_one(&value, done)?;
    }
    table.check_size(&row.values)?;
    if let Some(new) = table.unique_of(&row.values)
        && unique.as_ref() != Some(&new)
        && let Some(other) = overlay.find(table, &Key::Unique(new))?
    {
        return Ok(Err(Some(other)));
    }
    if !wanted.is_soft() {
        row.version += 1;
    }
    overlay.put(table, &key, Some(row))?;
    Ok(Ok(Done { applied: true, inserted: false, key: Some(key) }))
}

fn resolve(values: &[Value], done: &[Done]) -> Result<Vec<Value>, Error> {
    values.iter().map(|v| resolve_one(v, done)).collect()
}

fn resolve_one(value: &Value, done: &[Done]) -> Result<Value, Error> {
    match value {
        Value::IdOf(n) => done
            .get(*n)
            .and_then(|d| d.key.as_ref())
            .and_then(|k| k.first().cloned())
            .filter(|id| matches!(id, Value::Uuid(_)))
            .ok_or_else(|| Error::Invalid(format!("op {n} made or found no row"))),
        other => Ok(other.clone()),
    }
}

fn net(slots: BTreeMap<Id, Slot>) -> Vec<Write> {
    let (mut deletes, mut updates, mut inserts) = (Vec::new(), Vec::new(), Vec::new());
    for slot in slots.into_values() {
        match (slot.before, slot.now) {
            (None, Some(row)) => inserts.push(Write::Insert(slot.table, row)),
            (Some(row), None) => deletes.push(Write::Delete(slot.table, slot.table.key_of(&row.values), row)),
            (Some(old), Some(row)) if old != row => updates.push(Rewrite { table: slot.table, old, row }),
            _ => {}
        }
    }
    deletes.into_iter().chain(order::applicable(updates)).chain(inserts).collect()
}
