//! Reading documents: opened, with the documents that they refer to in their place, and secrets hidden unless asked for.

use std::borrow::Cow;
use std::collections::HashMap;

use mintaka_api_filters::by_id;
use mintaka_core::records::{BlockDocument, BlockDocumentReference, BlockSchema, BlockType, block_document_reference};
use mintaka_core::{Error, Filter, Store, Versioned};
use mintaka_http::{ApiError, Extra, View};
use mintaka_orchestration::secrets::Sealer;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::hidden::{hide, secret_paths};
use crate::schema_graph::{SchemaView, Schemas};
use crate::types::type_view;
use crate::unopened;

/// How many documents one may show at most, itself among them; one that is referred to twice counts twice, since it is
/// shown twice. That is checked when a reference is made. Where documents grew below others all the same, what is
/// beyond is left out.
pub(crate) const MOST_SHOWN: usize = 500;
/// How deep documents may refer to documents; the first is the outermost.
pub(crate) const DEEPEST: usize = 30;

/// What a document is answered with besides its record.
#[derive(Serialize)]
pub(crate) struct DocumentExtra {
    /// Its data; a field that is another document holds that one's data.
    data: Map<String, Value>,
    block_schema: Option<SchemaView>,
    block_type: Option<View<BlockType>>,
    /// The documents that fields are, by field.
    block_document_references: Map<String, Value>,
}

impl Extra for DocumentExtra {
    fn schema_name() -> Option<Cow<'static, str>> {
        None
    }
    fn properties(registry: &mut Registry) -> Vec<(&'static str, MetaSchemaRef)> {
        SchemaView::register(registry);
        View::<BlockType>::register(registry);
        let object = || MetaSchemaRef::Inline(Box::new(MetaSchema::new("object")));
        vec![
            ("data", object()),
            ("block_schema", SchemaView::schema_ref()),
            ("block_type", View::<BlockType>::schema_ref()),
            ("block_document_references", object()),
        ]
    }
}

/// A document as clients see it.
pub(crate) type DocumentView = View<BlockDocument, DocumentExtra>;

/// A document's own data with that of the documents that it refers to.
struct Resolved {
    data: Map<String, Value>,
    /// What is shown of those documents, by field.
    references: Map<String, Value>,
}

/// Documents with all that they refer to.
pub(crate) struct Documents {
    rows: HashMap<Uuid, Versioned<BlockDocument>>,
    /// By parent.
    references: HashMap<Uuid, Vec<Versioned<BlockDocumentReference>>>,
    types: HashMap<Uuid, BlockType>,
    schemas: Schemas,
}

impl Documents {
    /// Reads what these documents refer to, directly or through others, as deep as is shown.
    pub(crate) async fn load(
        store: &Store,
        roots: impl IntoIterator<Item = Versioned<BlockDocument>>,
    ) -> Result<Documents, Error> {
        let mut rows: HashMap<Uuid, Versioned<BlockDocument>> = roots.into_iter().map(|row| (row.id, row)).collect();
        let mut references: HashMap<Uuid, Vec<Versioned<BlockDocumentReference>>> = HashMap::new();
        let mut frontier: Vec<Uuid> = rows.keys().copied().collect();
        for _ in 0..DEEPEST {
            if frontier.is_empty() {
                break;
            }
            let of_frontier = Filter::any(block_document_reference::parent_block_document_id, frontier);
            let found = store.all::<BlockDocumentReference>(of_frontier).await?;
            let mut new: Vec<Uuid> = found.iter().map(|reference| reference.reference_block_document_id).collect();
            new.retain(|id| !rows.contains_key(id));
            new.sort_unstable();
            new.dedup();
            let new = store.get_all::<BlockDocument>(&new).await?;
            frontier = new.iter().flatten().map(|row| row.id).collect();
            rows.extend(new.into_iter().flatten().map(|row| (row.id, row)));
            for reference in found {
                references.entry(reference.parent_block_document_id).or_default().push(reference);
            }
        }
        for list in references.values_mut() {
            list.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let types = by_id::<BlockType>(store, rows.values().map(|row| row.block_type_id)).await?;
        let schemas = by_id::<BlockSchema>(store, rows.values().map(|row| row.block_schema_id)).await?;
        let schemas = Schemas::load(store, schemas.into_values()).await?;
        Ok(Documents { rows, references, types, schemas })
    }

    /// The documents that were read, the ones referred to among them.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Versioned<BlockDocument>> {
        self.rows.values()
    }

