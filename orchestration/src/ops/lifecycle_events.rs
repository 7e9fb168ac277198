//! Events that tell that something was made, changed or deleted. (wire W12.11)
//!
//! They belong into the batch of what they tell. Only what clients of the 3.x line do is told: servers of the 2.x line
//! have no such events, and their clients count what they are sent.

use mintaka_core::records::{
    ArtifactCollection, Deployment, Flow, WorkPool, WorkQueue, deployment, work_pool, work_queue,
};
use mintaka_core::{Batch, Change, Col, Error, Reader, Record, Value};
use serde_json::{Map, Value as JsonValue, json};
use uuid::Uuid;

use super::event_labels::{POOL_TYPE, of_deployment, related_pool};
use super::events::{Labels, NewEvent, RESOURCE_NAME, RESOURCE_ROLE};
use crate::caller::ClientLine;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// It is new.
    Created,
    /// It was changed.
    Updated,
    /// It is gone.
    Deleted,
}

impl Happened {
    const fn text(self) -> &'static str {
        match self {
            Happened::Created => "created",
            Happened::Updated => "updated",
            Happened::Deleted => "deleted",
        }
    }
}

/// An event about `prefect.<kind>.<id>`, which people know by `name`.
pub fn lifecycle(reader: &Reader, kind: &str, happened: Happened, id: Uuid, name: &str) -> NewEvent {
    let resource = Labels::resource(format!("prefect.{kind}.{id}")).with(RESOURCE_NAME, name);
    NewEvent::new(reader.new_id(), reader.now(), format!("prefect.{kind}.{}", happened.text()), resource)
}

/// Adds events to the batch of what they tell, if the line has such events.
pub fn tell(batch: Batch, line: ClientLine, events: impl IntoIterator<Item = NewEvent>) -> Batch {
    match line {
        ClientLine::V2 => batch,
        ClientLine::V3 => events.into_iter().fold(batch, |batch, event| event.add_to(batch, event.occurred)),
    }
}

/// A record with a change applied.
///
/// # Errors
/// [`Error::Corrupt`] if the change does not fit the record.
pub fn changed<R: Record>(record: R, change: &Change) -> Result<R, Error> {
    let mut values = record.into_values();
    for (ordinal, value) in change.on(&values) {
        values[ordinal] = value;
    }
    R::from_values(values)
}

/// The payload of an update: what a change makes of the `watched` columns; `None` if they stay as they are.
fn updates<R: Record>(before: &R, change: &Change, watched: &[Col]) -> Option<Map<String, JsonValue>> {
    let before = before.clone().into_values();
    let after = change.on(&before);
    let mut fields = Vec::new();
    let mut updates = Map::new();
    for column in watched {
        let Some((_, new)) = after.iter().find(|(ordinal, _)| *ordinal == column.ordinal) else { continue };
        let (from, to) = (shown(&before[column.ordinal]), shown(new));
        if from != to {
            fields.push(column.def().name);
            updates.insert(column.def().name.into(), json!({"from": from, "to": to}));
        }
    }
    (!fields.is_empty()).then(|| object(json!({"updated_fields": fields, "updates": updates})))
}

fn object(value: JsonValue) -> Map<String, JsonValue> {
    match value {
        JsonValue::Object(object) => object,
        _ => Map::new(),
    }
}

fn shown(value: &Value) -> JsonValue {
    match value {
        Value::Null | Value::IdOf(_) => JsonValue::Null,
        Value::Bool(on) => (*on).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::Uuid(id) => id.to_string().into(),
        Value::Time(time) => time.to_string().into(),
        Value::Json(text) => serde_json::from_str(text).unwrap_or_default(),
        Value::Tags(tags) => tags.as_slice().into(),
    }
}

/// What happened to a flow.
pub fn flow_event(reader: &Reader, happened: Happened, flow: &Flow) -> NewEvent {
    let mut event = lifecycle(reader, "flow", happened, flow.id, &flow.name);
    event.payload = object(json!({"name": flow.name, "tags": flow.tags, "labels": flow.labels}));
    event
}

/// What happened to the latest artifact of a key.
pub fn collection_event(reader: &Reader, happened: Happened, collection: &ArtifactCollection) -> NewEvent {
    let mut event = lifecycle(reader, "artifact-collection", happened, collection.id, &collection.key);
    event.related.push(Labels::related(format!("prefect.artifact.{}", collection.latest_id), "latest"));
    for (kind, id) in [("flow-run", collection.flow_run_id), ("task-run", collection.task_run_id)] {
        event.related.extend(id.map(|id| Labels::related(format!("prefect.{kind}.{id}"), kind)));
    }
    event.payload = object(json!({
        "key": collection.key,
        "type": collection.r#type,
        "data": collection.data,
        "description": collection.description,
    }));
    event
}

/// What happened to a pool.
pub fn pool_event(reader: &Reader, happened: Happened, pool: &WorkPool) -> NewEvent {
    let mut event = bare_pool_event(reader, happened, pool);
    event.related.push(Labels::related(format!("prefect.work-queue.{}", pool.default_queue_id), "default-queue"));
    let storage = pool.storage_configuration.value();
    if let Some(block) = storage["default_result_storage_block_id"].as_str() {
        event.related.push(Labels::related(format!("prefect.block-document.{block}"), "result-storage"));
    }
    event
}

