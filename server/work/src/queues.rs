//! `/work_queues`: queues by id, and the polls of agents of the 2.x line.

use mintaka_api_filters::{FlowRunView, flow_run_views};
use mintaka_core::records::{FlowRun, StateType, WorkQueue, flow_run, work_queue};
use mintaka_core::{Direction, Filter, Query, Record};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, NoContent, Out, When, list, read, refuse_past};
use mintaka_orchestration::ops::agents::agent_polled;
use mintaka_orchestration::ops::due_runs::{Polled, due_runs_of_queue, mark_polled};
use mintaka_orchestration::ops::work_pools::{DEFAULT_AGENT_POOL, DEFAULT_QUEUE, default_agent_pool, pool_named};
use mintaka_orchestration::ops::work_queues::{
    POLLED_WITHIN, QueueDeleted, QueueEdited, create_queue, delete_queue, queue_named, update_queue,
};
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use crate::polls::wanted;
use crate::queue_body::{FilterWorkQueues, QueueView, WorkQueueCreate, WorkQueueUpdate, queue_view, queue_views};

/// States whose runs occupy a slot of a queue that is read by itself.
pub(crate) const QUEUE_SLOTS: [StateType; 3] = [StateType::Pending, StateType::Running, StateType::Cancelling];

/// What an agent asks for.
#[derive(Debug, Object)]
pub struct PollQueue {
    /// Runs of this time or earlier.
    pub scheduled_before: Option<When>,
    /// At most so many.
    pub limit: Option<i64>,
    /// The agent, of the 2.x line.
    pub agent_id: Option<Uuid>,
}

/// What makes a queue healthy.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WorkQueueHealthPolicy")]
pub struct HealthPolicy {
    /// Late runs that it may have.
    pub maximum_late_runs: Option<i64>,
    /// Seconds within which it must be polled.
    pub maximum_seconds_since_last_polled: Option<i64>,
}

/// Whether a queue is healthy.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "WorkQueueStatusDetail")]
pub struct QueueStatus {
    /// Whether it is.
    pub healthy: bool,
    /// Runs that should have begun.
    pub late_runs_count: i64,
    /// When it was polled last.
    pub last_polled: Option<When>,
    /// What is asked of it.
    pub health_check_policy: HealthPolicy,
}

fn none(id: Uuid) -> ApiError {
    ApiError::detail(StatusCode::NOT_FOUND, format!("Work Queue {id} not found"))
}

/// `/work_queues/`
#[derive(Clone)]
pub struct WorkQueuesRoot {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/work_queues/")]
impl WorkQueuesRoot {
    /// Makes a queue of the default agent pool.
    #[oai(path = "/", method = "post", operation_id = "create_work_queue")]
    async fn create(&self, client: Client, body: Input<WorkQueueCreate>) -> Result<Created<QueueView>, ApiError> {
        let reader = &self.ctx.reader;
        let new = body.0.checked(&client)?;
        let (pool, made_pool) = default_agent_pool(&self.ctx.ops, client.by.line).await?;
        let queue = if made_pool && new.name == DEFAULT_QUEUE {
            // The pool came with it.
            queue_named(reader, pool.id, DEFAULT_QUEUE).await?.map(|seen| seen.record)
        } else {
            create_queue(&self.ctx.ops, pool.id, new, client.by.line).await?
        };
        let queue = queue.ok_or_else(|| ApiError::conflict("A work queue with this name already exists."))?;
        Ok(Created::new(queue_view(&self.ctx, queue, &QUEUE_SLOTS).await?))
    }
}

/// `/work_queues/…`
#[derive(Clone)]
pub struct WorkQueuesApi {
    pub(crate) ctx: Ctx,
}

#[OpenApi(prefix_path = "/work_queues")]
impl WorkQueuesApi {
    /// A queue by id.
    #[oai(path = "/:id", method = "get", operation_id = "read_work_queue")]
    async fn read(&self, id: Path<Uuid>) -> Result<Out<QueueView>, ApiError> {
        let seen = read::<WorkQueue>(&self.ctx, id.0, "work queue").await?;
        Ok(Out(queue_view(&self.ctx, seen.record, &QUEUE_SLOTS).await?))
    }

