//! Request bodies: JSON of bounded size, and faults answered with 422.

use std::io::ErrorKind;
use std::ops::Deref;

use bytes::Bytes;
use poem::error::ReadBodyError;
use poem::http::{StatusCode, header};
use poem::{Body, Request, RequestBody, Result};
use poem_openapi::registry::{MetaMediaType, MetaRequest, MetaSchemaRef, Registry};
use poem_openapi::types::{ParseFromJSON, Type};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions};
use serde_json::Value;

use crate::body::look_over;
use crate::{ApiError, Client, Problem, json};

/// The largest request body, in bytes.
pub(crate) const MAX_BODY: usize = 64 << 20;
/// The most values in a body: a value takes up to forty times the memory of its text.
const MAX_VALUES: usize = 2_000_000;

/// A JSON request body. An absent or null body counts as `{}`.
pub struct Input<T>(pub T);

impl<T> Deref for Input<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// As [`Input`], of a request that changes or deletes whatever rows the body says: no member may be one that it does not
/// know.
pub struct Exact<T>(pub T);

impl<T> Deref for Exact<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'a, T: ParseFromJSON + 'static> ApiExtractor<'a> for Exact<T> {
    const TYPES: &'static [ApiExtractorType] = <Input<T> as ApiExtractor<'a>>::TYPES;
    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn request_meta() -> Option<MetaRequest> {
        <Input<T> as ApiExtractor<'a>>::request_meta()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        _: ExtractParamOptions<()>,
    ) -> Result<Exact<T>> {
        let bytes = read(request, body.take()?).await?;
        Ok(Exact(parse(&bytes, true, &Client::of(request))?))
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
        Ok(Input(parse(&bytes, false, &Client::of(request))?))
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

/// Parses a JSON body as `T`; with `closed`, of no members that it does not know.
fn parse<T: ParseFromJSON + 'static>(bytes: &[u8], closed: bool, client: &Client) -> Result<T, ApiError> {
    let invalid = |e: serde_json::Error| {
        let problem = Problem {
            loc: vec!["body".into(), e.column().into()],
            msg: format!("JSON decode error: {e}"),
            r#type: "json_invalid".into(),
            input: None,
        };
        ApiError::invalid(vec![problem], None)
    };
    if json::has_more_values(bytes, MAX_VALUES) {
        let detail = format!("The body has more than {MAX_VALUES} values. Send it in parts.");
        return Err(ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, detail));
    }
    let value: Value = if bytes.is_empty() { Value::Null } else { json::read(bytes).map_err(invalid)? };
    let mut value = if value.is_null() { Value::Object(serde_json::Map::new()) } else { value };
    let found = look_over::<T>(&mut value, closed);
    if !found.unknown.is_empty() {
        return Err(ApiError::with_problems(found.unknown, Some(&value)));
    }
    // wire W2.4: the 2.x line takes a number or a boolean for its text.
    if !found.wrong.is_empty() && !client.is_v2() {
        return Err(ApiError::with_problems(found.wrong, Some(&value)));
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
        ApiError::invalid(if missing.is_empty() { vec![locate(&msg)] } else { missing }, body.as_ref())
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
    let msg = without_value(msg);
    let member = msg.split('`').nth(1).or_else(|| msg.split('"').nth(1)).filter(|m| !m.is_empty() && m.len() < 80);
    let loc = std::iter::once("body").chain(member).map(Value::from).collect();
    let missing = msg.contains("missing") || msg.contains("is required");
    Problem {
        loc,
        msg: in_own_words(&msg).to_owned(),
        r#type: if missing { "missing" } else { "value_error" }.into(),
        input: None,
    }
}

/// A message of the parser without the value that it found, which may be large or secret.
fn without_value(msg: &str) -> String {
    match msg.split_once(", found ") {
        Some((expected, _)) if expected.contains("Expected input type") => format!("{expected}."),
        _ => msg.to_owned(),
    }
}

