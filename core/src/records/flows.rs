//! Flows.

use uuid::Uuid;

use crate::{Json, Tags, Time, record};

record! {
    /// A flow: a name under which runs and deployments are kept.
    pub struct Flow in "flow", columns flow {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        tags: Tags,
        labels: Json,
    }
    key (id);
    unique (name);
    index "ix_flow__created" (created);
}
