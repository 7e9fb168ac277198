//! What a client is told when a request fails. One type, and one place for every body.

use mintaka_core::Error;
use mintaka_orchestration::error::OpError;
use poem::http::StatusCode;
use poem::{IntoResponse, Response};
use poem_openapi::ApiResponse;
use poem_openapi::registry::{MetaResponses, Registry};
use serde_json::{Value, json};

use crate::echo;
use crate::problem::{Problem, Problems};

/// A failed request: status, body, and for some a time after which to try again.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{status}: {body}")]
pub struct ApiError {
    status: StatusCode,
    body: Value,
    retry_after: Option<f64>,
}

impl ApiError {
    /// `{"detail": …}`
    pub fn detail(status: StatusCode, detail: impl Into<String>) -> ApiError {
        ApiError::body(status, json!({"detail": detail.into()}))
    }

    /// `{"exception_message": …}`
    pub fn message(status: StatusCode, message: impl Into<String>) -> ApiError {
        ApiError::body(status, json!({"exception_message": message.into()}))
    }

    /// Any body. Long texts in it are cut: it may repeat what was sent.
    pub fn body(status: StatusCode, mut body: Value) -> ApiError {
        echo::cut_texts(&mut body);
        ApiError { status, body, retry_after: None }
    }

    /// 404 `{"detail": "Flow run not found"}` for `what` = "Flow run".
    pub fn not_found(what: &str) -> ApiError {
        ApiError::detail(StatusCode::NOT_FOUND, format!("{what} not found"))
    }

    /// 409 with a text of its own.
    pub fn conflict(detail: impl Into<String>) -> ApiError {
        ApiError::detail(StatusCode::CONFLICT, detail)
    }

    /// 409 for a unique or foreign key that does not hold.
    pub fn integrity() -> ApiError {
        ApiError::conflict(
            "Data integrity conflict. This usually means a unique or foreign key constraint was violated. \
             See server logs for details.",
        )
    }

    /// 422 with a text of its own.
    pub fn unprocessable(detail: impl Into<String>) -> ApiError {
        ApiError::detail(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 422 for a body that does not fit its schema. The first problems are told, and the beginning of the body without
    /// its secrets.
    pub fn invalid(problems: Vec<Problem>, request_body: Option<&Value>) -> ApiError {
        ApiError::with_problems(problems.into(), request_body)
    }

    /// As [`ApiError::invalid`].
    pub(crate) fn with_problems(problems: Problems, request_body: Option<&Value>) -> ApiError {
        let request_body = request_body.map(|body| echo::shown(body, echo::BODY));
        ApiError::body(
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({
                "exception_message": "Invalid request received.",
                "exception_detail": problems.told(),
                "request_body": request_body,
            }),
        )
    }

    /// 422 for one member of a body.
    pub fn member(member: &str, msg: impl Into<String>) -> ApiError {
        ApiError::invalid(vec![Problem::value(member, msg)], None)
    }

    /// 503 for now: the client is to try again in a second.
    pub fn busy(detail: impl Into<String>) -> ApiError {
        ApiError { retry_after: Some(1.0), ..ApiError::detail(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// 501 for what is not there yet.
    pub fn not_yet(what: &str) -> ApiError {
        ApiError::detail(StatusCode::NOT_IMPLEMENTED, format!("{what} is not available in this version of Mintaka."))
    }

    /// The body.
    #[cfg(test)]
    pub(crate) fn shown(&self) -> &Value {
        &self.body
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> ApiError {
        match error {
            Error::Unavailable(why) => {
                tracing::warn!(error = %why, "storage is unavailable");
                ApiError {
                    retry_after: Some(1.0),
                    ..ApiError::message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
                }
            }
            Error::Indeterminate(why) => {
                tracing::error!(error = %why, "the outcome of a write is unknown");
                ApiError {
                    retry_after: Some(1.0),
                    ..ApiError::message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
                }
            }
            Error::Closed => ApiError {
                retry_after: Some(1.0),
                ..ApiError::message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            },
            Error::Unsupported(what) => ApiError::detail(StatusCode::NOT_IMPLEMENTED, what),
            Error::TooLarge(what) => ApiError::detail(StatusCode::PAYLOAD_TOO_LARGE, what),
            Error::Refused(why) => {
                tracing::error!(error = %why, "the store cannot be used any more");
                ApiError::message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            other => {
                tracing::error!(error = %other, "request failed");
                ApiError::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }
}

impl From<OpError> for ApiError {
    fn from(error: OpError) -> ApiError {
        match error {
            OpError::NotFound(text) => ApiError::detail(StatusCode::NOT_FOUND, text),
            OpError::Conflict(text) => ApiError::conflict(text),
            OpError::Invalid(text) => ApiError::unprocessable(text),
            OpError::Refused(text) => ApiError::detail(StatusCode::BAD_REQUEST, text),
            OpError::Forbidden(text) => ApiError::detail(StatusCode::FORBIDDEN, text),
            OpError::Storage(error) => error.into(),
        }
    }
}

impl poem::error::ResponseError for ApiError {
    fn status(&self) -> StatusCode {
        self.status
    }
    fn as_response(&self) -> Response {
        self.clone().into_response()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::builder().status(self.status).content_type("application/json");
        if let Some(seconds) = self.retry_after {
            response = response.header("Retry-After", seconds.to_string());
        }
        response.body(self.body.to_string())
    }
}

impl ApiResponse for ApiError {
    fn meta() -> MetaResponses {
        MetaResponses { responses: Vec::new() }
    }
    fn register(_: &mut Registry) {}
}
