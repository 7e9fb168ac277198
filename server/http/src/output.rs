//! Answers: JSON written straight from what serialises itself.

use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry};
use poem_openapi::types::Type;
use serde::Serialize;

/// A JSON answer, status 200.
pub struct Out<T>(pub T);

impl<T: Type> Payload for Out<T> {
    const CONTENT_TYPE: &'static str = "application/json";
    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Serialize + Send> IntoResponse for Out<T> {
    fn into_response(self) -> Response {
        json(StatusCode::OK, &self.0)
    }
}

fn json<T: Serialize>(status: StatusCode, value: &T) -> Response {
    match serde_json::to_vec(value) {
        Ok(bytes) => Response::builder().status(status).content_type("application/json").body(bytes),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn meta(status: u16, description: &'static str, content: Vec<MetaMediaType>) -> MetaResponse {
    MetaResponse { description, status: Some(status), status_range: None, content, headers: Vec::new() }
}

fn content<T: Type>() -> Vec<MetaMediaType> {
    vec![MetaMediaType { content_type: "application/json", schema: T::schema_ref() }]
}

impl<T: Type + Serialize> ApiResponse for Out<T> {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![meta(200, "Done", content::<T>())] }
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// A JSON answer that says whether something is new: 201, or 200 if it was there.
pub struct Created<T> {
    /// Whether it is new.
    pub new: bool,
    /// What was made or found.
    pub value: T,
}

impl<T> Created<T> {
    /// Something new.
    pub fn new(value: T) -> Created<T> {
        Created { new: true, value }
    }
}

impl<T: Serialize + Send> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        json(if self.new { StatusCode::CREATED } else { StatusCode::OK }, &self.value)
    }
}

impl<T: Type + Serialize> ApiResponse for Created<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![meta(201, "Made", content::<T>()), meta(200, "Was there already", content::<T>())],
        }
    }
    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Done, and nothing to say: 204.
pub struct NoContent;

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

impl ApiResponse for NoContent {
    fn meta() -> MetaResponses {
        MetaResponses { responses: vec![meta(204, "Done", Vec::new())] }
    }
    fn register(_: &mut Registry) {}
}

/// JSON without a schema of its own, with any status (documented as 200).
pub struct Raw {
    /// Status.
    pub status: StatusCode,
    /// Body.
    pub value: serde_json::Value,
}

impl Raw {
    /// Status 200.
    pub fn ok(value: serde_json::Value) -> Raw {
        Raw { status: StatusCode::OK, value }
    }
}

impl IntoResponse for Raw {
    fn into_response(self) -> Response {
        json(self.status, &self.value)
    }
}

impl ApiResponse for Raw {
    fn meta() -> MetaResponses {
        let any = MetaSchemaRef::Inline(Box::new(MetaSchema::ANY));
        MetaResponses {
            responses: vec![meta(200, "Done", vec![MetaMediaType { content_type: "application/json", schema: any }])],
        }
    }
    fn register(_: &mut Registry) {}
}

/// An answer that is not JSON.
pub struct Bytes {
    /// Content type.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: poem::Body,
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Response {
        let mut response = Response::builder().content_type(self.content_type);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(self.body)
    }
}

impl ApiResponse for Bytes {
    fn meta() -> MetaResponses {
        let text = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        MetaResponses {
            responses: vec![meta(200, "Done", vec![MetaMediaType { content_type: "text/plain", schema: text }])],
        }
    }
    fn register(_: &mut Registry) {}
}
