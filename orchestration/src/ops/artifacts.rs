//! Artifacts: what runs show to people, and the collection that has the latest of each key.

use mintaka_core::records::{Artifact, ArtifactCollection, artifact, artifact_collection};
use mintaka_core::{Batch, Change, Cmp, Condition, Direction, Error, Filter, Json, Key, Outcome, Query, Reader, Value};
use uuid::Uuid;

use super::lifecycle_events::{Happened, changed, collection_event, tell};
use super::optimistic::{Decision, Lost, optimistic};
use crate::caller::ClientLine;
use crate::error::OpError;
use crate::operations::Operations;

/// The change that makes an artifact the latest of its collection.
fn latest(artifact: &Artifact) -> Change {
    Change::default()
        .set(artifact_collection::latest_id, artifact.id)
        .set(artifact_collection::r#type, artifact.r#type.clone())
        .set(artifact_collection::description, artifact.description.clone())
        .set(artifact_collection::data, artifact.data.clone())
        .set(artifact_collection::metadata_, artifact.metadata_.clone())
        .set(artifact_collection::flow_run_id, artifact.flow_run_id)
        .set(artifact_collection::task_run_id, artifact.task_run_id)
        .set(artifact_collection::updated, artifact.updated)
}

/// Makes an artifact; with a key it is the latest of its collection. `new` has all but the id and the times.
///
/// # Errors
/// What the store answers.
pub async fn create_artifact(ops: &Operations, new: Artifact, line: ClientLine) -> Result<Artifact, OpError> {
    let now = ops.now();
    let made = &Artifact { id: Uuid::new_v4(), created: now, updated: now, ..new };
    optimistic(ops, "the collection of the artifact", |lost: Option<Lost>| async move {
        if lost.is_some_and(|lost| !lost.is_about::<ArtifactCollection>()) {
            return Err(OpError::data_integrity());
        }
        let batch = with_collection(ops, Batch::new().insert(made.clone()), made, line).await?;
        Ok(Decision::Commit(batch, made.clone()))
    })
    .await
}

/// Also makes the artifact the latest of its key. The event depends on whether there is a collection, so that is guarded;
/// its version is not, for any number of artifacts may become the latest one after another.
async fn with_collection(reader: &Reader, batch: Batch, made: &Artifact, line: ClientLine) -> Result<Batch, Error> {
    let Some(key) = made.key.clone() else { return Ok(batch) };
    Ok(match reader.find::<ArtifactCollection>(Key::Unique(vec![key.as_str().into()])).await? {
        Some(seen) => {
            let id = Key::id(seen.id);
            let change = latest(made);
            let after = changed(seen.record, &change)?;
            let batch = batch.present::<ArtifactCollection>(id.clone()).update::<ArtifactCollection>(id, change);
            tell(batch, line, [collection_event(reader, Happened::Updated, &after)])
        }
        None => {
            let collection = ArtifactCollection {
                id: Uuid::new_v4(),
                created: made.created,
                updated: made.updated,
                key,
                latest_id: made.id,
                r#type: made.r#type.clone(),
                description: made.description.clone(),
                data: made.data.clone(),
                metadata_: made.metadata_.clone(),
                flow_run_id: made.flow_run_id,
                task_run_id: made.task_run_id,
            };
            let told = collection_event(reader, Happened::Created, &collection);
            tell(batch.insert(collection), line, [told])
        }
    })
}

/// What changes of an artifact; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ArtifactEdit {
    /// What it shows.
    pub data: Option<Option<Json>>,
    /// Text for people.
    pub description: Option<Option<String>>,
    /// Texts by name.
    pub metadata_: Option<Option<Json>>,
}

/// Changes what an artifact shows; the collection follows if it is the latest. False if there is no such artifact.
///
/// # Errors
/// What the store answers.
pub async fn update_artifact(ops: &Operations, id: Uuid, edit: ArtifactEdit) -> Result<bool, Error> {
    let mut values: Vec<(_, _, Value)> = vec![(artifact::updated, artifact_collection::updated, ops.now().into())];
    if let Some(data) = edit.data {
        values.push((artifact::data, artifact_collection::data, data.into()));
    }
    if let Some(text) = edit.description {
        values.push((artifact::description, artifact_collection::description, text.into()));
    }
    if let Some(kept) = edit.metadata_ {
        values.push((artifact::metadata_, artifact_collection::metadata_, kept.into()));
    }
    let own = Change { set: values.iter().map(|(own, _, v)| (*own, v.clone())).collect(), ..Change::default() };
    let copy = Change { set: values.into_iter().map(|(_, copy, v)| (copy, v)).collect(), ..Change::default() };

    // The key of an artifact never changes, so that it needs no guard.
    let Some(seen) = ops.get::<Artifact>(id).await? else { return Ok(false) };
    let mut batch = Batch::new().present::<Artifact>(Key::id(id)).update::<Artifact>(Key::id(id), own);
    if let Some(key) = seen.record.key {
        let is_latest = Condition::new(artifact_collection::latest_id, Cmp::Eq, id);
        batch = batch.update_when::<ArtifactCollection>(Key::Unique(vec![key.into()]), vec![is_latest], copy);
    }
    Ok(matches!(ops.commit(batch).await?, Outcome::Committed { .. }))
}

/// Deletes an artifact; the one before it is the latest of its key then. False if there is no such artifact.
///
/// # Errors
/// What the store answers.
pub async fn delete_artifact(ops: &Operations, id: Uuid, line: ClientLine) -> Result<bool, Error> {
    optimistic(ops, "the collection of the artifact", |_| async move {
        let Some(seen) = ops.get::<Artifact>(id).await? else { return Ok(Decision::Answer(false)) };
        let batch = Batch::new().version(&seen).delete::<Artifact>(Key::id(id));
        Ok(Decision::Commit(without(ops, batch, seen.record, line).await?, true))
    })
    .await
}

/// Also gives the collection of a deleted artifact its predecessor.
async fn without(reader: &Reader, batch: Batch, gone: Artifact, line: ClientLine) -> Result<Batch, Error> {
    let Some(key) = gone.key else { return Ok(batch) };
    let Some(collection) = reader.find::<ArtifactCollection>(Key::Unique(vec![key.as_str().into()])).await? else {
        return Ok(batch);
    };
    let batch = batch.version(&collection);
    if collection.latest_id != gone.id {
        return Ok(batch);
    }
    let others = Filter::eq(artifact::key, key).and(Filter::eq(artifact::id, gone.id).negate());
    let newest = Query::of(&artifact::TABLE).filter(others).order(artifact::created, Direction::Desc);
    let own = Key::id(collection.id);
    Ok(match reader.first::<Artifact>(newest).await? {
        Some(next) => {
            let change = latest(&next).set(artifact_collection::created, next.created);
            let after = changed(collection.record, &change)?;
            let batch = batch.version(&next).update::<ArtifactCollection>(own, change);
            tell(batch, line, [collection_event(reader, Happened::Updated, &after)])
        }
        None => {
            let told = collection_event(reader, Happened::Deleted, &collection);
            tell(batch.delete::<ArtifactCollection>(own), line, [told])
        }
    })
}
