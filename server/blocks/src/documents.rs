//! Routes of block documents.

use std::sync::Arc;

use mintaka_core::records::{BlockDocument, BlockType, block_document};
use mintaka_core::{Direction, Filter, Key, Versioned};
use mintaka_http::{ApiError, Created, Ctx, Input, NoContent, Out, Page, list, read};
use mintaka_orchestration::ops::blocks::{
    DocumentChange, NewDocument, create_block_document, delete_block_document, update_block_document,
};
use mintaka_orchestration::secrets::Sealer;
use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::document_graph::{DocumentView, DocumentViews};
use crate::filters::{BlockDocumentFilter, BlockSchemaFilter, BlockTypeFilter, documents};
use crate::schemas::object;
use crate::{Tag, not_written};

const WHAT: &str = "Block document";

mintaka_http::sort! {
    /// Orders of block documents.
    pub BlockDocumentSort {
        "NAME_ASC" => [block_document::name, Asc],
        "NAME_DESC" => [block_document::name, Desc],
        "BLOCK_TYPE_AND_NAME_ASC" => [block_document::block_type_name, Asc; block_document::name, Asc],
    }
}

#[derive(Object)]
struct BlockDocumentCreate {
    /// Lower-case letters, digits and dashes. Anonymous documents may have none.
    name: Option<String>,
    /// The values of the fields; `{"$ref": {"block_document_id": id}}` stands for another document.
    data: Option<Value>,
    block_schema_id: Uuid,
    block_type_id: Uuid,
    #[oai(default)]
    is_anonymous: bool,
}

#[derive(Object)]
struct BlockDocumentUpdate {
    /// Another schema of the same type.
    block_schema_id: Option<Uuid>,
    data: Option<Value>,
    /// Whether fields that are not sent stay; references that are not sent never do.
    merge_existing_data: Option<bool>,
}

#[derive(Object)]
struct FilterBlockDocuments {
    block_documents: Option<BlockDocumentFilter>,
    block_types: Option<BlockTypeFilter>,
    block_schemas: Option<BlockSchemaFilter>,
    /// Whether secrets are shown.
    #[oai(default)]
    include_secrets: bool,
    sort: Option<BlockDocumentSort>,
    #[oai(flatten)]
    page: Page,
}

#[derive(Object)]
struct CountBlockDocuments {
    block_documents: Option<BlockDocumentFilter>,
    block_types: Option<BlockTypeFilter>,
    block_schemas: Option<BlockSchemaFilter>,
}

#[derive(Clone)]
pub(crate) struct DocumentsRootApi {
    pub ctx: Ctx,
    pub sealer: Arc<Sealer>,
}

#[OpenApi(prefix_path = "/block_documents/", tag = "Tag::Documents")]
impl DocumentsRootApi {
    /// Makes a document. Its secrets are hidden in the answer.
    #[oai(path = "/", method = "post", operation_id = "create_block_document")]
    async fn create(&self, body: Input<BlockDocumentCreate>) -> Result<Created<DocumentView>, ApiError> {
        let body = body.0;
        let name = body.name.filter(|name| !name.is_empty());
        match &name {
            None if !body.is_anonymous => {
                return Err(ApiError::member("name", "Names must be provided for block documents."));
            }
            None => {}
            Some(name) => check_name(name)?,
        }
        let new = NewDocument {
            name,
            data: object(body.data, "data")?,
            block_schema_id: body.block_schema_id,
            block_type_id: body.block_type_id,
            is_anonymous: body.is_anonymous,
        };
        let id = create_block_document(&self.ctx.ops, &self.sealer, &new).await?;
        let row = read::<BlockDocument>(&self.ctx, id, WHAT).await?;
        Ok(Created::new(view(&self.ctx, &self.sealer, row, false).await?))
    }
}

#[derive(Clone)]
pub(crate) struct DocumentsApi {
    pub ctx: Ctx,
    pub sealer: Arc<Sealer>,
}

