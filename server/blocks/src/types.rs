//! Routes of block types.

use mintaka_core::records::{BlockType, block_schema, block_type};
use mintaka_core::{Batch, Change, Col, Direction, Error, Filter, Key, Outcome};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, NoContent, Out, Page, Raw, View, check_name, list, read};
use mintaka_orchestration::ops::blocks::delete_block_type;
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::MaybeUndefined;
use poem_openapi::{Object, OpenApi};
use serde_json::Value;
use uuid::Uuid;

use crate::Tag;
use crate::builtin::register_builtin;
use crate::events::{Happened, tell_type};
use crate::filters::{BlockSchemaFilter, BlockTypeFilter};

pub(crate) const WHAT: &str = "Block type";
/// How often a change is tried while others change the same type.
const ATTEMPTS: usize = 20;

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
        let store = &self.ctx.store;
        let now = store.now();
        let row = BlockType {
            id: store.new_id(),
            created: now,
            updated: now,
            name: body.name,
            slug: body.slug,
            logo_url: body.logo_url,
            documentation_url: body.documentation_url,
            description: body.description.map(escaped),
            code_example: body.code_example.map(escaped),
            is_protected: false,
        };
        let batch = tell_type(store, Batch::new().insert(row.clone()), Happened::Created, &row);
        match store.commit(batch).await? {
            Outcome::Conflict(_) => {
                Err(ApiError::conflict(format!("Block type with name \"{}\" already exists", row.name)))
            }
            _ => Ok(Created::new(type_view(row))),
        }
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
        register_builtin(&self.ctx.store).await?;
        Ok(Raw::ok(Value::Null))
    }

    /// A block type, by slug.
    #[oai(path = "/slug/:slug", method = "get", operation_id = "read_block_type_by_slug")]
    async fn read_by_slug(&self, slug: Path<String>) -> Result<Out<View<BlockType>>, ApiError> {
        let found = self.ctx.store.find::<BlockType>(Key::Unique(vec![slug.0.into()])).await?;
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
        let store = &self.ctx.store;
        for (member, sent) in [("logo_url", &body.logo_url), ("documentation_url", &body.documentation_url)] {
            check_address(member, sent.as_opt_ref().flatten().map(String::as_str))?;
        }
        for _ in 0..ATTEMPTS {
            let seen = read::<BlockType>(&self.ctx, id.0, WHAT).await?;
            let mut row = seen.record.clone();
            let mut change = Change::default();
            for (column, member, sent) in [
                (block_type::logo_url, &mut row.logo_url, &body.logo_url),
                (block_type::documentation_url, &mut row.documentation_url, &body.documentation_url),
                (block_type::description, &mut row.description, &body.description),
                (block_type::code_example, &mut row.code_example, &body.code_example),
            ] {
                change = with_member(change, column, member, sent);
            }
            // What changes nothing is not written: clients send the same with every block that they save.
            if change.is_empty() {
                return Ok(NoContent);
            }
            row.updated = store.now();
            let change = change.set(block_type::updated, row.updated);
            let batch = Batch::new().version(&seen).update::<BlockType>(Key::id(id.0), change);
            let batch = tell_type(store, batch, Happened::Updated, &row);
            if !matches!(store.commit(batch).await?, Outcome::Conflict(_)) {
                return Ok(NoContent);
            }
        }
        Err(Error::Unavailable("the block type is being changed too often".into()).into())
    }

    /// Deletes a block type with its schemas and documents, unless it is protected.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_block_type")]
    async fn delete(&self, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        let store = &self.ctx.store;
        let row = read::<BlockType>(&self.ctx, id.0, WHAT).await?;
        if row.is_protected {
            return Err(ApiError::detail(StatusCode::FORBIDDEN, "protected block types cannot be deleted."));
        }
        let told = tell_type(store, Batch::new(), Happened::Deleted, &row);
        match delete_block_type(store, id.0, told).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found(WHAT)),
        }
    }
}

fn with_member(change: Change, column: Col, member: &mut Option<String>, sent: &MaybeUndefined<String>) -> Change {
    let sent = match sent {
        MaybeUndefined::Undefined => return change,
        MaybeUndefined::Null => None,
        MaybeUndefined::Value(text) => Some(text.clone()),
    };
    if *member == sent {
        return change;
    }
    member.clone_from(&sent);
    change.set(column, sent)
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

/// wire: an empty slug passes.
fn check_slug(slug: &str) -> Result<(), ApiError> {
    if !slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        let msg = "Block type slug must only contain lowercase letters, numbers, and dashes.";
        return Err(ApiError::member("slug", msg));
    }
    Ok(())
}

/// Markup made harmless. (wire: `& < >` are escaped when a type is made, quotes are not)
fn escaped(text: String) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
