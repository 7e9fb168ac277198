//! A state of a run, as it is stored, sent and proposed.

use std::collections::BTreeMap;

use mintaka_core::records::{FlowRunState, StateType, TaskRunState};
use mintaka_core::{Error, Json, Time};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

use crate::object::Object;

/// Details of a state: the union of the fields of both client lines. Unknown fields are dropped.
///
/// All fields are sent, also null ones. (wire W5.2)
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateDetails {
    /// The flow run that the state belongs to; for a task run, the one around it.
    pub flow_run_id: Option<Uuid>,
    /// The task run that the state belongs to; for a subflow, its task run in the parent.
    pub task_run_id: Option<Uuid>,
    /// On a task run that stands for a subflow: the flow run.
    pub child_flow_run_id: Option<Uuid>,
    /// When the run shall start.
    pub scheduled_time: Option<Time>,
    /// Under which a completed state may stand in for another run.
    pub cache_key: Option<String>,
    /// Until when it may.
    pub cache_expiration: Option<Time>,
    /// Whether a background task run is meant. 3.x only.
    pub deferred: Option<bool>,
    /// Whether the result cannot be tracked.
    #[serde(deserialize_with = "null_is_default")]
    pub untrackable_result: bool,
    /// When a pause fails.
    pub pause_timeout: Option<Time>,
    /// Whether the run leaves its process while it is paused ("suspended").
    #[serde(deserialize_with = "null_is_default")]
    pub pause_reschedule: bool,
    /// Identifies a pause, which fires once.
    pub pause_key: Option<String>,
    /// Keys of the flow run inputs that a pause waits for.
    pub run_input_keyset: Option<BTreeMap<String, String>>,
    /// Whether to ignore what is cached.
    pub refresh_cache: Option<bool>,
    /// False if a failed task run must not be retried.
    pub retriable: Option<bool>,
    /// Minted by the client for each transition, so that a repeated request is recognised.
    pub transition_id: Option<Uuid>,
    /// Where the parameters of a background task run are kept.
    pub task_parameters_id: Option<Uuid>,
    /// Trace context. 3.x only.
    pub traceparent: Option<String>,
    /// The lease of a slot of the deployment's concurrency limit. 3.x only.
    pub deployment_concurrency_lease_id: Option<Uuid>,
}

impl Default for StateDetails {
    fn default() -> StateDetails {
        StateDetails {
            flow_run_id: None,
            task_run_id: None,
            child_flow_run_id: None,
            scheduled_time: None,
            cache_key: None,
            cache_expiration: None,
            deferred: Some(false),
            untrackable_result: false,
            pause_timeout: None,
            pause_reschedule: false,
            pause_key: None,
            run_input_keyset: None,
            refresh_cache: None,
            retriable: None,
            transition_id: None,
            task_parameters_id: None,
            traceparent: None,
            deployment_concurrency_lease_id: None,
        }
    }
}

pub(crate) fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(d: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(d)?.unwrap_or_default())
}

/// A state of a run. As JSON it is what clients see.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct State {
    /// Identifier.
    pub id: Uuid,
    /// Type.
    pub r#type: StateType,
    /// Name; free text.
    pub name: String,
    /// When the run entered it.
    pub timestamp: Time,
    /// What to tell people.
    pub message: Option<String>,
    /// The result, or where it is; never the JSON `null`.
    pub data: Option<Json>,
    /// Details.
    pub state_details: StateDetails,
}

impl State {
    /// As a row of a flow run's history.
    pub fn into_flow_run_state(self, flow_run_id: Uuid, now: Time) -> FlowRunState {
        FlowRunState {
            id: self.id,
            created: now,
            updated: now,
            flow_run_id,
            r#type: self.r#type,
            name: self.name,
            timestamp: self.timestamp,
            message: self.message,
            state_details: Json::of(&self.state_details),
            data: self.data.filter(says_something),
        }
    }

    /// As a row of a task run's history.
    pub fn into_task_run_state(self, task_run_id: Uuid, now: Time) -> TaskRunState {
        TaskRunState {
            id: self.id,
            created: now,
            updated: now,
            task_run_id,
            r#type: self.r#type,
            name: self.name,
            timestamp: self.timestamp,
            message: self.message,
            state_details: Json::of(&self.state_details),
            data: self.data.filter(says_something),
        }
    }

    /// The same content proposed as a new state.
    pub fn proposed(&self) -> Proposed {
        Proposed {
            r#type: self.r#type,
            name: self.name.clone(),
            message: self.message.clone(),
            data: self.data.clone(),
            details: self.state_details.clone(),
        }
    }
}

impl TryFrom<FlowRunState> for State {
    type Error = Error;
    fn try_from(row: FlowRunState) -> Result<State, Error> {
        Ok(State {
            id: row.id,
            r#type: row.r#type,
            name: row.name,
            timestamp: row.timestamp,
            message: row.message,
            data: row.data.filter(says_something),
            state_details: row.state_details.to()?,
        })
    }
}

