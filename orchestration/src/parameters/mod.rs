//! Parameters of flows and job variables: what their templates stand for, and whether they fit their schemas.
//!
//! ```text
//! deployment ∪ request ── hydrate ──▶ values ── validate ──▶ stored with the run
//!                          │  variables of the workspace        │  JSON Schema, never fetched
//! ```

mod circular;
mod effort;
mod form;
mod hydrate;
mod invalid;
mod job_variables;
mod messages;
mod preprocess;
mod references;
mod template;
mod validate;

pub use form::report;
pub use hydrate::{Fault, Preview, Variables, hydrate, mentions_variables, preview};
pub use invalid::Invalid;
pub use job_variables::{JobVariables, check_template};
pub use preprocess::Nulls;
pub use validate::{Required, check, check_schema};
