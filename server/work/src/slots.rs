//! Who occupies the slots of work pools and queues.

use mintaka_core::records::{FlowRun, StateType, WorkQueue, flow_run, work_queue};
use mintaka_core::{Direction, Each, Filter, Query, Record, Time, Versioned};
use mintaka_http::{ApiError, Choice, Ctx, Duration, Input, Out, PageNumber, When, number_of, read};
use mintaka_orchestration::ops::due_runs::occupied;
use poem_openapi::param::Path;
use poem_openapi::{Object, OpenApi};
use serde::Serialize;
use uuid::Uuid;

use crate::pools::{POOL_SLOTS, pool};
use crate::queues::QUEUE_SLOTS;

/// How many runs of each queue are shown of a pool, if nobody says. (wire W11.10)
const RUNS_OF_QUEUE: u64 = 10;

/// Which page of a pool's queues.
#[derive(Debug, Default, Object)]
pub struct PoolSlotsPage {
    /// Which page.
    #[oai(flatten)]
    pub page: PageNumber,
    /// At most so many runs of each queue, 0 to 200; 10 if absent.
    #[oai(validator(maximum(value = "200")))]
    pub flow_run_limit: Option<u64>,
}

/// A run that occupies a slot.
#[derive(Object, Serialize)]
#[oai(rename = "FlowRunSlotSummary")]
pub struct SlotHolder {
    /// The run.
    id: Uuid,
    /// Its name.
    name: String,
    /// Type of its state.
    state_type: Option<Choice<StateType>>,
    /// Name of its state.
    state_name: Option<String>,
    /// When it began to run.
    start_time: Option<When>,
    /// Since when it is in its state.
    state_timestamp: Option<When>,
    /// For how many seconds it is.
    time_in_current_state: Option<Duration>,
}

impl SlotHolder {
    fn new(run: Versioned<FlowRun>, now: Time) -> SlotHolder {
        let run = run.record;
        SlotHolder {
            id: run.id,
            name: run.name,
            state_type: run.state_type.map(Choice),
            state_name: run.state_name,
            start_time: run.start_time.map(When),
            state_timestamp: run.state_timestamp.map(When),
            time_in_current_state: run.state_timestamp.map(|since| Duration(now.seconds_since(since))),
        }
    }
}

/// The slots of a queue, as its pool shows them.
#[derive(Object, Serialize)]
#[oai(rename = "WorkQueueConcurrencyStatusDetail")]
pub struct QueueOfPoolSlots {
    /// The queue.
    queue_id: Uuid,
    /// Its name.
    queue_name: String,
    /// How many are occupied.
    active_slots: i64,
    /// How many there are.
    concurrency_limit: Option<i64>,
    /// Who occupies them; not all if there are too many.
    flow_runs: Vec<SlotHolder>,
    /// How many do.
    flow_run_count: i64,
}

/// The slots of a pool and of one page of its queues.
#[derive(Object, Serialize)]
#[oai(rename = "WorkPoolConcurrencyStatus")]
pub struct PoolSlots {
    /// How many are occupied.
    active_slots: i64,
    /// How many there are.
    concurrency_limit: Option<i64>,
    /// Its queues by priority.
    queues: Vec<QueueOfPoolSlots>,
    /// Queues of all pages.
    count: i64,
    /// Queues of a page.
    limit: u64,
    /// Number of pages.
    pages: u64,
    /// Number of this page, from 1.
    page: u64,
}

/// The slots of a queue, with one page of the runs that occupy them.
#[derive(Object, Serialize)]
#[oai(rename = "WorkQueueConcurrencyStatus")]
pub struct QueueSlots {
    /// How many are occupied.
    active_slots: i64,
    /// How many there are.
    concurrency_limit: Option<i64>,
    /// Who occupies them.
    flow_runs: Vec<SlotHolder>,
    /// Runs of all pages.
    count: i64,
    /// Runs of a page.
    limit: u64,
    /// Number of pages.
    pages: u64,
    /// Number of this page, from 1.
    page: u64,
}

fn pages(count: i64, limit: u64) -> u64 {
    if limit == 0 { 0 } else { count.max(0).unsigned_abs().div_ceil(limit) }
}

