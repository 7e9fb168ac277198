//! `/artifacts`: what runs show to people, and the latest of each key.

use mintaka_api_filters::wire::JsonObject;
use mintaka_api_filters::{ArtifactCollectionFilter, ArtifactFilter, Filters};
use mintaka_core::records::{Artifact, ArtifactCollection, artifact, artifact_collection};
use mintaka_core::{Batch, Change, Cmp, Condition, Direction, Error, Filter, Json, Key, Outcome, Query, Record, Value};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, View, list, sort};
use mintaka_orchestration::caller::ClientLine;
use mintaka_orchestration::ops::lifecycle_events::{Happened, changed, collection_event, tell};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::Chapter;

/// wire: longer values of metadata are cut.
const METADATA_CHARACTERS: usize = 500;

/// How often a deletion is tried while others change the collection.
const ATTEMPTS: usize = 20;

sort! {
    /// Orders of artifacts.
    pub ArtifactSort {
        "CREATED_DESC" => [artifact::created, Desc],
        "UPDATED_DESC" => [artifact::updated, Desc],
        "ID_DESC" => [artifact::id, Desc],
        "KEY_DESC" => [artifact::key, Desc],
        "KEY_ASC" => [artifact::key, Asc],
    }
}

sort! {
    /// Orders of latest artifacts.
    pub ArtifactCollectionSort {
        "CREATED_DESC" => [artifact_collection::created, Desc],
        "UPDATED_DESC" => [artifact_collection::updated, Desc],
        "ID_DESC" => [artifact_collection::id, Desc],
        "KEY_DESC" => [artifact_collection::key, Desc],
        "KEY_ASC" => [artifact_collection::key, Asc],
    }
}

/// An artifact to be made.
#[derive(Debug, Object)]
pub(crate) struct ArtifactCreate {
    /// With it, the artifact is the latest of a collection. Letters a to z, digits and `-`.
    key: Option<String>,
    /// Type, such as `markdown`.
    #[oai(rename = "type")]
    kind: Option<String>,
    /// Text for people.
    description: Option<String>,
    /// What it shows.
    data: Option<serde_json::Value>,
    /// Texts by name; each is cut after 500 characters.
    metadata_: Option<JsonObject>,
    /// The flow run that made it.
    flow_run_id: Option<Uuid>,
    /// The task run that made it.
    task_run_id: Option<Uuid>,
}

/// What to change of an artifact.
#[derive(Debug, Object)]
pub(crate) struct ArtifactUpdate {
    /// What it shows.
    data: MaybeUndefined<serde_json::Value>,
    /// Text for people.
    description: MaybeUndefined<String>,
    /// Texts by name; each is cut after 500 characters.
    metadata_: MaybeUndefined<JsonObject>,
}

/// Which artifacts.
#[derive(Debug, Object)]
pub(crate) struct ArtifactsSelection {
    artifacts: Option<ArtifactFilter>,
    #[oai(flatten)]
    filters: Filters,
}

/// Which artifacts, in which order.
#[derive(Debug, Object)]
pub(crate) struct ArtifactsQuery {
    #[oai(flatten)]
    selection: ArtifactsSelection,
    #[oai(flatten)]
    page: Page,
    /// By id, descending, if absent.
    sort: Option<ArtifactSort>,
}

/// Which latest artifacts.
#[derive(Debug, Object)]
pub(crate) struct CollectionsSelection {
    artifacts: Option<ArtifactCollectionFilter>,
    #[oai(flatten)]
    filters: Filters,
}

/// Which latest artifacts, in which order.
#[derive(Debug, Object)]
pub(crate) struct CollectionsQuery {
    #[oai(flatten)]
    selection: CollectionsSelection,
    #[oai(flatten)]
    page: Page,
    /// By id, descending, if absent.
    sort: Option<ArtifactCollectionSort>,
}

