//! A small API behind the layer.

use futures_util::{SinkExt, StreamExt};
use mintaka_http::{ApiError, Input, Layer, NoContent, Nullable, Out, PREFIX};
use poem::endpoint::make_sync;
use poem::web::websocket::WebSocket;
use poem::{Endpoint, IntoResponse, Route, get, handler};
use poem_openapi::param::{Path, Query};
use poem_openapi::{Object, OpenApi, OpenApiService};
use serde_json::{Value, json};

#[derive(Object)]
pub struct Thing {
    name: String,
    size: i64,
    data: Option<Value>,
}

pub struct Things;

#[OpenApi(prefix_path = "/things")]
impl Things {
    #[oai(path = "/echo", method = "post", operation_id = "echo")]
    async fn echo(&self, body: Input<Thing>) -> Out<Value> {
        Out(json!({"name": body.name, "size": body.size, "data": body.data}))
    }

    #[oai(path = "/named/:name", method = "get", operation_id = "named")]
    async fn named(&self, name: Path<String>, also: Query<Option<String>>) -> Out<Value> {
        Out(json!([name.0, also.0]))
    }

    /// Reads no body.
    #[oai(path = "/touch", method = "post", operation_id = "touch")]
    async fn touch(&self) -> NoContent {
        NoContent
    }

    #[oai(path = "/later", method = "post", operation_id = "later")]
    async fn later(&self) -> Result<NoContent, ApiError> {
        Err(ApiError::not_yet("This"))
    }

    /// An answer of so many KiB.
    #[oai(path = "/long/:size", method = "get", operation_id = "long")]
    async fn long(&self, size: Path<usize>) -> Out<Value> {
        Out(json!("x".repeat(size.0 << 10)))
    }

    #[oai(path = "/none", method = "get", operation_id = "none")]
    async fn none(&self) -> Out<Nullable<f64>> {
        Out(Nullable(None))
    }
}

/// Says what it hears.
#[handler]
fn socket(upgrade: WebSocket) -> impl IntoResponse {
    upgrade.on_upgrade(|mut stream| async move {
        while let Some(Ok(message)) = stream.next().await {
            if stream.send(message).await.is_err() {
                break;
            }
        }
    })
}

pub fn endpoint() -> Layer<impl Endpoint + 'static> {
    let service = OpenApiService::new(Things, "test", "1");
    let api = Route::new().at("/health", make_sync(|_| "true")).at("/socket", get(socket)).nest("/", service);
    Layer::new(Route::new().nest(PREFIX, api), ["/slash/".to_owned()])
}
