//! Every entity that is stored: fields, keys, and the indexes that its query shapes need.
//!
//! Names of tables and columns are Prefect's where the meaning is the same. Columns marked `internal` are derived by
//! this code so that filters and sorts are plain columns; clients never see them.

mod artifacts;
mod blocks;
mod deployments;
mod flow_runs;
mod flows;
mod settings;
mod states;
mod streams;
mod task_runs;
mod work;

pub use artifacts::*;
pub use blocks::*;
pub use deployments::*;
pub use flow_runs::*;
pub use flows::*;
pub use settings::*;
pub use states::*;
pub use streams::*;
pub use task_runs::*;
pub use work::*;

use crate::{Record, Table};

/// Every table, in the order in which locks are taken.
pub static TABLES: &[&Table] = &[
    Flow::TABLE,
    FlowRun::TABLE,
    FlowRunState::TABLE,
    FlowRunInput::TABLE,
    TaskRun::TABLE,
    TaskRunState::TABLE,
    TaskRunStateCache::TABLE,
    Deployment::TABLE,
    DeploymentSchedule::TABLE,
    WorkPool::TABLE,
    WorkQueue::TABLE,
    Worker::TABLE,
    Agent::TABLE,
    BlockType::TABLE,
    BlockSchema::TABLE,
    BlockSchemaReference::TABLE,
    BlockDocument::TABLE,
    BlockDocumentReference::TABLE,
    Artifact::TABLE,
    ArtifactCollection::TABLE,
    Variable::TABLE,
    SavedSearch::TABLE,
    Configuration::TABLE,
    Event::TABLE,
    EventResource::TABLE,
    Log::TABLE,
];
