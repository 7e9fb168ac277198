//! Writing: a batch is judged and applied as a whole.

use std::sync::Arc;

use crate::filter::{Cmp, comparable};
use crate::{Col, Error, Kind, Record, Row, Table, Value};

/// How a row is found: by its primary or by its unique key.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// Values of the primary key.
    Primary(Vec<Value>),
    /// Values of the unique key, none of them null.
    Unique(Vec<Value>),
}

impl Key {
    /// By a primary key of one column.
    pub fn id(id: impl Into<Value>) -> Key {
        Key::Primary(vec![id.into()])
    }

    /// Checks number and kinds of the values.
    ///
    /// # Errors
    /// [`Error::Invalid`]
    pub fn check(&self, table: &Table) -> Result<(), Error> {
        let (values, ordinals) = match self {
            Key::Primary(values) => (values, table.key),
            Key::Unique(values) => match table.unique {
                Some(unique) => (values, unique),
                None => return Err(Error::Invalid(format!("{} has no unique key", table.name))),
            },
        };
        if values.len() != ordinals.len() || values.iter().any(Value::is_null) {
            return Err(Error::Invalid(format!("incomplete key of {}", table.name)));
        }
        if values.iter().any(|v| matches!(v, Value::IdOf(_))) {
            return Err(Error::Invalid(format!("a key of {} refers to another op", table.name)));
        }
        ordinals.iter().zip(values).try_for_each(|(&i, v)| table.check(i, v))
    }
}

/// A sum of columns of the row and a constant; a single column or a constant alone may be of any kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Sum {
    /// Columns; numbers, unless there is just one and no constant.
    pub columns: Vec<Col>,
    /// Constant; added if there are columns.
    pub constant: Option<Value>,
}

impl From<Col> for Sum {
    fn from(column: Col) -> Sum {
        Sum { columns: vec![column], constant: None }
    }
}
impl<V: Into<Value>> From<V> for Sum {
    fn from(value: V) -> Sum {
        Sum { columns: Vec::new(), constant: Some(value.into()) }
    }
}

impl Sum {
    /// Columns plus a constant.
    pub fn of(columns: Vec<Col>, constant: i64) -> Sum {
        Sum { columns, constant: Some(Value::Int(constant)) }
    }

    /// Its value on a row; null if any part is null.
    pub fn on(&self, values: &[Value]) -> Value {
        let at = |c: &Col| values[c.ordinal].clone();
        match (self.columns.as_slice(), &self.constant) {
            ([], None) => Value::Null,
            ([], Some(constant)) => constant.clone(),
            ([one], None) => at(one),
            (columns, constant) => {
                columns.iter().map(at).chain(constant.clone()).reduce(|a, b| plus(&a, &b)).unwrap_or(Value::Null)
            }
        }
    }
}

/// Sum of two numbers (saturating for ints); null with anything else.
pub fn plus(a: &Value, b: &Value) -> Value {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Value::Int(a.saturating_add(*b)),
        (Value::Float(a), Value::Float(b)) => Value::float(a + b),
        (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) => Value::float(*a as f64 + b),
        _ => Value::Null,
    }
}

/// A condition on one row, judged when the batch is.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Two sums compared; false if either is null.
    Compare(Sum, Cmp, Sum),
    /// The complement.
    Not(Box<Condition>),
}

impl Condition {
    /// `left op right`
    pub fn new(left: impl Into<Sum>, op: Cmp, right: impl Into<Sum>) -> Condition {
        Condition::Compare(left.into(), op, right.into())
    }
    /// The complement.
    pub fn negate(self) -> Condition {
        Condition::Not(Box::new(self))
    }
    /// Whether it holds on a row.
    pub fn holds(&self, values: &[Value]) -> bool {
        match self {
            Condition::Compare(a, op, b) => op.holds(&a.on(values), &b.on(values)),
            Condition::Not(c) => !c.holds(values),
        }
    }
    fn check(&self, table: &Table) -> Result<(), Error> {
        match self {
            Condition::Not(c) => c.check(table),
            Condition::Compare(a, _, b) => {
                if [a, b].iter().any(|sum| matches!(sum.constant, Some(Value::IdOf(_)))) {
                    return Err(Error::Invalid("a condition refers to another op".into()));
                }
                a.columns.iter().chain(&b.columns).try_for_each(|c| own(c, table))
            }
        }
    }
}

