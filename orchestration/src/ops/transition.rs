//! Transitions: a proposed state is judged over what is stored, and all that it causes is committed as one batch.
//!
//! The batch is guarded by the versions of every row that a rule looked at. Whoever loses a race judges again.

use mintaka_core::records::{Artifact, FlowRun, FlowRunState, TaskRun, TaskRunState};
use mintaka_core::{Change, Col, Error, Json, Reader, Record, Time};
use uuid::Uuid;

use crate::error::OpError;
use crate::rules::{Moment, Run, Unjudgeable};
use crate::state::{State, StateDetails, kind_of};
use crate::verdict::{Details, Status};

/// What became of a proposed transition.
#[derive(Clone, Debug)]
pub struct Transitioned {
    /// The outcome.
    pub status: Status,
    /// The state that the run is in now; `None` only if it has none.
    pub state: Option<State>,
    /// Why.
    pub details: Details,
    /// Whether a state was written, the proposed one or another.
    pub wrote: bool,
}

impl Transitioned {
    /// What a verdict says, about a run that was in `initial`.
    pub(super) fn of(status: Status, details: Details, written: Option<State>, initial: Option<State>) -> Transitioned {
        let wrote = written.is_some();
        Transitioned { status, state: written.or(initial), details, wrote }
    }
}

/// Time and chance for one judgement.
pub(super) fn moment(reader: &Reader) -> Moment {
    Moment { now: reader.now(), state_id: reader.new_id(), pause_key: Uuid::new_v4(), uniform: rand::random::<f64>() }
}

/// The state that a flow run is in.
pub(super) async fn state_of_flow_run(reader: &Reader, run: &FlowRun) -> Result<Option<State>, Error> {
    let Some(id) = run.state_id else { return Ok(None) };
    match reader.get::<FlowRunState>(id).await? {
        Some(row) => State::try_from(row.record).map(Some),
        None => Ok(remembered(run)),
    }
}

/// The state that a task run is in.
pub(super) async fn state_of_task_run(reader: &Reader, run: &TaskRun) -> Result<Option<State>, Error> {
    let Some(id) = run.state_id else { return Ok(None) };
    match reader.get::<TaskRunState>(id).await? {
        Some(row) => State::try_from(row.record).map(Some),
        None => Ok(remembered(run)),
    }
}

/// A state whose row is missing, as far as the run remembers it.
fn remembered<R: Run>(run: &R) -> Option<State> {
    let course = run.course();
    let r#type = course.state_type?;
    Some(State {
        id: course.state_id?,
        r#type,
        name: course.state_name.unwrap_or_else(|| r#type.default_name()),
        timestamp: course.state_timestamp?,
        message: None,
        data: None,
        state_details: StateDetails::default(),
    })
}

/// The change that makes `new` of `old`: the columns that differ.
pub(super) fn difference<R: Record>(old: R, new: R) -> Change {
    let changed = old.into_values().into_iter().zip(new.into_values()).enumerate();
    let mut change = Change::default();
    for (ordinal, (old, new)) in changed {
        let column = Col { table: R::TABLE, ordinal };
        if old != new && !column.def().soft {
            change.set.push((column, new));
        }
    }
    change
}

/// Takes out of a state's data what describes the artifact of its result, and answers that artifact.
///
/// Data that says it is not persisted has none. The artifact is of the type that the data names: data of 2.x says
/// `result`, data of 3.x says nothing (wire W5.7). It has no key, so that it belongs to no collection.
pub(super) fn result_artifact(
    state: &mut State,
    flow_run_id: Option<Uuid>,
    task_run_id: Option<Uuid>,
    id: Uuid,
    now: Time,
) -> Option<Artifact> {
    let data = state.data.as_mut()?;
    if kind_of(data).flatten().as_deref() == Some("unpersisted") {
        return None;
    }
    let (mut r#type, mut description) = (None, None);
    if data.text().contains("\"artifact_")
        && let serde_json::Value::Object(mut fields) = data.value()
    {
        fields.shift_remove("artifact_key");
        let mut text = |name: &str| match fields.shift_remove(name) {
            Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text),
            _ => None,
        };
        r#type = text("artifact_type");
        description = text("artifact_description");
        *data = Json::from(serde_json::Value::Object(fields));
    }
    Some(Artifact {
        id,
        created: now,
        updated: now,
        key: None,
        r#type,
        description,
        data: Some(data.clone()),
        metadata_: None,
        flow_run_id,
        task_run_id,
    })
}

impl From<Unjudgeable> for OpError {
    fn from(why: Unjudgeable) -> OpError {
        match why {
            Unjudgeable::FlowRunGone(_) => OpError::NotFound(why.to_string()),
            Unjudgeable::Stateless => OpError::Invalid(why.to_string()),
        }
    }
}