fn bare_pool_event(reader: &Reader, happened: Happened, pool: &WorkPool) -> NewEvent {
    let mut event = lifecycle(reader, "work-pool", happened, pool.id, &pool.name);
    event.resource = event.resource.with(POOL_TYPE, &*pool.r#type).with(RESOURCE_ROLE, "work-pool");
    event
}

/// What a change makes of a pool, besides its status; `None` if nothing that is told.
pub fn pool_updated(reader: &Reader, before: &WorkPool, change: &Change) -> Option<NewEvent> {
    const WATCHED: &[Col] = &[
        work_pool::description,
        work_pool::base_job_template,
        work_pool::concurrency_limit,
        work_pool::storage_configuration,
    ];
    let payload = updates(before, change, WATCHED)?;
    Some(NewEvent { payload, ..bare_pool_event(reader, Happened::Updated, before) })
}

/// What happened to a queue of a pool.
pub fn queue_event(reader: &Reader, happened: Happened, queue: &WorkQueue, pool: &WorkPool) -> NewEvent {
    let mut event = lifecycle(reader, "work-queue", happened, queue.id, &queue.name);
    event.resource = event.resource.with(RESOURCE_ROLE, "work-queue");
    event.related.push(related_pool(pool));
    event
}

/// What a change makes of a queue, besides its status; `None` if nothing that is told.
///
/// # Errors
/// What the store answers.
pub async fn queue_updated(reader: &Reader, before: &WorkQueue, change: &Change) -> Result<Option<NewEvent>, Error> {
    const WATCHED: &[Col] =
        &[work_queue::name, work_queue::description, work_queue::concurrency_limit, work_queue::priority];
    let Some(payload) = updates(before, change, WATCHED) else { return Ok(None) };
    let Some(pool) = reader.get::<WorkPool>(before.work_pool_id).await? else { return Ok(None) };
    let after = changed(before.clone(), change)?;
    Ok(Some(NewEvent { payload, ..queue_event(reader, Happened::Updated, &after, &pool) }))
}

/// What happened to a deployment.
///
/// # Errors
/// What the store answers.
pub async fn deployment_event(reader: &Reader, happened: Happened, deployment: &Deployment) -> Result<NewEvent, Error> {
    let mut event = lifecycle(reader, "deployment", happened, deployment.id, &deployment.name);
    event.related = of_deployment(reader, deployment).await?;
    Ok(event)
}

/// What a change makes of a deployment; `None` if nothing that is told. Schedules are not.
///
/// # Errors
/// What the store answers.
pub async fn deployment_updated(
    reader: &Reader,
    before: &Deployment,
    change: &Change,
) -> Result<Option<NewEvent>, Error> {
    const WATCHED: &[Col] = &[
        deployment::description,
        deployment::tags,
        deployment::parameters,
        deployment::parameter_openapi_schema,
        deployment::enforce_parameter_schema,
        deployment::entrypoint,
        deployment::path,
        deployment::pull_steps,
        deployment::work_queue_id,
        deployment::infra_overrides,
        deployment::paused,
        deployment::labels,
        deployment::version,
        deployment::concurrency_options,
    ];
    let Some(payload) = updates(before, change, WATCHED) else { return Ok(None) };
    let after = changed(before.clone(), change)?;
    Ok(Some(NewEvent { payload, ..deployment_event(reader, Happened::Updated, &after).await? }))
}

#[cfg(test)]
mod tests {
    use mintaka_core::records::WorkStatus;
    use mintaka_core::{Json, Time};

    use super::*;

    fn queue() -> WorkQueue {
        WorkQueue {
            id: Uuid::nil(),
            created: Time::default(),
            updated: Time::default(),
            name: "q".into(),
            description: Some("old".into()),
            is_paused: false,
            concurrency_limit: None,
            priority: 1,
            work_pool_id: Uuid::nil(),
            filter: Some(Json::from(json!({"tags": []}))),
            last_polled: None,
            status: WorkStatus::NotReady,
        }
    }

    #[test]
    fn an_update_tells_the_watched_columns_that_get_another_value() {
        let watched = &[work_queue::description, work_queue::concurrency_limit, work_queue::filter];
        let change = Change::default()
            .set(work_queue::updated, Time::MAX)
            .set(work_queue::filter, Json::of(&json!({ "tags": [] })))
            .set(work_queue::description, "new")
            .set(work_queue::concurrency_limit, 4_i64);
        let payload = updates(&queue(), &change, watched).expect("two columns change");
        assert_eq!(payload["updated_fields"], json!(["description", "concurrency_limit"]));
        let expected =
            json!({"description": {"from": "old", "to": "new"}, "concurrency_limit": {"from": null, "to": 4}});
        assert_eq!(payload["updates"], expected);
        let same = Change::default().set(work_queue::description, "old").set(work_queue::name, "other");
        assert_eq!(updates(&queue(), &same, watched), None);
    }
}