impl ArtifactsSelection {
    fn to_filter(&self, client: &Client) -> Filter {
        let own = self.artifacts.as_ref().map_or_else(Filter::all, |f| f.to_filter(client.is_v2()));
        own.and(self.filters.for_artifacts(client))
    }
}

impl CollectionsSelection {
    fn to_filter(&self, client: &Client) -> Filter {
        let own = self.artifacts.as_ref().map_or_else(Filter::all, |f| f.to_filter(client.is_v2()));
        own.and(self.filters.for_artifact_collections(client))
    }
}

fn unknown() -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, "Artifact not found.")
}

/// wire: 3.x takes texts alone, 2.x makes texts of other values.
fn metadata(sent: JsonObject, client: &Client) -> Result<Json, ApiError> {
    let mut cut = serde_json::Map::new();
    for (name, value) in sent.0 {
        let text = match value {
            serde_json::Value::String(text) => text,
            serde_json::Value::Bool(on) if client.is_v2() => if on { "True" } else { "False" }.to_owned(),
            other if client.is_v2() => other.to_string(),
            _ => return Err(ApiError::member("metadata_", format!("{name}: Input should be a valid string"))),
        };
        let text = match text.char_indices().nth(METADATA_CHARACTERS) {
            Some((end, _)) => format!("{}...", &text[..end]),
            None => text,
        };
        cut.insert(name, text.into());
    }
    Ok(Json::from(JsonObject(cut)))
}

/// A free JSON value as it is stored; null is none.
fn json(value: serde_json::Value) -> Option<Json> {
    (!value.is_null()).then(|| Json::from(value))
}

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

/// `/artifacts/`
#[derive(Clone)]
pub(crate) struct ArtifactsRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/artifacts/", tag = "Chapter::Artifacts")]
impl ArtifactsRoot {
    /// Makes an artifact; with a key it is the latest of its collection.
    #[oai(path = "/", method = "post", operation_id = "create_artifact")]
    async fn create_artifact(
        &self,
        client: Client,
        body: Input<ArtifactCreate>,
    ) -> Result<Created<View<Artifact>>, ApiError> {
        let Input(body) = body;
        if body.key.iter().any(|key| !key.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))) {
            return Err(ApiError::member("key", "key must only contain lowercase letters, numbers, and dashes."));
        }
        let store = &self.ctx.store;
        let now = store.now();
        let made = Artifact {
            id: Uuid::new_v4(),
            created: now,
            updated: now,
            key: body.key,
            r#type: body.kind,
            description: body.description,
            data: body.data.and_then(json),
            metadata_: body.metadata_.map(|sent| metadata(sent, &client)).transpose()?,
            flow_run_id: body.flow_run_id,
            task_run_id: body.task_run_id,
        };
        for _ in 0..ATTEMPTS {
            let batch = self.with_collection(Batch::new().insert(made.clone()), &made, client.by.line).await?;
            match store.commit(batch).await? {
                Outcome::Committed { .. } => return Ok(Created::new(made.into())),
                Outcome::Conflict(conflict) if conflict.table == ArtifactCollection::TABLE => continue,
                _ => return Err(ApiError::integrity()),
            }
        }
        Err(too_busy())
    }
}

impl ArtifactsRoot {
    /// Also makes the artifact the latest of its key. The event depends on whether there is a collection, so that is
    /// guarded; its version is not, for any number of artifacts may become the latest one after another.
    async fn with_collection(&self, batch: Batch, made: &Artifact, line: ClientLine) -> Result<Batch, Error> {
        let store = &self.ctx.store;
        let Some(key) = made.key.clone() else { return Ok(batch) };
        Ok(match store.find::<ArtifactCollection>(Key::Unique(vec![key.as_str().into()])).await? {
            Some(seen) => {
                let id = Key::id(seen.id);
                let change = latest(made);
                let after = changed(seen.record, &change)?;
                let batch = batch.present::<ArtifactCollection>(id.clone()).update::<ArtifactCollection>(id, change);
                tell(batch, line, [collection_event(store, Happened::Updated, &after)])
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
                let told = collection_event(store, Happened::Created, &collection);
                tell(batch.insert(collection), line, [told])
            }
        })
    }
}