/// A message of the parser without the names of the types around the value that it is about. (wire W2.1: clients compare texts)
fn in_own_words(msg: &str) -> &str {
    let inner = msg.strip_prefix("failed to parse \"").and_then(|rest| rest.split_once("\": "));
    let text = inner.map_or(msg, |(_, text)| text);
    text.split_once(" (occurred while parsing \"").map_or(text, |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use mintaka_orchestration::caller::{Caller, ClientLine};
    use poem_openapi::Object;
    use serde_json::json;

    use super::*;
    use crate::problem::MAX_PROBLEMS;

    const CLIENT: Client = Client { by: Caller::SERVER, automation: None, ui: false };

    #[derive(Debug, Object)]
    struct Login {
        name: String,
        password: Option<String>,
        size: Option<i64>,
        tags: Option<Vec<String>>,
    }

    fn refusal(body: &str) -> Value {
        let error = parse::<Login>(body.as_bytes(), false, &CLIENT).unwrap_err();
        error.shown().clone()
    }

    #[test]
    fn a_problem_is_told_without_the_names_of_types() {
        for (msg, told) in [
            (
                r#"failed to parse "Policy": too many. (occurred while parsing "optional_Policy") (occurred while parsing "Run")"#,
                "too many.",
            ),
            (r#"failed to parse "Policy": too many: "x": 7"#, r#"too many: "x": 7"#),
            ("too many", "too many"),
        ] {
            assert_eq!(in_own_words(msg), told);
        }
    }

    #[test]
    fn many_faults_are_answered_with_the_first_ones_and_their_number() {
        let body = format!(r#"{{"name": "n", "tags": [{}1]}}"#, "1,".repeat(200_000));
        let answer = refusal(&body);
        let problems = answer["exception_detail"].as_array().unwrap();
        assert_eq!(problems.len(), MAX_PROBLEMS + 1);
        assert_eq!(problems[9]["loc"], json!(["body", "tags", 9]));
        assert_eq!(problems[10]["msg"], "There are 199991 more problems; correct these first.");
        let told = answer["request_body"].as_str().unwrap();
        assert!(told.starts_with(r#"{"name":"n","tags":[1,1,"#) && told.len() < 5000, "{told}");
    }

    #[test]
    fn whatever_is_wrong_the_answer_is_short() {
        let (long, many) = ("x".repeat(1 << 20), "[1],".repeat(100_000));
        for body in [
            format!(r#"{{"name": ["{long}"]}}"#),
            format!(r#"{{"name": "n", "size": "{long}"}}"#),
            format!(r#"{{"name": "n", "size": [{many}1]}}"#),
            format!(r#"{{"name": "n", "size": {{"{long}": 1}}}}"#),
            format!(r#"{{"other": "{long}"}}"#),
            format!(r#"["{long}"]"#),
            format!(r#""{long}""#),
            format!(r#"{{"name": {long}}}"#),
            format!(r#"{{"name": "n", "tags": [{many}1]}}"#),
        ] {
            let length = refusal(&body).to_string().len();
            assert!(length < 20_000, "{length} bytes for {}", &body[..50]);
        }
    }

    #[test]
    fn no_answer_repeats_a_secret() {
        for body in [
            r#"{"name": "n", "password": ["hush"]}"#,
            r#"{"name": "n", "password": {"a": "hush"}}"#,
            r#"{"name": 1, "password": "hush"}"#,
            r#"{"name": {"api_key": "hush"}}"#,
            r#"{"password": "hush"}"#,
            r#"{"name": "n", "size": {"token": "hush"}}"#,
            r#"{"name": "n", "password": "hush", "size": "hus"}"#,
        ] {
            for client in [
                CLIENT,
                Client {
                    by: Caller::from_headers(Some("prefect/2.20.26 (API 0.8.4)"), None, ClientLine::V3),
                    ..CLIENT
                },
            ] {
                match parse::<Login>(body.as_bytes(), false, &client) {
                    Err(error) => assert!(!error.to_string().contains("hush"), "{error}"),
                    Ok(_) => assert!(client.is_v2(), "{body} is right"),
                }
            }
        }
    }

    #[test]
    fn json_is_read_as_deep_as_its_limit_and_no_deeper() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse::<Value>(nested(127).as_bytes(), false, &CLIENT).is_ok());
        for depth in [128, 1_000_000] {
            let error = parse::<Value>(nested(depth).as_bytes(), false, &CLIENT).unwrap_err();
            assert_eq!(error.status(), StatusCode::UNPROCESSABLE_ENTITY, "{depth}");
        }
    }

    #[test]
    fn a_body_of_too_many_values_is_refused_before_it_is_read() {
        let body = |values: usize| format!("[{}1]", "1,".repeat(values - 2));
        assert!(parse::<Value>(body(MAX_VALUES).as_bytes(), false, &CLIENT).is_ok());
        let error = parse::<Value>(body(MAX_VALUES + 1).as_bytes(), false, &CLIENT).unwrap_err();
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}
