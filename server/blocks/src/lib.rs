//! Blocks: types, schemas and documents, with their secrets sealed in the store and hidden in answers.

mod document_graph;
mod documents;
mod filters;
mod schema_graph;
mod schemas;
mod types;

use std::sync::Arc;

use mintaka_http::{ApiError, Ctx};
use mintaka_orchestration::ops::blocks::{NotWritten, Unreadable};
use mintaka_orchestration::secrets::Sealer;
use poem::http::StatusCode;
use poem_openapi::{OpenApi, Tags};

#[derive(Tags)]
enum Tag {
    /// Kinds of blocks.
    #[oai(rename = "Block types")]
    Types,
    /// The fields of block types.
    #[oai(rename = "Block schemas")]
    Schemas,
    /// Configured blocks.
    #[oai(rename = "Block documents")]
    Documents,
    /// What blocks can do.
    #[oai(rename = "Block capabilities")]
    Capabilities,
}

/// The operations of this crate. Documents are sealed and opened by `sealer`.
pub fn apis(ctx: &Ctx, sealer: Arc<Sealer>) -> impl OpenApi + Clone + use<> {
    let ctx = || ctx.clone();
    (
        types::TypesApi { ctx: ctx() },
        types::TypesRootApi { ctx: ctx() },
        schemas::SchemasApi { ctx: ctx() },
        schemas::SchemasRootApi { ctx: ctx() },
        schemas::CapabilitiesApi { ctx: ctx() },
        documents::DocumentsApi { ctx: ctx(), sealer: sealer.clone() },
        documents::DocumentsRootApi { ctx: ctx(), sealer: sealer.clone() },
        documents::DocumentsOfTypeApi { ctx: ctx(), sealer },
    )
}

/// A document that does not open: the operator must act, so the answer says how.
fn unreadable(error: Unreadable) -> ApiError {
    match error {
        Unreadable::Damaged(error) => error.into(),
        Unreadable::Sealed(error) => {
            tracing::error!(%error, "cannot open a block document");
            ApiError::detail(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
        }
    }
}

fn not_written(error: NotWritten) -> ApiError {
    match error {
        NotWritten::Op(error) => error.into(),
        NotWritten::Unreadable(error) => unreadable(error),
    }
}
