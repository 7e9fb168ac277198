//! The one loop of every decision: read, decide, commit what was decided guarded by what was read; and read again when
//! somebody else was faster.
//!
//! ```text
//!   decide(None) ──Commit(batch, answer)──► commit ──applied──► answer
//!      ▲      └────Answer(answer)────────────────────────────►
//!      └──decide(Some(Lost)) ◄── wait for a turn ◄── conflict
//! ```

use std::time::Duration;

use mintaka_core::{Batch, Conflict, Error, Outcome, Part, Record, Row, Versioned};
use tokio::time::Instant;

use super::turns::{Turn, Turns, row_in_the_way};
use crate::operations::Operations;

/// How long a decision is tried before what it is about counts as too busy, …
const BUDGET: Duration = Duration::from_secs(1);
/// … but at least so often.
const LEAST_ATTEMPTS: u32 = 5;
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// What follows from what was read.
pub(super) enum Decision<T> {
    /// This answer; there is nothing to write.
    Answer(T),
    /// This batch, and the answer once it is applied.
    Commit(Batch, T),
}

impl<T> Decision<T> {
    /// The same, with another answer.
    pub(super) fn map<U>(self, answer: impl FnOnce(T) -> U) -> Decision<U> {
        match self {
            Decision::Answer(it) => Decision::Answer(answer(it)),
            Decision::Commit(batch, it) => Decision::Commit(batch, answer(it)),
        }
    }

    /// Commits a batch, unless it writes nothing.
    pub(super) fn unless_empty(batch: Batch, answer: T) -> Decision<T> {
        match batch.ops.is_empty() && batch.once.is_none() {
            true => Decision::Answer(answer),
            false => Decision::Commit(batch, answer),
        }
    }
}

/// Why what was decided before was not applied.
pub(super) enum Lost {
    /// The row of the batch's `once` is there.
    Repeated(Row),
    /// A guard, a condition or an insert failed.
    Conflict {
        /// Which.
        conflict: Conflict,
        /// Whether its row may have changed since.
        stale: bool,
    },
}

impl Lost {
    /// Whether a key that the batch writes is taken: an op collides, and no guard.
    pub(super) fn is_collision(&self) -> bool {
        matches!(self, Lost::Conflict { conflict, .. } if matches!(conflict.part, Part::Op(_)))
    }

    /// Whether it is about a row of `R`.
    pub(super) fn is_about<R: Record>(&self) -> bool {
        matches!(self, Lost::Conflict { conflict, .. } if conflict.table == R::TABLE)
    }

    /// Whether a row of `R` that the batch counts on does not exist.
    pub(super) fn is_missing<R: Record>(&self) -> bool {
        self.is_about::<R>() && matches!(self, Lost::Conflict { conflict, .. } if conflict.row.is_none())
    }

