//! `/work_pools/…/queues`: queues of one pool, by name.

use mintaka_core::records::{WorkQueue, work_queue};
use mintaka_core::{Direction, Filter, Versioned};
use mintaka_http::{ApiError, Client, Created, Ctx, Input, NoContent, Out, list};
use mintaka_orchestration::ops::work_queues::{
    QueueDeleted, QueueEdited, create_queue, delete_queue, queue_named, update_queue,
};
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use crate::pools::{POOL_SLOTS, no_queue, pool};
use crate::queue_body::{FilterWorkQueues, QueueView, WorkQueueCreate, WorkQueueUpdate, queue_view, queue_views};

/// `/work_pools/…/queues`
#[derive(Clone)]
pub struct PoolQueuesApi {
    pub(crate) ctx: Ctx,
}

impl PoolQueuesApi {
    async fn named(&self, pool_name: &str, name: &str) -> Result<Versioned<WorkQueue>, ApiError> {
        let Ok(pool) = pool(&self.ctx, pool_name).await else { return Err(no_queue(pool_name, name)) };
        queue_named(&self.ctx.reader, pool.id, name).await?.ok_or_else(|| no_queue(pool_name, name))
    }
}

#[OpenApi(prefix_path = "/work_pools")]
impl PoolQueuesApi {
    /// Makes a queue of a pool.
    #[oai(path = "/:work_pool_name/queues", method = "post", operation_id = "create_pool_queue")]
    async fn create(
        &self,
        client: Client,
        work_pool_name: Path<String>,
        body: Input<WorkQueueCreate>,
    ) -> Result<Created<QueueView>, ApiError> {
        let new = body.0.checked(&client)?;
        let of = pool(&self.ctx, &work_pool_name.0).await?;
        // wire W11.2: the text shows the placeholder, on both lines.
        let taken = "A work queue with this name already exists in work pool {work_pool_name!r}.";
        let made = create_queue(&self.ctx.ops, of.id, new, client.by.line).await?;
        let made = made.ok_or_else(|| ApiError::conflict(taken))?;
        Ok(Created::new(queue_view(&self.ctx, made, &POOL_SLOTS).await?))
    }

    /// A queue of a pool by name.
    #[oai(path = "/:work_pool_name/queues/:name", method = "get", operation_id = "read_pool_queue")]
    async fn read(&self, work_pool_name: Path<String>, name: Path<String>) -> Result<Out<QueueView>, ApiError> {
        let seen = self.named(&work_pool_name.0, &name.0).await?;
        Ok(Out(queue_view(&self.ctx, seen.record, &POOL_SLOTS).await?))
    }

    /// Queues of a pool by priority.
    #[oai(path = "/:work_pool_name/queues/filter", method = "post", operation_id = "filter_pool_queues")]
    async fn filter(
        &self,
        client: Client,
        work_pool_name: Path<String>,
        body: Input<FilterWorkQueues>,
    ) -> Result<Out<Vec<QueueView>>, ApiError> {
        let page = body.page.checked(&self.ctx)?;
        let of = pool(&self.ctx, &work_pool_name.0).await?;
        let filter = Filter::eq(work_queue::work_pool_id, of.id).and(body.filter(&client));
        let order = vec![(work_queue::priority, Direction::Asc)];
        let queues = list::<WorkQueue>(&self.ctx, filter, order, page).await?;
        let queues = queues.into_iter().map(|seen| seen.record).collect();
        Ok(Out(queue_views(&self.ctx, queues, &POOL_SLOTS).await?))
    }

    /// Changes a queue of a pool; a new priority moves the other queues out of the way.
    #[oai(path = "/:work_pool_name/queues/:name", method = "patch", operation_id = "update_pool_queue")]
    async fn update(
        &self,
        client: Client,
        work_pool_name: Path<String>,
        name: Path<String>,
        body: Input<WorkQueueUpdate>,
    ) -> Result<NoContent, ApiError> {
        let edit = body.checked(&client)?;
        let seen = self.named(&work_pool_name.0, &name.0).await?;
        match update_queue(&self.ctx.ops, seen.id, &edit, true, client.by.line).await? {
            QueueEdited::Done => Ok(NoContent),
            QueueEdited::Taken => Err(ApiError::integrity()),
            QueueEdited::Missing => Err(no_queue(&work_pool_name.0, &name.0)),
        }
    }

    /// Deletes a queue of a pool.
    #[oai(path = "/:work_pool_name/queues/:name", method = "delete", operation_id = "delete_pool_queue")]
    async fn delete(
        &self,
        client: Client,
        work_pool_name: Path<String>,
        name: Path<String>,
    ) -> Result<NoContent, ApiError> {
        let seen = self.named(&work_pool_name.0, &name.0).await?;
        match delete_queue(&self.ctx.ops, seen.id, client.by.line).await? {
            QueueDeleted::Done => Ok(NoContent),
            QueueDeleted::Missing => Err(no_queue(&work_pool_name.0, &name.0)),
            QueueDeleted::IsDefault => Err(ApiError::conflict("Can't delete a pool's default queue.")),
        }
    }
}
