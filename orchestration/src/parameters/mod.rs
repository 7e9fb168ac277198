//! Parameters of flows and job variables: what their templates stand for, and whether they fit their schemas.
//!
//! ```text
//! deployment ∪ request ── hydrate ──▶ values ── validate ──▶ stored with the run
//!                          │  variables of the workspace        │  JSON Schema, never fetched
//! ```

mod circular;
mod hydrate;
mod job_variables;
mod messages;
mod preprocess;
mod template;
mod validate;

pub use hydrate::{Fault, Preview, Variables, hydrate, mentions_variables, preview};
pub use job_variables::{JobVariables, check_template};
pub use validate::{Invalid, Nulls, Required, check, check_schema, report};
