//! Making and changing documents: data is sealed, fields that are other documents become references.

use mintaka_core::records::{BlockDocument, BlockDocumentReference, BlockSchema, BlockType, block_document};
use mintaka_core::{Batch, Change, Error, Json, Key, Outcome, Part, Store};
use mintaka_http::ApiError;
use mintaka_orchestration::secrets::Sealer;
use poem::http::StatusCode;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::document_graph::{DEEPEST, Documents, MOST_SHOWN, opened};
use crate::events::{Happened, tell_document};
use crate::hidden::{keep, secret_paths};

/// How often a change is tried while others change the same documents.
const ATTEMPTS: usize = 20;

/// A document to be made.
pub(crate) struct NewDocument {
    /// Invented for anonymous ones that have none.
    pub name: Option<String>,
    pub data: Map<String, Value>,
    pub block_schema_id: Uuid,
    pub block_type_id: Uuid,
    pub is_anonymous: bool,
}

/// A change of a document.
pub(crate) struct DocumentChange {
    pub data: Map<String, Value>,
    /// Whether the data that is there stays where nothing is sent.
    pub merge: bool,
    pub block_schema_id: Option<Uuid>,
}

fn bad_request(detail: impl Into<String>) -> ApiError {
    ApiError::detail(StatusCode::BAD_REQUEST, detail)
}

/// Makes a document and answers its id.
///
/// # Errors
/// 409 for a name that its type has already, and for type, schema or referred documents that do not exist; 400 for
/// references without an id or to more than can be shown.
pub(crate) async fn create(store: &Store, sealer: &Sealer, new: NewDocument) -> Result<Uuid, ApiError> {
    let (data, references) = split_references(new.data)?;
    let of_type = store.get::<BlockType>(new.block_type_id).await?.ok_or_else(ApiError::integrity)?;
    let schema = store.get::<BlockSchema>(new.block_schema_id).await?.ok_or_else(ApiError::integrity)?;
    check_extent(store, &references).await?;
    let (id, now) = (store.new_id(), store.now());
    let row = BlockDocument {
        id,
        created: now,
        updated: now,
        name: new.name.unwrap_or_else(|| format!("anonymous-{}", Uuid::new_v4())),
        data: sealed(sealer, id, &data),
        block_schema_id: schema.id,
        block_type_id: of_type.id,
        block_type_name: Some(of_type.name.clone()),
        is_anonymous: new.is_anonymous,
    };
    let mut batch = Batch::new()
        .present::<BlockType>(Key::id(of_type.id))
        .present::<BlockSchema>(Key::id(schema.id))
        .insert(row.clone());
    for (name, child) in references {
        batch = refer(store, batch, id, name, child);
    }
    let batch = tell_document(store, batch, Happened::Created, &row, &data, (&of_type, &schema));
    match store.commit(batch).await? {
        Outcome::Conflict(conflict) if matches!(conflict.part, Part::Op(_)) => {
            Err(ApiError::conflict("Block already exists"))
        }
        Outcome::Conflict(_) => Err(ApiError::integrity()),
        _ => Ok(id),
    }
}

/// Changes a document; false if it does not exist.
///
/// # Errors
/// 400 for a schema of another type, and for references without an id, in a circle or to more than can be shown; 409 for
/// referred documents that do not exist.
pub(crate) async fn update(
    store: &Store,
    sealer: &Sealer,
    id: Uuid,
    change: &DocumentChange,
) -> Result<bool, ApiError> {
    for _ in 0..ATTEMPTS {
        let Some(seen) = store.get::<BlockDocument>(id).await? else { return Ok(false) };
        let batch = plan(store, sealer, &seen, change).await?;
        if !matches!(store.commit(batch).await?, Outcome::Conflict(_)) {
            return Ok(true);
        }
    }
    Err(Error::Unavailable("the document is being changed too often".into()).into())
}

async fn plan(
    store: &Store,
    sealer: &Sealer,
    seen: &mintaka_core::Versioned<BlockDocument>,
    change: &DocumentChange,
) -> Result<Batch, ApiError> {
    let id = seen.id;
    let current = opened(sealer, &seen.record)?;
    let graph = Documents::load(store, [seen.clone()]).await?;
    let (of_type, old_schema) = graph.kind(&seen.record).ok_or_else(ApiError::integrity)?;
    let mut sent = change.data.clone();
    keep(&mut sent, &current, &secret_paths(&old_schema.fields.value()));
    let mut data = if change.merge { current } else { Map::new() };
    data.extend(sent);
    let (data, references) = split_references(data)?;

    let schema = match change.block_schema_id.filter(|&schema| schema != seen.block_schema_id) {
        None => old_schema.clone(),
        Some(schema) => {
            let schema = store.get::<BlockSchema>(schema).await?;
            let schema = schema.ok_or_else(|| bad_request("The block schema does not exist."))?.record;
            if schema.block_type_id != seen.block_type_id {
                let detail = "Must migrate block document to a block schema of the same block type.";
                return Err(bad_request(detail));
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
        check_extent(store, &references).await?;
    }
    for (name, child) in new {
        batch = without_circle(store, batch, id, *child).await?;
        batch = refer(store, batch, id, name.clone(), *child);
    }
    let change = Change::default()
        .set(block_document::data, sealed(sealer, id, &data))
        .set(block_document::block_schema_id, schema.id)
        .set(block_document::updated, store.now());
    let batch = batch.update::<BlockDocument>(Key::id(id), change);
    Ok(tell_document(store, batch, Happened::Updated, &seen.record, &data, (of_type, &schema)))
}

/// Refuses references to more documents than can be shown.
async fn check_extent(store: &Store, references: &[(String, Uuid)]) -> Result<(), ApiError> {
    let children: Vec<Uuid> = references.iter().map(|(_, child)| *child).collect();
    if children.is_empty() {
        return Ok(());
    }
    let rows = store.get_all::<BlockDocument>(&children).await?;
    if Documents::load(store, rows.into_iter().flatten()).await?.fit(children) {
        return Ok(());
    }
    Err(bad_request(format!(
        "A block document may refer to at most {MOST_SHOWN} documents, directly or through others, and at most {DEEPEST} \
         deep."
    )))
}

/// Refuses a reference that would close a circle, and guards what it looked at: a document that refers elsewhere by the
/// time of the commit makes a conflict.
async fn without_circle(store: &Store, batch: Batch, parent: Uuid, child: Uuid) -> Result<Batch, ApiError> {
    let seen = store.get::<BlockDocument>(child).await?.ok_or_else(ApiError::integrity)?;
    let below = Documents::load(store, [seen]).await?;
    if below.contains(parent) {
        return Err(bad_request(format!(
            "Cannot create block document reference: it would introduce a cycle into the block_document_reference graph \
             (parent={parent}, reference={child})."
        )));
    }
    Ok(below.rows().fold(batch, Batch::version))
}

fn refer(store: &Store, batch: Batch, parent: Uuid, name: String, child: Uuid) -> Batch {
    let now = store.now();
    batch.present::<BlockDocument>(Key::id(child)).insert(BlockDocumentReference {
        id: store.new_id(),
        created: now,
        updated: now,
        name,
        parent_block_document_id: parent,
        reference_block_document_id: child,
    })
}

/// Data without references, and the references: `{"$ref": {"block_document_id": id}}` at the top level.
type Split = (Map<String, Value>, Vec<(String, Uuid)>);

fn split_references(data: Map<String, Value>) -> Result<Split, ApiError> {
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
