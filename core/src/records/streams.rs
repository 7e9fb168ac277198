//! Streams: events with the resources that they are about, and logs.

use uuid::Uuid;

use crate::{Json, Time, record};

record! {
    /// Something that happened. A resent event has the same time and id, and so finds itself.
    pub struct Event in "events", columns event {
        occurred: Time,
        id: Uuid,
        event: String,
        #[internal] resource_id: String,
        resource: Json,
        related: Json,
        payload: Json,
        received: Time,
        follows: Option<Uuid>,
        #[internal] writer: i64,
        #[internal] seq: i64,
    }
    key (occurred, id);
    index "ix_events__id" (id);
    index "ix_events__event_occurred" (event, occurred);
    index "ix_events__resource_id_occurred" (resource_id, occurred);
    index "ix_events__writer_seq" (writer, seq);
    stream (writer, seq);
}

record! {
    /// A resource that an event is about; the role of the main one is empty.
    pub struct EventResource in "event_resources", columns event_resources {
        occurred: Time,
        event_id: Uuid,
        /// Position among the event's resources; 0 is the main one.
        ordinal: i64,
        resource_id: String,
        resource_role: String,
        resource: Json,
    }
    key (event_id, resource_id, ordinal);
    index "ix_event_resources__resource_id_occurred" (resource_id, occurred);
}

record! {
    /// A line that a run logged.
    pub struct Log in "log", columns log {
        timestamp: Time,
        id: Uuid,
        created: Time,
        updated: Time,
        name: String,
        level: i64,
        message: String,
        flow_run_id: Option<Uuid>,
        task_run_id: Option<Uuid>,
        #[internal] writer: i64,
        #[internal] seq: i64,
    }
    key (timestamp, id);
    index "ix_log__flow_run_id_timestamp" (flow_run_id, timestamp);
    index "ix_log__task_run_id_timestamp" (task_run_id, timestamp);
    index "ix_log__writer_seq" (writer, seq);
    stream (writer, seq);
}
