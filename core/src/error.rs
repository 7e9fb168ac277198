//! What can go wrong in a store. A conflict is not here: it is an outcome.

/// Failure of a storage call.
///
/// The first question of a caller after a failed commit is whether it may have happened. Only
/// [`Error::Indeterminate`] means *maybe done*; every other kind means *surely not done*.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Surely not done; the same call may succeed later (busy, full queue, read-only or full disk, lost connection).
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// Maybe done: the answer was lost after the store was asked to make it durable.
    #[error("the outcome of a write is unknown: {0}")]
    Indeterminate(String),
    /// The query has no index that serves it and is not a declared scan.
    #[error("query without an index: {0}")]
    Unindexed(String),
    /// The call is malformed: a fault of the caller, the same on every backend.
    #[error("invalid storage call: {0}")]
    Invalid(String),
    /// A value is too large for a row, or too long to be indexed; the text names it. The same on every backend.
    #[error("{0}")]
    TooLarge(String),
    /// The backend cannot do this at all.
    #[error("not supported by this storage: {0}")]
    Unsupported(String),
    /// What is stored is not what was written.
    #[error("storage is damaged: {0}")]
    Corrupt(String),
    /// The store is not ours, or of a version that this binary must not open. The text says what to do.
    #[error("{0}")]
    Refused(String),
    /// The store was closed.
    #[error("storage is closed")]
    Closed,
}

impl Error {
    /// Whether the call may have taken effect.
    pub fn maybe_done(&self) -> bool {
        matches!(self, Error::Indeterminate(_))
    }
}
