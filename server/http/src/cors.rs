//! Calls from web pages of other origins (CORS): every page may call, with every method and header, and is given no
//! credentials (wire: the stock server's default). poem's middleware is not used: it overwrites `Vary`, and refuses an
//! `OPTIONS` that is no preflight.

use poem::http::{HeaderValue, Method, header};
use poem::{Request, Response};

/// wire: the methods that a preflight is told of.
const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
/// wire: for how many seconds a page may remember that.
const MAX_AGE: &str = "600";

/// Whether a web page calls.
pub(crate) fn is_from_page(request: &Request) -> bool {
    request.headers().contains_key(header::ORIGIN)
}

/// The answer to a browser that asks whether a page may call.
pub(crate) fn preflight(request: &Request) -> Option<Response> {
    let headers = request.headers();
    if request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return None;
    }
    let mut answer = Response::builder()
        .header(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS)
        .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    if let Some(wanted) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer = answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS, wanted);
    }
    Some(answer.content_type("text/plain").body("OK"))
}

/// Lets the page see the answer.
pub(crate) fn allow(answer: &mut Response) {
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
}
