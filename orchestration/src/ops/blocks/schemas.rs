//! Making a schema, with the schemas of the blocks that its fields hold.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;

use mintaka_core::records::{BlockSchema, BlockSchemaReference, BlockType, block_schema};
use mintaka_core::{Batch, Direction, Error, Filter, Json, Key, Query, Reader, Record, Tags, Versioned};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::checksum::{checksum, own_definitions, references};
use crate::error::OpError;
use crate::operations::Operations;
use crate::ops::optimistic::{Decision, Lost, optimistic};

/// The version of a schema that was given none.
pub const NO_VERSION: &str = "non-versioned";
/// How deep blocks may hold blocks.
const DEEPEST: usize = 50;

/// A schema to be made.
#[derive(Clone, Debug)]
pub struct NewSchema {
    /// Its fields, as JSON Schema with references to other blocks.
    pub fields: Map<String, Value>,
    /// Must exist.
    pub block_type_id: Uuid,
    /// What blocks of this schema can do.
    pub capabilities: Vec<String>,
    /// A version, or [`NO_VERSION`].
    pub version: String,
}

/// Makes a schema, or finds the one of its checksum and version: its id, and whether it is new.
///
/// # Errors
/// [`OpError::NotFound`] for an unknown type; [`OpError::Conflict`] for an unknown type of a block that it holds.
pub async fn create_block_schema(ops: &Operations, new: &NewSchema) -> Result<(Uuid, bool), OpError> {
    optimistic(ops, "the block schema", |_: Option<Lost>| async move {
        let unknown = || OpError::NotFound(format!("Block type {} not found.", new.block_type_id));
        ops.get::<BlockType>(new.block_type_id).await?.ok_or_else(unknown)?;
        let mut plan = Plan { reader: ops, batch: Batch::new(), made: HashMap::new() };
        let (id, is_new) = plan.schema(new.clone(), None, 0).await?;
        Ok(match is_new {
            true => Decision::Commit(plan.batch, (id, true)),
            false => Decision::Answer((id, false)),
        })
    })
    .await
}

/// The newest schema of a checksum, of one version or of any.
///
/// # Errors
/// What the store answers.
pub async fn newest_block_schema(
    reader: &Reader,
    checksum: &str,
    version: Option<&str>,
) -> Result<Option<Versioned<BlockSchema>>, Error> {
    if let Some(version) = version {
        return reader.find(Key::Unique(vec![checksum.into(), version.into()])).await;
    }
    let query = Query::of(BlockSchema::TABLE)
        .filter(Filter::eq(block_schema::checksum, checksum))
        .order(block_schema::created, Direction::Desc);
    reader.first(query).await
}

struct Plan<'a> {
    reader: &'a Reader,
    batch: Batch,
    /// Schemas of the batch, by checksum and version.
    made: HashMap<(String, String), Uuid>,
}

type Planned<'f> = Pin<Box<dyn Future<Output = Result<(Uuid, bool), OpError>> + Send + 'f>>;

