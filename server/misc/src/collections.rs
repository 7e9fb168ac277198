//! Worker types: the built-in ones, and those of a folder.

use std::path::Path as FilePath;

use mintaka_http::{ApiError, Client, Ctx, Raw};
use poem::http::StatusCode;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;
use serde_json::{Map, Value};

use crate::Tag;

/// Worker types that are always there.
const BUILT_IN: &str = include_str!("../data/workers.json");
/// The view of worker types; the others are known but empty.
const WORKERS: &str = "aggregate-worker-metadata";
const EMPTY: [&str; 3] = ["aggregate-block-metadata", "aggregate-flow-metadata", "demo-flows"];

#[derive(Clone)]
pub(crate) struct CollectionsApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/collections", tag = "Tag::Collections")]
impl CollectionsApi {
    /// A view of what packages offer: worker types by package and type.
    #[oai(path = "/views/:view", method = "get", operation_id = "read_collection_view")]
    async fn read(&self, view: Path<String>, client: Client) -> Result<Raw, ApiError> {
        match view.as_str() {
            WORKERS => Ok(Raw::ok(Value::Object(self.workers(&client).await?))),
            known if EMPTY.contains(&known) => Ok(Raw::ok(Value::Object(Map::new()))),
            unknown => Err(ApiError::detail(StatusCode::NOT_FOUND, format!("View {unknown} not found in registry"))),
        }
    }
}

impl CollectionsApi {
    async fn workers(&self, client: &Client) -> Result<Map<String, Value>, ApiError> {
        let mut workers: Map<String, Value> = serde_json::from_str(BUILT_IN).map_err(|error| {
            tracing::error!(%error, "the built-in worker types are damaged");
            ApiError::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        })?;
        if let Some(folder) = &self.ctx.settings.collections {
            add_folder(&mut workers, folder).await;
        }
        if !client.is_v2()
            && let Some(Value::Object(types)) = workers.get_mut("prefect")
        {
            types.shift_remove("prefect-agent");
        }
        Ok(workers)
    }
}

/// Adds the types of all `*.json` files of a folder, each `{package: {type: {…}}}`; a type that is there is replaced.
/// What cannot be read is left out and logged.
async fn add_folder(workers: &mut Map<String, Value>, folder: &FilePath) {
    let mut paths = Vec::new();
    match tokio::fs::read_dir(folder).await {
        Ok(mut entries) => {
            while let Ok(Some(entry)) = entries.next_entry().await {
                paths.push(entry.path());
            }
        }
        Err(error) => tracing::warn!(folder = %folder.display(), %error, "cannot read the folder of worker types"),
    }
    paths.retain(|path| path.extension().is_some_and(|ext| ext == "json"));
    paths.sort();
    for path in paths {
        let read = tokio::fs::read(&path).await.map_err(|e| e.to_string());
        match read.and_then(|bytes| serde_json::from_slice::<Map<String, Value>>(&bytes).map_err(|e| e.to_string())) {
            Ok(packages) => {
                for (package, types) in packages {
                    let Value::Object(types) = types else { continue };
                    match workers.entry(package).or_insert_with(|| Value::Object(Map::new())) {
                        Value::Object(known) => known.extend(types),
                        other => *other = Value::Object(types),
                    }
                }
            }
            Err(error) => tracing::warn!(file = %path.display(), error, "cannot read worker types"),
        }
    }
}
