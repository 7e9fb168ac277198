//! Deployments: making, editing and deleting them together with their schedules.
//!
//! Every edit of a schedule bumps its deployment in the same batch, so that whoever schedules runs sees one version of
//! both. Runs that were made ahead are taken back after the edit is durable.

use mintaka_core::records::{
    BlockDocument, Deployment, DeploymentSchedule, Flow, PollStatus, Variable, deployment, deployment_schedule,
};
use mintaka_core::{Batch, Change, Col, Error, Filter, Json, Key, Reader, Record, Time, Value, Versioned};
use serde_json::{Map, Value as JsonValue};
use uuid::Uuid;

use super::deserted_runs::cancel_deserted_runs;
use super::edit::row_that_meets;
use super::lifecycle_events::{Happened, changed, deployment_event, deployment_updated, tell};
use super::optimistic::{Decision, Lost, optimistic};
use super::parameters_edit::ParametersEdit;
use super::placement::Placement;
use super::schedule_runs::{Cause, delete_scheduled_runs};
use super::sweep;
use crate::caller::ClientLine;
use crate::error::OpError;
use crate::operations::Operations;
use crate::parameters::{Variables, mentions_variables};

/// A schedule that shall be made. Its JSON is in normal form.
#[derive(Clone, Debug, PartialEq)]
pub struct NewSchedule {
    /// When.
    pub schedule: Json,
    /// Whether runs follow from it.
    pub active: bool,
    /// How many runs may be made ahead.
    pub max_scheduled_runs: Option<i64>,
    /// Parameters of its runs, over those of the deployment.
    pub parameters: Json,
    /// Its name within the deployment.
    pub slug: Option<String>,
    /// Of the 2.x line; kept, without effect.
    pub catchup: bool,
    /// Of the 2.x line; kept, without effect.
    pub max_active_runs: Option<i64>,
}

impl NewSchedule {
    /// Its row. `place` is its place in the request: of schedules made at once, the last is listed first.
    /// (wire W9.7)
    fn row(self, reader: &Reader, deployment: Uuid, place: usize, now: Time) -> DeploymentSchedule {
        let now = now.plus_micros(place as i64);
        DeploymentSchedule {
            id: reader.new_id(),
            created: now,
            updated: now,
            deployment_id: deployment,
            schedule: self.schedule,
            active: self.active,
            max_scheduled_runs: self.max_scheduled_runs,
            parameters: self.parameters,
            slug: self.slug,
            catchup: self.catchup,
            max_active_runs: self.max_active_runs,
        }
    }
}

/// The schedules of some deployments, the one that was changed last first.
///
/// # Errors
/// What the store answers.
pub async fn schedules_of(
    reader: &Reader,
    deployments: impl IntoIterator<Item = Uuid>,
) -> Result<Vec<DeploymentSchedule>, Error> {
    let filter = Filter::any(deployment_schedule::deployment_id, deployments);
    let mut schedules = reader.all::<DeploymentSchedule>(filter).await?;
    schedules.sort_by_key(|schedule| std::cmp::Reverse((schedule.updated, schedule.id)));
    Ok(schedules.into_iter().map(|seen| seen.record).collect())
}

/// A deployment of which only flow and name are known, with what nobody said. The lines differ in three defaults.
fn blank(id: Uuid, flow_id: Uuid, name: String, now: Time, line: ClientLine) -> Deployment {
    let v3 = line == ClientLine::V3;
    Deployment {
        id,
        created: now,
        updated: now,
        name,
        flow_id,
        enforce_parameter_schema: v3,
        parameter_openapi_schema: v3.then(Json::object),
        pull_steps: v3.then(Json::array),
        status: PollStatus::NotReady,
        ..Deployment::default()
    }
}

/// Columns that a replacement leaves as they are unless they are sent (wire W9.1: upsert of the 2.x line), and what a client of
/// that line cannot know of.
const KEPT: &[Col] = &[
    deployment::id,
    deployment::created,
    deployment::name,
    deployment::flow_id,
    deployment::work_queue_id,
    deployment::work_queue_name,
    deployment::last_polled,
    deployment::status,
    deployment::created_by,
    deployment::updated_by,
    deployment::concurrency_options,
];

