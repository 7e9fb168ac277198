//! Blocks: which document results go to by default, and deletes with all that hangs on what is deleted.

mod builtin;
mod checksum;
mod document_graph;
mod documents;
mod events;
pub mod hidden;
mod schemas;
mod types;

use mintaka_core::records::{
    BlockDocument, BlockDocumentReference, BlockSchema, BlockSchemaReference, BlockType, Configuration, block_document,
    block_document_reference, block_schema, block_schema_reference, configuration, deployment, flow_run,
};
use mintaka_core::{Batch, Change, Direction, Error, Filter, Json, Key, Query, Reader, Record, Versioned};
use serde_json::json;
use uuid::Uuid;

pub use builtin::register_builtin;
pub use checksum::checksum;
pub use document_graph::{DEEPEST, Documents, MOST_SHOWN, Unreadable, opened};
pub use documents::{
    DocumentChange, NewDocument, NotWritten, create_block_document, delete_block_document, update_block_document,
};
pub use schemas::{NO_VERSION, NewSchema, create_block_schema, newest_block_schema, take_object};
pub use types::{Look, LookEdit, NewBlockType, create_block_type, delete_block_type, update_block_type};

use super::cascade::{sweep_deployments, sweep_flow_runs};
use super::optimistic::{Decision, optimistic};
use super::sweep;
use crate::error::OpError;
use crate::operations::Operations;
use crate::secrets::{OpenError, Sealer};

/// The key of the default storage of results (wire W14.8).
const DEFAULT_STORAGE: &str = "server-default-result-storage";
const MEMBER: &str = "default_result_storage_block_id";
/// Rows whose children are swept together.
const PAGE: u64 = 200;

/// Why the documents of a store do not open with these keys, judged by two of them: to be asked once, at start. Without
/// keys, none opens.
///
/// # Errors
/// What the store answers.
pub async fn check_key(reader: &Reader, sealer: Option<&Sealer>) -> Result<Option<OpenError>, Error> {
    // The first and the last that were made, by their ids: a key may have been lost between the two.
    for direction in [Direction::Asc, Direction::Desc] {
        let query = Query::of(BlockDocument::TABLE).order(block_document::id, direction);
        let Some(document) = reader.first::<BlockDocument>(query).await? else { return Ok(None) };
        let why = match sealer {
            Some(sealer) => sealer.open(document.id, &document.data).err(),
            None => {
                let sealed_with = Sealer::key_id(&document.data).unwrap_or_default().to_owned();
                Some(OpenError::WrongKey { sealed_with })
            }
        };
        if why.is_some() {
            return Ok(why);
        }
    }
    Ok(None)
}

fn default_storage_key() -> Key {
    Key::Unique(vec![DEFAULT_STORAGE.into()])
}

/// The document that results go to which name no storage.
///
/// # Errors
/// What the store answers.
pub async fn default_result_storage(reader: &Reader) -> Result<Option<Uuid>, Error> {
    let stored = reader.find::<Configuration>(default_storage_key()).await?;
    Ok(stored.and_then(|row| row.value.value()[MEMBER].as_str()?.parse().ok()))
}

/// Makes a document the one that results go to which name no storage.
///
/// # Errors
/// [`OpError::NotFound`] for an unknown document; [`OpError::Invalid`] for one that no results can be written to.
pub async fn set_default_result_storage(ops: &Operations, id: Uuid) -> Result<(), OpError> {
    optimistic(ops, "the block document", |_| async move {
        let unknown = || OpError::NotFound(format!("Block document {id} not found."));
        let document = ops.get::<BlockDocument>(id).await?.ok_or_else(unknown)?;
        let schema = ops.get::<BlockSchema>(document.block_schema_id).await?;
        let writable = |schema: &Versioned<BlockSchema>| schema.capabilities.0.iter().any(|one| one == "write-path");
        let Some(schema) = schema.filter(writable) else {
            return Err(OpError::Invalid(format!("Block document {id} cannot be used for result storage.")));
        };
        let now = ops.now();
        let value = Json::from(json!({ MEMBER: id }));
        let change = Change::default().set(configuration::value, value.clone()).set(configuration::updated, now);
        let row = Configuration { id: ops.new_id(), created: now, updated: now, key: DEFAULT_STORAGE.into(), value };
        Ok(Decision::Commit(Batch::new().version(&document).version(&schema).upsert(row, change, Vec::new()), ()))
    })
    .await
}

/// Results that name no storage go nowhere in particular.
///
/// # Errors
/// What the store answers.
pub async fn clear_default_result_storage(ops: &Operations) -> Result<(), Error> {
    ops.commit(Batch::new().delete::<Configuration>(default_storage_key())).await?;
    Ok(())
}

