//! The contract between the server and its storage: six methods.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::batch::{Batches, Key, Outcome};
use crate::query::{Aggregate, Query};
use crate::{Error, Row, Table, Time, Value};

/// What a backend promises beyond the common contract. A capability changes speed or cost, never meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Name of the backend, for people.
    pub name: &'static str,
    /// What survives once a commit has been answered.
    pub durability: Durability,
    /// Whether several processes may have the store open for writing.
    pub many_processes: bool,
    /// How many calls of [`commit`](Backend::commit) one process should have under way at a time: 1 where there is one
    /// writer. More is allowed, and waits.
    pub writers: usize,
}

/// What survives once a commit has been answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing: the store lives in this process.
    Process,
    /// A crash of the process, and loss of power.
    Power,
}

/// The clock of the store and the positions of its stream writers.
#[derive(Clone, Debug, PartialEq)]
pub struct Heads {
    /// The store's clock. For an embedded store, the clock of this process.
    pub now: Time,
    /// Every writer there ever was.
    pub writers: Vec<Head>,
}

impl Heads {
    /// How far each writer has got.
    pub fn positions(&self) -> BTreeMap<i64, i64> {
        self.writers.iter().map(|head| (head.writer, head.position)).collect()
    }
}

/// How far a stream writer has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its id.
    pub writer: i64,
    /// The position of its last committed stream row, 0 if there is none.
    pub position: i64,
    /// Whether it was retired: it writes no more, so its position stays. What it wrote may still have to be read.
    pub closed: bool,
}

/// What a backend answers to a commit.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitAnswer {
    /// The store's clock, some time between the call and the answer.
    pub now: Time,
    /// One per batch, in their order.
    pub outcomes: Vec<Outcome>,
}

/// All that a storage backend implements.
///
/// A backend is dumb storage: it mints no id and no time, interprets no state and knows no rule. It gets tables as
/// declarations ([`Table`]) and rows as values. The conformance suite holds every backend to what is said here.
///
/// **Reads** see every commit that was answered before they began (in this process; with several processes,
/// in all of them), and never a part of a commit. They never wait for a writer for longer than a commit takes.
///
/// **Writes** go through [`commit`](Backend::commit) alone.
///
/// ```text
///  commit([ a, b, c ]) ──► one durable transaction
///           │  │  └─ judged against the store with a and b applied
///           │  └──── judged against the store with a applied
///           └─────── judged against the store
///  ──► [ Committed, Conflict (nothing of b was done), Committed ]
/// ```
///
/// **What a caller may not assume**: that a batch whose call failed with [`Error::Indeterminate`] was or was not
/// applied; that ids order rows in time; that stream positions have no gaps; that a batch of another caller does not
/// come between two commits.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    /// What this backend promises. The same for as long as it is open.
    fn caps(&self) -> Caps;

    /// The store's clock and, for each stream writer, its last position.
    ///
    /// What is visible of one writer is always a prefix of what it writes: once a row of position `n` can be read,
    /// no row of the same writer with a position below `n` will appear later. So a map writer → position is a cursor
    /// that never misses a row.
    async fn heads(&self) -> Result<Heads, Error>;

    /// Rows by primary or unique key, in the order of the keys, `None` where there is no such row.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that [`Key::check`] refuses.
    async fn get(&self, table: &'static Table, keys: Vec<Key>) -> Result<Vec<Option<Row>>, Error>;

    /// Rows that meet a filter, in an order that is total because the primary key is appended to it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a query that [`Query::check`] refuses.
    async fn select(&self, query: Query) -> Result<Vec<Row>, Error>;

    /// Groups of rows with counts, sums, minima and maxima: the groups' values, then the measures'.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an aggregate that [`Aggregate::check`] refuses.
    async fn aggregate(&self, aggregate: Aggregate) -> Result<Vec<Vec<Value>>, Error>;

    /// Applies batches in order, each all or nothing and durable when answered; one outcome per batch.
    ///
    /// Usually they share one transaction. A batch that fails does not disturb the others; one that had to be put off or
    /// run alone may be [`Outcome::Failed`] with [`Error::Unavailable`] or [`Error::Indeterminate`]. When the call returns
    /// `Ok`, every committed batch is as durable as [`Caps::durability`] says. When it returns an error, no batch was
    /// applied, except for [`Error::Indeterminate`]: then each may have been, as a whole.
    ///
    /// The caller has checked the batches ([`Batch::check`](crate::Batch::check)). One that is malformed all the same
    /// is never applied, nor in part: it is an [`Outcome::Failed`], or the call is [`Error::Invalid`].
    ///
    /// Rows of a stream get this backend's writer id and the writer's next position, in order of batches and ops.
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error>;

    /// Stops: waits for commits under way, refuses later calls with [`Error::Closed`].
    async fn close(&self) {}
}