/// A deployment that shall be made, or change the one of its flow and name.
#[derive(Clone, Debug)]
pub struct Upsert {
    /// The flow.
    pub flow_id: Uuid,
    /// The name.
    pub name: String,
    /// The columns that were sent, but for the queue.
    pub sent: Change,
    /// Where its runs wait.
    pub placement: Placement,
    /// Labels that were sent, on top of the flow's and the system's.
    pub labels: Map<String, JsonValue>,
    /// All of its schedules.
    pub schedules: Vec<NewSchedule>,
    /// The line of the client: 2.x replaces everything, 3.x only what was sent.
    pub line: ClientLine,
}

/// Makes a deployment, or changes the one that has its flow and name; true if it is new.
///
/// # Errors
/// [`OpError::NotFound`] for an unknown pool; [`OpError::Invalid`] for job variables that do not fit it;
/// [`OpError::Conflict`] if the flow or a block does not exist, or two schedules have one slug.
pub async fn upsert_deployment(ops: &Operations, wanted: &Upsert) -> Result<(Deployment, bool), OpError> {
    let key = Key::Unique(vec![wanted.flow_id.into(), wanted.name.clone().into()]);
    let key = &key;
    let (row, new) = optimistic(ops, "the deployment", |lost: Option<Lost>| async move {
        if lost.is_some_and(|lost| lost.is_about::<DeploymentSchedule>()) {
            return Err(OpError::data_integrity());
        }
        let batch = wanted.placement.checked(ops, Batch::new()).await?;
        let (batch, sent) = wanted.placement.placed(ops, batch, wanted.sent.clone(), wanted.line).await?;
        known_documents(ops, &sent).await?;
        let flow = ops.get::<Flow>(wanted.flow_id).await?.ok_or_else(OpError::data_integrity)?;
        let seen = ops.find::<Deployment>(key.clone()).await?;
        let now = ops.now();
        let sent = sent.set(deployment::labels, labels(&flow, &wanted.labels));
        let mut batch = with_documents(batch.present::<Flow>(Key::id(wanted.flow_id)), &sent);
        let row = match &seen {
            None => {
                let new = blank(ops.new_id(), wanted.flow_id, wanted.name.clone(), now, wanted.line);
                let row = changed(new, &sent)?;
                let told = deployment_event(ops, Happened::Created, &row).await?;
                batch = tell(batch.insert(row.clone()), wanted.line, [told]);
                row
            }
            Some(seen) => {
                let change = match wanted.line {
                    ClientLine::V2 => replacement(wanted, &sent, now),
                    ClientLine::V3 => sent,
                };
                let change = change.set(deployment::updated, now);
                batch = batch.version(seen).update::<Deployment>(Key::id(seen.id), change.clone());
                batch = tell(batch, wanted.line, deployment_updated(ops, seen, &change).await?);
                for old in schedules_of(ops, [seen.id]).await? {
                    batch = batch.delete::<DeploymentSchedule>(Key::id(old.id));
                }
                changed(seen.record.clone(), &change)?
            }
        };
        for (place, schedule) in wanted.schedules.iter().enumerate() {
            batch = batch.insert(schedule.clone().row(ops, row.id, place, now));
        }
        Ok(Decision::Commit(batch, (row, seen.is_none())))
    })
    .await?;
    if !new {
        delete_scheduled_runs(ops, row.id, Cause::Edited).await?;
    }
    Ok((row, new))
}

/// The block documents that a change names, by what they are to a deployment.
fn named_documents(change: &Change) -> impl Iterator<Item = (&'static str, Uuid)> {
    let kinds =
        [("infrastructure", deployment::infrastructure_document_id), ("storage", deployment::storage_document_id)];
    kinds.into_iter().filter_map(|(kind, column)| {
        change.set.iter().find_map(|(other, value)| match value {
            Value::Uuid(id) if *other == column => Some((kind, *id)),
            _ => None,
        })
    })
}

/// Checks that the block documents exist which a new deployment names.
async fn known_documents(reader: &Reader, change: &Change) -> Result<(), OpError> {
    for (kind, id) in named_documents(change) {
        if reader.get::<BlockDocument>(id).await?.is_none() {
            return Err(OpError::Conflict(format!(
                "Error creating deployment. Could not find {kind} block with id: {id}. This usually occurs when \
                 applying a deployment specification that was built against a different Prefect database / workspace."
            )));
        }
    }
    Ok(())
}

