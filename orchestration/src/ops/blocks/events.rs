//! What the server tells of block types and documents. (wire W12.13)

use mintaka_core::records::{BlockDocument, BlockSchema, BlockType};
use mintaka_core::{Batch, Reader};
use serde_json::{Map, Value, json};

use super::hidden::secret_paths;
use crate::ops::events::{Labels, RESOURCE_NAME};
use crate::ops::lifecycle_events::{Happened, lifecycle};

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

/// Adds to a batch what it does to a block type.
pub(super) fn tell_type(reader: &Reader, batch: Batch, happened: Happened, row: &BlockType) -> Batch {
    let mut event = lifecycle(reader, "block-type", happened, row.id, &row.name);
    event.payload = object(json!({
        "name": row.name,
        "slug": row.slug,
        "logo_url": row.logo_url,
        "documentation_url": row.documentation_url,
        "description": row.description,
        "code_example": row.code_example,
        "is_protected": row.is_protected,
    }));
    event.add_to(batch, event.occurred)
}

/// Adds to a batch what it does to a document, unless that is anonymous. Of the data only top-level texts that are no
/// secrets are told.
pub(super) fn tell_document(
    reader: &Reader,
    batch: Batch,
    happened: Happened,
    row: &BlockDocument,
    data: &Map<String, Value>,
    (of_type, schema): (&BlockType, &BlockSchema),
) -> Batch {
    if row.is_anonymous {
        return batch;
    }
    let mut event = lifecycle(reader, "block-document", happened, row.id, &row.name);
    let type_id = format!("prefect.block-type.{}", of_type.id);
    event.related = vec![
        Labels::related(type_id, "block-type").with(RESOURCE_NAME, of_type.name.as_str()),
        Labels::related(format!("prefect.block-schema.{}", schema.id), "block-schema"),
    ];
    let secret = secret_paths(&schema.fields.value());
    let told = |key: &str, value: &Value| {
        value.is_string() && !secret.iter().any(|path| path.first().is_some_and(|first| first == key || first == "*"))
    };
    let data: Map<String, Value> =
        data.iter().filter(|(key, value)| told(key, value)).map(|(key, value)| (key.clone(), value.clone())).collect();
    event.payload = object(json!({
        "name": row.name,
        "data": data,
        "block_schema": {
            "capabilities": schema.capabilities,
            "block_type": {"id": of_type.id, "name": of_type.name},
        },
    }));
    event.add_to(batch, event.occurred)
}
