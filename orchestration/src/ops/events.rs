//! Events: what a sender may send, the rows that an event becomes, and how it is recorded once.

use mintaka_core::records::{Event, EventResource};
use mintaka_core::{Batch, Error, Json, Outcome, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::optimistic::Attempts;
use super::task_run_events::{TaskRunEvent, append};
use super::task_run_run_time::sum_run_time;
use crate::object::Object;
use crate::operations::Operations;

/// The longest name of an event, in characters (wire W12.2: `maximum_event_name_length`).
pub const MAX_NAME: usize = 1024;
/// The largest event as JSON, in bytes (wire W12.2: `maximum_size_bytes`).
pub const MAX_BYTES: usize = 1_500_000;
/// The most labels of a resource (wire W12.2: `maximum_labels_per_resource`).
pub const MAX_LABELS: usize = 500;
/// The most related resources of an event (wire W12.2: 500 in the 2.x line, 100 in 3.x; the larger is taken).
pub const MAX_RELATED: usize = 500;

/// The label that names a resource.
pub const RESOURCE_ID: &str = "prefect.resource.id";
/// The label that says what a related resource is to the event.
pub const RESOURCE_ROLE: &str = "prefect.resource.role";
/// The label that people know a resource by.
pub const RESOURCE_NAME: &str = "prefect.resource.name";

/// Why an event is refused, in words for its sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

/// A resource: labels and their texts, in the order in which they were given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(Map<String, Value>);

impl Labels {
    /// A resource of this id.
    pub fn resource(id: impl Into<String>) -> Labels {
        Labels::default().with(RESOURCE_ID, id)
    }

    /// A resource of this id in a role.
    pub fn related(id: impl Into<String>, role: &str) -> Labels {
        Labels::resource(id).with(RESOURCE_ROLE, role)
    }

    /// Also with this label.
    pub fn with(mut self, label: &str, text: impl Into<String>) -> Labels {
        self.0.insert(label.into(), Value::String(text.into()));
        self
    }

    /// The text of a label.
    pub fn get(&self, label: &str) -> Option<&str> {
        self.0.get(label).and_then(Value::as_str)
    }

    /// The resource's id; empty only before the labels are checked.
    pub fn id(&self) -> &str {
        self.get(RESOURCE_ID).unwrap_or_default()
    }

    /// The resource's role; empty if it has none.
    pub fn role(&self) -> &str {
        self.get(RESOURCE_ROLE).unwrap_or_default()
    }

    fn check(&self) -> Result<(), Refused> {
        if self.0.len() > MAX_LABELS {
            return Err(Refused(format!("The maximum number of labels per resource is {MAX_LABELS}")));
        }
        if let Some((label, _)) = self.0.iter().find(|(_, text)| !text.is_string()) {
            return Err(Refused(format!("The label {label} must be text")));
        }
        match self.get(RESOURCE_ID) {
            None => Err(Refused("Resources must include the prefect.resource.id label".into())),
            Some("") => Err(Refused("The prefect.resource.id label must be non-empty".into())),
            Some(_) => Ok(()),
        }
    }

    fn check_related(&self) -> Result<(), Refused> {
        self.check()?;
        match self.get(RESOURCE_ROLE) {
            None => Err(Refused("Related Resources must include the prefect.resource.role label".into())),
            Some("") => Err(Refused("The prefect.resource.role label must be non-empty".into())),
            Some(_) => Ok(()),
        }
    }

    /// The labels that are not columns of their own.
    fn others(&self) -> Json {
        let others = self.0.iter().filter(|(label, _)| *label != RESOURCE_ID && *label != RESOURCE_ROLE);
        Json::of(&others.collect::<std::collections::BTreeMap<_, _>>())
    }
}

/// An event that has not been recorded. From a sender it comes through [`parse`](NewEvent::parse), which checks it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct NewEvent {
    /// When it happened, by its sender.
    pub occurred: Time,
    /// Its name, such as `prefect.flow-run.Completed`.
    pub event: String,
    /// What it happened to.
    pub resource: Labels,
    /// What else was involved, each in a role.
    #[serde(default)]
    pub related: Vec<Labels>,
    /// What happened, in detail.
    #[serde(default)]
    pub payload: Map<String, Value>,
    /// Identifier, given by the sender: a resent event finds itself.
    pub id: Uuid,
    /// An event that is known to have happened before.
    #[serde(default)]
    pub follows: Option<Uuid>,
}

