//! The API of deployments and of the places where their runs go: work pools, queues, workers.

mod deployment_body;
mod deployment_runs;
mod deployment_upsert;
mod deployment_view;
mod deployments;
mod named_schedules;
mod names;
mod polls;
mod pool_queues;
mod pools;
mod queue_body;
mod queues;
mod schedules;
mod schemas;
mod slots;
mod workers;

use mintaka_http::Ctx;
use poem_openapi::OpenApi;

/// All resources of this crate.
pub fn apis(ctx: &Ctx) -> impl OpenApi + Clone + use<> {
    (
        (
            pools::WorkPoolsRoot { ctx: ctx.clone() },
            pools::WorkPoolsApi { ctx: ctx.clone() },
            pool_queues::PoolQueuesApi { ctx: ctx.clone() },
            workers::WorkersApi { ctx: ctx.clone() },
            queues::WorkQueuesRoot { ctx: ctx.clone() },
            queues::WorkQueuesApi { ctx: ctx.clone() },
        ),
        (
            deployment_upsert::DeploymentsRoot { ctx: ctx.clone() },
            deployments::DeploymentsApi { ctx: ctx.clone() },
            schedules::SchedulesApi { ctx: ctx.clone() },
            deployment_runs::DeploymentRunsApi { ctx: ctx.clone() },
            schemas::SchemasApi { ctx: ctx.clone() },
            slots::SlotsApi { ctx: ctx.clone() },
        ),
    )
}
