//! Reading documents: opened, with the documents that they refer to in their place, and secrets hidden unless asked for.

use std::borrow::Cow;

use mintaka_core::records::{BlockDocument, BlockType};
use mintaka_core::{Error, Reader, Versioned};
use mintaka_http::{ApiError, Extra, View};
use mintaka_orchestration::ops::blocks::hidden::{hide, secret_paths};
use mintaka_orchestration::ops::blocks::{DEEPEST, Documents, MOST_SHOWN, opened};
use mintaka_orchestration::secrets::Sealer;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::schema_graph::{SchemaView, Schemas};
use crate::types::type_view;
use crate::unreadable;

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

/// Documents with all that they refer to, as clients see them.
pub(crate) struct DocumentViews {
    documents: Documents,
    schemas: Schemas,
}

impl DocumentViews {
    /// Reads what these documents refer to, directly or through others, as deep as is shown.
    pub(crate) async fn load(
        reader: &Reader,
        roots: impl IntoIterator<Item = Versioned<BlockDocument>>,
    ) -> Result<DocumentViews, Error> {
        let documents = Documents::load(reader, roots).await?;
        let schemas = Schemas::load(reader, documents.schemas().cloned()).await?;
        Ok(DocumentViews { documents, schemas })
    }

    /// A document as clients see it; `None` if it was not read. With `lenient`, one that does not open has no data.
    ///
    /// # Errors
    /// 500 for a document that does not open.
    pub(crate) fn view(
        &self,
        sealer: &Sealer,
        id: Uuid,
        secrets: bool,
        lenient: bool,
    ) -> Result<Option<DocumentView>, ApiError> {
        let Some(row) = self.documents.get(id) else { return Ok(None) };
        let Resolved { data, references: block_document_references } =
            self.resolve(sealer, &row.record, (secrets, lenient), &mut Vec::new(), &mut (MOST_SHOWN - 1))?;
        let extra = DocumentExtra {
            data,
            block_schema: self.schemas.view(row.block_schema_id),
            block_type: self.documents.of_type(row.block_type_id).cloned().map(type_view),
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
        (secrets, lenient): (bool, bool),
        path: &mut Vec<Uuid>,
        left: &mut usize,
    ) -> Result<Resolved, ApiError> {
        let mut data = match opened(sealer, row) {
            Err(error) if lenient => {
                tracing::warn!(block_document.id = %row.id, %error, "a block document is listed without its data");
                Map::new()
            }
            opened => opened.map_err(unreadable)?,
        };
        if !secrets && let Some(schema) = self.schemas.get(row.block_schema_id) {
            hide(&mut data, &secret_paths(&schema.fields.value()));
        }
        let mut references = Map::new();
        path.push(row.id);
        for reference in self.documents.references(row.id) {
            let child = self.documents.get(reference.reference_block_document_id);
            let shown = |child: &Uuid| *left > 0 && path.len() < DEEPEST && !path.contains(child);
            let Some(child) = child.filter(|child| shown(&child.id)) else { continue };
            *left -= 1;
            let resolved = self.resolve(sealer, &child.record, (secrets, lenient), path, left)?;
            data.insert(reference.name.clone(), Value::Object(resolved.data));
            let shown = json!({
                "block_document": {
                    "id": child.id,
                    "name": child.name,
                    "block_type": self.documents.of_type(child.block_type_id).cloned().map(type_view),
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
