//! Documents with the documents that they refer to.

use std::collections::{BTreeSet, HashMap};

use mintaka_core::records::{BlockDocument, BlockDocumentReference, BlockSchema, BlockType, block_document_reference};
use mintaka_core::{Error, Filter, Reader, Record, Versioned};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::secrets::{OpenError, Sealer};

/// How many documents one may show at most, itself among them; one that is referred to twice counts twice, since it is
/// shown twice. That is checked when a reference is made. Where documents grew below others all the same, what is
/// beyond is left out.
pub const MOST_SHOWN: usize = 500;
/// How deep documents may refer to documents; the first is the outermost.
pub const DEEPEST: usize = 30;

/// Documents with all that they refer to.
pub struct Documents {
    rows: HashMap<Uuid, Versioned<BlockDocument>>,
    /// By parent.
    references: HashMap<Uuid, Vec<Versioned<BlockDocumentReference>>>,
    types: HashMap<Uuid, BlockType>,
    schemas: HashMap<Uuid, BlockSchema>,
}

impl Documents {
    /// Reads what these documents refer to, directly or through others, as deep as is shown.
    ///
    /// # Errors
    /// What the store answers.
    pub async fn load(
        reader: &Reader,
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
            let found = reader.all::<BlockDocumentReference>(of_frontier).await?;
            let mut new: Vec<Uuid> = found.iter().map(|reference| reference.reference_block_document_id).collect();
            new.retain(|id| !rows.contains_key(id));
            new.sort_unstable();
            new.dedup();
            let new = reader.get_all::<BlockDocument>(&new).await?;
            frontier = new.iter().flatten().map(|row| row.id).collect();
            rows.extend(new.into_iter().flatten().map(|row| (row.id, row)));
            for reference in found {
                references.entry(reference.parent_block_document_id).or_default().push(reference);
            }
        }
        for list in references.values_mut() {
            list.sort_by(|a, b| a.name.cmp(&b.name));
        }
        let types = rows_by_id::<BlockType>(reader, rows.values().map(|row| row.block_type_id)).await?;
        let schemas = rows_by_id::<BlockSchema>(reader, rows.values().map(|row| row.block_schema_id)).await?;
        Ok(Documents { rows, references, types, schemas })
    }

    /// The documents that were read, the ones referred to among them.
    pub fn rows(&self) -> impl Iterator<Item = &Versioned<BlockDocument>> {
        self.rows.values()
    }

    /// A document that was read.
    pub fn get(&self, id: Uuid) -> Option<&Versioned<BlockDocument>> {
        self.rows.get(&id)
    }

    /// The type of an id, if a document that was read is of it.
    pub fn of_type(&self, id: Uuid) -> Option<&BlockType> {
        self.types.get(&id)
    }

    /// The schemas of the documents that were read.
    pub fn schemas(&self) -> impl Iterator<Item = &BlockSchema> {
        self.schemas.values()
    }

    /// Whether a document was read.
    pub fn contains(&self, id: Uuid) -> bool {
        self.rows.contains_key(&id)
    }

    /// Whether a document that refers to these can be shown in full.
    pub fn fit(&self, children: impl IntoIterator<Item = Uuid>) -> bool {
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
    pub fn references(&self, parent: Uuid) -> &[Versioned<BlockDocumentReference>] {
        self.references.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// Type and schema of a document; `None` while they are being deleted.
    pub fn kind(&self, document: &BlockDocument) -> Option<(&BlockType, &BlockSchema)> {
        Some((self.types.get(&document.block_type_id)?, self.schemas.get(&document.block_schema_id)?))
    }
}

async fn rows_by_id<R: Record>(reader: &Reader, ids: impl Iterator<Item = Uuid>) -> Result<HashMap<Uuid, R>, Error> {
    let ids: Vec<Uuid> = ids.collect::<BTreeSet<_>>().into_iter().collect();
    let rows = reader.get_all::<R>(&ids).await?;
    Ok(ids.into_iter().zip(rows).filter_map(|(id, seen)| Some((id, seen?.record))).collect())
}

/// Why the data of a document cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// It does not open.
    #[error(transparent)]
    Sealed(#[from] OpenError),
    /// It is no object.
    #[error(transparent)]
    Damaged(#[from] Error),
}

/// The data of a document, without what its references bring.
///
/// # Errors
/// [`Unreadable`]
pub fn opened(sealer: &Sealer, row: &BlockDocument) -> Result<Map<String, Value>, Unreadable> {
    let text = sealer.open(row.id, &row.data)?;
    Ok(serde_json::from_str(&text).map_err(|e| Error::Corrupt(format!("data of block document {}: {e}", row.id)))?)
}