    /// The row of `R` that was in the way as it is now, so that it need not be read again; `None` if it must be.
    ///
    /// # Errors
    /// [`Error::Corrupt`]
    pub(super) fn current<R: Record>(self) -> Result<Option<Versioned<R>>, Error> {
        match self {
            Lost::Conflict { conflict: Conflict { table, row: Some(row), .. }, stale: false } if table == R::TABLE => {
                Versioned::from_row(row).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Decides and commits until what was decided is applied, or there is nothing to write.
///
/// `decide` reads what it needs and guards all that it relied on. From the second time on it is told why what it decided
/// before was not applied. Who lost a race for a row waits for a turn at it, so that many writers of one row in this
/// process take turns instead of spoiling each other's work.
///
/// # Errors
/// What `decide` or the store answers; [`Error::Unavailable`] if `what` is changed too often for about a second.
pub(super) async fn optimistic<T, E, F>(
    ops: &Operations,
    what: &'static str,
    decide: impl Fn(Option<Lost>) -> F,
) -> Result<T, E>
where
    E: From<Error>,
    F: Future<Output = Result<Decision<T>, E>> + Send,
{
    let mut attempts = Attempts::at(ops, what);
    let mut lost = None;
    loop {
        let (batch, answer) = match decide(lost.take()).await? {
            Decision::Answer(answer) => return Ok(answer),
            Decision::Commit(batch, answer) => (batch, answer),
        };
        lost = Some(match ops.commit(batch).await? {
            Outcome::Committed { .. } => return Ok(answer),
            Outcome::Failed(error) => return Err(error.into()),
            Outcome::Repeated(row) => Lost::Repeated(row),
            Outcome::Conflict(conflict) => {
                let stale = attempts.lost(&conflict).await?;
                Lost::Conflict { conflict, stale }
            }
        });
    }
}

/// The attempts at one decision: how many were lost, and for how long it may go on.
pub(super) struct Attempts {
    turns: Turns,
    what: &'static str,
    until: Instant,
    lost: u32,
    turn: Option<Turn>,
}

impl Attempts {
    /// No attempt yet at a decision about `what`.
    pub(super) fn at(ops: &Operations, what: &'static str) -> Attempts {
        Attempts { turns: ops.turns().clone(), what, until: Instant::now() + BUDGET, lost: 0, turn: None }
    }

    /// An attempt was lost: waits for a turn at the row that was in the way. Whether time passed, in which the row may
    /// have changed.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if there is no time for another one.
    pub(super) async fn lost(&mut self, conflict: &Conflict) -> Result<bool, Error> {
        self.lost += 1;
        if self.lost >= LEAST_ATTEMPTS && Instant::now() >= self.until {
            return Err(Error::Unavailable(format!("{} is being changed too often", self.what)));
        }
        let mut waited = false;
        let row = row_in_the_way(conflict);
        if self.turn.as_ref().map(Turn::row) != row.as_deref() {
            // One turn at a time, so that nobody waits in a circle.
            self.turn = None;
            if let Some(mut next) = row.and_then(|row| self.turns.at(row)) {
                waited = next.come(self.until).await;
                self.turn = Some(next);
            }
        }
        if self.lost > 1 {
            let longest = Duration::from_millis(1 << self.lost.min(10)).min(LONGEST_PAUSE);
            tokio::time::sleep(longest.mul_f64(rand::random::<f64>())).await;
            waited = true;
        }
        Ok(waited)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use mintaka_core::memory::MemoryStore;
    use mintaka_core::records::{Flow, flow};
    use mintaka_core::{Change, Json, Key, Store, Tags};
    use uuid::Uuid;

    use super::*;

    async fn flow(store: &Store) -> Versioned<Flow> {
        let (id, now) = (Uuid::new_v4(), store.now());
        let row =
            Flow { id, created: now, updated: now, name: "f".into(), tags: Tags::default(), labels: Json::object() };
        store.commit(Batch::new().insert(row)).await.unwrap();
        store.get(id).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn who_always_loses_goes_on_for_a_second_and_is_told_to_come_again() {
        let store = Store::new(Arc::new(MemoryStore::new()));
        let outdated = &Versioned { version: 0, ..flow(&store).await };
        let (attempts, begins) = (&AtomicU32::new(0), Instant::now());
        let outcome: Result<(), Error> = optimistic(&Operations::over(store), "the flow", |_| async move {
            attempts.fetch_add(1, Ordering::Relaxed);
            Ok(Decision::Commit(Batch::new().version(outdated).delete::<Flow>(Key::id(outdated.id)), ()))
        })
        .await;
        assert_eq!(outcome, Err(Error::Unavailable("the flow is being changed too often".into())));
        assert!(attempts.load(Ordering::Relaxed) >= LEAST_ATTEMPTS && begins.elapsed() >= BUDGET);
    }

    #[tokio::test]
    async fn who_loses_once_gets_the_row_as_it_is() {
        let store = Store::new(Arc::new(MemoryStore::new()));
        let before = &flow(&store).await;
        let change = Change::default().set(flow::name, "g");
        store.commit(Batch::new().update::<Flow>(Key::id(before.id), change)).await.unwrap();
        let seen = optimistic(&Operations::over(store), "the flow", |lost: Option<Lost>| async move {
            let current = lost.map(Lost::current::<Flow>).transpose()?.flatten();
            let seen = current.unwrap_or_else(|| before.clone());
            let batch = Batch::new().version(&seen).delete::<Flow>(Key::id(seen.id));
            Ok::<_, Error>(Decision::Commit(batch, seen.record.name))
        })
        .await;
        assert_eq!(seen.unwrap(), "g");
    }
}
