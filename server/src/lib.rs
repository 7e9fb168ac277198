//! The whole of the API: resources joined under one prefix, the document that describes them, and what surrounds them.

mod document;

use std::sync::Arc;

use mintaka_http::{Ctx, Layer, PREFIX};
use mintaka_orchestration::secrets::Sealer;
use poem::endpoint::make_sync;
use poem::web::Html;
use poem::{Endpoint, IntoResponse, Response, Route};
use poem_openapi::{OpenApi, OpenApiService};

pub use document::{document, paths};

/// Version of the API's document.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// All resources.
pub(crate) fn resources(ctx: &Ctx, sealer: Arc<Sealer>) -> impl OpenApi + 'static {
    (
        mintaka_api_runs::apis(ctx),
        mintaka_api_work::apis(ctx),
        mintaka_api_blocks::apis(ctx, sealer),
        mintaka_api_misc::apis(ctx),
        mintaka_api_events::apis(ctx),
    )
}

/// Everything that the server answers: the API under `/api`, its document, and a page that says where it is.
pub fn endpoint(ctx: &Ctx, sealer: Arc<Sealer>) -> impl Endpoint<Output = Response> + 'static {
    let document = Arc::new(document(ctx, sealer.clone()));
    let paths = paths(&document);
    let text: Arc<str> = document.to_string().into();
    let of_document = move || {
        let text = text.clone();
        make_sync(move |_| Response::builder().content_type("application/json").body(text.to_string()))
    };
    let service = OpenApiService::new(resources(ctx, sealer), "Mintaka", VERSION);
    let api = mintaka_api_events::sockets(ctx).at("/openapi.json", of_document()).nest("/", service);
    let routes = Route::new()
        .at("/", make_sync(|_| Html(include_str!("welcome.html")).into_response()))
        .at("/openapi.json", of_document())
        .nest(PREFIX, api);
    Layer::new(routes, paths).with_settings(&ctx.settings)
}
