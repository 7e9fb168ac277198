//! Records as clients see them: their schema comes from the declaration of the table, their JSON from the record.

use std::borrow::Cow;

use mintaka_core::{ColumnDef, Kind, Record, Versioned};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{IsObjectType, Type};
use serde::Serialize;

/// Members that an answer has beyond those of its record.
pub trait Extra: Serialize + Send + Sync + 'static {
    /// Name of the schema of record and extra together; the record's own when `None`.
    fn schema_name() -> Option<Cow<'static, str>>;
    /// Schemas of the members.
    fn properties(registry: &mut Registry) -> Vec<(&'static str, MetaSchemaRef)>;
}

impl<T: IsObjectType + Serialize + 'static> Extra for T {
    fn schema_name() -> Option<Cow<'static, str>> {
        Some(T::name())
    }
    fn properties(registry: &mut Registry) -> Vec<(&'static str, MetaSchemaRef)> {
        let mut own = Registry::new();
        T::register(&mut own);
        let schema = own.schemas.remove(T::name().as_ref());
        // What the members refer to is registered too; the extra itself is part of the view.
        for (name, schema) in own.schemas {
            registry.schemas.entry(name).or_insert(schema);
        }
        let Some(schema) = schema else { return Vec::new() };
        let required = schema.required;
        schema
            .properties
            .into_iter()
            .map(|(name, of)| (name, if required.contains(&name) { of } else { or_null(of) }))
            .collect()
    }
}

/// The schema, or null.
fn or_null(schema: MetaSchemaRef) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(match schema {
        MetaSchemaRef::Inline(schema) => MetaSchema { nullable: true, ..*schema },
        reference => MetaSchema { nullable: true, all_of: vec![reference], ..MetaSchema::ANY },
    }))
}

/// Nothing beyond the record.
#[derive(Serialize)]
pub struct NoExtra {}

impl Extra for NoExtra {
    fn schema_name() -> Option<Cow<'static, str>> {
        None
    }
    fn properties(_: &mut Registry) -> Vec<(&'static str, MetaSchemaRef)> {
        Vec::new()
    }
}

/// A record as clients see it, with what is computed for the answer.
#[derive(Serialize)]
pub struct View<R, X = NoExtra> {
    /// The stored record.
    #[serde(flatten)]
    pub record: R,
    /// What is computed. Its members come after those of the record.
    #[serde(flatten)]
    pub extra: X,
}

impl<R> From<R> for View<R> {
    fn from(record: R) -> View<R> {
        View { record, extra: NoExtra {} }
    }
}

impl<R> From<Versioned<R>> for View<R> {
    fn from(seen: Versioned<R>) -> View<R> {
        View { record: seen.record, extra: NoExtra {} }
    }
}

fn column_schema(column: &ColumnDef) -> MetaSchemaRef {
    let (ty, format) = match column.kind {
        Kind::Bool => ("boolean", None),
        Kind::Int => ("integer", Some("int64")),
        Kind::Float => ("number", Some("double")),
        Kind::Text => ("string", None),
        Kind::Uuid => ("string", Some("uuid")),
        Kind::Time => ("string", Some("date-time")),
        Kind::Json => ("", None),
        Kind::Tags => ("array", None),
    };
    let items =
        (column.kind == Kind::Tags).then(|| Box::new(MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")))));
    MetaSchemaRef::Inline(Box::new(MetaSchema { format, items, nullable: column.nullable, ..MetaSchema::new(ty) }))
}

impl<R: Record, X: Extra> Type for View<R, X> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        X::schema_name().unwrap_or(Cow::Borrowed(R::NAME))
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(Self::name().into_owned())
    }
    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(Self::name().into_owned(), |registry| {
            let extra = X::properties(registry);
            let shown = R::TABLE.columns.iter().filter(|c| !c.internal);
            let properties: Vec<_> = shown
                .filter(|c| !extra.iter().any(|(name, _)| *name == c.name))
                .map(|c| (c.name, column_schema(c)))
                .chain(extra.iter().cloned())
                .collect();
            let required = properties.iter().map(|(name, _)| *name).collect();
            MetaSchema { properties, required, ..MetaSchema::new("object") }
        });
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}
