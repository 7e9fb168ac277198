//! Artifacts, and the latest of each key.

use uuid::Uuid;

use crate::{Json, Time, record};

record! {
    /// Something that a run shows to people.
    pub struct Artifact in "artifact", columns artifact {
        id: Uuid,
        created: Time,
        updated: Time,
        key: Option<String>,
        #[doc = "Type, such as `markdown`."]
        r#type: Option<String>,
        description: Option<String>,
        data: Option<Json>,
        metadata_: Option<Json>,
        flow_run_id: Option<Uuid>,
        task_run_id: Option<Uuid>,
    }
    key (id);
    index "ix_artifact__created" (created);
    index "ix_artifact__key_created" (key, created);
    index "ix_artifact__flow_run_id" (flow_run_id, created);
    index "ix_artifact__task_run_id" (task_run_id);
}

record! {
    /// The latest artifact of a key, with a copy of what it shows.
    pub struct ArtifactCollection in "artifact_collection", columns artifact_collection {
        id: Uuid,
        created: Time,
        updated: Time,
        key: String,
        latest_id: Uuid,
        #[doc = "Type, such as `markdown`."]
        r#type: Option<String>,
        description: Option<String>,
        data: Option<Json>,
        metadata_: Option<Json>,
        flow_run_id: Option<Uuid>,
        task_run_id: Option<Uuid>,
    }
    key (id);
    unique (key);
    index "ix_artifact_collection__created" (created);
    index "ix_artifact_collection__latest_id" (latest_id);
}