impl Plan<'_> {
    /// Plans a schema and, below it, those that it refers to. `definitions` are those of the outermost schema.
    fn schema(&mut self, new: NewSchema, definitions: Option<Map<String, Value>>, depth: usize) -> Planned<'_> {
        Box::pin(async move {
            if depth > DEEPEST {
                return Err(OpError::Conflict(format!("Blocks hold blocks more than {DEEPEST} deep.")));
            }
            let NewSchema { mut fields, block_type_id, capabilities, version } = new;
            let sent = take_object(&mut fields, "definitions");
            let definitions = definitions.unwrap_or(sent);
            if !definitions.is_empty() {
                fields.insert("definitions".into(), Value::Object(definitions.clone()));
            }
            let checksum = checksum(&fields);
            if let Some(&id) = self.made.get(&(checksum.clone(), version.clone())) {
                return Ok((id, true));
            }
            if let Some(existing) = newest_block_schema(self.reader, &checksum, Some(&version)).await? {
                return Ok((existing.id, false));
            }
            let own = own_definitions(&fields, &definitions);
            fields.shift_remove("definitions");
            if !own.is_empty() {
                fields.insert("definitions".into(), Value::Object(own));
            }
            let references = take_object(&mut fields, "block_schema_references");
            let now = self.reader.now();
            let id = self.reader.new_id();
            self.made.insert((checksum.clone(), version.clone()), id);
            let row = BlockSchema {
                id,
                created: now,
                updated: now,
                checksum,
                fields: Json::of(&fields),
                block_type_id,
                capabilities: Tags(capabilities),
                version,
            };
            let batch = std::mem::take(&mut self.batch);
            self.batch = batch.present::<BlockType>(Key::id(block_type_id)).insert(row);
            self.references(id, &fields, references, definitions, depth).await?;
            Ok((id, true))
        })
    }

    async fn references(
        &mut self,
        parent: Uuid,
        fields: &Map<String, Value>,
        sent: Map<String, Value>,
        definitions: Map<String, Value>,
        depth: usize,
    ) -> Result<(), OpError> {
        let mut linked = HashSet::new();
        for (name, value) in sent {
            let entries = match value {
                Value::Array(entries) => entries,
                one => vec![one],
            };
            for entry in entries {
                let child = self.child(fields, &name, &entry, &definitions, depth).await?;
                if !linked.insert((name.clone(), child)) {
                    continue;
                }
                // Times apart keep the order of a list.
                let now = self.reader.now().plus_micros(linked.len() as i64);
                let row = BlockSchemaReference {
                    id: self.reader.new_id(),
                    created: now,
                    updated: now,
                    name: name.clone(),
                    parent_block_schema_id: parent,
                    reference_block_schema_id: child,
                };
                self.batch = std::mem::take(&mut self.batch).insert(row);
            }
        }
        Ok(())
    }

    /// The schema that a reference names: one that is there, or one that is made from its definition.
    async fn child(
        &mut self,
        fields: &Map<String, Value>,
        name: &str,
        entry: &Value,
        definitions: &Map<String, Value>,
        depth: usize,
    ) -> Result<Uuid, OpError> {
        let text = |member: &str| entry.get(member).and_then(Value::as_str).unwrap_or_default();
        let (slug, checksum) = (text("block_type_slug"), text("block_schema_checksum"));
        let of_type = self.reader.find::<BlockType>(Key::Unique(vec![slug.into()])).await?.ok_or_else(|| {
            OpError::Conflict(format!(
                "Cannot create block schema because block type '{slug}' was not found.Did you forget to register the \
                 block type?"
            ))
        })?;
        if let Some(&id) = self.made.get(&(checksum.to_owned(), NO_VERSION.to_owned())) {
            return Ok(id);
        }
        if let Some(existing) = newest_block_schema(self.reader, checksum, None).await? {
            let key = Key::id(existing.id);
            self.batch = std::mem::take(&mut self.batch).present::<BlockSchema>(key);
            return Ok(existing.id);
        }
        let definition = definition_of(fields, name, slug, definitions).ok_or_else(|| {
            OpError::Conflict(format!(
                "Unable to create nested block schema for block type '{}' due to missing definition.",
                of_type.name
            ))
        })?;
        let child = NewSchema {
            fields: definition.clone(),
            block_type_id: of_type.id,
            capabilities: Vec::new(),
            version: NO_VERSION.into(),
        };
        let (id, _) = self.schema(child, Some(definitions.clone()), depth + 1).await?;
        Ok(id)
    }
}

/// The definition of the block that a field holds; of several the one of the block type.
fn definition_of<'a>(
    fields: &Map<String, Value>,
    name: &str,
    slug: &str,
    definitions: &'a Map<String, Value>,
) -> Option<&'a Map<String, Value>> {
    let mut names = Vec::new();
    references(fields.get("properties")?.get(name)?, &mut names);
    let mut named = names.iter().filter_map(|name| definitions.get(name)?.as_object());
    match names.len() {
        1 => named.next(),
        _ => named.find(|definition| definition.get("block_type_slug").and_then(Value::as_str) == Some(slug)),
    }
}

/// Takes a member that is an object out; empty if it is none.
pub fn take_object(fields: &mut Map<String, Value>, name: &str) -> Map<String, Value> {
    match fields.shift_remove(name) {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    }
}
