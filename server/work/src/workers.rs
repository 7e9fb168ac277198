//! `/work_pools/…/workers`: processes that take runs of a pool.

use mintaka_api_filters::Operator;
use mintaka_api_filters::leaf::{Leaf, TextFilter, TimeFilter};
use mintaka_core::records::{Worker, WorkerStatus, worker};
use mintaka_core::{Direction, Filter, Time};
use mintaka_http::{ApiError, Client, Ctx, Input, NoContent, Out, Page, View, list};
use mintaka_orchestration::ops::liveness::{Patience, heartbeat};
use mintaka_orchestration::ops::work_pools::delete_worker;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};

use crate::names::no_pool;
use crate::pools::pool;

/// Which workers.
#[derive(Clone, Debug, Default, Object)]
pub struct WorkerFilter {
    /// How the criteria are combined.
    #[oai(default)]
    pub operator: Operator,
    /// By the time of the last heartbeat.
    pub last_heartbeat_time: Option<TimeFilter>,
    /// By status.
    pub status: Option<TextFilter>,
}

impl WorkerFilter {
    fn to_filter(&self) -> Filter {
        let time = self.last_heartbeat_time.as_ref().map(|leaf| leaf.on(worker::last_heartbeat_time));
        let status = self.status.as_ref().map(|leaf| leaf.on(worker::status));
        self.operator.combine([time, status].into_iter().flatten().collect())
    }
}

/// A page of workers.
#[derive(Debug, Default, Object)]
pub struct FilterWorkers {
    /// Limit and offset.
    #[oai(flatten)]
    pub page: Page,
    /// Which workers.
    pub workers: Option<WorkerFilter>,
}

/// A sign of life.
#[derive(Debug, Object)]
pub struct WorkerHeartbeat {
    /// The worker's name.
    pub name: String,
    /// How often it will report, in seconds.
    pub heartbeat_interval_seconds: Option<i64>,
}

/// `/work_pools/…/workers`
#[derive(Clone)]
pub struct WorkersApi {
    pub(crate) ctx: Ctx,
}

/// The status of a worker at some time: clients of the 2.x line see it as of now, those of 3.x as it was noted.
fn shown(mut worker: Worker, client: &Client, now: Time) -> View<Worker> {
    if client.is_v2() {
        let patience = Patience::default();
        let interval = worker.heartbeat_interval_seconds.map_or(patience.heartbeat_interval, |seconds| seconds as f64);
        let alive =
            worker.last_heartbeat_time.is_some_and(|last| now.seconds_since(last) <= interval * patience.heartbeats);
        worker.status = if alive { WorkerStatus::Online } else { WorkerStatus::Offline };
    }
    worker.into()
}

#[OpenApi(prefix_path = "/work_pools")]
impl WorkersApi {
    /// Notes that a worker is alive.
    #[oai(path = "/:work_pool_name/workers/heartbeat", method = "post", operation_id = "worker_heartbeat")]
    async fn heartbeat(
        &self,
        work_pool_name: Path<String>,
        body: Input<WorkerHeartbeat>,
    ) -> Result<NoContent, ApiError> {
        let seen = pool(&self.ctx, &work_pool_name.0).await?;
        let now = self.ctx.reader.now();
        let noted = heartbeat(&self.ctx.ops, seen.id, &body.name, body.heartbeat_interval_seconds, now).await?;
        noted.map(|_| NoContent).ok_or_else(|| no_pool(&work_pool_name.0))
    }

    /// Workers of a pool, the one that reported last first.
    #[oai(path = "/:work_pool_name/workers/filter", method = "post", operation_id = "filter_workers")]
    async fn filter(
        &self,
        client: Client,
        work_pool_name: Path<String>,
        body: Input<FilterWorkers>,
    ) -> Result<Out<Vec<View<Worker>>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let of = pool(&self.ctx, &work_pool_name.0).await?;
        let mut filter = Filter::eq(worker::work_pool_id, of.id);
        if let Some(workers) = &body.workers {
            filter = filter.and(workers.to_filter());
        }
        let order = vec![(worker::last_heartbeat_time, Direction::Desc)];
        let now = self.ctx.reader.now();
        let workers = list::<Worker>(&self.ctx, filter, order, page).await?;
        Ok(Out(workers.into_iter().map(|seen| shown(seen.record, &client, now)).collect()))
    }

    /// Deletes a worker.
    #[oai(path = "/:work_pool_name/workers/:name", method = "delete", operation_id = "delete_worker")]
    async fn delete(&self, work_pool_name: Path<String>, name: Path<String>) -> Result<NoContent, ApiError> {
        let of = pool(&self.ctx, &work_pool_name.0).await?;
        match delete_worker(&self.ctx.ops, of.id, &name.0).await? {
            true => Ok(NoContent),
            false => Err(ApiError::not_found("Worker")),
        }
    }
}
