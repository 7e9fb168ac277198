//! Routes of block types.

use mintaka_core::records::{BlockType, block_schema, block_type};
use mintaka_core::{Direction, Filter, Key};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, Raw, View, check_name, list, read};
use mintaka_orchestration::ops::blocks::{
    Look, LookEdit, NewBlockType, create_block_type, delete_block_type, register_builtin, update_block_type,
};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::Tag;
use crate::filters::{BlockSchemaFilter, BlockTypeFilter};

pub(crate) const WHAT: &str = "Block type";

#[derive(Object)]
struct BlockTypeCreate {
    /// Without `/ % & > <`; names that begin with "prefect" are reserved.
    name: String,
    /// Lower-case letters, digits and dashes; unique.
    slug: String,
    logo_url: Option<String>,
    documentation_url: Option<String>,
    description: Option<String>,
    code_example: Option<String>,
}

#[derive(Object)]
struct BlockTypeUpdate {
    logo_url: MaybeUndefined<String>,
    documentation_url: MaybeUndefined<String>,
    description: MaybeUndefined<String>,
    code_example: MaybeUndefined<String>,
}

#[derive(Object)]
struct FilterBlockTypes {
    block_types: Option<BlockTypeFilter>,
    /// Only types with such a schema.
    block_schemas: Option<BlockSchemaFilter>,
    #[oai(flatten)]
    page: Page,
}

#[derive(Clone)]
pub(crate) struct TypesRootApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/block_types/", tag = "Tag::Types")]
impl TypesRootApi {
    /// Makes a block type.
    #[oai(path = "/", method = "post", operation_id = "create_block_type")]
    async fn create(&self, client: Client, body: Input<BlockTypeCreate>) -> Result<Created<View<BlockType>>, ApiError> {
        let body = body.0;
        check_slug(&body.slug)?;
        check_name(&body.name, &client)?;
        check_address("logo_url", body.logo_url.as_deref())?;
        check_address("documentation_url", body.documentation_url.as_deref())?;
        if body.name.to_lowercase().starts_with("prefect") {
            let detail = "Block type names beginning with 'Prefect' are reserved.";
            return Err(ApiError::detail(StatusCode::FORBIDDEN, detail));
        }
        let look = Look {
            logo_url: body.logo_url,
            documentation_url: body.documentation_url,
            description: body.description.map(escaped),
            code_example: body.code_example.map(escaped),
        };
        let new = NewBlockType { name: body.name, slug: body.slug, look };
        Ok(Created::new(type_view(create_block_type(&self.ctx.ops, new).await?)))
    }
}

#[derive(Clone)]
pub(crate) struct TypesApi {
    pub ctx: Ctx,
}

#[OpenApi(prefix_path = "/block_types", tag = "Tag::Types")]
impl TypesApi {
    /// The types of a filter, by name.
    #[oai(path = "/filter", method = "post", operation_id = "filter_block_types")]
    async fn filter(&self, body: Input<FilterBlockTypes>) -> Result<Out<Vec<View<BlockType>>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let own = body.block_types.as_ref().map_or(Filter::all(), BlockTypeFilter::filter);
        let schemas = body.block_schemas.iter();
        let schemas = schemas.map(|f| Filter::has(block_type::id, block_schema::block_type_id, f.filter()));
        let filter = Filter::And(std::iter::once(own).chain(schemas).collect());
        let rows = list::<BlockType>(&self.ctx, filter, vec![(block_type::name, Direction::Asc)], page).await?;
        Ok(Out(rows.into_iter().map(|row| type_view(row.record)).collect()))
    }

    /// Makes the types and schemas that every installation has, where they are missing.
    #[oai(path = "/install_system_block_types", method = "post", operation_id = "install_system_block_types")]
    async fn install(&self) -> Result<Raw, ApiError> {
        register_builtin(&self.ctx.ops).await?;
        Ok(Raw::ok(Value::Null))
    }

    /// A block type, by slug.
    #[oai(path = "/slug/:slug", method = "get", operation_id = "read_block_type_by_slug")]
    async fn read_by_slug(&self, slug: Path<String>) -> Result<Out<View<BlockType>>, ApiError> {
        let found = self.ctx.reader.find::<BlockType>(Key::Unique(vec![slug.0.into()])).await?;
        Ok(Out(type_view(found.ok_or_else(|| ApiError::not_found(WHAT))?.record)))
    }

    /// A block type, by id.
    #[oai(path = "/:id", method = "get", operation_id = "read_block_type")]
    async fn read(&self, id: Path<Uuid>) -> Result<Out<View<BlockType>>, ApiError> {
        Ok(Out(type_view(read::<BlockType>(&self.ctx, id.0, WHAT).await?.record)))
    }

    /// Changes how a block type is presented.
    #[oai(path = "/:id", method = "patch", operation_id = "update_block_type")]
    async fn update(&self, id: Path<Uuid>, body: Input<BlockTypeUpdate>) -> Result<NoContent, ApiError> {
        let body = body.0;
        for (member, sent) in [("logo_url", &body.logo_url), ("documentation_url", &body.documentation_url)] {
            check_address(member, sent.as_opt_ref().flatten().map(String::as_str))?;
        }
        let edit = LookEdit {
            logo_url: patched(body.logo_url),
            documentation_url: patched(body.documentation_url),
            description: patched(body.description),
            code_example: patched(body.code_example),
        };
        match update_block_type(&self.ctx.ops, id.0, &edit).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }

    /// Deletes a block type with its schemas and documents, unless it is protected.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_block_type")]
    async fn delete(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_block_type(&self.ctx.ops, id.0).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}

/// What a patch says about a member: nothing, null or a text.
fn patched(sent: MaybeUndefined<String>) -> Option<Option<String>> {
    match sent {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

/// Whether clients take a text for the address of a web page.
fn is_address(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '['))
        && !text.contains(char::is_whitespace)
}

fn check_address(member: &str, text: Option<&str>) -> Result<(), ApiError> {
    match text {
        Some(text) if !is_address(text) => {
            Err(ApiError::member(member, "Input should be a valid URL with http or https"))
        }
        _ => Ok(()),
    }
}

/// A block type as clients see it: what they could not read, or would stumble over, is absent, so that one such type does
/// not break a whole list. (Clients show the first line of a description if there is one.)
pub(crate) fn type_view(mut row: BlockType) -> View<BlockType> {
    row.description = row.description.filter(|text| !text.is_empty());
    row.logo_url = row.logo_url.filter(|text| is_address(text));
    row.documentation_url = row.documentation_url.filter(|text| is_address(text));
    row.into()
}

/// wire W14.1: an empty slug passes.
fn check_slug(slug: &str) -> Result<(), ApiError> {
    if !slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        let msg = "Block type slug must only contain lowercase letters, numbers, and dashes.";
        return Err(ApiError::member("slug", msg));
    }
    Ok(())
}

/// Markup made harmless. (wire W14.1: `& < >` are escaped when a type is made, quotes are not)
fn escaped(text: String) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
