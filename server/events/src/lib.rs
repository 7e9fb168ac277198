//! Events, logs and background task runs as they come and go: the API's sockets, and `/events` and `/task_workers`.

mod counts;
mod criteria;
mod due_tasks;
mod end;
mod filter;
mod filter_limits;
mod glob;
mod intake;
mod limits;
mod line;
mod outlet;
mod page_size;
mod pages;
mod pattern;
mod positions;
mod resource_criteria;
mod rest;
mod scan;
mod socket;
mod tail;
mod task_subscription;
mod task_workers;
mod upgrade;

use std::sync::Arc;

use mintaka_http::{ApiError, Ctx};
use poem::endpoint::make_sync;
use poem::http::StatusCode;
use poem::{IntoResponse, Route};
use poem_openapi::{OpenApi, Tags};

use crate::limits::Shared;
use crate::positions::Followed;
use crate::upgrade::endpoint;

pub use counts::{Countable, EventCount, TimeUnit};
pub use filter::{
    EventAnyResourceFilter, EventFilter, EventIdFilter, EventNameFilter, EventOccurredFilter, EventOrder,
    EventRelatedFilter, EventResourceFilter, EventTextFilter, OneOrMany, ResourceSpecification,
};
pub use limits::SocketLimits;
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
    sockets_within(ctx, SocketLimits::default())
}

/// As [`sockets`], within other limits.
pub fn sockets_within(ctx: &Ctx, limits: SocketLimits) -> Route {
    let shared = Shared::new(limits);
    let followed = Arc::new(Followed::default());
    let workers = task_workers::TaskWorkers::of(ctx);
    let (events, logs) = (
        outlet::EventsOut { ctx: ctx.clone(), followed: followed.clone() },
        outlet::LogsOut { ctx: ctx.clone(), followed },
    );
    let runs = task_subscription::TaskSubscription { ctx: ctx.clone(), workers, awaited: Arc::default() };
    Route::new()
        .at("/events/in", endpoint(ctx, &shared, intake::Intake(ctx.clone())))
        .at("/events/out", endpoint(ctx, &shared, events))
        .at("/logs/out", endpoint(ctx, &shared, logs))
        .at("/task_runs/subscriptions/scheduled", endpoint(ctx, &shared, runs))
        .at(
            "/work_pools/:work_pool_name/workers/connect",
            // wire W11.11: answered below 500, a worker of 3.9 takes it that there is no worker channel, and uses
            // requests.
            make_sync(|_| ApiError::detail(StatusCode::NOT_FOUND, "Not Found").into_response()),
        )
}