impl TryFrom<TaskRunState> for State {
    type Error = Error;
    fn try_from(row: TaskRunState) -> Result<State, Error> {
        Ok(State {
            id: row.id,
            r#type: row.r#type,
            name: row.name,
            timestamp: row.timestamp,
            message: row.message,
            data: row.data.filter(says_something),
            state_details: row.state_details.to()?,
        })
    }
}

/// A state that somebody wants a run to enter: a state without identity and time.
///
/// As JSON it is read from what clients send (`type`, `name`, `message`, `data`, `state_details`); a missing or null
/// name is that of the type. A SCHEDULED one without a time gets the current time when it is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    /// Type.
    pub r#type: StateType,
    /// Name.
    pub name: String,
    /// What to tell people.
    pub message: Option<String>,
    /// The result, or where it is.
    pub data: Option<Json>,
    /// Details.
    pub details: StateDetails,
}

impl Proposed {
    /// A state of this type, with the type's name and nothing else.
    pub fn new(r#type: StateType) -> Proposed {
        Proposed { r#type, name: r#type.default_name(), message: None, data: None, details: StateDetails::default() }
    }

    /// SCHEDULED for a time.
    pub fn scheduled(time: Time) -> Proposed {
        let mut state = Proposed::new(StateType::Scheduled);
        state.details.scheduled_time = Some(time);
        state
    }

    /// SCHEDULED for a time under the name that retries have.
    pub fn awaiting_retry(time: Time) -> Proposed {
        Proposed::scheduled(time).named("AwaitingRetry")
    }

    /// With another name.
    pub fn named(mut self, name: impl Into<String>) -> Proposed {
        self.name = name.into();
        self
    }

    /// With a message.
    pub fn saying(mut self, message: impl Into<String>) -> Proposed {
        self.message = Some(message.into());
        self
    }

    /// With data; JSON `null` is none.
    pub fn with_data(mut self, data: Option<Json>) -> Proposed {
        self.data = data.filter(|d| !d.is_null());
        self
    }

    /// With other details.
    pub fn with_details(mut self, details: StateDetails) -> Proposed {
        self.details = details;
        self
    }

    /// The state that it becomes.
    pub(crate) fn into_state(self, id: Uuid, timestamp: Time) -> State {
        State {
            id,
            r#type: self.r#type,
            name: self.name,
            timestamp,
            message: self.message,
            data: self.data,
            state_details: self.details,
        }
    }
}

impl<'de> Deserialize<'de> for Proposed {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Proposed, D::Error> {
        #[derive(Deserialize)]
        struct StateCreate {
            r#type: StateType,
            name: Option<String>,
            message: Option<String>,
            data: Option<Json>,
            #[serde(default, deserialize_with = "null_is_default")]
            state_details: Object<StateDetails>,
        }
        let Object(sent) = Object::<StateCreate>::deserialize(d)?;
        let mut state = Proposed::new(sent.r#type).with_data(sent.data).with_details(sent.state_details.0);
        state.message = sent.message;
        if let Some(name) = sent.name {
            state.name = name;
        }
        Ok(state)
    }
}

/// Whether data of a state is worth keeping: JSON `null` is not, nor is the note of the 2.x line that a result was not
/// persisted, which some clients of the 3.x line cannot read. (wire W5.7: the stock servers keep no data then)
fn says_something(data: &Json) -> bool {
    let is_note = data.text().contains("unpersisted") && kind_of(data).flatten().as_deref() == Some("unpersisted");
    !(data.is_null() || is_note)
}

/// Whether data of a state is a description of a result that is kept somewhere: an object of another type than
/// `unpersisted`.
pub(crate) fn describes_kept_result(data: &Json) -> bool {
    kind_of(data).is_some_and(|kind| kind.as_deref() != Some("unpersisted"))
}

/// The `type` of data that is an object; the outer `None` if it is none.
pub(crate) fn kind_of(data: &Json) -> Option<Option<String>> {
    match data.value() {
        serde_json::Value::Object(fields) => {
            Some(fields.get("type").and_then(serde_json::Value::as_str).map(str::to_owned))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_sent_with_all_details() {
        let state = Proposed::new(StateType::Running).into_state(Uuid::nil(), Time::from_micros(0));
        let json = serde_json::to_value(&state).unwrap();
        let fields: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["id", "type", "name", "timestamp", "message", "data", "state_details"]);
        assert_eq!(json["name"], "Running");
        assert_eq!(json["state_details"].as_object().unwrap().len(), 18);
        assert_eq!(json["state_details"]["deferred"], false);
    }

    #[test]
    fn what_clients_send_is_completed() {
        let table = [
            (r#"{"type":"SCHEDULED"}"#, "Scheduled", None),
            (r#"{"type":"PENDING","name":null,"state_details":null,"data":null}"#, "Pending", None),
            (
                r#"{"type":"RUNNING","name":"Retrying","timestamp":"x","extra":1,"data":{"a":1}}"#,
                "Retrying",
                Some("{\"a\":1}"),
            ),
        ];
        for (sent, name, data) in table {
            let state: Proposed = serde_json::from_str(sent).unwrap();
            assert_eq!((state.name.as_str(), state.data.as_ref().map(Json::text)), (name, data), "{sent}");
        }
        assert!(serde_json::from_str::<Proposed>(r#"{"type":"LOST"}"#).is_err());
    }
}