    /// A queue of the default agent pool by name; of any pool while that one does not exist.
    #[oai(path = "/name/:name", method = "get", operation_id = "read_work_queue_by_name")]
    async fn read_by_name(&self, name: Path<String>) -> Result<Out<QueueView>, ApiError> {
        let reader = &self.ctx.reader;
        let queue = match pool_named(reader, DEFAULT_AGENT_POOL).await? {
            Some(pool) => queue_named(reader, pool.id, &name.0).await?,
            None => {
                reader.first(Query::of(WorkQueue::TABLE).filter(Filter::eq(work_queue::name, name.0.clone()))).await?
            }
        };
        let seen = queue.ok_or_else(|| ApiError::not_found("work queue"))?;
        Ok(Out(queue_view(&self.ctx, seen.record, &QUEUE_SLOTS).await?))
    }

    /// Queues of all pools by name.
    #[oai(path = "/filter", method = "post", operation_id = "filter_work_queues")]
    async fn filter(&self, client: Client, body: Input<FilterWorkQueues>) -> Result<Out<Vec<QueueView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let order = vec![(work_queue::name, Direction::Asc)];
        let queues = list::<WorkQueue>(&self.ctx, body.filter(&client), order, page).await?;
        let queues = queues.into_iter().map(|seen| seen.record).collect();
        Ok(Out(queue_views(&self.ctx, queues, &QUEUE_SLOTS).await?))
    }

    /// Changes a queue. A new priority is only written: no other queue moves.
    #[oai(path = "/:id", method = "patch", operation_id = "update_work_queue")]
    async fn update(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<WorkQueueUpdate>,
    ) -> Result<NoContent, ApiError> {
        let edit = body.checked(&client)?;
        match update_queue(&self.ctx.ops, id.0, &edit, false, client.by.line).await? {
            QueueEdited::Done => Ok(NoContent),
            QueueEdited::Taken => Err(ApiError::integrity()),
            QueueEdited::Missing => Err(none(id.0)),
        }
    }

    /// Deletes a queue.
    #[oai(path = "/:id", method = "delete", operation_id = "delete_work_queue")]
    async fn delete(&self, client: Client, id: Path<Uuid>) -> Result<NoContent, ApiError> {
        match delete_queue(&self.ctx.ops, id.0, client.by.line).await? {
            QueueDeleted::Done => Ok(NoContent),
            QueueDeleted::Missing => Err(ApiError::not_found("work queue")),
            QueueDeleted::IsDefault => Err(ApiError::integrity()),
        }
    }

    /// Runs that an agent may take now.
    #[oai(path = "/:id/get_runs", method = "post", operation_id = "poll_work_queue")]
    async fn poll(
        &self,
        client: Client,
        id: Path<Uuid>,
        body: Input<PollQueue>,
    ) -> Result<Out<Vec<FlowRunView>>, ApiError> {
        let ctx = &self.ctx;
        let limit = refuse_past(body.limit, ctx.settings.default_limit)?;
        let queue = read::<WorkQueue>(ctx, id.0, "work queue").await?;
        let wanted = wanted(ctx, None, body.scheduled_before, limit);
        let due = due_runs_of_queue(&ctx.reader, &queue, wanted).await?;
        if !client.ui {
            let noted = mark_polled(&ctx.ops, Polled::Queues(&[id.0]), ctx.reader.now()).await.map(|_| ());
            let agent = match body.agent_id {
                Some(agent) => agent_polled(&ctx.ops, agent, id.0).await,
                None => Ok(()),
            };
            // Work is handed out even if the note of the poll cannot be written.
            if let Err(error) = noted.and(agent) {
                tracing::warn!(%error, work_queue.id = %id.0, "the poll of a work queue was not noted");
            }
        }
        Ok(Out(flow_run_views(ctx, due.into_iter().map(|due| due.run).collect()).await?))
    }

    /// Whether a queue is healthy.
    #[oai(path = "/:id/status", method = "get", operation_id = "read_work_queue_status")]
    async fn status(&self, id: Path<Uuid>) -> Result<Out<QueueStatus>, ApiError> {
        let queue = read::<WorkQueue>(&self.ctx, id.0, "work queue").await?;
        let late = Filter::eq(flow_run::work_queue_id, id.0)
            .and(Filter::eq(flow_run::state_type, StateType::Scheduled))
            .and(Filter::eq(flow_run::state_name, "Late"));
        let late_runs_count = self.ctx.reader.count::<FlowRun>(late).await?;
        let now = self.ctx.reader.now();
        let polled = queue.last_polled.is_some_and(|at| now.seconds_since(at) <= POLLED_WITHIN);
        Ok(Out(QueueStatus {
            healthy: polled && late_runs_count == 0,
            late_runs_count,
            last_polled: queue.last_polled.map(When),
            health_check_policy: HealthPolicy {
                maximum_late_runs: Some(0),
                maximum_seconds_since_last_polled: Some(POLLED_WITHIN as i64),
            },
        }))
    }
}