/// `/…/concurrency_status`
#[derive(Clone)]
pub struct SlotsApi {
    pub(crate) ctx: Ctx,
}

#[OpenApi]
impl SlotsApi {
    /// Slots of a pool and of its queues. PENDING and RUNNING runs occupy them.
    #[oai(path = "/work_pools/:name/concurrency_status", method = "post", operation_id = "read_work_pool_concurrency")]
    async fn of_pool(&self, name: Path<String>, body: Input<PoolSlotsPage>) -> Result<Out<PoolSlots>, ApiError> {
        let reader = &self.ctx.reader;
        let (page, limit) = body.page.checked(&self.ctx)?;
        let pool = pool(&self.ctx, &name.0).await?;
        let mut queues = reader.all::<WorkQueue>(Filter::eq(work_queue::work_pool_id, pool.id)).await?;
        queues.sort_by_key(|queue| (queue.priority, queue.id));
        let ids: Vec<Uuid> = queues.iter().map(|queue| queue.id).collect();
        let occupied = occupied(reader, &ids, &POOL_SLOTS).await?;
        let count = queues.len() as i64;
        let shown: Vec<WorkQueue> = queues
            .into_iter()
            .skip((page - 1).saturating_mul(limit) as usize)
            .take(limit as usize)
            .map(|queue| queue.record)
            .collect();
        let holders = self.holders(&shown, body.flow_run_limit.unwrap_or(RUNS_OF_QUEUE)).await?;
        let now = reader.now();
        let mut of_queues: Vec<QueueOfPoolSlots> = shown
            .into_iter()
            .map(|queue| {
                let taken = occupied.get(&queue.id).copied().unwrap_or(0);
                QueueOfPoolSlots {
                    queue_id: queue.id,
                    queue_name: queue.name,
                    active_slots: taken,
                    concurrency_limit: queue.concurrency_limit,
                    flow_runs: Vec::new(),
                    flow_run_count: taken,
                }
            })
            .collect();
        for run in holders {
            if let Some(queue) = of_queues.iter_mut().find(|queue| Some(queue.queue_id) == run.work_queue_id) {
                queue.flow_runs.push(SlotHolder::new(run, now));
            }
        }
        Ok(Out(PoolSlots {
            active_slots: occupied.values().sum(),
            concurrency_limit: pool.concurrency_limit,
            queues: of_queues,
            count,
            limit,
            pages: pages(count, limit),
            page,
        }))
    }

    /// Slots of a queue. PENDING, RUNNING and CANCELLING runs occupy them.
    #[oai(path = "/work_queues/:id/concurrency_status", method = "post", operation_id = "read_work_queue_concurrency")]
    async fn of_queue(&self, id: Path<Uuid>, body: Input<PageNumber>) -> Result<Out<QueueSlots>, ApiError> {
        let (page, limit) = body.checked(&self.ctx)?;
        let queue = read::<WorkQueue>(&self.ctx, id.0, "work queue").await?;
        let filter = Filter::eq(flow_run::work_queue_id, id.0).and(Filter::any(flow_run::state_type, QUEUE_SLOTS));
        let order = vec![(flow_run::id, Direction::Asc)];
        let (runs, count) = number_of::<FlowRun>(&self.ctx, filter, order, (page, limit)).await?;
        let now = self.ctx.reader.now();
        Ok(Out(QueueSlots {
            active_slots: count,
            concurrency_limit: queue.concurrency_limit,
            flow_runs: runs.into_iter().map(|run| SlotHolder::new(run, now)).collect(),
            count,
            limit,
            pages: pages(count, limit),
            page,
        }))
    }
}

impl SlotsApi {
    /// The first runs by id that occupy slots of each of these queues.
    async fn holders(&self, queues: &[WorkQueue], k: u64) -> Result<Vec<Versioned<FlowRun>>, ApiError> {
        if k == 0 || queues.is_empty() {
            return Ok(Vec::new());
        }
        let values = queues.iter().map(|queue| queue.id.into()).collect();
        let mut query = Query::of(FlowRun::TABLE)
            .filter(Filter::any(flow_run::state_type, POOL_SLOTS))
            .order(flow_run::id, Direction::Asc);
        query.each = Some(Each { column: flow_run::work_queue_id, values, k });
        Ok(self.ctx.reader.select(query).await?)
    }
}