impl NewEvent {
    /// An event about a resource, without related resources or payload.
    pub fn new(id: Uuid, occurred: Time, event: impl Into<String>, resource: Labels) -> NewEvent {
        let (related, payload) = (Vec::new(), Map::new());
        NewEvent { occurred, event: event.into(), resource, related, payload, id, follows: None }
    }

    /// Reads and checks what a sender sent as JSON text.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn parse(text: &str) -> Result<NewEvent, Refused> {
        if text.len() > MAX_BYTES {
            return Err(Refused(format!("An event has at most {MAX_BYTES} bytes, not {}", text.len())));
        }
        let Object(event): Object<NewEvent> =
            serde_json::from_str(text).map_err(|e| Refused(format!("Not an event: {e}")))?;
        event.check()?;
        Ok(event)
    }

    fn check(&self) -> Result<(), Refused> {
        if self.event.chars().count() > MAX_NAME {
            return Err(Refused(format!("Event name must be at most {MAX_NAME} characters")));
        }
        if self.related.len() > MAX_RELATED {
            return Err(Refused(format!("The maximum number of related resources is {MAX_RELATED}")));
        }
        self.resource.check()?;
        self.related.iter().try_for_each(Labels::check_related)
    }

    /// The first related resource in a role.
    pub fn in_role(&self, role: &str) -> Option<&Labels> {
        self.related.iter().find(|related| related.role() == role)
    }

    /// The row of the event.
    pub fn row(&self, received: Time) -> Event {
        Event {
            occurred: self.occurred,
            id: self.id,
            event: self.event.clone(),
            resource_id: self.resource.id().to_owned(),
            resource: Json::of(&self.resource),
            related: Json::of(&self.related),
            payload: Json::of(&self.payload),
            received,
            follows: self.follows,
            writer: 0,
            seq: 0,
        }
    }

    /// Adds the event to a batch of the change that it tells of, so that both are there or neither is.
    pub fn add_to(&self, batch: Batch, received: Time) -> Batch {
        batch.insert_or_skip(self.row(received))
    }

    /// A batch that records the event, and does nothing if it was recorded before.
    pub fn once(&self, received: Time) -> Batch {
        Batch::new().once(self.row(received))
    }
}

/// What became of a sent event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is new.
    New,
    /// It was there already; nothing was done.
    Repeated,
}

/// How often an event whose task run collides with another change is tried before it is recorded without its effect.
const MOST_COLLISIONS: u32 = 3;

/// Records a sent event once, and in the same batch what it says about a task run.
///
/// What an event says about a task run is applied whatever the order of arrival: the newest state time wins. An event
/// that says something that cannot be (its task run's key belongs to another one, say) is recorded all the same.
///
/// # Errors
/// What the store answers. After any error the event may be sent again.
pub async fn record(ops: &Operations, event: &NewEvent) -> Result<Recorded, Error> {
    let effect = task_run_event(event);
    let mut attempts = Attempts::at(ops, "what the event is about");
    let mut collisions = 0;
    loop {
        let now = ops.now();
        let effect = effect.as_ref().filter(|_| collisions < MOST_COLLISIONS);
        let batch = event.once(now);
        let run_op = batch.ops.len();
        let batch = match effect {
            Some(effect) => append(batch, effect, now),
            None => batch,
        };
        let (recorded, was_newest) = match ops.commit(batch).await? {
            Outcome::Committed { ops, .. } => (Recorded::New, ops.get(run_op).is_none_or(|run| run.applied)),
            Outcome::Repeated(_) => (Recorded::Repeated, true),
            Outcome::Failed(error) => return Err(error),
            Outcome::Conflict(conflict) => {
                tracing::warn!(event.id = %event.id, table = conflict.table.name, "what an event says collides");
                collisions += 1;
                attempts.lost(&conflict).await?;
                continue;
            }
        };
        // Also of a repeated event: the first time may have ended between the two commits.
        if let Some(effect) = effect {
            sum_run_time(ops, effect, was_newest).await?;
        }
        return Ok(recorded);
    }
}

/// What an event says about a task run, if it does.
fn task_run_event(event: &NewEvent) -> Option<TaskRunEvent> {
    if !event.event.starts_with("prefect.task-run.") {
        return None;
    }
    let resource = Value::Object(event.resource.0.clone());
    let related = event.related.iter().map(|related| Value::Object(related.0.clone())).collect();
    let payload = Value::Object(event.payload.clone());
    match TaskRunEvent::parse(event.id, event.occurred, &event.event, &resource, &related, &payload) {
        Ok(effect) => effect,
        Err(reason) => {
            tracing::warn!(event.id = %event.id, reason, "an event of a task run cannot be read");
            None
        }
    }
}

