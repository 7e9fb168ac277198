//! The block types that every installation has, with the schemas of both client lines.
//!
//! The data names slugs, fields, capabilities and the checksums by which clients of each line look a schema up. The
//! checksums are the clients' own; as descriptions count in them and ours differ, they are not those of our texts.

use crate::operations::Operations;
use mintaka_core::records::{BlockSchema, BlockType, block_type};
use mintaka_core::{Batch, Change, Error, Json, Key, Outcome, Tags};
use serde::Deserialize;
use serde_json::{Map, Value};

const DATA: &str = include_str!("../../../data/system_blocks.json");

#[derive(Deserialize)]
struct BuiltIn {
    slug: String,
    name: String,
    description: String,
    schemas: Vec<BuiltInSchema>,
}

#[derive(Deserialize)]
struct BuiltInSchema {
    version: String,
    checksum: String,
    capabilities: Vec<String>,
    fields: Map<String, Value>,
}

/// Makes the block types that every installation has, and their schemas, where they are missing. Safe to repeat, and
/// from several servers at once; when all is there it only reads.
///
/// # Errors
/// What the store answers.
pub async fn register_builtin(ops: &Operations) -> Result<(), Error> {
    let all: Vec<BuiltIn> = serde_json::from_str(DATA).map_err(|e| Error::Corrupt(format!("built-in blocks: {e}")))?;
    for one in all {
        register(ops, one).await?;
    }
    Ok(())
}

async fn register(ops: &Operations, one: BuiltIn) -> Result<(), Error> {
    let key = Key::Unique(vec![one.slug.as_str().into()]);
    let now = ops.now();
    let present = ops.find::<BlockType>(key.clone()).await?;
    if !present.is_some_and(|row| row.is_protected) {
        let row = BlockType {
            id: ops.new_id(),
            created: now,
            updated: now,
            name: one.name,
            slug: one.slug,
            logo_url: None,
            documentation_url: None,
            description: Some(one.description),
            code_example: None,
            is_protected: true,
        };
        let change = Change::default().set(block_type::is_protected, true).set(block_type::updated, now);
        ops.commit(Batch::new().upsert(row, change, Vec::new())).await?;
    }
    // Read after the write: the row may be another server's.
    let Some(of_type) = ops.find::<BlockType>(key).await? else { return Ok(()) };
    for schema in one.schemas {
        let key = Key::Unique(vec![schema.checksum.as_str().into(), schema.version.as_str().into()]);
        if ops.find::<BlockSchema>(key).await?.is_some() {
            continue;
        }
        let mut fields = schema.fields;
        fields.shift_remove("block_schema_references");
        let row = BlockSchema {
            id: ops.new_id(),
            created: now,
            updated: now,
            checksum: schema.checksum,
            fields: Json::of(&fields),
            block_type_id: of_type.id,
            capabilities: Tags(schema.capabilities),
            version: schema.version,
        };
        let batch = Batch::new().present::<BlockType>(Key::id(of_type.id)).insert_or_skip(row);
        if let Outcome::Conflict(_) = ops.commit(batch).await? {
            tracing::warn!(slug = %of_type.slug, "a built-in block type vanished while it was registered");
        }
    }
    Ok(())
}
