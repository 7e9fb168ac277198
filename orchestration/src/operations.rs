//! The means to change a store: the operations of the domain, and nothing else.

use std::ops::Deref;

use mintaka_core::{Batch, Error, Outcome, Reader, Store};

use crate::ops::turns::Turns;

/// The operations of the domain over a store: the functions in [`ops`](crate::ops) that change something take it. Whoever
/// holds one can read and can ask for operations, but cannot commit on his own. Cheap to clone.
#[derive(Clone)]
pub struct Operations {
    store: Store,
    turns: Turns,
}

impl Operations {
    /// The operations over a store.
    pub fn over(store: Store) -> Operations {
        Operations { store, turns: Turns::default() }
    }

    /// What can be read of the store.
    pub fn reader(&self) -> &Reader {
        self.store.reader()
    }

    /// See [`Store::commit`].
    pub(crate) async fn commit(&self, batch: Batch) -> Result<Outcome, Error> {
        self.store.commit(batch).await
    }

    /// The turns of those who write one row.
    pub(crate) fn turns(&self) -> &Turns {
        &self.turns
    }
}

impl Deref for Operations {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        self.store.reader()
    }
}