/// Guards that the block documents are there which a change names: one that is deleted takes the deployments along that
/// name it by then.
fn with_documents(batch: Batch, change: &Change) -> Batch {
    named_documents(change).fold(batch, |batch, (_, id)| batch.present::<BlockDocument>(Key::id(id)))
}

/// Every column that is not kept, as sent or as nobody said.
fn replacement(wanted: &Upsert, sent: &Change, now: Time) -> Change {
    let defaults = blank(Uuid::nil(), wanted.flow_id, wanted.name.clone(), now, wanted.line).into_values();
    let said = |column: Col| sent.set.iter().any(|(other, _)| *other == column);
    let mut change = sent.clone();
    for (ordinal, value) in defaults.into_iter().enumerate() {
        let column = Col { table: Deployment::TABLE, ordinal };
        if !said(column) && !KEPT.contains(&column) && column != deployment::updated {
            change = change.set(column, value);
        }
    }
    change
}

fn labels(flow: &Flow, sent: &Map<String, JsonValue>) -> Json {
    let mut labels = match flow.labels.value() {
        JsonValue::Object(labels) => labels,
        _ => Map::new(),
    };
    labels.insert("prefect.flow.id".into(), flow.id.to_string().into());
    labels.extend(sent.clone());
    Json::from(JsonValue::Object(labels))
}

/// A change of one schedule.
#[derive(Clone, Debug)]
pub enum ScheduleEdit {
    /// A new one.
    Add(NewSchedule),
    /// Another state of one.
    Change(Uuid, Change),
    /// It is gone.
    Remove(Uuid),
}

/// A change of a deployment.
#[derive(Clone, Debug)]
pub struct DeploymentEdit {
    /// The columns that change, but for queue and parameters; `updated` is set anyway.
    pub change: Change,
    /// Another place where its runs wait.
    pub placement: Placement,
    /// Its parameters; not checked when `None`.
    pub parameters: Option<ParametersEdit>,
    /// Whether an event tells what changes.
    pub told: bool,
    /// The line of the client, if a queue is made for it.
    pub line: ClientLine,
}

impl DeploymentEdit {
    /// A change of columns alone.
    pub fn of(change: Change) -> DeploymentEdit {
        let (placement, line) = (Placement::default(), ClientLine::V3);
        DeploymentEdit { change, placement, parameters: None, told: false, line }
    }
}

/// Changes a deployment, and as one with it the schedules that `schedules` answers, which may be called several times.
/// `None` if there is no such deployment; else the deployment as it was.
///
/// # Errors
/// What `schedules` answers; [`OpError::NotFound`] for an unknown pool; [`OpError::Conflict`] if job variables or
/// parameters do not fit, a block does not exist, or a slug is taken; others of the parameters.
pub async fn edit_deployment<E: From<OpError> + From<Error> + Send>(
    ops: &Operations,
    id: Uuid,
    edit: &DeploymentEdit,
    schedules: impl Fn(&Deployment, &[DeploymentSchedule]) -> Result<Vec<ScheduleEdit>, E> + Sync,
) -> Result<Option<Versioned<Deployment>>, E> {
    let edited_schedules = &schedules;
    optimistic(ops, "the deployment", |lost: Option<Lost>| async move {
        if lost.as_ref().is_some_and(|lost| lost.is_collision() || lost.is_missing::<BlockDocument>()) {
            return Err(OpError::data_integrity().into());
        }
        let current = lost.map(Lost::current::<Deployment>).transpose()?.flatten();
        let seen = match current {
            Some(seen) => seen,
            None => match ops.get::<Deployment>(id).await? {
                Some(seen) => seen,
                None => return Ok(Decision::Answer(None)),
            },
        };
        let batch = edit.placement.checked_alone(ops, Batch::new()).await?;
        let mut change = edit.change.clone();
        if let Some(parameters) = &edit.parameters {
            change = parameters.checked(&seen, &parameters.variables(ops).await?, change)?;
        }
        let schedules = edited_schedules(&seen, &schedules_of(ops, [id]).await?)?;
        let (batch, change) = edit.placement.placed(ops, batch, change, edit.line).await?;
        let now = ops.now();
        let change = change.set(deployment::updated, now);
        let told = match edit.told {
            true => deployment_updated(ops, &seen, &change).await?,
            false => None,
        };
        let batch = with_documents(batch, &change).version(&seen).update::<Deployment>(Key::id(id), change);
        let mut batch = tell(batch, ClientLine::V3, told);
        for (place, edit) in schedules.into_iter().enumerate() {
            batch = match edit {
                ScheduleEdit::Add(new) => batch.insert(new.row(ops, id, place, now)),
                ScheduleEdit::Change(schedule, change) => {
                    let change = change.set(deployment_schedule::updated, now);
                    batch.update::<DeploymentSchedule>(Key::id(schedule), change)
                }
                ScheduleEdit::Remove(schedule) => batch.delete::<DeploymentSchedule>(Key::id(schedule)),
            };
        }
        Ok(Decision::Commit(batch, Some(seen)))
    })
    .await
}

