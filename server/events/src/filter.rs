//! The filter of events as clients of both lines send it.

use std::borrow::Cow;

use mintaka_http::When;
use poem_openapi::registry::{MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseError, ParseFromJSON, ParseResult, ToJSON, Type};
use poem_openapi::{Enum, Object};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Which events, and in which order.
#[derive(Clone, Debug, Default, Object)]
pub struct EventFilter {
    /// By when they occurred.
    pub occurred: Option<EventOccurredFilter>,
    /// By name.
    pub event: Option<EventNameFilter>,
    /// By what they happened to.
    pub resource: Option<EventResourceFilter>,
    /// By what else was involved; of several filters, each needs a resource.
    pub related: Option<OneOrMany<EventRelatedFilter>>,
    /// By any resource, main or related; of several filters, each needs a resource.
    pub any_resource: Option<OneOrMany<EventAnyResourceFilter>>,
    /// By identifier.
    pub id: Option<EventIdFilter>,
    /// By words in name, resources and payload.
    pub text: Option<EventTextFilter>,
    /// In which order of occurrence.
    #[oai(default)]
    pub order: EventOrder,
}

/// By when events occurred; both bounds are inclusive.
#[derive(Clone, Debug, Default, Object)]
pub struct EventOccurredFilter {
    /// From this time on; 180 days ago if absent.
    pub since: Option<When>,
    /// Up to this time; now if absent.
    pub until: Option<When>,
}

/// By names of events. An empty list says nothing.
#[derive(Clone, Debug, Default, Object)]
pub struct EventNameFilter {
    /// The name begins with one of these.
    #[oai(validator(max_items = 1_000))]
    pub prefix: Option<Vec<String>>,
    /// The name begins with none of these.
    #[oai(validator(max_items = 1_000))]
    pub exclude_prefix: Option<Vec<String>>,
    /// The name is one of these.
    pub name: Option<Vec<String>>,
    /// The name is none of these.
    pub exclude_name: Option<Vec<String>>,
}

/// By the main resource.
#[derive(Clone, Debug, Default, Object)]
pub struct EventResourceFilter {
    /// Its id is one of these.
    pub id: Option<Vec<String>>,
    /// Its id begins with one of these.
    #[oai(validator(max_items = 1_000))]
    pub id_prefix: Option<Vec<String>>,
    /// It has these labels.
    pub labels: Option<ResourceSpecification>,
    /// Only one event of each resource, the first in the order.
    #[oai(default)]
    pub distinct: bool,
}

/// By a related resource, which must meet all of this.
#[derive(Clone, Debug, Default, Object)]
pub struct EventRelatedFilter {
    /// Its id is one of these.
    pub id: Option<Vec<String>>,
    /// Its role is one of these.
    pub role: Option<Vec<String>>,
    /// Its id and role are one of these pairs.
    pub resources_in_roles: Option<Vec<Vec<String>>>,
    /// It has these labels.
    pub labels: Option<ResourceSpecification>,
}

/// By any resource, which must meet all of this.
#[derive(Clone, Debug, Default, Object)]
pub struct EventAnyResourceFilter {
    /// Its id is one of these.
    pub id: Option<Vec<String>>,
    /// Its id begins with one of these.
    #[oai(validator(max_items = 1_000))]
    pub id_prefix: Option<Vec<String>>,
    /// It has these labels.
    pub labels: Option<ResourceSpecification>,
}

/// By identifier.
#[derive(Clone, Debug, Default, Object)]
#[oai(rename = "EventIDFilter")]
pub struct EventIdFilter {
    /// One of these.
    pub id: Option<Vec<Uuid>>,
}

/// By words.
#[derive(Clone, Debug, Default, Object)]
pub struct EventTextFilter {
    /// Terms are alternatives; `-term` is excluded, `+term` required; quotes make a phrase.
    #[oai(validator(max_length = 200))]
    pub query: String,
}

/// Order of occurrence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Enum)]
#[oai(rename_all = "UPPERCASE")]
pub enum EventOrder {
    /// Oldest first.
    Asc,
    /// Newest first.
    #[default]
    Desc,
}

/// Labels, each with patterns of which one must match its text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResourceSpecification(pub Vec<(String, Vec<String>)>);

/// One, or a list of several.
#[derive(Clone, Debug, Default)]
pub struct OneOrMany<T>(pub Vec<T>);

macro_rules! json_type {
    ($type:ty $(where $param:ident)?, $name:expr, $schema:expr) => {
        impl$(<$param: Type>)? Type for $type {
            const IS_REQUIRED: bool = true;
            type RawValueType = Self;
            type RawElementValueType = Self;
            fn name() -> Cow<'static, str> {
                $name
            }
            fn schema_ref() -> MetaSchemaRef {
                MetaSchemaRef::Inline(Box::new($schema))
            }
            fn register(_registry: &mut Registry) {
                $($param::register(_registry);)?
            }
            fn as_raw_value(&self) -> Option<&Self> {
                Some(self)
            }
            fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
                Box::new(std::iter::empty())
            }
        }
    };
}

json_type!(ResourceSpecification, "ResourceSpecification".into(), {
    let patterns = MetaSchema { any_of: vec![String::schema_ref(), <Vec<String>>::schema_ref()], ..MetaSchema::ANY };
    MetaSchema {
        additional_properties: Some(Box::new(MetaSchemaRef::Inline(Box::new(patterns)))),
        ..MetaSchema::new("object")
    }
});
json_type!(OneOrMany<T> where T, format!("OneOrMany_{}", T::name()).into(), MetaSchema {
    any_of: vec![T::schema_ref(), <Vec<T>>::schema_ref()],
    ..MetaSchema::ANY
});

impl ParseFromJSON for ResourceSpecification {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let fault = |what: &str| ParseError::custom(format!("labels are texts or lists of texts, not {what}"));
        let Some(Value::Object(labels)) = value else { return Err(fault("something else")) };
        let patterns = |value: Value| match value {
            Value::String(one) => Ok(vec![one]),
            Value::Array(several) => several
                .into_iter()
                .map(|one| one.as_str().map(str::to_owned).ok_or_else(|| fault("lists of something else")))
                .collect::<Result<Vec<_>, ParseError<Self>>>(),
            _ => Err(fault("something else")),
        };
        let labels = labels.into_iter().map(|(label, value)| Ok((label, patterns(value)?)));
        labels.collect::<Result<_, ParseError<Self>>>().map(ResourceSpecification)
    }
}

impl ToJSON for ResourceSpecification {
    fn to_json(&self) -> Option<Value> {
        let labels: Map<String, Value> = self.0.iter().map(|(l, p)| (l.clone(), p.clone().into())).collect();
        Some(Value::Object(labels))
    }
}

impl<T: ParseFromJSON> ParseFromJSON for OneOrMany<T> {
    fn parse_from_json(value: Option<Value>) -> ParseResult<Self> {
        let several = match value {
            Some(Value::Array(several)) => several,
            one => one.into_iter().collect(),
        };
        let parse = |one| T::parse_from_json(Some(one)).map_err(ParseError::propagate);
        several.into_iter().map(parse).collect::<Result<_, ParseError<Self>>>().map(OneOrMany)
    }
}

impl<T: ToJSON> ToJSON for OneOrMany<T> {
    fn to_json(&self) -> Option<Value> {
        Some(Value::Array(self.0.iter().filter_map(ToJSON::to_json).collect()))
    }
}
