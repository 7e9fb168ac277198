//! What surrounds every route: the API's prefix, version check, redirects to the other spelling of a slash, bodies of
//! errors, calls from web pages, and compression.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::body::Body as _;
use mintaka_orchestration::caller::ClientLine;
use poem::error::{MethodNotAllowedError, NotFoundError, ParsePathError};
use poem::http::{HeaderValue, StatusCode, Uri, header};
use poem::{Endpoint, IntoResponse, Request, Response, Result};
use poem_openapi::error::{ParseParamError, ParseRequestPayloadError};

use crate::aside::{Aside, LONG_FROM, aside};
use crate::cors::{self, Cors};
use crate::gate::{Gate, Sender};
use crate::json::path_without_nul;
use crate::{ApiError, Client, Problem, Settings, echo};

/// Where the API lives.
pub const PREFIX: &str = "/api";

/// Answers shorter than this many bytes are not compressed (wire W1.8).
const GZIP_FROM: usize = 500;

/// The least API version that is served (wire W1.3).
const LEAST_API_VERSION: (u32, u32, u32) = (0, 8, 0);

/// Wraps the whole of the API.
pub struct Layer<E> {
    inner: E,
    /// Paths of the document that end in a slash, or do not, with parameters as `{}`.
    paths: Arc<BTreeSet<String>>,
    /// The line of clients that do not say who they are.
    unnamed: ClientLine,
    gate: Gate,
    cors: Cors,
}

impl<E> Layer<E> {
    /// Wraps `inner`, at the default settings; `paths` are those of the document, relative to [`PREFIX`].
    pub fn new(inner: E, paths: impl IntoIterator<Item = String>) -> Layer<E> {
        let paths = Arc::new(paths.into_iter().collect());
        let settings = Settings::default();
        Layer { inner, paths, unnamed: settings.unnamed_clients, gate: Gate::default(), cors: Cors::new(&settings) }
    }

    /// The same with these settings.
    pub fn with_settings(self, settings: &Settings) -> Layer<E> {
        Layer { unnamed: settings.unnamed_clients, gate: Gate::new(settings), cors: Cors::new(settings), ..self }
    }

    /// The other spelling of a path, if the document has it.
    fn other_slash(&self, path: &str) -> Option<String> {
        let inner = path.strip_prefix(PREFIX)?;
        let other = match inner.strip_suffix('/') {
            Some(shorter) => shorter.to_owned(),
            None => format!("{inner}/"),
        };
        let known = self.paths.iter().any(|template| matches_template(template, &other));
        known.then(|| format!("{PREFIX}{other}"))
    }
}

fn matches_template(template: &str, path: &str) -> bool {
    let (mut t, mut p) = (template.split('/'), path.split('/'));
    loop {
        match (t.next(), p.next()) {
            (None, None) => return true,
            (Some(t), Some(p)) if t == p || (t.starts_with('{') && !p.is_empty()) => {}
            _ => return false,
        }
    }
}

impl<E: Endpoint> Endpoint for Layer<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let begun = Instant::now();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let agent = request.headers().get(header::USER_AGENT).cloned();
        let mut response = match self.gate.pass(&request) {
            Err(refused) => refused.into_response(),
            Ok(Sender::Own) => self.answer(request).await?,
            Ok(Sender::Page(page)) => {
                let mut response = match self.cors.preflight(&request) {
                    Some(answer) => answer,
                    None => self.answer(request).await?,
                };
                cors::allow(&mut response, page);
                response
            }
        };
        if self.gate.tells_pages_apart() {
            response.headers_mut().append(header::VARY, HeaderValue::from_static("origin"));
        }
        let (status, ms) = (response.status().as_u16(), begun.elapsed().as_secs_f64() * 1e3);
        let client = agent.as_ref().and_then(|agent| agent.to_str().ok()).unwrap_or_default();
        match status {
            500.. if status != 501 => {
                tracing::warn!(%method, path = uri.path(), status, ms, client, "request failed");
            }
            _ => tracing::debug!(%method, path = uri.path(), status, ms, client, "request"),
        }
        Ok(response)
    }
}

impl<E: Endpoint> Layer<E> {
    async fn answer(&self, mut request: Request) -> Result<Response> {
        request.set_data(self.unnamed);
        let is_v2 = Client::of(&request).is_v2();
        let uri = request.uri().clone();
        let gzip = accepts_gzip(&request);
        if let Err(refused) = check_api_version(&request, uri.path()) {
            return Ok(refused.into_response());
        }
        if let Err(refused) = check_type(&mut request) {
            return Ok(refused.into_response());
        }
        let path = request.uri().path_and_query().and_then(|path| path_without_nul(path.as_str()));
        if let Some(path) = path.and_then(|path| path.parse::<Uri>().ok()) {
            *request.uri_mut() = path;
        }
        let answer = match has_long_body(&request) {
            true => Aside::new(self.inner.call(request)).await,
            false => self.inner.call(request).await,
        };
        let response = match answer {
            Ok(response) => response.into_response(),
            Err(error) if error.is::<NotFoundError>() => match self.other_slash(uri.path()) {
                Some(path) => {
                    let location = uri.query().map_or(path.clone(), |query| format!("{path}?{query}"));
                    Response::builder().status(StatusCode::TEMPORARY_REDIRECT).header("Location", location).finish()
                }
                None => ApiError::detail(StatusCode::NOT_FOUND, "Not Found").into_response(),
            },
            Err(error) => body_of(error, is_v2 && !knows_only_ids(uri.path())),
        };
        Ok(if gzip { compressed(response).await } else { response })
    }
}