/// `/artifacts`
#[derive(Clone)]
pub(crate) struct Artifacts {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/artifacts", tag = "Chapter::Artifacts")]
impl Artifacts {
    /// Counts artifacts.
    #[oai(path = "/count", method = "post", operation_id = "count_artifacts")]
    async fn count_artifacts(&self, client: Client, body: Input<ArtifactsSelection>) -> Result<Out<i64>, ApiError> {
        Ok(Out(self.ctx.store.count::<Artifact>(body.to_filter(&client)).await?))
    }

    /// Lists artifacts.
    #[oai(path = "/filter", method = "post", operation_id = "filter_artifacts")]
    async fn filter_artifacts(
        &self,
        client: Client,
        body: Input<ArtifactsQuery>,
    ) -> Result<Out<Vec<View<Artifact>>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let order = body.sort.map_or_else(|| vec![(artifact::id, Direction::Desc)], ArtifactSort::order);
        let artifacts = list::<Artifact>(&self.ctx, body.selection.to_filter(&client), order, page).await?;
        Ok(Out(artifacts.into_iter().map(View::from).collect()))
    }

    /// Counts the latest artifacts of keys.
    #[oai(path = "/latest/count", method = "post", operation_id = "count_latest_artifacts")]
    async fn count_latest_artifacts(
        &self,
        client: Client,
        body: Input<CollectionsSelection>,
    ) -> Result<Out<i64>, ApiError> {
        Ok(Out(self.ctx.store.count::<ArtifactCollection>(body.to_filter(&client)).await?))
    }

