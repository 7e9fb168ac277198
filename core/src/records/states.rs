//! States of flow runs and task runs.

use uuid::Uuid;

use crate::{Json, Time, record, text_enum};

text_enum! {
    /// The type of a state; its name is free text.
    pub enum StateType {
        /// Will run at a known time.
        Scheduled = "SCHEDULED",
        /// Accepted for execution.
        Pending = "PENDING",
        /// Executing.
        Running = "RUNNING",
        /// Ended well.
        Completed = "COMPLETED",
        /// Ended with an error of its own.
        Failed = "FAILED",
        /// Ended because somebody asked.
        Cancelled = "CANCELLED",
        /// Ended by its infrastructure.
        Crashed = "CRASHED",
        /// Waiting for somebody.
        Paused = "PAUSED",
        /// Asked to end.
        Cancelling = "CANCELLING",
    }
}

impl StateType {
    /// Whether a run in this state has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(self, StateType::Completed | StateType::Failed | StateType::Cancelled | StateType::Crashed)
    }
    /// The name of a state of this type that was given none: "Scheduled".
    pub fn default_name(self) -> String {
        let text = self.as_str();
        format!("{}{}", &text[..1], text[1..].to_lowercase())
    }
}

record! {
    /// One state in the history of a flow run.
    pub struct FlowRunState in "flow_run_state", columns flow_run_state {
        id: Uuid,
        created: Time,
        updated: Time,
        flow_run_id: Uuid,
        #[doc = "Type."]
        r#type: StateType,
        name: String,
        timestamp: Time,
        message: Option<String>,
        state_details: Json,
        data: Option<Json>,
    }
    key (id);
    index "ix_flow_run_state__flow_run_id_timestamp" (flow_run_id, timestamp);
}

record! {
    /// One state in the history of a task run.
    pub struct TaskRunState in "task_run_state", columns task_run_state {
        id: Uuid,
        created: Time,
        updated: Time,
        task_run_id: Uuid,
        #[doc = "Type."]
        r#type: StateType,
        name: String,
        timestamp: Time,
        message: Option<String>,
        state_details: Json,
        data: Option<Json>,
    }
    key (id);
    index "ix_task_run_state__task_run_id_timestamp" (task_run_id, timestamp);
}

record! {
    /// A completed state that may stand in for another run with the same cache key.
    pub struct TaskRunStateCache in "task_run_state_cache", columns task_run_state_cache {
        id: Uuid,
        created: Time,
        updated: Time,
        cache_key: String,
        cache_expiration: Option<Time>,
        task_run_state_id: Uuid,
    }
    key (id);
    index "ix_task_run_state_cache__cache_key_created" (cache_key, created);
}