/// The rows of a recorded event's resources: the main one first, with an empty role.
///
/// # Errors
/// [`Error::Corrupt`] if the stored event cannot be read.
pub(super) fn resources_of(event: &Event) -> Result<Vec<EventResource>, Error> {
    let main: Labels = event.resource.to()?;
    let related: Vec<Labels> = event.related.to()?;
    let with_roles = std::iter::once((&main, "")).chain(related.iter().map(|related| (related, related.role())));
    let rows = with_roles.zip(0..).map(|((labels, role), ordinal)| EventResource {
        occurred: event.occurred,
        event_id: event.id,
        ordinal,
        resource_id: labels.id().to_owned(),
        resource_role: role.to_owned(),
        resource: labels.others(),
    });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sent() -> Value {
        json!({
            "occurred": "2026-11-24T04:50:33.753740Z",
            "event": "vine.ripened",
            "resource": {"prefect.resource.id": "vine.1", "color": "red"},
            "related": [{"prefect.resource.id": "hill.2", "prefect.resource.role": "ground"}],
            "payload": {"grapes": 3},
            "id": "0191d2f4-0000-7000-8000-000000000001",
            "follows": null,
        })
    }

    #[test]
    fn an_event_becomes_a_row_and_one_row_for_each_resource() {
        let event = NewEvent::parse(&sent().to_string()).unwrap();
        let row = event.row(Time::from_micros(7));
        assert_eq!(
            (row.event.as_str(), row.resource_id.as_str(), row.received.micros()),
            ("vine.ripened", "vine.1", 7)
        );
        assert_eq!(row.resource.value(), sent()["resource"]);
        let resources = resources_of(&row).unwrap();
        let roles: Vec<_> =
            resources.iter().map(|r| (r.ordinal, r.resource_id.as_str(), r.resource_role.as_str())).collect();
        assert_eq!(roles, [(0, "vine.1", ""), (1, "hill.2", "ground")]);
        assert_eq!(resources[0].resource.text(), r#"{"color":"red"}"#);
    }

    #[test]
    fn what_is_no_event_is_refused_with_a_reason() {
        let related = |n: usize| vec![json!({"prefect.resource.id": "a", "prefect.resource.role": "b"}); n];
        let labels = (0..MAX_LABELS).fold(Labels::resource("a"), |l, n| l.with(&n.to_string(), ""));
        let table: &[(&str, Value, &str)] = &[
            ("event", json!("x".repeat(MAX_NAME + 1)), "Event name must be at most 1024 characters"),
            ("resource", json!({"color": "red"}), "Resources must include the prefect.resource.id label"),
            ("resource", json!({"prefect.resource.id": ""}), "The prefect.resource.id label must be non-empty"),
            ("resource", json!({"prefect.resource.id": "a", "n": 1}), "The label n must be text"),
            ("resource", json!(labels), "The maximum number of labels per resource is 500"),
            ("related", json!(related(MAX_RELATED + 1)), "The maximum number of related resources is 500"),
            (
                "related",
                json!([{"prefect.resource.id": "a"}]),
                "Related Resources must include the prefect.resource.role label",
            ),
            ("payload", json!({"fat": "x".repeat(MAX_BYTES)}), "An event has at most 1500000 bytes, not 1500"),
            ("payload", json!([]), "Not an event: "),
            ("occurred", json!("soon"), "Not an event: `soon` is not a date and time"),
            ("id", json!("seven"), "Not an event: "),
        ];
        for (member, value, reason) in table {
            let mut event = sent();
            event[member] = value.clone();
            let refused = NewEvent::parse(&event.to_string()).unwrap_err();
            assert!(refused.0.starts_with(reason), "{member}: {refused}");
        }
        let fields: Vec<Value> =
            ["occurred", "event", "resource", "related", "payload", "id"].map(|name| sent()[name].clone()).into();
        for no_object in ["{", "[]", "null", "7", &json!(fields).to_string()] {
            let refused = NewEvent::parse(no_object).unwrap_err();
            assert!(refused.0.starts_with("Not an event: "), "{no_object}: {refused}");
        }
    }
}
