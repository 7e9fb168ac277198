//! What several resources ask and answer alike: object filters of both client lines, and runs as clients see them.
//!
//! A *leaf* is a condition on one column ([`leaf`]), an *object filter* is a list of leaves ([`object`]), and [`Filters`]
//! is what a request says about several related objects at once.

mod json_object;
pub mod leaf;
pub mod object;
mod related;
mod run_view;
pub mod text_search;
pub mod wire;

pub use leaf::{Operator, contains_pattern};
pub use object::{
    ArtifactCollectionFilter, ArtifactFilter, DeploymentFilter, FlowFilter, FlowRunFilter, LogFilter, TaskRunFilter,
    WorkPoolFilter, WorkQueueFilter,
};
pub use related::Filters;
pub use run_view::{
    FlowRunExtra, FlowRunView, TaskRunExtra, TaskRunView, by_id, flow_run_in, flow_run_view, flow_run_views, run_time,
    start_delta, task_run_in, task_run_view, task_run_views,
};
