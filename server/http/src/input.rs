//! Request bodies: JSON whatever the Content-Type says, unknown members ignored and counted, faults answered with 422.

use std::collections::{HashMap, HashSet};
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use poem::http::StatusCode;
use poem::{Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;

use crate::{ApiError, Problem};

/// The largest request body, in bytes.
pub(crate) const MAX_BODY: usize = 64 << 20;

static UNKNOWN_FIELDS: AtomicU64 = AtomicU64::new(0);

/// How many members that no schema knows were ignored since the start: clients newer than the server exist.
pub fn unknown_fields() -> u64 {
    UNKNOWN_FIELDS.load(Ordering::Relaxed)
}

/// A JSON request body. An absent or null body counts as `{}`.
pub struct Input<T>(pub T);

impl<T> Deref for Input<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'a, T: ParseFromJSON + 'static> ApiExtractor<'a> for Input<T> {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::RequestObject];
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        Some(MetaRequest {
            description: None,
            content: vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }],
            required: T::IS_REQUIRED,
        })
    }

    async fn from_request(_: &'a Request, body: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Input<T>> {
        let bytes = body.take()?.into_bytes_limit(MAX_BODY).await.map_err(|_| {
            ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than {MAX_BODY} bytes."))
        })?;
        Ok(Input(parse(&bytes)?))
    }
}

/// Parses a JSON body as `T`.
fn parse<T: ParseFromJSON + 'static>(bytes: &[u8]) -> Result<T, ApiError> {
    let value: Value = if bytes.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(bytes).map_err(|e| {
            let problem = Problem {
                loc: vec!["body".into(), e.column().to_string()],
                msg: format!("JSON decode error: {e}"),
                r#type: "json_invalid".into(),
            };
            ApiError::invalid(vec![problem], None)
        })?
    };
    let value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    count_unknown::<T>(&value);
    // Parsing consumes the value; a fault is answered with the body, so it is parsed again from the text then.
    T::parse_from_json(Some(value)).map_err(|e| {
        let msg = e.into_message();
        ApiError::invalid(vec![locate(&msg)], serde_json::from_slice(bytes).ok())
    })
}

/// Names the member that a message of the parser is about, as far as the message tells.
fn locate(msg: &str) -> Problem {
    let member = msg.split('`').nth(1).or_else(|| msg.split('"').nth(1)).filter(|m| !m.is_empty() && m.len() < 80);
    let mut loc = vec!["body".to_owned()];
    loc.extend(member.map(str::to_owned));
    let missing = msg.contains("missing") || msg.contains("is required");
    Problem { loc, msg: msg.to_owned(), r#type: if missing { "missing" } else { "value_error" }.into() }
}

type Known = Arc<HashSet<&'static str>>;
static KNOWN: LazyLock<Mutex<HashMap<std::any::TypeId, Known>>> = LazyLock::new(Mutex::default);

fn count_unknown<T: Type + 'static>(value: &Value) {
    let Value::Object(members) = value else { return };
    if members.is_empty() {
        return;
    }
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.entry(std::any::TypeId::of::<T>()).or_insert_with(|| Arc::new(members_of::<T>())).clone();
    if known.is_empty() {
        return;
    }
    for member in members.keys().filter(|m| !known.contains(m.as_str())) {
        UNKNOWN_FIELDS.fetch_add(1, Ordering::Relaxed);
        tracing::debug!(schema = %T::name(), member, "ignored an unknown member");
    }
}

fn members_of<T: Type>() -> HashSet<&'static str> {
    let mut registry = Registry::new();
    T::register(&mut registry);
    let mut members = HashSet::new();
    let mut todo = vec![T::schema_ref()];
    while let Some(schema) = todo.pop() {
        let schema = match &schema {
            MetaSchemaRef::Inline(schema) => Some(&**schema),
            MetaSchemaRef::Reference(name) => registry.schemas.get(name),
        };
        if let Some(schema) = schema {
            members.extend(schema.properties.iter().map(|(name, _)| *name));
            todo.extend(schema.all_of.iter().cloned());
        }
    }
    members
}
