//! Work queues in requests and answers.

use mintaka_api_filters::{Filters, WorkQueueFilter, by_id};
use mintaka_core::records::{FlowRun, StateType, WorkPool, WorkQueue, flow_run};
use mintaka_core::{Filter, Json};
use mintaka_http::{ApiError, Client, Ctx, Page, View, When, check_name};
use mintaka_orchestration::ops::work_queues::{NewQueue, QueueEdit};
use poem_openapi::Object;
use poem_openapi::types::MaybeUndefined;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use crate::names::{at_least, sent};

/// What a queue is answered with besides its record.
#[derive(Clone, Debug, Object, Serialize)]
#[oai(rename = "WorkQueueResponse")]
pub struct QueueExtra {
    /// The name of its pool.
    pub work_pool_name: Option<String>,
    /// Runs that occupy a slot, if the queue has a limit.
    pub active_slots: Option<i64>,
}

/// A queue as clients see it.
pub type QueueView = View<WorkQueue, QueueExtra>;

/// Queues as clients see them. `slots` are the states whose runs occupy a slot.
///
/// # Errors
/// What the store answers.
pub(crate) async fn queue_views(
    ctx: &Ctx,
    queues: Vec<WorkQueue>,
    slots: &[StateType],
) -> Result<Vec<QueueView>, ApiError> {
    let pools = by_id::<WorkPool>(&ctx.reader, queues.iter().map(|queue| queue.work_pool_id)).await?;
    let mut views = Vec::with_capacity(queues.len());
    for record in queues {
        let active_slots = match record.concurrency_limit {
            None => None,
            Some(_) => {
                let of_queue = Filter::eq(flow_run::work_queue_id, record.id);
                let filter = of_queue.and(Filter::any(flow_run::state_type, slots.iter().copied()));
                Some(ctx.reader.count::<FlowRun>(filter).await?)
            }
        };
        let work_pool_name = pools.get(&record.work_pool_id).map(|pool| pool.name.clone());
        views.push(View { record, extra: QueueExtra { work_pool_name, active_slots } });
    }
    Ok(views)
}

/// One queue as clients see it.
///
/// # Errors
/// What the store answers.
pub(crate) async fn queue_view(ctx: &Ctx, queue: WorkQueue, slots: &[StateType]) -> Result<QueueView, ApiError> {
    let mut views = queue_views(ctx, vec![queue], slots).await?;
    views.pop().ok_or_else(|| ApiError::not_found("work queue"))
}

/// The legacy filter of a queue, of the 2.x line: whose runs it hands out.
#[derive(Clone, Debug, Object)]
#[oai(rename = "QueueFilter")]
pub struct LegacyFilter {
    /// Runs that have all of these tags.
    pub tags: Option<Vec<String>>,
    /// Runs of these deployments.
    pub deployment_ids: Option<Vec<Uuid>>,
}

impl From<LegacyFilter> for Json {
    fn from(sent: LegacyFilter) -> Json {
        Json::from(json!({"tags": sent.tags, "deployment_ids": sent.deployment_ids}))
    }
}

/// A queue to make.
#[derive(Debug, Object)]
pub struct WorkQueueCreate {
    /// Name.
    pub name: String,
    /// Text for people.
    pub description: Option<String>,
    /// Whether its runs are held back.
    pub is_paused: Option<bool>,
    /// How many of its runs may be under way.
    pub concurrency_limit: Option<i64>,
    /// Its rank, from 1; a lower one goes first.
    pub priority: Option<i64>,
    /// Of the 2.x line: `tags` and `deployment_ids` whose runs it hands out.
    pub filter: Option<LegacyFilter>,
}

impl WorkQueueCreate {
    /// What is to be made, checked.
    ///
    /// # Errors
    /// 422
    pub(crate) fn checked(self, client: &Client) -> Result<NewQueue, ApiError> {
        check_name(&self.name, client)?;
        at_least("concurrency_limit", 0, self.concurrency_limit)?;
        at_least("priority", 1, self.priority)?;
        Ok(NewQueue {
            name: self.name,
            description: Some(self.description.unwrap_or_default()),
            is_paused: self.is_paused.unwrap_or(false),
            concurrency_limit: self.concurrency_limit,
            priority: self.priority,
            filter: self.filter.map(Json::from),
        })
    }
}

/// What changes of a queue.
#[derive(Debug, Object)]
pub struct WorkQueueUpdate {
    /// Name.
    pub name: MaybeUndefined<String>,
    /// Text for people.
    pub description: MaybeUndefined<String>,
    /// Whether its runs are held back.
    pub is_paused: MaybeUndefined<bool>,
    /// How many of its runs may be under way.
    pub concurrency_limit: MaybeUndefined<i64>,
    /// Its rank, from 1; a lower one goes first.
    pub priority: MaybeUndefined<i64>,
    /// When it was polled.
    pub last_polled: MaybeUndefined<When>,
    /// Of the 2.x line: `tags` and `deployment_ids` whose runs it hands out.
    pub filter: MaybeUndefined<LegacyFilter>,
}

impl WorkQueueUpdate {
    /// What is to be changed, checked.
    ///
    /// # Errors
    /// 422
    pub(crate) fn checked(&self, client: &Client) -> Result<QueueEdit, ApiError> {
        let name = sent(&self.name).flatten();
        if let Some(name) = &name {
            check_name(name, client)?;
        }
        at_least("concurrency_limit", 0, sent(&self.concurrency_limit).flatten())?;
        at_least("priority", 1, sent(&self.priority).flatten())?;
        Ok(QueueEdit {
            name,
            description: sent(&self.description),
            is_paused: sent(&self.is_paused).flatten(),
            concurrency_limit: sent(&self.concurrency_limit),
            priority: sent(&self.priority).flatten(),
            filter: sent(&self.filter).map(|filter| filter.map(Json::from)),
            last_polled: sent(&self.last_polled).flatten().map(|at| at.0),
        })
    }
}

/// Which queues.
#[derive(Debug, Default, Object)]
pub struct FilterWorkQueues {
    /// Limit and offset.
    #[oai(flatten)]
    pub page: Page,
    /// Which queues.
    pub work_queues: Option<WorkQueueFilter>,
}

impl FilterWorkQueues {
    pub(crate) fn filter(&self, client: &Client) -> Filter {
        Filters { work_pool_queues: self.work_queues.clone(), ..Filters::default() }.for_work_queues(client)
    }
}
