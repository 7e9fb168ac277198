//! Values of requests and answers that are read and written by serde, with the schema that the API's document shows.

use std::borrow::Cow;
use std::ops::Deref;

use mintaka_core::TextEnum;
use mintaka_core::records::StateType;
use mintaka_orchestration::{FlowRunPolicy, Proposed, State, TaskRunPolicy};
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use crate::json_object::{JsonObject, Labels, TaskInputs};

/// A type of the domain as the API's document shows it.
pub trait Documented: Send + Sync {
    /// Name of the schema.
    const NAME: &'static str;
    /// The schema.
    fn schema() -> MetaSchema;
}

/// A value of the domain on the wire, in its own JSON.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Plain<T>(pub T);

impl<T> Deref for Plain<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Documented> Type for Plain<T> {
    const IS_REQUIRED: bool = true;
    type RawValueType = Self;
    type RawElementValueType = Self;
    fn name() -> Cow<'static, str> {
        T::NAME.into()
    }
    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(T::NAME.into())
    }
    fn register(registry: &mut Registry) {
        registry.create_schema::<Self, _>(T::NAME.into(), |_| T::schema());
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::empty())
    }
}

impl<T: Documented + DeserializeOwned> ParseFromJSON for Plain<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        serde_json::from_value(value.unwrap_or_default()).map(Plain).map_err(ParseError::custom)
    }
}

impl<T: Documented + Serialize> ToJSON for Plain<T> {
    fn to_json(&self) -> Option<Value> {
        serde_json::to_value(&self.0).ok()
    }
}

/// A member of a schema: its name, and the JSON type that it has: `""` for any, `"#State"` for a schema of that name, and
/// `"[]State"` for a list of those, `"[]"` for a list of anything.
type Member = (&'static str, &'static str);

fn any_of(ty: &'static str) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema::new(ty)))
}

fn list_of(items: MetaSchemaRef) -> MetaSchemaRef {
    MetaSchemaRef::Inline(Box::new(MetaSchema { items: Some(Box::new(items)), ..MetaSchema::new("array") }))
}

fn state_type() -> MetaSchemaRef {
    let enum_items = StateType::texts().into_iter().map(Into::into).collect();
    MetaSchemaRef::Inline(Box::new(MetaSchema { enum_items, ..MetaSchema::new("string") }))
}

/// An object of these members; a member named `type` is a state's.
pub fn object(members: &[Member], required: &[&'static str]) -> MetaSchema {
    let property = |&(name, ty): &Member| {
        let schema = match (name, ty) {
            ("type", "string") => state_type(),
            (_, "uuid" | "date-time") => MetaSchemaRef::Inline(Box::new(MetaSchema::new_with_format("string", ty))),
            _ => match (ty.strip_prefix('#'), ty.strip_prefix("[]")) {
                (Some(name), _) => MetaSchemaRef::Reference(name.into()),
                (None, Some("")) => list_of(MetaSchemaRef::Inline(Box::new(MetaSchema::ANY))),
                (None, Some(name)) => list_of(MetaSchemaRef::Reference(name.into())),
                (None, None) => any_of(ty),
            },
        };
        let nullable = MetaSchema { nullable: !required.contains(&name), ..MetaSchema::ANY };
        (name, schema.merge(nullable))
    };
    MetaSchema {
        properties: members.iter().map(property).collect(),
        required: required.to_vec(),
        ..MetaSchema::new("object")
    }
}

impl Documented for State {
    const NAME: &'static str = "State";
    fn schema() -> MetaSchema {
        const MEMBERS: &[Member] = &[
            ("id", "uuid"),
            ("type", "string"),
            ("name", "string"),
            ("timestamp", "date-time"),
            ("message", "string"),
            ("data", ""),
            ("state_details", "object"),
        ];
        object(MEMBERS, &["id", "type", "name", "timestamp", "state_details"])
    }
}

impl Documented for Proposed {
    const NAME: &'static str = "StateCreate";
    fn schema() -> MetaSchema {
        const MEMBERS: &[Member] =
            &[("type", "string"), ("name", "string"), ("message", "string"), ("data", ""), ("state_details", "object")];
        object(MEMBERS, &["type"])
    }
}

impl Documented for FlowRunPolicy {
    const NAME: &'static str = "FlowRunPolicy";
    fn schema() -> MetaSchema {
        const MEMBERS: &[Member] = &[
            ("max_retries", "integer"),
            ("retry_delay_seconds", "number"),
            ("retries", "integer"),
            ("retry_delay", "integer"),
            ("pause_keys", "[]"),
            ("resuming", "boolean"),
            ("retry_type", "string"),
        ];
        object(MEMBERS, &[])
    }
}

impl Documented for TaskRunPolicy {
    const NAME: &'static str = "TaskRunPolicy";
    fn schema() -> MetaSchema {
        const MEMBERS: &[Member] = &[
            ("max_retries", "integer"),
            ("retry_delay_seconds", "number"),
            ("retries", "integer"),
            ("retry_delay", ""),
            ("retry_jitter_factor", "number"),
        ];
        object(MEMBERS, &[])
    }
}