/// What an update changes: only these columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Columns that get a value.
    pub set: Vec<(Col, Value)>,
    /// Columns that grow by a number (null counts as 0).
    pub add: Vec<(Col, Value)>,
    /// Columns that become the greater of what they are and this value. The only change a soft column takes.
    pub max: Vec<(Col, Value)>,
}

impl Change {
    /// Also sets this column.
    pub fn set(mut self, column: Col, value: impl Into<Value>) -> Change {
        self.set.push((column, value.into()));
        self
    }
    /// Also adds to this column.
    pub fn add(mut self, column: Col, value: impl Into<Value>) -> Change {
        self.add.push((column, value.into()));
        self
    }
    /// Also raises this column.
    pub fn max(mut self, column: Col, value: impl Into<Value>) -> Change {
        self.max.push((column, value.into()));
        self
    }
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.set.is_empty() && self.add.is_empty() && self.max.is_empty()
    }
    /// Whether only soft columns would change, which bumps no version.
    pub fn is_soft(&self) -> bool {
        self.set.is_empty() && self.add.is_empty() && self.max.iter().all(|(c, _)| c.def().soft)
    }
    /// The new values of the changed columns, on a row as it is.
    pub fn on(&self, values: &[Value]) -> Vec<(usize, Value)> {
        let mut out: Vec<(usize, Value)> = self.set.iter().map(|(c, v)| (c.ordinal, v.clone())).collect();
        for (c, v) in &self.add {
            let old = match &values[c.ordinal] {
                Value::Null => Value::Int(0),
                old => old.clone(),
            };
            out.push((c.ordinal, plus(&old, v)));
        }
        for (c, v) in &self.max {
            if values[c.ordinal].order(v).is_lt() {
                out.push((c.ordinal, v.clone()));
            }
        }
        out
    }

    fn check(&self, table: &Table) -> Result<(), Error> {
        for (c, v) in self.set.iter().chain(&self.max).chain(&self.add) {
            own(c, table)?;
            table.check(c.ordinal, v)?;
            if table.key.contains(&c.ordinal) {
                return Err(Error::Invalid(format!("{c:?} is part of the primary key and never changes")));
            }
        }
        for (c, v) in &self.max {
            if matches!(v, Value::IdOf(_)) {
                return Err(Error::Invalid(format!("{c:?} is raised to the id of another op")));
            }
            comparable(c)?;
        }
        for (c, _) in &self.add {
            if !matches!(c.def().kind, Kind::Int | Kind::Float) {
                return Err(Error::Invalid(format!("{c:?} is no number")));
            }
        }
        if let Some((c, _)) = self.set.iter().chain(&self.add).find(|(c, _)| c.def().soft) {
            return Err(Error::Invalid(format!("{c:?} is soft: it takes max only")));
        }
        Ok(())
    }
}

fn own(column: &Col, table: &Table) -> Result<(), Error> {
    if column.table == table {
        Ok(())
    } else {
        Err(Error::Invalid(format!("{column:?} in a change of {}", table.name)))
    }
}

