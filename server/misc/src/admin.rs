//! Administration: versions, settings, the default storage of results, and emptying the store.

use mintaka_http::{ApiError, Client, Ctx, Input, NoContent, Out, Raw, Settings};
use mintaka_orchestration::ops::blocks;
use mintaka_orchestration::ops::clear::clear;
use poem::http::StatusCode;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Tag;

/// The version that clients of the 2.x line are told.
const V2_VERSION: &str = "2.20.26";
/// The version that all other clients are told: they refuse another major version, and warn of an older one.
const V3_VERSION: &str = "3.9.1";

/// wire W15.3: the settings of a 3.x server, at its defaults. Members whose value this server does not know, keeps to
/// itself, or does not follow are null or left out.
const V3_SETTINGS: &str = include_str!("settings_v3.json");

fn v3_settings(settings: &Settings) -> Value {
    // That the text is JSON, and has these sections, is tested.
    let mut all: Value = serde_json::from_str(V3_SETTINGS).unwrap_or_default();
    all["server"]["register_blocks_on_start"] = settings.register_blocks.into();
    all["server"]["api"]["default_limit"] = settings.default_limit.into();
    all["server"]["api"]["max_parameter_size"] = settings.max_parameter_size.into();
    all["server"]["api"]["cors_allowed_origins"] = settings.cors_origins.join(",").into();
    all
}

/// Where results go that name no storage.
#[derive(Object, Serialize)]
struct ServerDefaultResultStorage {
    /// A block document that results can be written to.
    default_result_storage_block_id: Option<Uuid>,
}

#[derive(Object)]
struct ServerDefaultResultStorageUpdate {
    /// A block document that results can be written to.
    default_result_storage_block_id: Uuid,
}

#[derive(Object)]
struct Confirm {
    /// Nothing happens unless it is true.
    #[oai(default)]
    confirm: bool,
}

impl Confirm {
    fn check(&self) -> Result<(), ApiError> {
        // Stock servers answer the bare status.
        if self.confirm { Ok(()) } else { Err(ApiError::body(StatusCode::BAD_REQUEST, Value::Null)) }
    }
}

#[derive(Clone)]
pub(crate) struct AdminApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/admin", tag = "Tag::Admin")]
impl AdminApi {
    /// The release that the server stands in for, in the client's own line.
    #[oai(path = "/version", method = "get", operation_id = "read_version")]
    async fn version(&self, client: Client) -> Out<String> {
        Out(if client.is_v2() { V2_VERSION } else { V3_VERSION }.to_owned())
    }

    /// Settings of the server that clients look at.
    #[oai(path = "/settings", method = "get", operation_id = "read_settings")]
    async fn settings(&self, client: Client) -> Raw {
        let settings = &self.ctx.settings;
        Raw::ok(if client.is_v2() {
            json!({
                "PREFECT_API_DEFAULT_LIMIT": settings.default_limit,
                "PREFECT_API_BLOCKS_REGISTER_ON_START": settings.register_blocks,
                "PREFECT_EXPERIMENTAL_EVENTS": settings.events,
                "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": false,
            })
        } else {
            v3_settings(settings)
        })
    }

    /// Where results go that name no storage.
    #[oai(path = "/storage", method = "get", operation_id = "read_default_result_storage")]
    async fn storage(&self) -> Result<Out<ServerDefaultResultStorage>, ApiError> {
        let id = blocks::default_result_storage(&self.ctx.reader).await?;
        Ok(Out(ServerDefaultResultStorage { default_result_storage_block_id: id }))
    }

    /// Chooses where results go that name no storage.
    #[oai(path = "/storage", method = "put", operation_id = "update_default_result_storage")]
    async fn set_storage(
        &self,
        body: Input<ServerDefaultResultStorageUpdate>,
    ) -> Result<Out<ServerDefaultResultStorage>, ApiError> {
        let id = body.default_result_storage_block_id;
        blocks::set_default_result_storage(&self.ctx.ops, id).await?;
        Ok(Out(ServerDefaultResultStorage { default_result_storage_block_id: Some(id) }))
    }

    /// Results that name no storage go nowhere in particular again.
    #[oai(path = "/storage", method = "delete", operation_id = "clear_default_result_storage")]
    async fn clear_storage(&self) -> Result<NoContent, ApiError> {
        blocks::clear_default_result_storage(&self.ctx.ops).await?;
        Ok(NoContent)
    }

    /// Deletes everything that is stored.
    #[oai(path = "/database/clear", method = "post", operation_id = "clear_database")]
    async fn clear_database(&self, body: Input<Confirm>) -> Result<NoContent, ApiError> {
        body.check()?;
        clear(&self.ctx.ops).await?;
        Ok(NoContent)
    }

    /// Makes what the database lacks. A running server has it all, so there is nothing to do.
    #[oai(path = "/database/create", method = "post", operation_id = "create_database")]
    async fn create_database(&self, body: Input<Confirm>) -> Result<NoContent, ApiError> {
        body.check()?;
        Ok(NoContent)
    }

    /// Removes the database itself, which a running server does not do.
    #[oai(path = "/database/drop", method = "post", operation_id = "drop_database")]
    async fn drop_database(&self, body: Input<Confirm>) -> Result<NoContent, ApiError> {
        body.check()?;
        Err(ApiError::not_yet("Dropping the database of a running server"))
    }
}
