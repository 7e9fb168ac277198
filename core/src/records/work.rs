//! Work pools, their queues and workers; agents.

use uuid::Uuid;

use crate::{Json, Time, record, text_enum};

text_enum! {
    /// Whether a pool or a queue can hand out work.
    pub enum WorkStatus {
        /// A worker is online, or the queue is polled.
        Ready = "READY",
        /// Nobody is there.
        NotReady = "NOT_READY",
        /// Switched off.
        Paused = "PAUSED",
    }
}

text_enum! {
    /// Whether a worker's heartbeat is fresh.
    pub enum WorkerStatus {
        /// Fresh.
        Online = "ONLINE",
        /// Too old.
        Offline = "OFFLINE",
    }
}

record! {
    /// A pool of work of one infrastructure type.
    pub struct WorkPool in "work_pool", columns work_pool {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        description: Option<String>,
        #[doc = "Worker type, such as `process`."]
        r#type: String,
        base_job_template: Json,
        is_paused: bool,
        concurrency_limit: Option<i64>,
        /// Null only for pools of type `prefect-agent`.
        status: Option<WorkStatus>,
        storage_configuration: Json,
        default_queue_id: Uuid,
        #[internal] last_transitioned_status_at: Option<Time>,
        #[internal] last_status_event_id: Option<Uuid>,
    }
    key (id);
    unique (name);
    index "ix_work_pool__type" (r#type);
    index "ix_work_pool__status" (status);
}

record! {
    /// A queue of a pool; a lower priority number goes first.
    pub struct WorkQueue in "work_queue", columns work_queue {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        description: Option<String>,
        is_paused: bool,
        concurrency_limit: Option<i64>,
        priority: i64,
        work_pool_id: Uuid,
        filter: Option<Json>,
        #[soft] last_polled: Option<Time>,
        status: WorkStatus,
    }
    key (id);
    unique (work_pool_id, name);
    index "ix_work_queue__name" (name);
    index "ix_work_queue__status" (status);
    index "ix_work_queue__work_pool_id_priority" (work_pool_id, priority);
}

record! {
    /// A process that takes runs of a pool.
    pub struct Worker in "worker", columns worker {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        work_pool_id: Uuid,
        #[soft] last_heartbeat_time: Option<Time>,
        heartbeat_interval_seconds: Option<i64>,
        status: WorkerStatus,
    }
    key (id);
    unique (work_pool_id, name);
    index "ix_worker__status" (status);
}

record! {
    /// A process of the 2.x line that takes runs of a queue.
    pub struct Agent in "agent", columns agent {
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        work_queue_id: Uuid,
        #[soft] last_activity_time: Option<Time>,
    }
    key (id);
    unique (name);
    index "ix_agent__work_queue_id" (work_queue_id);
}
