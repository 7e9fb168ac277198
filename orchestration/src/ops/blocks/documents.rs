//! Making and changing documents: data is sealed, fields that are other documents become references.

use mintaka_core::records::{BlockDocument, BlockDocumentReference, BlockSchema, BlockType, block_document};
use mintaka_core::{Batch, Change, Error, Json, Key, Reader, Versioned};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::after_document;
use super::document_graph::{DEEPEST, Documents, MOST_SHOWN, Unreadable, opened};
use super::events::tell_document;
use super::hidden::{keep, secret_paths};
use crate::error::OpError;
use crate::operations::Operations;
use crate::ops::lifecycle_events::Happened;
use crate::ops::optimistic::{Decision, Lost, optimistic};
use crate::secrets::Sealer;

/// A document to be made.
pub struct NewDocument {
    /// Invented for anonymous ones that have none.
    pub name: Option<String>,
    /// The values of the fields; `{"$ref": {"block_document_id": id}}` stands for another document.
    pub data: Map<String, Value>,
    /// Must exist.
    pub block_schema_id: Uuid,
    /// Must exist.
    pub block_type_id: Uuid,
    /// Whether it is no document that people chose a name for.
    pub is_anonymous: bool,
}

/// A change of a document.
pub struct DocumentChange {
    /// New values of fields.
    pub data: Map<String, Value>,
    /// Whether the data that is there stays where nothing is sent.
    pub merge: bool,
    /// Another schema of the same type.
    pub block_schema_id: Option<Uuid>,
}

