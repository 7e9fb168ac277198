//! Routes of block schemas and capabilities.

use std::collections::BTreeSet;

use mintaka_core::records::{BlockSchema, block_schema};
use mintaka_core::{Direction, Filter};
use mintaka_http::{ApiError, Created, Ctx, Input, NoContent, Out, Page, list, read, text_unless_absent};
use mintaka_orchestration::ops::blocks::{
    NO_VERSION, NewSchema, create_block_schema, delete_block_schema, newest_block_schema,
};
use poem_openapi::param::{Path, Query};
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::Tag;
use crate::filters::BlockSchemaFilter;
use crate::schema_graph::{SchemaView, Schemas};

const WHAT: &str = "Block schema";

#[derive(Object)]
struct BlockSchemaCreate {
    /// The fields, as JSON Schema with references to other blocks.
    fields: Option<Value>,
    block_type_id: Uuid,
    /// What blocks of this schema can do.
    #[oai(default)]
    capabilities: Vec<String>,
    version: MaybeUndefined<String>,
}

#[derive(Object)]
struct FilterBlockSchemas {
    block_schemas: Option<BlockSchemaFilter>,
    #[oai(flatten)]
    page: Page,
}

#[derive(Clone)]
pub(crate) struct SchemasRootApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/block_schemas/", tag = "Tag::Schemas")]
impl SchemasRootApi {
    /// Makes a schema, or finds the one of its checksum and version.
    #[oai(path = "/", method = "post", operation_id = "create_block_schema")]
    async fn create(&self, body: Input<BlockSchemaCreate>) -> Result<Created<SchemaView>, ApiError> {
        let body = body.0;
        let fields = object(body.fields, "fields")?;
        let schema = NewSchema {
            fields,
            block_type_id: body.block_type_id,
            capabilities: body.capabilities,
            version: text_unless_absent("version", body.version)?.unwrap_or_else(|| NO_VERSION.into()),
        };
        let (id, new) = create_block_schema(&self.ctx.ops, &schema).await?;
        Ok(Created { new, value: view(&self.ctx, id).await? })
    }
}

#[derive(Clone)]
pub(crate) struct SchemasApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/block_schemas", tag = "Tag::Schemas")]
impl SchemasApi {
    /// The schemas of a filter, newest first.
    #[oai(path = "/filter", method = "post", operation_id = "filter_block_schemas")]
    async fn filter(&self, body: Input<FilterBlockSchemas>) -> Result<Out<Vec<SchemaView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = body.block_schemas.as_ref().map_or(Filter::all(), BlockSchemaFilter::filter);
        let newest_first = vec![(block_schema::created, Direction::Desc)];
        let rows = list::<BlockSchema>(&self.ctx, filter, newest_first, page).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let schemas = Schemas::load(&self.ctx.reader, rows.into_iter().map(|row| row.record)).await?;
        Ok(Out(ids.into_iter().filter_map(|id| schemas.view(id)).collect()))
    }

    /// The newest schema of a checksum.
    #[oai(path = "/checksum/:checksum", method = "get", operation_id = "read_block_schema_by_checksum")]
    async fn read_by_checksum(
        &self,
        checksum: Path<String>,
        version: Query<Option<String>>,
    ) -> Result<Out<SchemaView>, ApiError> {
        let found = newest_block_schema(&self.ctx.reader, &checksum, version.as_deref()).await?;
        let schema = found.ok_or_else(|| ApiError::not_found(WHAT))?;
        Ok(Out(view(&self.ctx, schema.id).await?))
    }

    /// A schema, by id.
    #[oai(path = "/:id", method = "get", operation_id = "read_block_schema")]
    async fn read(&self, id: Path<Uuid>) -> Result<Out<SchemaView>, ApiError> {
        Ok(Out(view(&self.ctx, id.0).await?))
    }

    /// Deletes a schema with its documents, unless its type is protected.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_block_schema")]
    async fn delete(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_block_schema(&self.ctx.ops, id.0).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}

#[derive(Clone)]
pub(crate) struct CapabilitiesApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/block_capabilities/", tag = "Tag::Capabilities")]
impl CapabilitiesApi {
    /// What blocks can do, each once.
    #[oai(path = "/", method = "get", operation_id = "read_block_capabilities")]
    async fn read(&self) -> Result<Out<Vec<String>>, ApiError> {
        let schemas = self.ctx.reader.all::<BlockSchema>(Filter::all()).await?;
        let all: BTreeSet<String> = schemas.into_iter().flat_map(|schema| schema.record.capabilities.0).collect();
        Ok(Out(all.into_iter().collect()))
    }
}

/// A schema as clients see it.
async fn view(ctx: &Ctx, id: Uuid) -> Result<SchemaView, ApiError> {
    let schema = read::<BlockSchema>(ctx, id, WHAT).await?;
    let schemas = Schemas::load(&ctx.reader, [schema.record]).await?;
    schemas.view(id).ok_or_else(|| ApiError::not_found(WHAT))
}

/// A member that must be an object; absent is empty.
pub(crate) fn object(value: Option<Value>, member: &str) -> Result<Map<String, Value>, ApiError> {
    match value {
        None => Ok(Map::new()),
        Some(Value::Object(object)) => Ok(object),
        Some(_) => Err(ApiError::member(member, "Input should be a valid dictionary")),
    }
}
