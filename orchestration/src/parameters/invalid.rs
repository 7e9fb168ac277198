//! Why values or their schema are refused.

/// Why values were refused. The texts are those that clients know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// They do not fit.
    #[error("{0}")]
    Values(String),
    /// The schema itself is none.
    #[error("Invalid schema: {0}")]
    Schema(String),
    /// The schema applies itself to the same value without end.
    #[error("Invalid schema: Unable to validate schema with circular references.")]
    Circular,
    /// To check the values would take too long.
    #[error(
        "The values cannot be checked against the schema: it would take too many steps. Let fewer alternatives (anyOf, \
         oneOf) refer to themselves, use fewer patterns, or send smaller values."
    )]
    TooMuch,
    /// Values, references and alternatives are nested too deeply.
    #[error(
        "The values cannot be checked against the schema: values, references and alternatives are nested more than \
         {0} levels deep. Nest them less."
    )]
    TooDeep(usize),
}
