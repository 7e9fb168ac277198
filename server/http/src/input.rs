//! Request bodies: JSON whatever the Content-Type says, faults answered with 422.

use std::io::ErrorKind;
use std::ops::Deref;

use bytes::Bytes;
use poem::error::ReadBodyError;
use poem::http::{StatusCode, header};
use poem::{Body, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde::de::IgnoredAny;
use serde_json::Value;

use crate::body::look_over;
use crate::{ApiError, Client, Problem, json};

/// The largest request body, in bytes.
pub(crate) const MAX_BODY: usize = 64 << 20;

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

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Input<T>> {
        let bytes = read(request, body.take()?).await?;
        let is_text = request.content_type().is_some_and(|kind| kind.starts_with("text/"));
        Ok(Input(parse(&bytes, is_text, &Client::of(request))?))
    }
}

async fn read(request: &Request, body: Body) -> Result<Bytes, ApiError> {
    let too_large =
        || ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than {MAX_BODY} bytes."));
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if announced.is_some_and(|length: u64| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    body.into_bytes_limit(MAX_BODY).await.map_err(|error| match error {
        ReadBodyError::PayloadTooLarge => too_large(),
        ReadBodyError::Io(error) if error.kind() == ErrorKind::TimedOut => {
            ApiError::detail(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.")
        }
        _ => ApiError::detail(StatusCode::BAD_REQUEST, "The body breaks off, or is not encoded as the headers say."),
    })
}

/// Parses a JSON body as `T`. A body that says that it is text is text, unless it is JSON all the same.
fn parse<T: ParseFromJSON + 'static>(bytes: &[u8], is_text: bool, client: &Client) -> Result<T, ApiError> {
    let text = || is_text.then(|| std::str::from_utf8(bytes).ok()).flatten();
    let value: Value = if bytes.is_empty() {
        Value::Null
    } else if let (Some(text), Err(_)) = (text(), serde_json::from_slice::<IgnoredAny>(bytes)) {
        Value::String(json::without_nul(text))
    } else {
        json::read(bytes).map_err(|e| {
            let problem = Problem {
                loc: vec!["body".into(), e.column().into()],
                msg: format!("JSON decode error: {e}"),
                r#type: "json_invalid".into(),
                input: None,
            };
            ApiError::invalid(vec![problem], None)
        })?
    };
    let mut value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    let wrong = look_over::<T>(&mut value);
    // wire: the 2.x line takes a number or a boolean for its text.
    if !wrong.is_empty() && !client.is_v2() {
        return Err(ApiError::invalid(wrong, json::read(bytes).ok()));
    }
    // Parsing consumes the value; a fault is answered with the body, so it is parsed again from the text then.
    T::parse_from_json(Some(value)).map_err(|e| {
        let msg = e.into_message();
        let body = json::read(bytes).ok();
        let missing: Vec<Problem> = match &body {
            Some(Value::Object(members)) => missing::<T>(|member| members.contains_key(member), &body, client),
            None | Some(Value::Null) => missing::<T>(|_| false, &body, client),
            Some(_) => Vec::new(),
        };
        ApiError::invalid(if missing.is_empty() { vec![locate(&msg)] } else { missing }, body)
    })
}

/// The members that the schema needs and the body has not.
fn missing<T: Type + 'static>(has: impl Fn(&str) -> bool, body: &Option<Value>, client: &Client) -> Vec<Problem> {
    let input = body.as_ref().unwrap_or(&Value::Null);
    let mut registry = Registry::new();
    T::register(&mut registry);
    let mut todo = vec![T::schema_ref()];
    let mut problems = Vec::new();
    while let Some(schema) = todo.pop() {
        let schema = match &schema {
            MetaSchemaRef::Inline(schema) => Some(&**schema),
            MetaSchemaRef::Reference(name) => registry.schemas.get(name),
        };
        if let Some(schema) = schema {
            let gone = schema.required.iter().filter(|member| !has(member));
            problems.extend(gone.map(|member| Problem::missing("body", member, input, client)));
            todo.extend(schema.all_of.iter().cloned());
        }
    }
    problems
}

/// Names the member that a message of the parser is about, as far as the message tells.
fn locate(msg: &str) -> Problem {
    let member = msg.split('`').nth(1).or_else(|| msg.split('"').nth(1)).filter(|m| !m.is_empty() && m.len() < 80);
    let loc = std::iter::once("body").chain(member).map(Value::from).collect();
    let missing = msg.contains("missing") || msg.contains("is required");
    Problem { loc, msg: msg.to_owned(), r#type: if missing { "missing" } else { "value_error" }.into(), input: None }
}

#[cfg(test)]
mod tests {
    use mintaka_orchestration::caller::Caller;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_body_that_says_that_it_is_text_is_text_unless_it_is_json() {
        let client = Client { by: Caller::SERVER, automation: None, ui: false };
        let read = |text: &str, is_text| parse::<Value>(text.as_bytes(), is_text, &client).ok();
        for (text, is_text, value) in [
            ("{{ a }}", true, Some(json!("{{ a }}"))),
            ("{{ a }}", false, None),
            ("\"a\"", true, Some(json!("a"))),
            ("{\"a\": 1}", true, Some(json!({"a": 1}))),
        ] {
            assert_eq!(read(text, is_text), value, "{text} {is_text}");
        }
    }
}