#[OpenApi(prefix_path = "/block_documents", tag = "Tag::Documents")]
impl DocumentsApi {
    /// The documents of a filter; anonymous ones only when asked for.
    #[oai(path = "/filter", method = "post", operation_id = "filter_block_documents")]
    async fn filter(&self, body: Input<FilterBlockDocuments>) -> Result<Out<Vec<DocumentView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let filter = documents(body.block_documents.as_ref(), body.block_types.as_ref(), body.block_schemas.as_ref());
        let by_name = || vec![(block_document::name, Direction::Asc)];
        let order = body.sort.map_or_else(by_name, BlockDocumentSort::order);
        let rows = list::<BlockDocument>(&self.ctx, filter, order, page).await?;
        Ok(Out(views(&self.ctx, &self.sealer, rows, body.include_secrets).await?))
    }

    /// How many documents a filter meets.
    #[oai(path = "/count", method = "post", operation_id = "count_block_documents")]
    async fn count(&self, body: Input<CountBlockDocuments>) -> Result<Out<i64>, ApiError> {
        let filter = documents(body.block_documents.as_ref(), body.block_types.as_ref(), body.block_schemas.as_ref());
        Ok(Out(self.ctx.reader.count::<BlockDocument>(filter).await?))
    }

    /// A document, by id.
    #[oai(path = "/:id", method = "get", operation_id = "read_block_document")]
    async fn read(&self, id: Path<Uuid>, include_secrets: Query<Option<bool>>) -> Result<Out<DocumentView>, ApiError> {
        let row = read::<BlockDocument>(&self.ctx, id.0, WHAT).await?;
        Ok(Out(view(&self.ctx, &self.sealer, row, include_secrets.unwrap_or(false)).await?))
    }

    /// Changes the data of a document.
    #[oai(path = "/:id", method = "patch", operation_id = "update_block_document")]
    async fn update(&self, id: Path<Uuid>, body: Input<BlockDocumentUpdate>) -> Result<NoContent, ApiError> {
        let body = body.0;
        let merge = body.merge_existing_data.unwrap_or(true);
        if body.data.is_none() && merge {
            // wire W14.6: without data nothing changes, the schema neither.
            read::<BlockDocument>(&self.ctx, id.0, WHAT).await?;
            return Ok(NoContent);
        }
        let data = object(body.data, "data")?;
        let change = DocumentChange { data, merge, block_schema_id: body.block_schema_id };
        match update_block_document(&self.ctx.ops, &self.sealer, id.0, &change).await.map_err(not_written)? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }

    /// Deletes a document. Documents that refer to it lose that field.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_block_document")]
    async fn delete(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_block_document(&self.ctx.ops, &self.sealer, id.0).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}

#[derive(Clone)]
pub(crate) struct DocumentsOfTypeApi {
    pub ctx: Ctx,
    pub sealer: Arc<Sealer>,
}

#[OpenApi(prefix_path = "/block_types/slug", tag = "Tag::Documents")]
impl DocumentsOfTypeApi {
    /// All documents of a type by name, but for anonymous ones.
    #[oai(path = "/:slug/block_documents", method = "get", operation_id = "read_block_documents_of_type")]
    async fn read_all(
        &self,
        slug: Path<String>,
        include_secrets: Query<Option<bool>>,
    ) -> Result<Out<Vec<DocumentView>>, ApiError> {
        let of_type = self.of_type(&slug).await?.ok_or_else(|| ApiError::not_found(crate::types::WHAT))?;
        let filter = Filter::eq(block_document::block_type_id, of_type.id);
        let filter = filter.and(Filter::eq(block_document::is_anonymous, false));
        let mut rows = self.ctx.reader.all::<BlockDocument>(filter).await?;
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Out(views(&self.ctx, &self.sealer, rows, include_secrets.unwrap_or(false)).await?))
    }

    /// A document, by type and name.
    #[oai(
        path = "/:slug/block_documents/name/:block_document_name",
        method = "get",
        operation_id = "read_block_document_by_name"
    )]
    async fn read_by_name(
        &self,
        slug: Path<String>,
        block_document_name: Path<String>,
        include_secrets: Query<Option<bool>>,
    ) -> Result<Out<DocumentView>, ApiError> {
        let missing = || ApiError::not_found(WHAT);
        let of_type = self.of_type(&slug).await?.ok_or_else(missing)?;
        let key = Key::Unique(vec![of_type.id.into(), block_document_name.0.into()]);
        let row = self.ctx.reader.find::<BlockDocument>(key).await?.ok_or_else(missing)?;
        Ok(Out(view(&self.ctx, &self.sealer, row, include_secrets.unwrap_or(false)).await?))
    }
}

impl DocumentsOfTypeApi {
    async fn of_type(&self, slug: &str) -> Result<Option<Versioned<BlockType>>, ApiError> {
        Ok(self.ctx.reader.find::<BlockType>(Key::Unique(vec![slug.into()])).await?)
    }
}

async fn view(
    ctx: &Ctx,
    sealer: &Sealer,
    row: Versioned<BlockDocument>,
    secrets: bool,
) -> Result<DocumentView, ApiError> {
    let id = row.id;
    let graph = DocumentViews::load(&ctx.reader, [row]).await?;
    graph.view(sealer, id, secrets, false)?.ok_or_else(|| ApiError::not_found(WHAT))
}

/// One that does not open breaks no list.
async fn views(
    ctx: &Ctx,
    sealer: &Sealer,
    rows: Vec<Versioned<BlockDocument>>,
    secrets: bool,
) -> Result<Vec<DocumentView>, ApiError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let graph = DocumentViews::load(&ctx.reader, rows).await?;
    ids.into_iter().filter_map(|id| graph.view(sealer, id, secrets, true).transpose()).collect()
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        return Ok(());
    }
    let msg = "Block document name must only contain lowercase letters, numbers, and dashes.";
    Err(ApiError::member("name", msg))
}
