//! The object filters that requests of both client lines carry, and what they mean to the store.
//!
//! A *leaf* is a condition on one column ([`leaf`]), an *object filter* is a list of leaves ([`object`]), and [`Filters`]
//! is what a request says about several related objects at once.

pub mod leaf;
pub mod object;
mod related;

pub use leaf::{Operator, contains_pattern};
pub use object::{
    ArtifactCollectionFilter, ArtifactFilter, DeploymentFilter, FlowFilter, FlowRunFilter, TaskRunFilter,
    WorkPoolFilter, WorkQueueFilter,
};
pub use related::Filters;
