//! `/artifacts`: what runs show to people, and the latest of each key.

use mintaka_api_filters::wire::JsonObject;
use mintaka_api_filters::{ArtifactCollectionFilter, ArtifactFilter, Filters};
use mintaka_core::records::{Artifact, ArtifactCollection, artifact, artifact_collection};
use mintaka_core::{Direction, Filter, Json, Key};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, View, list, sort};
use mintaka_orchestration::ops::artifacts::{ArtifactEdit, create_artifact, delete_artifact, update_artifact};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use uuid::Uuid;

use crate::Chapter;

/// wire W15.2: longer values of metadata are cut.
const METADATA_CHARACTERS: usize = 500;

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

/// wire W15.2: 3.x takes texts alone, 2.x makes texts of other values.
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
        let new = Artifact {
            key: body.key,
            r#type: body.kind,
            description: body.description,
            data: body.data.and_then(json),
            metadata_: body.metadata_.map(|sent| metadata(sent, &client)).transpose()?,
            flow_run_id: body.flow_run_id,
            task_run_id: body.task_run_id,
            ..Artifact::default()
        };
        Ok(Created::new(create_artifact(&self.ctx.ops, new, client.by.line).await?.into()))
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
        Ok(Out(self.ctx.reader.count::<Artifact>(body.to_filter(&client)).await?))
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
        Ok(Out(self.ctx.reader.count::<ArtifactCollection>(body.to_filter(&client)).await?))
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
        let found = self.ctx.reader.find::<ArtifactCollection>(Key::Unique(vec![key.0.into()])).await?;
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
        Ok(Out(self.ctx.reader.get::<Artifact>(id.0).await?.ok_or_else(unknown)?.into()))
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
        let metadata_ =
            patched(metadata_).map(|sent| sent.map(|sent| metadata(sent, &client)).transpose()).transpose()?;
        let edit = ArtifactEdit {
            data: patched(data).map(|data| data.and_then(json)),
            description: patched(description),
            metadata_,
        };
        match update_artifact(&self.ctx.ops, id.0, edit).await? {
            true => Ok(NoContent),
            false => Err(unknown()),
        }
    }

    /// Deletes an artifact; the one before it is the latest of its key then.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_artifact")]
    async fn delete_artifact(&self, client: Client, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_artifact(&self.ctx.ops, id.0, client.by.line).await? {
            true => Ok(NoContent),
            false => Err(unknown()),
        }
    }
}

/// What a patch says about a member: nothing, null or a value.
fn patched<T>(sent: MaybeUndefined<T>) -> Option<Option<T>> {
    match sent {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
