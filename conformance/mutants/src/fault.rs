//! Where a store can be wrong: what goes in, what comes out, and how batches are applied.

use std::cmp::Ordering;
use std::future::Future;
use std::pin::Pin;

use mintaka_core::{
    Aggregate, Batch, Batches, Caps, ColumnDef, Done, Error, Filter, Heads, Key, Op, Outcome, Query, Row, Table, Value,
};

use super::store::{Committed, MutantStore};

/// Rows by key, as a store answers them.
pub(super) type Got = Result<Vec<Option<Row>>, Error>;
/// Selected rows.
pub(super) type Selected = Result<Vec<Row>, Error>;
/// Lines of an aggregate.
pub(super) type Lines = Result<Vec<Vec<Value>>, Error>;
/// Outcomes of a commit.
pub(super) type Answer = Result<Vec<Outcome>, Error>;
/// An answer under way.
pub(super) type Answering<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// One fault. What a function of it leaves alone is right; a malformed query or batch never reaches one that changes
/// what goes in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// None at all.
    None,

    /// In what it says of itself after so many commits.
    Caps(fn(&mut Caps, usize)),
    /// In its heads after so many commits.
    Heads(fn(&mut Heads, usize)),

    /// In the keys that it looks for.
    Keys(fn(&mut Vec<Key>)),
    /// In what it answers to keys.
    Got(fn(&[Key], Got) -> Got),
    /// In what each node of a filter means; its parts come before it.
    Filter(fn(Filter) -> Filter),
    /// In what a query means.
    Query(fn(&mut Query)),
    /// In the order of values.
    Order(fn(&Value, &Value) -> Ordering),
    /// In what it answers to a query.
    Selected(fn(&Query, Selected) -> Selected),
    /// In what an aggregate means.
    Aggregate(fn(&mut Aggregate)),
    /// In what it answers to an aggregate.
    Lines(fn(&Aggregate, Lines) -> Lines),
    /// In every row that is read with all its columns.
    Row(fn(&Table, &mut Row)),
    /// In every value of such a row.
    Value(fn(&ColumnDef, &mut Value)),

    /// In what a batch means. What it adds to the ops is not answered.
    Batch(fn(&mut Batch)),
    /// In what an op means.
    Op(fn(&mut Op)),
    /// In how batches are applied.
    Commit(for<'a> fn(&'a MutantStore, Batches) -> Answering<'a>),
    /// In what it says of an op of a batch that was committed.
    Done(fn(&Op, &mut Done)),
    /// In what it says of a batch.
    Outcome(fn(&Batch, &mut Outcome)),
    /// In what it says of a commit.
    Answer(fn(Answer) -> Answer),

    /// Reads are of a store to which this was committed, instead of all that was.
    Reads(fn(&mut Vec<Committed>)),
    /// What is there when it is opened again was made by this, instead of by all that was committed.
    Reopening(fn(&mut Vec<Committed>)),
    /// A fault that it has once it is opened again.
    Reopened(&'static Fault),
    /// A fault that handles have which are opened beside the first.
    Another(&'static Fault),
    /// Of a read of many keys or groups, those after so many are of a store to which this was committed.
    Chunks(usize, fn(&mut Vec<Committed>)),
    /// Retiring a writer does nothing.
    NeverRetires,
    /// Closing it does nothing.
    NeverCloses,
    /// It cannot be opened again.
    OpensOnce,
    /// It says that it is durable, and is not there again.
    PromisesDurability,
    /// It says that many processes may have it open, and cannot be opened beside itself.
    PromisesManyProcesses,
}
