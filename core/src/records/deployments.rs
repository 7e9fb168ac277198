//! Deployments and their schedules.

use uuid::Uuid;

use crate::{Json, Tags, Time, record, text_enum};

text_enum! {
    /// Whether something polls for a deployment's or a queue's runs.
    pub enum PollStatus {
        /// Polled within the last minute.
        Ready = "READY",
        /// Not polled.
        NotReady = "NOT_READY",
    }
}

record! {
    /// A flow with all that is needed to run it somewhere else.
    pub struct Deployment in "deployment", columns deployment {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        version: Option<String>,
        description: Option<String>,
        flow_id: Uuid,
        paused: bool,
        tags: Tags,
        labels: Json,
        parameters: Json,
        enforce_parameter_schema: bool,
        parameter_openapi_schema: Option<Json>,
        pull_steps: Option<Json>,
        path: Option<String>,
        entrypoint: Option<String>,
        /// Of the 2.x line only.
        manifest_path: Option<String>,
        storage_document_id: Option<Uuid>,
        infrastructure_document_id: Option<Uuid>,
        #[internal] infra_overrides: Json,
        work_queue_id: Option<Uuid>,
        /// The text as it was given; what clients see is the name of the linked queue.
        #[internal] work_queue_name: Option<String>,
        #[internal] concurrency_options: Option<Json>,
        #[soft] last_polled: Option<Time>,
        status: PollStatus,
        created_by: Option<Json>,
        updated_by: Option<Json>,
    }
    key (id);
    unique (flow_id, name);
    index "ix_deployment__created" (created);
    index "ix_deployment__name" (name);
    index "ix_deployment__updated" (updated);
    index "ix_deployment__status" (status);
    index "ix_deployment__work_queue_id" (work_queue_id);
    index "ix_deployment__tags" (tags, created);
}

record! {
    /// When a deployment's runs are scheduled.
    pub struct DeploymentSchedule in "deployment_schedule", columns deployment_schedule {
        id: Uuid,
        created: Time,
        updated: Time,
        deployment_id: Uuid,
        schedule: Json,
        active: bool,
        max_scheduled_runs: Option<i64>,
        parameters: Json,
        slug: Option<String>,
        /// Of the 2.x line only.
        catchup: bool,
        /// Of the 2.x line only.
        max_active_runs: Option<i64>,
    }
    key (id);
    unique (deployment_id, slug);
}