    /// Lists the latest artifacts of keys.
    #[oai(path = "/latest/filter", method = "post", operation_id = "filter_latest_artifacts")]
    async fn filter_latest_artifacts(
        &self,
        client: Client,
        body: Input<CollectionsQuery>,
    ) -> Result<Out<Vec<View<ArtifactCollection>>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let by_id = || vec![(artifact_collection::id, Direction::Desc)];
        let order = body.sort.map_or_else(by_id, ArtifactCollectionSort::order);
        let filter = body.selection.to_filter(&client);
        let collections = list::<ArtifactCollection>(&self.ctx, filter, order, page).await?;
        Ok(Out(collections.into_iter().map(View::from).collect()))
    }

    /// The latest artifact of a key, under the id of the collection.
    #[oai(path = "/:key/latest", method = "get", operation_id = "read_latest_artifact")]
    async fn read_latest_artifact(&self, key: Path<String>) -> Result<Out<View<Artifact>>, ApiError> {
        let found = self.ctx.store.find::<ArtifactCollection>(Key::Unique(vec![key.0.into()])).await?;
        let found = found.ok_or_else(unknown)?.record;
        let shown = Artifact {
            id: found.id,
            created: found.created,
            updated: found.updated,
            key: Some(found.key),
            r#type: found.r#type,
            description: found.description,
            data: found.data,
            metadata_: found.metadata_,
            flow_run_id: found.flow_run_id,
            task_run_id: found.task_run_id,
        };
        Ok(Out(shown.into()))
    }

    /// The artifact of an id.
    #[oai(path = "/:id", method = "get", operation_id = "read_artifact")]
    async fn read_artifact(&self, id: Path<Uuid>) -> Result<Out<View<Artifact>>, ApiError> {
        Ok(Out(self.ctx.store.get::<Artifact>(id.0).await?.ok_or_else(unknown)?.into()))
    }

    /// Changes what an artifact shows; the collection follows if it is the latest.
    #[oai(path = "/:id", method = "patch", operation_id = "update_artifact")]
    async fn update_artifact(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<ArtifactUpdate>,
    ) -> Result<NoContent, ApiError> {
        let Input(ArtifactUpdate { data, description, metadata_ }) = body;
        let mut values: Vec<(_, _, Value)> =
            vec![(artifact::updated, artifact_collection::updated, self.ctx.store.now().into())];
        if let Some(data) = patched(data) {
            values.push((artifact::data, artifact_collection::data, data.and_then(json).into()));
        }
        if let Some(text) = patched(description) {
            values.push((artifact::description, artifact_collection::description, text.into()));
        }
        if let Some(sent) = patched(metadata_) {
            let kept = sent.map(|sent| metadata(sent, &client)).transpose()?;
            values.push((artifact::metadata_, artifact_collection::metadata_, kept.into()));
        }
        let own = Change { set: values.iter().map(|(own, _, v)| (*own, v.clone())).collect(), ..Change::default() };
        let copy = Change { set: values.into_iter().map(|(_, copy, v)| (copy, v)).collect(), ..Change::default() };

        let seen = self.ctx.store.get::<Artifact>(id.0).await?.ok_or_else(unknown)?.record;
        let mut batch = Batch::new().update::<Artifact>(Key::id(id.0), own);
        if let Some(key) = seen.key {
            let is_latest = Condition::new(artifact_collection::latest_id, Cmp::Eq, id.0);
            batch = batch.update_when::<ArtifactCollection>(Key::Unique(vec![key.into()]), vec![is_latest], copy);
        }
        match self.ctx.store.commit(batch).await? {
            Outcome::Committed { ops, .. } if ops.first().is_some_and(|done| done.applied) => Ok(NoContent),
            _ => Err(unknown()),
        }
    }

    /// Deletes an artifact; the one before it is the latest of its key then.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_artifact")]
    async fn delete_artifact(&self, client: Client, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        for _ in 0..ATTEMPTS {
            let seen = self.ctx.store.get::<Artifact>(id.0).await?.ok_or_else(unknown)?.record;
            let batch = self.without(seen, client.by.line).await?;
            match self.ctx.store.commit(batch).await? {
                Outcome::Committed { .. } => return Ok(NoContent),
                _ => continue,
            }
        }
        Err(too_busy())
    }
}

impl Artifacts {
    /// The batch that deletes an artifact and gives its collection its predecessor.
    async fn without(&self, gone: Artifact, line: ClientLine) -> Result<Batch, ApiError> {
        let store = &self.ctx.store;
        let batch = Batch::new().delete::<Artifact>(Key::id(gone.id));
        let Some(key) = gone.key else { return Ok(batch) };
        let Some(collection) = store.find::<ArtifactCollection>(Key::Unique(vec![key.as_str().into()])).await? else {
            return Ok(batch);
        };
        let batch = batch.version(&collection);
        if collection.latest_id != gone.id {
            return Ok(batch);
        }
        let others = Filter::eq(artifact::key, key).and(Filter::eq(artifact::id, gone.id).negate());
        let newest = Query::of(&artifact::TABLE).filter(others).order(artifact::created, Direction::Desc);
        let own = Key::id(collection.id);
        Ok(match store.first::<Artifact>(newest).await? {
            Some(next) => {
                let change = latest(&next).set(artifact_collection::created, next.created);
                let after = changed(collection.record, &change)?;
                let batch = batch.present::<Artifact>(Key::id(next.id)).update::<ArtifactCollection>(own, change);
                tell(batch, line, [collection_event(store, Happened::Updated, &after)])
            }
            None => {
                let told = collection_event(store, Happened::Deleted, &collection);
                tell(batch.delete::<ArtifactCollection>(own), line, [told])
            }
        })
    }
}

fn too_busy() -> ApiError {
    Error::Unavailable("the collection of the artifact changes too often".into()).into()
}

/// What a patch says about a member: nothing, null or a value.
fn patched<T>(sent: MaybeUndefined<T>) -> Option<Option<T>> {
    match sent {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
