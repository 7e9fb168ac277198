//! What can go wrong in an operation.

/// Failure of an operation of the domain. The texts are those that clients see.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// What the operation is about does not exist (404).
    #[error("{0}")]
    NotFound(String),
    /// Something that it refers to does not exist, or something of the same key does (409).
    #[error("{0}")]
    Conflict(String),
    /// The request cannot be carried out as it is (422 or 400).
    #[error("{0}")]
    Invalid(String),
    /// The request makes no sense as things are (400).
    #[error("{0}")]
    Refused(String),
    /// What it would change is not to be changed by clients (403).
    #[error("{0}")]
    Forbidden(String),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] mintaka_core::Error),
}

impl OpError {
    /// A reference to something that does not exist, or a key that is taken, in the stock servers' words.
    pub fn data_integrity() -> OpError {
        OpError::Conflict(
            "Data integrity conflict. This usually means a unique or foreign key constraint was violated. \
             See server logs for details."
                .into(),
        )
    }
}
