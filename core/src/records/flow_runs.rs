//! Flow runs and their inputs.

use uuid::Uuid;

use crate::records::StateType;
use crate::{Json, Tags, Time, record};

record! {
    /// A run of a flow.
    pub struct FlowRun in "flow_run", columns flow_run {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        flow_id: Uuid,
        state_id: Option<Uuid>,
        /// Kept after the deployment is deleted.
        deployment_id: Option<Uuid>,
        work_queue_id: Option<Uuid>,
        work_queue_name: Option<String>,
        flow_version: Option<String>,
        deployment_version: Option<String>,
        parameters: Json,
        idempotency_key: Option<String>,
        context: Json,
        empirical_policy: Json,
        tags: Tags,
        labels: Json,
        parent_task_run_id: Option<Uuid>,
        state_type: Option<StateType>,
        state_name: Option<String>,
        #[internal] state_timestamp: Option<Time>,
        run_count: i64,
        expected_start_time: Option<Time>,
        next_scheduled_start_time: Option<Time>,
        start_time: Option<Time>,
        end_time: Option<Time>,
        /// Seconds in RUNNING so far, without the interval that still runs.
        total_run_time: f64,
        auto_scheduled: bool,
        infrastructure_document_id: Option<Uuid>,
        infrastructure_pid: Option<String>,
        created_by: Option<Json>,
        job_variables: Option<Json>,
        /// start_time, else expected_start_time.
        #[internal] sort_time: Option<Time>,
        /// Seconds from expected_start_time to start_time, 0 if it started early; null before it started.
        #[internal] start_delay: Option<f64>,
        /// The flow run of `parent_task_run_id`.
        #[internal] parent_flow_run_id: Option<Uuid>,
        /// `id` of `created_by`, if it is one.
        #[internal] created_by_id: Option<Uuid>,
        /// `type` of `created_by`.
        #[internal] created_by_type: Option<String>,
    }
    key (id);
    unique (flow_id, idempotency_key);
    index "ix_flow_run__state_type_next" (state_type, next_scheduled_start_time);
    index "ix_flow_run__deployment_state_next" (deployment_id, state_type, next_scheduled_start_time);
    index "ix_flow_run__work_queue_state_next" (work_queue_id, state_type, next_scheduled_start_time);
    index "ix_flow_run__history" (expected_start_time, state_type, state_name, state_timestamp, start_time, start_delay, total_run_time);
    index "ix_flow_run__name" (name);
    index "ix_flow_run__end_time" (end_time);
    index "ix_flow_run__sort_time" (sort_time);
    index "ix_flow_run__flow_id_sort_time" (flow_id, sort_time);
    index "ix_flow_run__state_name_sort_time" (state_name, sort_time);
    index "ix_flow_run__parent_task_run_id" (parent_task_run_id);
    index "ix_flow_run__infrastructure_document_id" (infrastructure_document_id);
    index "ix_flow_run__parent_flow_run_id" (parent_flow_run_id);
    index "ix_flow_run__tags" (tags, sort_time);
}

impl FlowRun {
    /// With this as who created it, also in the columns that filters ask.
    #[must_use]
    pub fn made_by(mut self, creator: Option<Json>) -> FlowRun {
        let said = creator.as_ref().map(Json::value).unwrap_or_default();
        self.created_by_id = said["id"].as_str().and_then(|id| Uuid::parse_str(id).ok());
        self.created_by_type = said["type"].as_str().map(str::to_owned);
        self.created_by = creator;
        self
    }
}

record! {
    /// A value that somebody sends to a flow run.
    pub struct FlowRunInput in "flow_run_input", columns flow_run_input {
        id: Uuid,
        created: Time,
        updated: Time,
        flow_run_id: Uuid,
        key: String,
        value: String,
        sender: Option<String>,
    }
    key (id);
    unique (flow_run_id, key);
}
