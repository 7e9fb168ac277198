//! Whether the server is there, and what it speaks.

use mintaka_http::{ApiError, Client, Ctx, Out, Problem, Raw};
use mintaka_orchestration::caller::API_VERSION;
use poem::http::StatusCode;
use poem_openapi::OpenApi;
use poem_openapi::param::Query;
use serde_json::json;

use crate::Tag;

#[derive(Clone)]
pub(crate) struct RootApi {
    pub ctx: Ctx,
}

#[OpenApi(tag = "Tag::Root")]
impl RootApi {
    /// Whether the server answers.
    #[oai(path = "/health", method = "get", operation_id = "read_health")]
    async fn health(&self) -> Out<bool> {
        Out(true)
    }

    /// Whether the server and its storage can take requests.
    #[oai(path = "/ready", method = "get", operation_id = "read_readiness")]
    async fn ready(&self) -> Raw {
        match self.ctx.reader.heads().await {
            Ok(_) => Raw::ok(json!({"message": "OK"})),
            Err(error) => {
                tracing::warn!(%error, "not ready");
                let value = json!({"message": "Database is not available"});
                Raw { status: StatusCode::SERVICE_UNAVAILABLE, value }
            }
        }
    }

    /// Says hello.
    #[oai(path = "/hello", method = "get", operation_id = "say_hello")]
    async fn hello(&self) -> Out<String> {
        Out("👋".into())
    }

    /// The version of the API.
    #[oai(path = "/version", method = "get", operation_id = "read_api_version")]
    async fn version(&self) -> Out<String> {
        let (major, minor, patch) = API_VERSION;
        Out(format!("{major}.{minor}.{patch}"))
    }

    /// A token against cross-site requests. There is none to be had: a client that is told so stops asking.
    #[oai(path = "/csrf-token", method = "get", operation_id = "create_csrf_token")]
    async fn csrf_token(&self, client: Query<Option<String>>, caller: Client) -> Result<Raw, ApiError> {
        if client.0.is_none() {
            return Err(ApiError::invalid(
                vec![Problem::missing("query", "client", &serde_json::Value::Null, &caller)],
                None,
            ));
        }
        Err(ApiError::unprocessable("CSRF protection is disabled."))
    }
}