/// Whether a path that has no identifier where it needs one does not exist for the 2.x line either. (wire W2.9: the routes whose
/// pattern takes nothing but identifiers there)
fn knows_only_ids(path: &str) -> bool {
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let of = ["/automations/", "/block_documents/", "/variables/"];
    let ends =
        ["/graph-v2", "/pause_deployment", "/resume_deployment", "/set_schedule_active", "/set_schedule_inactive"];
    of.iter().any(|start| path.starts_with(start)) || ends.iter().any(|end| path.ends_with(end))
}

/// `names_values`: whether a path parameter that cannot be read is a wrong value, not an unknown path.
fn body_of(error: poem::Error, names_values: bool) -> Response {
    if error.is::<MethodNotAllowedError>() {
        ApiError::detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed").into_response()
    } else if let Some(fault) = error.downcast_ref::<poem_openapi::error::ParsePathError>()
        && names_values
    {
        refused("path", fault.name, &fault.reason)
    } else if error.is::<ParsePathError>() || error.is::<poem_openapi::error::ParsePathError>() {
        // wire W2.9: an id that is no UUID is a path that does not exist in the 3.x line, and mostly a wrong value in the 2.x line.
        ApiError::detail(StatusCode::NOT_FOUND, "Not Found").into_response()
    } else if let Some(fault) = error.downcast_ref::<ParseParamError>() {
        refused("query", fault.name, &fault.reason)
    } else if let Some(fault) = error.downcast_ref::<ParseRequestPayloadError>() {
        ApiError::member("body", fault.reason.clone()).into_response()
    } else if error.is::<ApiError>() {
        error.into_response()
    } else {
        let status = error.status();
        if status.is_server_error() {
            tracing::error!(%error, "request failed");
            return ApiError::message(status, "Internal Server Error").into_response();
        }
        ApiError::detail(status, error.to_string()).into_response()
    }
}

/// 422 for a parameter.
fn refused(place: &str, name: &str, reason: &str) -> Response {
    let loc = vec![place.into(), name.into()];
    let problem = Problem { r#type: "value_error".into(), loc, msg: reason.to_owned(), input: None };
    ApiError::invalid(vec![problem], None).into_response()
}

fn check_api_version(request: &Request, path: &str) -> Result<(), ApiError> {
    let Some(header) = request.headers().get("x-prefect-api-version") else { return Ok(()) };
    if path.ends_with("/health") || path.ends_with("/version") {
        return Ok(());
    }
    let refuse = |why: String| ApiError::detail(StatusCode::BAD_REQUEST, why);
    let text = header.to_str().unwrap_or_default();
    let mut parts = text.split('.').map(|n| n.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten(), parts.next().flatten(), parts.next()) {
        (Some(a), Some(b), Some(c), None) if (a, b, c) >= LEAST_API_VERSION => Ok(()),
        (Some(_), Some(_), Some(_), None) => {
            let (a, b, c) = LEAST_API_VERSION;
            Err(refuse(format!(
                "The client speaks API version {text}, which is too old: this server needs {a}.{b}.{c} or newer. \
                 Upgrade the client."
            )))
        }
        _ => Err(refuse(format!(
            "Invalid X-PREFECT-API-VERSION header format. A version has the form x.y.z, which {text:?} has not."
        ))),
    }
}

/// Whether reading the body, and what is made of it, may take long.
fn has_long_body(request: &Request) -> bool {
    let header = |name| request.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match header(header::CONTENT_LENGTH) {
        Some(length) => length.parse().is_ok_and(|length: u64| length >= LONG_FROM),
        None => header(header::CONTENT_TYPE).is_some() || header(header::TRANSFER_ENCODING).is_some(),
    }
}

/// Bodies are JSON. One without a type is read as such (wire W2.1: 3.x clients before 3.6.19 send none).
fn check_type(request: &mut Request) -> Result<(), ApiError> {
    let types = request.headers().get_all(header::CONTENT_TYPE);
    let Some(other) = types.iter().find(|one| !one.to_str().is_ok_and(is_json)) else { return Ok(()) };
    let detail = format!(
        "Bodies are read as application/json, and this one says that it is {:?}.",
        echo::cut(&String::from_utf8_lossy(other.as_bytes()), echo::NAME)
    );
    let body = request.take_body();
    let is_empty = body.is_empty();
    request.set_body(body);
    if is_empty { Ok(()) } else { Err(ApiError::detail(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)) }
}

/// Whether a content type is JSON, whatever its parameters.
fn is_json(text: &str) -> bool {
    let name = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    name == "application/json" || (name.contains('/') && name.ends_with("+json"))
}

fn accepts_gzip(request: &Request) -> bool {
    let accepts = request.headers().get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accepts.split(',').any(|one| {
        let mut parts = one.trim().split(';');
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip"))
            && !parts.any(|q| matches!(q.trim(), "q=0" | "q=0.0"))
    })
}

async fn compressed(response: Response) -> Response {
    if response.headers().contains_key(header::CONTENT_ENCODING) || response.status() == StatusCode::SWITCHING_PROTOCOLS
    {
        return response;
    }
    let (parts, body) = hyper::Response::from(response).into_parts();
    let restored = |body: poem::Body| {
        let mut response = body.into_response();
        response.set_status(parts.status);
        *response.headers_mut() = parts.headers;
        response
    };
    if body.size_hint().exact().is_none_or(|size| size < GZIP_FROM as u64) {
        return restored(body.into());
    }
    let Ok(body) = poem::Body::from(body).into_bytes().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let is_long = body.len() as u64 >= LONG_FROM;
    let packed = if is_long { aside(|| pack(&body)) } else { pack(&body) };
    let Ok(packed) = packed else { return restored(body.into()) };
    let mut response = restored(packed.into());
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

fn pack(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::new(1));
    encoder.write_all(bytes)?;
    encoder.finish()
}