/// Clears the default if its document does not exist any more.
async fn check_default_result_storage(ops: &Operations) -> Result<(), Error> {
    let Some(stored) = ops.find::<Configuration>(default_storage_key()).await? else { return Ok(()) };
    let id: Option<Uuid> = stored.value.value()[MEMBER].as_str().and_then(|text| text.parse().ok());
    let gone = match id {
        Some(id) => ops.get::<BlockDocument>(id).await?.is_none(),
        None => true,
    };
    if gone {
        // If somebody chose another one meanwhile, the version differs and theirs stays.
        ops.commit(Batch::new().version(&stored).delete::<Configuration>(default_storage_key())).await?;
    }
    Ok(())
}

/// Deletes a schema with its documents; false if there was none.
///
/// # Errors
/// [`OpError::Forbidden`] for a schema of a protected type.
pub async fn delete_block_schema(ops: &Operations, id: Uuid) -> Result<bool, OpError> {
    let deleted = optimistic(ops, "the block schema", |_| async move {
        let Some(schema) = ops.get::<BlockSchema>(id).await? else { return Ok(Decision::Answer(false)) };
        let mut batch = Batch::new().version(&schema).delete::<BlockSchema>(Key::id(id));
        if let Some(of_type) = ops.get::<BlockType>(schema.block_type_id).await? {
            if of_type.is_protected {
                let why = "Block schemas for protected block types cannot be deleted.";
                return Err(OpError::Forbidden(why.into()));
            }
            batch = batch.version(&of_type);
        }
        Ok(Decision::Commit(batch, true))
    })
    .await?;
    sweep_schema_references(ops, &[id]).await?;
    sweep_documents(ops, Filter::eq(block_document::block_schema_id, id)).await?;
    check_default_result_storage(ops).await?;
    Ok(deleted)
}

/// Deletes every reference from or to a deleted document, and what cannot be without it.
///
/// Deployments that name it as infrastructure or storage go with their schedules, flow runs that name it as
/// infrastructure with all of theirs. No event tells of these. (wire W17.1) Safe to repeat.
async fn after_document(ops: &Operations, id: Uuid) -> Result<(), Error> {
    sweep_after_documents(ops, &[id]).await?;
    check_default_result_storage(ops).await
}

/// Deletes the schemas and documents of a deleted type. Safe to repeat.
async fn after_type(ops: &Operations, id: Uuid) -> Result<(), Error> {
    sweep_documents(ops, Filter::eq(block_document::block_type_id, id)).await?;
    let of_type = Filter::eq(block_schema::block_type_id, id);
    loop {
        let page = ops.select::<BlockSchema>(Query::of(BlockSchema::TABLE).filter(of_type.clone()).limit(PAGE)).await?;
        if page.is_empty() {
            break;
        }
        let ids: Vec<Uuid> = page.iter().map(|schema| schema.id).collect();
        sweep_schema_references(ops, &ids).await?;
        sweep::<BlockSchema>(ops, Filter::any(block_schema::id, ids)).await?;
    }
    check_default_result_storage(ops).await
}

async fn sweep_documents(ops: &Operations, filter: Filter) -> Result<(), Error> {
    loop {
        let query = Query::of(BlockDocument::TABLE).filter(filter.clone()).limit(PAGE);
        let page = ops.select::<BlockDocument>(query).await?;
        if page.is_empty() {
            return Ok(());
        }
        let ids: Vec<Uuid> = page.iter().map(|document| document.id).collect();
        sweep::<BlockDocument>(ops, Filter::any(block_document::id, ids.clone())).await?;
        sweep_after_documents(ops, &ids).await?;
    }
}

async fn sweep_after_documents(ops: &Operations, ids: &[Uuid]) -> Result<(), Error> {
    use block_document_reference::{parent_block_document_id, reference_block_document_id};
    for column in [parent_block_document_id, reference_block_document_id] {
        sweep::<BlockDocumentReference>(ops, Filter::any(column, ids.iter().copied())).await?;
    }
    for column in [deployment::infrastructure_document_id, deployment::storage_document_id] {
        sweep_deployments(ops, Filter::any(column, ids.iter().copied())).await?;
    }
    sweep_flow_runs(ops, Filter::any(flow_run::infrastructure_document_id, ids.iter().copied())).await
}

async fn sweep_schema_references(ops: &Operations, ids: &[Uuid]) -> Result<(), Error> {
    use block_schema_reference::{parent_block_schema_id, reference_block_schema_id};
    for column in [parent_block_schema_id, reference_block_schema_id] {
        sweep::<BlockSchemaReference>(ops, Filter::any(column, ids.iter().copied())).await?;
    }
    Ok(())
}