/// Why a document is not made or changed.
#[derive(Debug, thiserror::Error)]
pub enum NotWritten {
    /// The request cannot be carried out.
    #[error(transparent)]
    Op(#[from] OpError),
    /// What is stored cannot be read.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl From<Error> for NotWritten {
    fn from(error: Error) -> NotWritten {
        NotWritten::Op(error.into())
    }
}

fn bad_request(detail: impl Into<String>) -> OpError {
    OpError::Refused(detail.into())
}

/// Makes a document and answers its id.
///
/// # Errors
/// [`OpError::Conflict`] for a name that its type has already, and for type, schema or referred documents that do not
/// exist; [`OpError::Refused`] for references without an id or to more than can be shown.
pub async fn create_block_document(ops: &Operations, sealer: &Sealer, new: &NewDocument) -> Result<Uuid, OpError> {
    let id = ops.new_id();
    let (data, references) = &split_references(new.data.clone())?;
    let name = &new.name.clone().unwrap_or_else(|| format!("anonymous-{}", Uuid::new_v4()));
    optimistic(ops, "the block document", |lost: Option<Lost>| async move {
        if lost.is_some_and(|lost| lost.is_collision()) {
            return Err(OpError::Conflict("Block already exists".into()));
        }
        let of_type = ops.get::<BlockType>(new.block_type_id).await?.ok_or_else(OpError::data_integrity)?;
        let schema = ops.get::<BlockSchema>(new.block_schema_id).await?.ok_or_else(OpError::data_integrity)?;
        let batch = checked_extent(ops, Batch::new(), references).await?;
        let now = ops.now();
        let row = BlockDocument {
            id,
            created: now,
            updated: now,
            name: name.clone(),
            data: sealed(sealer, id, data),
            block_schema_id: schema.id,
            block_type_id: of_type.id,
            block_type_name: Some(of_type.name.clone()),
            is_anonymous: new.is_anonymous,
        };
        let mut batch = batch
            .present::<BlockType>(Key::id(of_type.id))
            .present::<BlockSchema>(Key::id(schema.id))
            .insert(row.clone());
        for (name, child) in references {
            batch = refer(ops, batch, id, name.clone(), *child);
        }
        let batch = tell_document(ops, batch, Happened::Created, &row, data, (&of_type, &schema));
        Ok(Decision::Commit(batch, id))
    })
    .await
}

/// Changes a document; false if it does not exist.
///
/// # Errors
/// [`OpError::Refused`] for a schema of another type, and for references without an id, in a circle or to more than can be
/// shown; [`OpError::Conflict`] for referred documents that do not exist.
pub async fn update_block_document(
    ops: &Operations,
    sealer: &Sealer,
    id: Uuid,
    change: &DocumentChange,
) -> Result<bool, NotWritten> {
    optimistic(ops, "the block document", |_: Option<Lost>| async move {
        let Some(seen) = ops.get::<BlockDocument>(id).await? else { return Ok(Decision::Answer(false)) };
        Ok(Decision::Commit(plan(ops, sealer, &seen, change).await?, true))
    })
    .await
}

/// Deletes a document. Documents that refer to it lose that field. False if there was none.
///
/// # Errors
/// What the store answers.
pub async fn delete_block_document(ops: &Operations, sealer: &Sealer, id: Uuid) -> Result<bool, Error> {
    let deleted = optimistic(ops, "the block document", |_: Option<Lost>| async move {
        let Some(row) = ops.get::<BlockDocument>(id).await? else { return Ok::<_, Error>(Decision::Answer(false)) };
        let batch = Batch::new().version(&row).delete::<BlockDocument>(Key::id(id));
        let graph = Documents::load(ops, [row.clone()]).await?;
        // A document that does not open must still be deletable.
        let batch = match (graph.kind(&row), opened(sealer, &row)) {
            (Some(kind), Ok(data)) => tell_document(ops, batch, Happened::Deleted, &row, &data, kind),
            _ => batch,
        };
        Ok(Decision::Commit(batch, true))
    })
    .await?;
    after_document(ops, id).await?;
    Ok(deleted)
}

async fn plan(
    reader: &Reader,
    sealer: &Sealer,
    seen: &Versioned<BlockDocument>,
    change: &DocumentChange,
) -> Result<Batch, NotWritten> {
    let id = seen.id;
    let current = opened(sealer, &seen.record)?;
    let graph = Documents::load(reader, [seen.clone()]).await?;
    let (of_type, old_schema) = graph.kind(&seen.record).ok_or_else(OpError::data_integrity)?;
    let mut sent = change.data.clone();
    keep(&mut sent, &current, &secret_paths(&old_schema.fields.value()));
    let mut data = if change.merge { current } else { Map::new() };
    data.extend(sent);
    let (data, references) = split_references(data)?;

    let schema = match change.block_schema_id.filter(|&schema| schema != seen.block_schema_id) {
        None => old_schema.clone(),
        Some(schema) => {
            let schema = reader.get::<BlockSchema>(schema).await?;
            let schema = schema.ok_or_else(|| bad_request("The block schema does not exist."))?.record;
            if schema.block_type_id != seen.block_type_id {
                let detail = "Must migrate block document to a block schema of the same block type.";
                return Err(bad_request(detail).into());
            }
            schema
        }
    };

    let mut batch = Batch::new().version(seen).present::<BlockSchema>(Key::id(schema.id));
    let kept = |reference: &BlockDocumentReference| {
        references
            .iter()
            .any(|(name, child)| (name, *child) == (&reference.name, reference.reference_block_document_id))
    };
    let old = graph.references(id);
    for reference in old.iter().filter(|reference| !kept(reference)) {
        batch = batch.delete::<BlockDocumentReference>(Key::id(reference.id));
    }
    let is_old = |(name, child): &(String, Uuid)| {
        old.iter().any(|one| (&one.name, &one.reference_block_document_id) == (name, child))
    };
    let new: Vec<&(String, Uuid)> = references.iter().filter(|reference| !is_old(reference)).collect();
    if !new.is_empty() {
        batch = checked_extent(reader, batch, &references).await?;
    }
    for (name, child) in new {
        batch = without_circle(reader, batch, id, *child).await?;
        batch = refer(reader, batch, id, name.clone(), *child);
    }
    let change = Change::default()
        .set(block_document::data, sealed(sealer, id, &data))
        .set(block_document::block_schema_id, schema.id)
        .set(block_document::updated, reader.now());
    let batch = batch.update::<BlockDocument>(Key::id(id), change);
    Ok(tell_document(reader, batch, Happened::Updated, &seen.record, &data, (of_type, &schema)))
}

/// Refuses references to documents that do not exist or to more than can be shown, and guards what it looked at.
async fn checked_extent(reader: &Reader, batch: Batch, references: &[(String, Uuid)]) -> Result<Batch, OpError> {
    let children: Vec<Uuid> = references.iter().map(|(_, child)| *child).collect();
    if children.is_empty() {
        return Ok(batch);
    }
    let rows: Option<Vec<_>> = reader.get_all::<BlockDocument>(&children).await?.into_iter().collect();
    let below = Documents::load(reader, rows.ok_or_else(OpError::data_integrity)?).await?;
    if below.fit(children) {
        return Ok(below.rows().fold(batch, Batch::version));
    }
    Err(bad_request(format!(
        "A block document may refer to at most {MOST_SHOWN} documents, directly or through others, and at most {DEEPEST} \
         deep."
    )))
}

/// Refuses a reference that would close a circle, and guards what it looked at: a document that refers elsewhere by the
/// time of the commit makes a conflict.
async fn without_circle(reader: &Reader, batch: Batch, parent: Uuid, child: Uuid) -> Result<Batch, OpError> {
    let seen = reader.get::<BlockDocument>(child).await?.ok_or_else(OpError::data_integrity)?;
    let below = Documents::load(reader, [seen]).await?;
    if below.contains(parent) {
        return Err(bad_request(format!(
            "Cannot create block document reference: it would introduce a cycle into the block_document_reference graph \
             (parent={parent}, reference={child})."
        )));
    }
    Ok(below.rows().fold(batch, Batch::version))
}

fn refer(reader: &Reader, batch: Batch, parent: Uuid, name: String, child: Uuid) -> Batch {
    let now = reader.now();
    batch.present::<BlockDocument>(Key::id(child)).insert(BlockDocumentReference {
        id: reader.new_id(),
        created: now,
        updated: now,
        name,
        parent_block_document_id: parent,
        reference_block_document_id: child,
    })
}

/// Data without references, and the references: `{"$ref": {"block_document_id": id}}` at the top level.
type Split = (Map<String, Value>, Vec<(String, Uuid)>);

fn split_references(data: Map<String, Value>) -> Result<Split, OpError> {
    let mut own = Map::new();
    let mut references = Vec::new();
    for (key, value) in data {
        let Some(reference) = value.get("$ref") else {
            own.insert(key, value);
            continue;
        };
        let child = reference.get("block_document_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let missing = || bad_request(format!("Received block reference without a block_document_id in key {key}"));
        references.push((key.clone(), child.ok_or_else(missing)?));
    }
    Ok((own, references))
}

fn sealed(sealer: &Sealer, id: Uuid, data: &Map<String, Value>) -> String {
    sealer.seal(id, Json::of(data).text())
}
