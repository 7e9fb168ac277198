//! Reading schemas: a stored schema knows its own fields; what its fields hold of other blocks is put back from
//! references when it is read.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use mintaka_api_filters::by_id;
use mintaka_core::records::{BlockSchema, BlockSchemaReference, BlockType, block_schema_reference};
use mintaka_core::{Error, Filter, Json, Reader};
use mintaka_http::{Extra, View};
use mintaka_orchestration::ops::blocks::take_object;
use poem_openapi::registry::{MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::types::type_view;

/// What a schema is answered with besides its record.
#[derive(Serialize)]
pub(crate) struct SchemaExtra {
    /// Its type.
    block_type: Option<View<BlockType>>,
}

impl Extra for SchemaExtra {
    fn schema_name() -> Option<Cow<'static, str>> {
        None
    }
    fn properties(registry: &mut Registry) -> Vec<(&'static str, MetaSchemaRef)> {
        View::<BlockType>::register(registry);
        vec![("block_type", View::<BlockType>::schema_ref())]
    }
}

/// A schema as clients see it.
pub(crate) type SchemaView = View<BlockSchema, SchemaExtra>;

/// Schemas with all that they refer to.
pub(crate) struct Schemas {
    rows: HashMap<Uuid, BlockSchema>,
    types: HashMap<Uuid, BlockType>,
    /// By parent, in the order in which they were made.
    references: HashMap<Uuid, Vec<BlockSchemaReference>>,
}

impl Schemas {
    /// Reads what these schemas refer to, directly or through others.
    pub(crate) async fn load(reader: &Reader, roots: impl IntoIterator<Item = BlockSchema>) -> Result<Schemas, Error> {
        let mut rows: HashMap<Uuid, BlockSchema> = roots.into_iter().map(|schema| (schema.id, schema)).collect();
        let mut references: HashMap<Uuid, Vec<BlockSchemaReference>> = HashMap::new();
        let mut frontier: Vec<Uuid> = rows.keys().copied().collect();
        while !frontier.is_empty() {
            let of_frontier = Filter::any(block_schema_reference::parent_block_schema_id, frontier);
            let found = reader.all::<BlockSchemaReference>(of_frontier).await?;
            let children = found.iter().map(|reference| reference.reference_block_schema_id);
            let new = children.filter(|id| !rows.contains_key(id)).collect::<Vec<_>>();
            let new = by_id::<BlockSchema>(reader, new).await?;
            frontier = new.keys().copied().collect();
            rows.extend(new);
            for reference in found {
                references.entry(reference.parent_block_schema_id).or_default().push(reference.record);
            }
        }
        for list in references.values_mut() {
            list.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
        }
        let types = by_id::<BlockType>(reader, rows.values().map(|schema| schema.block_type_id)).await?;
        Ok(Schemas { rows, types, references })
    }

    /// A stored schema.
    pub(crate) fn get(&self, id: Uuid) -> Option<&BlockSchema> {
        self.rows.get(&id)
    }

    /// A schema as clients see it.
    pub(crate) fn view(&self, id: Uuid) -> Option<SchemaView> {
        let fields = Json::from(Value::Object(self.fields(id)?));
        let record = BlockSchema { fields, ..self.get(id)?.clone() };
        let block_type = self.types.get(&record.block_type_id).cloned().map(type_view);
        Some(View { record, extra: SchemaExtra { block_type } })
    }

    /// The fields of a schema with references and the definitions of what it refers to, each schema once.
    fn fields(&self, id: Uuid) -> Option<Map<String, Value>> {
        let mut fields = self.own_fields(id)?;
        let mut definitions = take_object(&mut fields, "definitions");
        let mut seen = HashSet::from([id]);
        let mut todo = self.children(id);
        while let Some(child) = todo.pop() {
            if !seen.insert(child) {
                continue;
            }
            let Some(mut child_fields) = self.own_fields(child) else { continue };
            let of_child = take_object(&mut child_fields, "definitions");
            if let Some(title) = child_fields.get("title").and_then(Value::as_str).map(str::to_owned) {
                definitions.insert(title, Value::Object(child_fields));
                definitions.extend(of_child);
                todo.extend(self.children(child));
            }
        }
        if !definitions.is_empty() {
            fields.insert("definitions".into(), Value::Object(definitions));
        }
        Some(fields)
    }

    /// The schemas that a schema refers to, the first one last.
    fn children(&self, id: Uuid) -> Vec<Uuid> {
        let references = self.references.get(&id).into_iter().flatten();
        references.rev().map(|reference| reference.reference_block_schema_id).collect()
    }

    /// The stored fields of a schema, with its references.
    fn own_fields(&self, id: Uuid) -> Option<Map<String, Value>> {
        let mut fields: Map<String, Value> = self.get(id)?.fields.to().unwrap_or_default();
        let mut references = Map::new();
        for reference in self.references.get(&id).into_iter().flatten() {
            let Some(child) = self.get(reference.reference_block_schema_id) else { continue };
            let slug = self.types.get(&child.block_type_id).map(|of_type| of_type.slug.as_str());
            let entry = json!({"block_schema_checksum": child.checksum, "block_type_slug": slug});
            add_reference(&mut references, &reference.name, entry);
        }
        fields.insert("block_schema_references".into(), Value::Object(references));
        Some(fields)
    }
}

/// One reference of a name stands alone, several are a list without repetitions.
fn add_reference(references: &mut Map<String, Value>, name: &str, entry: Value) {
    match references.get_mut(name) {
        None => {
            references.insert(name.to_owned(), entry);
        }
        Some(Value::Array(list)) => {
            if !list.contains(&entry) {
                list.push(entry);
            }
        }
        Some(one) if *one != entry => *one = Value::Array(vec![one.take(), entry]),
        Some(_) => {}
    }
}
