//! The front door: typed reads, and writes that share commits.

mod clock;
mod group;
mod reader;

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

pub use self::reader::Reader;
use crate::batch::{Batch, Outcome};
use crate::{Backend, Clock, Error, SystemClock};

/// Typed access to a [`Backend`], with group commit: what a [`Reader`] can do, and commits. Cheap to clone; all clones share
/// one queue.
#[derive(Clone)]
pub struct Store {
    reader: Reader,
    group: group::Group,
}

impl Store {
    /// A store over a backend, on the clock of the machine. Must be called inside a tokio runtime.
    pub fn new(backend: Arc<dyn Backend>) -> Store {
        Store::with_clock(backend, Arc::new(SystemClock))
    }

    /// A store over a backend, on another clock.
    pub fn with_clock(backend: Arc<dyn Backend>, clock: Arc<dyn Clock>) -> Store {
        let clock = Arc::new(clock::StoreClock::new(clock));
        let (group, committed) = group::Group::start(backend.clone(), clock.clone());
        Store { reader: Reader { backend, clock, committed }, group }
    }

    /// The backend itself.
    pub fn backend(&self) -> &Arc<dyn Backend> {
        &self.reader.backend
    }

    /// What can be read of it.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Queues a batch, and answers once it is durable or refused.
    ///
    /// Whatever waits when the store is free goes into one commit. If the caller goes away while the batch is still
    /// queued, it is dropped; once it is being committed, it runs to its end.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a malformed batch; [`Error::Unavailable`] when the queue is full or the batch could not
    /// start in time; else what the backend answers. An [`Outcome::Failed`] becomes its error.
    pub async fn commit(&self, batch: Batch) -> Result<Outcome, Error> {
        self.commit_within(batch, group::DEADLINE).await
    }

    /// As [`commit`](Store::commit), with another limit for the time in the queue.
    ///
    /// # Errors
    /// As [`commit`](Store::commit).
    pub async fn commit_within(&self, batch: Batch, deadline: Duration) -> Result<Outcome, Error> {
        batch.check()?;
        match self.group.commit(batch, deadline).await? {
            Outcome::Failed(error) => Err(error),
            outcome => Ok(outcome),
        }
    }
}

impl Deref for Store {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.reader
    }
}
