//! From a request to a socket.

use std::sync::Arc;

use mintaka_http::{Client, Ctx};
use poem::error::NotFoundError;
use poem::http::header::{
    CONNECTION, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use poem::http::{Method, StatusCode};
use poem::{Endpoint, Request, Response};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::limits::Shared;
use crate::socket::{Serve, Socket};

/// The sub-protocol that both client lines offer.
const PROTOCOL: &str = "prefect";

/// The endpoint of a socket. A plain request finds nothing there.
pub(crate) fn endpoint<S: Serve>(
    ctx: &Ctx,
    shared: &Arc<Shared>,
    serve: S,
) -> impl Endpoint<Output = Response> + use<S> + 'static {
    let (tasks, stop, shared) = (ctx.tasks.clone(), ctx.stop.clone(), shared.clone());
    poem::endpoint::make(move |request: Request| {
        let (serve, stop, shared, task) = (serve.clone(), stop.clone(), shared.clone(), tasks.token());
        async move {
            let key = key(&request).ok_or(NotFoundError)?;
            let upgraded = request.take_upgrade().map_err(|_| NotFoundError)?;
            let (client, framed) = (Client::of(&request), has(&request, SEC_WEBSOCKET_PROTOCOL, PROTOCOL));
            let mut response = Response::builder()
                .status(StatusCode::SWITCHING_PROTOCOLS)
                .header(CONNECTION, "upgrade")
                .header(UPGRADE, "websocket")
                .header(SEC_WEBSOCKET_ACCEPT, derive_accept_key(key.as_bytes()));
            if framed {
                response = response.header(SEC_WEBSOCKET_PROTOCOL, PROTOCOL);
            }
            tokio::spawn(async move {
                let _task = task;
                let place = shared.place();
                // A client that does not read the answer is given up.
                if let Ok(Ok(connection)) = timeout(shared.limits.patience, upgraded).await {
                    let has_place = place.is_some();
                    Socket::new(connection, S::MAX_MESSAGE, client, framed, shared, stop)
                        .await
                        .run(has_place, serve)
                        .await;
                }
            });
            Ok::<_, poem::Error>(response.finish())
        }
    })
}

/// The key of a request that asks for a socket (RFC 6455, section 4.2.1).
fn key(request: &Request) -> Option<String> {
    let asks = request.method() == Method::GET
        && has(request, UPGRADE, "websocket")
        && has(request, CONNECTION, "upgrade")
        && has(request, SEC_WEBSOCKET_VERSION, "13");
    let key = asks.then(|| request.headers().get(SEC_WEBSOCKET_KEY)).flatten()?;
    key.to_str().ok().map(str::to_owned)
}

/// Whether a header that is a list has this item.
fn has(request: &Request, header: HeaderName, item: &str) -> bool {
    let values = request.headers().get_all(header);
    let items = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    items.map(str::trim).any(|one| one.eq_ignore_ascii_case(item))
}
