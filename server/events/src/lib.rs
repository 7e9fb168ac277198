//! Events, logs and background task runs as they come and go: the API's sockets, and `/events` and `/task_workers`.

mod counts;
mod criteria;
mod filter;
mod intake;
mod outlet;
mod pages;
mod pattern;
mod rest;
mod scan;
mod socket;
mod tail;
mod task_subscription;
mod task_workers;

use mintaka_http::{ApiError, Ctx};
use poem::endpoint::make_sync;
use poem::http::StatusCode;
use poem::{IntoResponse, Route};
use poem_openapi::{OpenApi, Tags};

pub use counts::{Countable, EventCount, TimeUnit};
pub use filter::{
    EventAnyResourceFilter, EventFilter, EventIdFilter, EventNameFilter, EventOccurredFilter, EventOrder,
    EventRelatedFilter, EventResourceFilter, EventTextFilter, OneOrMany, ResourceSpecification,
};
pub use rest::EventsApi;
pub use task_workers::TaskWorkersApi;

#[derive(Tags)]
enum Tag {
    /// What happened, to what.
    Events,
    /// Processes that serve background tasks.
    #[oai(rename = "Task Workers")]
    TaskWorkers,
}

/// The resources of this crate.
pub fn apis(ctx: &Ctx) -> impl OpenApi + Clone + use<> {
    (EventsApi { ctx: ctx.clone() }, TaskWorkersApi { workers: task_workers::TaskWorkers::of(ctx) })
}

/// The sockets of the API, with paths relative to its prefix. Each runs in the context's task tracker, and is closed
/// with 1012 when the context stops.
pub fn sockets(ctx: &Ctx) -> Route {
    let workers = task_workers::TaskWorkers::of(ctx);
    Route::new()
        .at("/events/in", socket::endpoint(ctx, intake::Intake(ctx.clone())))
        .at("/events/out", socket::endpoint(ctx, outlet::EventsOut(ctx.clone())))
        .at("/logs/out", socket::endpoint(ctx, outlet::LogsOut(ctx.clone())))
        .at(
            "/task_runs/subscriptions/scheduled",
            socket::endpoint(ctx, task_subscription::TaskSubscription { ctx: ctx.clone(), workers }),
        )
        .at(
            "/work_pools/:work_pool_name/workers/connect",
            // wire: answered below 500, a worker of 3.9 takes it that there is no worker channel, and uses requests.
            make_sync(|_| ApiError::detail(StatusCode::NOT_FOUND, "Not Found").into_response()),
        )
}