/// Adds schedules to a deployment and answers them in this order; `None` if there is no such deployment.
///
/// # Errors
/// [`OpError::Conflict`] if a slug is taken.
pub async fn add_schedules(
    ops: &Operations,
    id: Uuid,
    new: &[NewSchedule],
) -> Result<Option<Vec<DeploymentSchedule>>, OpError> {
    optimistic(ops, "the deployment", |lost: Option<Lost>| async move {
        if lost.as_ref().is_some_and(Lost::is_collision) {
            return Err(OpError::data_integrity());
        }
        let Some(seen) = ops.get::<Deployment>(id).await? else { return Ok(Decision::Answer(None)) };
        let now = ops.now();
        let row = |(place, new): (usize, &NewSchedule)| new.clone().row(ops, id, place, now);
        let rows: Vec<DeploymentSchedule> = new.iter().enumerate().map(row).collect();
        let edited = Change::default().set(deployment::updated, now);
        let batch = Batch::new().version(&seen).update::<Deployment>(Key::id(id), edited);
        Ok(Decision::Commit(rows.iter().cloned().fold(batch, Batch::insert), Some(rows)))
    })
    .await
}

/// Deletes a deployment, its schedules and its runs that have not begun; false if it was gone. Other runs keep its id; those
/// that wait to run again are cancelled. With `only`, nothing is done unless the deployment meets it.
///
/// # Errors
/// What the store answers.
pub async fn delete_deployment(
    ops: &Operations,
    id: Uuid,
    only: Option<&Filter>,
    line: ClientLine,
) -> Result<bool, Error> {
    let there = optimistic(ops, "the deployment", |_: Option<Lost>| async move {
        let Some(seen) = row_that_meets::<Deployment>(ops, &Key::id(id), only).await? else {
            return Ok::<_, Error>(Decision::Answer(false));
        };
        let batch = Batch::new().version(&seen).delete::<Deployment>(Key::id(id));
        let told = deployment_event(ops, Happened::Deleted, &seen).await?;
        Ok(Decision::Commit(tell(batch, line, [told]), true))
    })
    .await?;
    if !there && only.is_some() {
        return Ok(false);
    }
    sweep::<DeploymentSchedule>(ops, Filter::eq(deployment_schedule::deployment_id, id)).await?;
    if there {
        delete_scheduled_runs(ops, id, Cause::Deleted).await?;
        cancel_deserted_runs(ops, id).await?;
    }
    Ok(there)
}

/// The deployment of a flow's name and its own.
///
/// # Errors
/// What the store answers.
pub async fn deployment_named(reader: &Reader, flow: &str, name: &str) -> Result<Option<Versioned<Deployment>>, Error> {
    let Some(flow) = reader.find::<Flow>(Key::Unique(vec![flow.into()])).await? else { return Ok(None) };
    reader.find(Key::Unique(vec![flow.id.into(), name.into()])).await
}

/// The variables that the stand-ins of some values need: all of them, or none.
///
/// # Errors
/// What the store answers.
pub async fn variables_for(reader: &Reader, values: &JsonValue) -> Result<Variables, Error> {
    if !mentions_variables(values) {
        return Ok(Variables::new());
    }
    let variables = reader.all::<Variable>(Filter::all()).await?;
    Ok(variables.into_iter().map(|variable| (variable.record.name, variable.record.value.value())).collect())
}
