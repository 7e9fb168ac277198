//! Task runs.

use uuid::Uuid;

use crate::records::StateType;
use crate::{Json, Tags, Time, record};

record! {
    /// A run of a task.
    pub struct TaskRun in "task_run", columns task_run {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        flow_run_id: Option<Uuid>,
        task_key: String,
        dynamic_key: String,
        cache_key: Option<String>,
        cache_expiration: Option<Time>,
        task_version: Option<String>,
        empirical_policy: Json,
        tags: Tags,
        labels: Json,
        state_id: Option<Uuid>,
        task_inputs: Json,
        state_type: Option<StateType>,
        state_name: Option<String>,
        #[internal] state_timestamp: Option<Time>,
        run_count: i64,
        flow_run_run_count: i64,
        expected_start_time: Option<Time>,
        next_scheduled_start_time: Option<Time>,
        start_time: Option<Time>,
        end_time: Option<Time>,
        /// Seconds in RUNNING so far, without the interval that still runs.
        total_run_time: f64,
        /// start_time, else expected_start_time.
        #[internal] sort_time: Option<Time>,
        /// Seconds from expected_start_time to start_time, 0 if it started early; null before it started.
        #[internal] start_delay: Option<f64>,
    }
    key (id);
    unique (flow_run_id, task_key, dynamic_key);
    index "ix_task_run__task_key_dynamic_key" (task_key, dynamic_key);
    index "ix_task_run__state_type_next" (state_type, next_scheduled_start_time);
    index "ix_task_run__history" (expected_start_time, state_type, state_name, state_timestamp, start_time, start_delay, total_run_time);
    index "ix_task_run__tags" (tags, expected_start_time);
}
