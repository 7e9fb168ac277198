//! What browsers are told of web pages of other origins that may call (CORS); no page is given credentials. poem's
//! middleware is not used: it overwrites `Vary`, and refuses an `OPTIONS` that is no preflight.

use poem::http::{HeaderValue, Method, header};
use poem::{Request, Response};

use crate::Settings;

/// Methods that are allowed unless the settings say otherwise.
const METHODS: &str = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT";
/// For how many seconds a browser may remember an answer.
const MAX_AGE: &str = "600";

/// What pages that may call may do.
pub(crate) struct Cors {
    methods: String,
    /// `None` for any.
    headers: Option<String>,
}

impl Cors {
    pub(crate) fn new(settings: &Settings) -> Cors {
        let all = |list: &[String]| list.is_empty() || list.iter().any(|one| one == "*");
        let list = |list: &[String]| (!all(list)).then(|| list.join(", "));
        Cors {
            methods: list(&settings.cors_methods).unwrap_or_else(|| METHODS.to_owned()),
            headers: list(&settings.cors_headers),
        }
    }

    /// The answer to a browser that asks whether a page may call.
    pub(crate) fn preflight(&self, request: &Request) -> Option<Response> {
        let headers = request.headers();
        if request.method() != Method::OPTIONS || !headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let mut answer = Response::builder()
            .header(header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods)
            .header(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        let wanted = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
        let allowed = self.headers.as_ref().map(HeaderValue::try_from).and_then(Result::ok);
        if let Some(names) = allowed.as_ref().or(wanted) {
            answer = answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS, names);
        }
        Some(answer.content_type("text/plain").body("OK"))
    }
}

/// Lets the page see the answer.
pub(crate) fn allow(answer: &mut Response, page: HeaderValue) {
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, page);
}