    /// Whether a document was read.
    pub(crate) fn contains(&self, id: Uuid) -> bool {
        self.rows.contains_key(&id)
    }

    /// Whether a document that refers to these can be shown in full.
    pub(crate) fn fit(&self, children: impl IntoIterator<Item = Uuid>) -> bool {
        let mut left = MOST_SHOWN - 1;
        children.into_iter().all(|child| self.fits(child, 1, &mut left))
    }

    /// Whether a document below `above` others can be shown, while `left` more may be.
    fn fits(&self, id: Uuid, above: usize, left: &mut usize) -> bool {
        if above >= DEEPEST || *left == 0 {
            return false;
        }
        *left -= 1;
        let mut below = self.references(id).iter().map(|reference| reference.reference_block_document_id);
        below.all(|child| self.fits(child, above + 1, left))
    }

    /// The references of a document.
    pub(crate) fn references(&self, parent: Uuid) -> &[Versioned<BlockDocumentReference>] {
        self.references.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// Type and schema of a document; `None` while they are being deleted.
    pub(crate) fn kind(&self, document: &BlockDocument) -> Option<(&BlockType, &BlockSchema)> {
        Some((self.types.get(&document.block_type_id)?, self.schemas.get(document.block_schema_id)?))
    }

    /// A document as clients see it; `None` if it was not read.
    ///
    /// # Errors
    /// 500 for a document that does not open.
    pub(crate) fn view(&self, sealer: &Sealer, id: Uuid, secrets: bool) -> Result<Option<DocumentView>, ApiError> {
        let Some(row) = self.rows.get(&id) else { return Ok(None) };
        let Resolved { data, references: block_document_references } =
            self.resolve(sealer, &row.record, secrets, &mut Vec::new(), &mut (MOST_SHOWN - 1))?;
        let extra = DocumentExtra {
            data,
            block_schema: self.schemas.view(row.block_schema_id),
            block_type: self.types.get(&row.block_type_id).cloned().map(type_view),
            block_document_references,
        };
        Ok(Some(View { record: row.record.clone(), extra }))
    }

    /// Data of a document and references of its fields. `path` are the documents around: one that refers to one of them
    /// is left out, and so is what is deeper or more than `left`.
    fn resolve(
        &self,
        sealer: &Sealer,
        row: &BlockDocument,
        secrets: bool,
        path: &mut Vec<Uuid>,
        left: &mut usize,
    ) -> Result<Resolved, ApiError> {
        let mut data = opened(sealer, row)?;
        if !secrets && let Some(schema) = self.schemas.get(row.block_schema_id) {
            hide(&mut data, &secret_paths(&schema.fields.value()));
        }
        let mut references = Map::new();
        path.push(row.id);
        for reference in self.references(row.id) {
            let child = self.rows.get(&reference.reference_block_document_id);
            let shown = |child: &Uuid| *left > 0 && path.len() < DEEPEST && !path.contains(child);
            let Some(child) = child.filter(|child| shown(&child.id)) else { continue };
            *left -= 1;
            let resolved = self.resolve(sealer, &child.record, secrets, path, left)?;
            data.insert(reference.name.clone(), Value::Object(resolved.data));
            let shown = json!({
                "block_document": {
                    "id": child.id,
                    "name": child.name,
                    "block_type": self.types.get(&child.block_type_id).cloned().map(type_view),
                    "is_anonymous": child.is_anonymous,
                    "block_document_references": resolved.references,
                },
            });
            references.insert(reference.name.clone(), shown);
        }
        path.pop();
        Ok(Resolved { data, references })
    }
}

/// The data of a document, without what its references bring.
///
/// # Errors
/// 500 if it does not open.
pub(crate) fn opened(sealer: &Sealer, row: &BlockDocument) -> Result<Map<String, Value>, ApiError> {
    let text = sealer.open(row.id, &row.data).map_err(unopened)?;
    Ok(serde_json::from_str(&text).map_err(|e| Error::Corrupt(format!("data of block document {}: {e}", row.id)))?)
}