/// What must hold of the store for a batch to be applied.
///
/// There is no guard on absence: what is not there cannot be locked. Insert the row, with
/// [`OnExists::Conflict`].
#[derive(Clone, Debug, PartialEq)]
pub enum Guard {
    /// The row exists and has this version.
    Version(&'static Table, Key, i64),
    /// The row exists. Does not bump its version.
    Present(&'static Table, Key),
}

/// What an insert does when a row has its primary or unique key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExists {
    /// The batch is a conflict.
    Conflict,
    /// The op is skipped; its outcome names the row found.
    Skip,
}

/// One change.
#[allow(missing_docs)] // `table`, `key`, `values` and the like are their types' names
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A new row, with all values in declared order. The backend stamps the stream columns.
    Insert { table: &'static Table, values: Vec<Value>, on_exists: OnExists },
    /// A new row, or a change of the one that has its unique key (else its primary key).
    Upsert {
        table: &'static Table,
        /// Whether the row is looked up by the unique or by the primary key of `values`.
        by_unique: bool,
        values: Vec<Value>,
        update: Change,
        /// If the row exists and one of these fails, the op is skipped.
        when: Vec<Condition>,
    },
    /// A change of a row.
    Update {
        table: &'static Table,
        key: Key,
        /// If the row is missing or one of these fails, the batch is a conflict.
        require: Vec<Condition>,
        /// If the row is missing (and nothing is required) or one of these fails, the op is skipped.
        when: Vec<Condition>,
        change: Change,
    },
    /// The row is gone afterwards; skipped if it was before.
    Delete { table: &'static Table, key: Key },
}

impl Op {
    /// The table that it changes.
    pub fn table(&self) -> &'static Table {
        match self {
            Op::Insert { table, .. }
            | Op::Upsert { table, .. }
            | Op::Update { table, .. }
            | Op::Delete { table, .. } => table,
        }
    }
}

/// Guards and changes that happen together or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// If a row with the primary or unique key of this one exists, the whole batch is a no-op and answers
    /// [`Outcome::Repeated`]; else it is inserted first.
    pub once: Option<(&'static Table, Vec<Value>)>,
    /// Judged before any op.
    pub guards: Vec<Guard>,
    /// Applied in order; each sees the ones before it.
    pub ops: Vec<Op>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Batch {
        Batch::default()
    }
    /// Begins with this row, once; see [`Batch::once`].
    pub fn once<R: Record>(mut self, record: R) -> Batch {
        self.once = Some((R::TABLE, record.into_values()));
        self
    }
    /// The row must still have this version.
    pub fn version<R: Record>(mut self, seen: &crate::Versioned<R>) -> Batch {
        self.guards.push(Guard::Version(R::TABLE, Key::Primary(seen.record.key()), seen.version));
        self
    }
    /// A row of `R` must exist.
    pub fn present<R: Record>(mut self, key: Key) -> Batch {
        self.guards.push(Guard::Present(R::TABLE, key));
        self
    }
    /// Inserts; a row of the same key is a conflict.
    pub fn insert<R: Record>(mut self, record: R) -> Batch {
        self.ops.push(Op::Insert { table: R::TABLE, values: record.into_values(), on_exists: OnExists::Conflict });
        self
    }
    /// Inserts unless a row of the same key exists.
    pub fn insert_or_skip<R: Record>(mut self, record: R) -> Batch {
        self.ops.push(Op::Insert { table: R::TABLE, values: record.into_values(), on_exists: OnExists::Skip });
        self
    }
    /// Inserts, or changes the row that has the unique key (or the primary key where the table has no unique one).
    pub fn upsert<R: Record>(mut self, record: R, update: Change, when: Vec<Condition>) -> Batch {
        let table = R::TABLE;
        self.ops.push(Op::Upsert {
            table,
            by_unique: table.unique.is_some(),
            values: record.into_values(),
            update,
            when,
        });
        self
    }
    /// Changes a row; skipped if it is missing.
    pub fn update<R: Record>(mut self, key: Key, change: Change) -> Batch {
        if !change.is_empty() {
            self.ops.push(Op::Update { table: R::TABLE, key, require: Vec::new(), when: Vec::new(), change });
        }
        self
    }
    /// Changes a row if these hold, else the batch is a conflict.
    pub fn update_requiring<R: Record>(mut self, key: Key, require: Vec<Condition>, change: Change) -> Batch {
        self.ops.push(Op::Update { table: R::TABLE, key, require, when: Vec::new(), change });
        self
    }
    /// Changes a row if these hold, else skips.
    pub fn update_when<R: Record>(mut self, key: Key, when: Vec<Condition>, change: Change) -> Batch {
        self.ops.push(Op::Update { table: R::TABLE, key, require: Vec::new(), when, change });
        self
    }
    /// Deletes a row.
    pub fn delete<R: Record>(mut self, key: Key) -> Batch {
        self.ops.push(Op::Delete { table: R::TABLE, key });
        self
    }
    /// Appends guards and ops of another batch (whose `once` must be empty).
    pub fn extend(mut self, other: Batch) -> Batch {
        debug_assert!(other.once.is_none());
        self.guards.extend(other.guards);
        self.ops.extend(other.ops);
        self
    }

    /// Checks that every part is well formed. [`Store`](crate::Store) does so before it queues a batch.
    ///
    /// # Errors
    /// [`Error::Invalid`]
    pub fn check(&self) -> Result<(), Error> {
        if let Some((table, values)) = &self.once {
            table.check_row(values)?;
            check_refs(values, 0)?;
        }
        for guard in &self.guards {
            match guard {
                Guard::Version(table, key, _) | Guard::Present(table, key) => key.check(table)?,
            }
        }
        for (n, op) in self.ops.iter().enumerate() {
            match op {
                Op::Insert { table, values, .. } => {
                    table.check_row(values)?;
                    check_refs(values, n)?;
                }
                Op::Upsert { table, by_unique, values, update, when } => {
                    table.check_row(values)?;
                    check_refs(values, n)?;
                    if *by_unique && table.unique.is_none() {
                        return Err(Error::Invalid(format!("{} has no unique key", table.name)));
                    }
                    update.check(table)?;
                    update.set.iter().try_for_each(|(_, v)| check_ref(v, n))?;
                    when.iter().try_for_each(|c| c.check(table))?;
                }
                Op::Update { table, key, require, when, change } => {
                    key.check(table)?;
                    change.check(table)?;
                    change.set.iter().try_for_each(|(_, v)| check_ref(v, n))?;
                    require.iter().chain(when).try_for_each(|c| c.check(table))?;
                }
                Op::Delete { table, key } => key.check(table)?,
            }
        }
        Ok(())
    }

    /// Rough size in memory, in bytes.
    pub fn size(&self) -> usize {
        let row = |values: &Vec<Value>| values.iter().map(Value::size).sum::<usize>();
        let change = |c: &Change| c.set.iter().chain(&c.max).chain(&c.add).map(|(_, v)| v.size() + 16).sum::<usize>();
        128 + self.once.as_ref().map_or(0, |(_, v)| row(v))
            + self
                .ops
                .iter()
                .map(|op| match op {
                    Op::Insert { values, .. } => row(values),
                    Op::Upsert { values, update, .. } => row(values) + change(update),
                    Op::Update { change: c, .. } => change(c),
                    Op::Delete { .. } => 64,
                })
                .sum::<usize>()
    }
}

fn check_refs(values: &[Value], op: usize) -> Result<(), Error> {
    values.iter().try_for_each(|value| check_ref(value, op))
}

fn check_ref(value: &Value, op: usize) -> Result<(), Error> {
    match value {
        Value::IdOf(n) if *n >= op => Err(Error::Invalid(format!("op {op} refers to op {n}, which is not before it"))),
        _ => Ok(()),
    }
}

/// What became of one op.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// False if the op was skipped.
    pub applied: bool,
    /// Whether a row was inserted (an upsert may change one instead).
    pub inserted: bool,
    /// Primary key of the row that was made, changed, deleted or found; `None` if there is none.
    pub key: Option<Vec<Value>>,
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Durable, as [`Caps::durability`](crate::Caps) says.
    Committed {
        /// One per op.
        ops: Vec<Done>,
        /// Writer and last position of the stream rows that it inserted, if any.
        stream: Option<(i64, i64)>,
    },
    /// The row of `once` existed; nothing was done. Carries that row.
    Repeated(Row),
    /// A guard, a required condition or an insert failed; nothing was done.
    Conflict(Conflict),
    /// This batch alone could not be applied (a row too large, say); nothing of it was done.
    Failed(Error),
}

/// Why a batch was not applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// Which part failed.
    pub part: Part,
    /// The table it is about.
    pub table: &'static Table,
    /// The row in the way, or the one that fails the condition, as it is now; `None` if it is missing.
    pub row: Option<Row>,
}

/// A part of a batch, by its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A guard.
    Guard(usize),
    /// An op.
    Op(usize),
}

/// Batches of one commit, shared between the queue and the backend.
pub type Batches = Arc<[Batch]>;
