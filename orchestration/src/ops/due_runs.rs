//! What a poll for work is given, and what is noted of the poll.
//!
//! Finding due runs only reads. Nothing is claimed here: the claim is the transition to PENDING, which one caller wins.

use std::collections::{HashMap, HashSet};

use mintaka_core::records::{Deployment, FlowRun, PollStatus, StateType, WorkPool, WorkQueue, WorkStatus};
use mintaka_core::records::{deployment, flow_run, work_queue};
use mintaka_core::{
    Aggregate, Batch, Change, Cmp, Col, Condition, Direction, Each, Error, Filter, Group, Key, Measure, Outcome, Query,
    Reader, Record, Tags, Time, Value, Versioned,
};
use serde::Deserialize;
use uuid::Uuid;

use crate::object::Object;
use crate::operations::Operations;
use crate::ops::events::NewEvent;
use crate::ops::status_events::{deployment_status, queue_status};
use crate::run_policy::{FlowRunPolicy, RetryType};

/// Most runs that one poll is given (wire W11.5).
pub const MAX_DUE: u64 = 200;

/// How old the note of a poll may get before it is written again. What reads it looks at minutes.
const POLL_NOTE: f64 = 5.0;

/// Which runs a poll asks for, and how many at most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// Scheduled at this time or later.
    pub after: Option<Time>,
    /// Scheduled at this time or earlier.
    pub before: Option<Time>,
    /// At most so many runs.
    pub limit: u64,
    /// A run that its own process retries is given only if it was scheduled for this time or earlier: by now the process
    /// would have gone on with it, so it must have died.
    pub retries_until: Time,
}

impl Wanted {
    /// Whether anybody may take the run: it does not wait for its own process.
    fn admits(&self, run: &FlowRun) -> bool {
        let is_overdue = run.next_scheduled_start_time.is_some_and(|time| time <= self.retries_until);
        is_overdue || FlowRunPolicy::of(&run.empirical_policy).retry_type != Some(RetryType::InProcess)
    }

    fn filter(&self) -> Filter {
        let bound =
            |op, time: Option<Time>| time.map(|time| Filter::cmp(flow_run::next_scheduled_start_time, op, time));
        let bounds = [bound(Cmp::Ge, self.after), bound(Cmp::Le, self.before)];
        bounds.into_iter().flatten().fold(Filter::eq(flow_run::state_type, StateType::Scheduled), Filter::and)
    }
}

/// A run that may be taken now.
#[derive(Clone, Debug)]
pub struct DueRun {
    /// The run.
    pub run: Versioned<FlowRun>,
    /// The pool that hands it out.
    pub work_pool_id: Uuid,
    /// Its queue.
    pub work_queue_id: Uuid,
}

/// Runs for a worker: those of some queues of a pool, queues of a lower priority number first, each by time.
///
/// Paused pools and queues give nothing. A limit of pool or queue leaves as many runs as it has free slots; PENDING and
/// RUNNING runs occupy them. (wire W11.5)
///
/// `queues` are those that were asked for; all of the pool's when `None`.
///
/// # Errors
/// What the store answers.
pub async fn due_runs_of_pool(
    reader: &Reader,
    pool: &WorkPool,
    queues: Option<&[Uuid]>,
    wanted: Wanted,
) -> Result<Vec<DueRun>, Error> {
    if pool.is_paused || wanted.limit == 0 {
        return Ok(Vec::new());
    }
    let mut all = reader.all::<WorkQueue>(Filter::eq(work_queue::work_pool_id, pool.id)).await?;
    all.sort_by_key(|queue| (queue.priority, queue.id));
    let all_ids: Vec<Uuid> = all.iter().map(|queue| queue.id).collect();
    let queues: Option<HashSet<&Uuid>> = queues.map(|ids| ids.iter().collect());
    let asked = |queue: &WorkQueue| !queue.is_paused && queues.as_ref().is_none_or(|ids| ids.contains(&queue.id));
    let asked: Vec<Versioned<WorkQueue>> = all.into_iter().filter(|queue| asked(queue)).collect();

    let limited = pool.concurrency_limit.is_some() || asked.iter().any(|queue| queue.concurrency_limit.is_some());
    let occupied = if limited { occupied(reader, &all_ids, WORKER_SLOTS).await? } else { HashMap::new() };
    let free = |limit: Option<i64>, taken: i64| limit.map_or(u64::MAX, |n| u64::try_from(n - taken).unwrap_or(0));
    let mut room = wanted.limit.min(MAX_DUE).min(free(pool.concurrency_limit, occupied.values().sum()));

    let of_queue =
        |queue: &WorkQueue| free(queue.concurrency_limit, occupied.get(&queue.id).copied().unwrap_or(0)).min(room);
    let open: Vec<(Uuid, u64)> =
        asked.iter().map(|queue| (queue.id, of_queue(queue))).filter(|&(_, free)| free > 0).collect();
    let mut due = Vec::new();
    let mut found = first_runs(reader, &open, wanted).await?;
    for (queue_id, free) in open {
        let runs = found.remove(&queue_id).unwrap_or_default();
        for run in runs.into_iter().take(free.min(room) as usize) {
            room -= 1;
            due.push(DueRun { run, work_pool_id: pool.id, work_queue_id: queue_id });
        }
    }
    Ok(due)
}

/// States whose runs occupy a slot, as a worker's poll counts.
const WORKER_SLOTS: &[StateType] = &[StateType::Pending, StateType::Running];
/// States whose runs occupy a slot, as an agent's poll counts.
const AGENT_SLOTS: &[StateType] = &[StateType::Pending, StateType::Running, StateType::Cancelling];

/// How many runs in these states each of some queues has; those with none are left out.
///
/// # Errors
/// What the store answers.
pub async fn occupied(reader: &Reader, queues: &[Uuid], states: &[StateType]) -> Result<HashMap<Uuid, i64>, Error> {
    let rows = reader
        .aggregate(Aggregate {
            table: FlowRun::TABLE,
            filter: Filter::any(flow_run::work_queue_id, queues.iter().copied())
                .and(Filter::any(flow_run::state_type, states.iter().copied())),
            by: vec![Group::Column(flow_run::work_queue_id)],
            measures: vec![Measure::Count],
            order: Vec::new(),
            limit: queues.len().max(1) as u64,
        })
        .await?;
    let count = |row: &Vec<Value>| match row[..] {
        [Value::Uuid(queue), Value::Int(n)] => Some((queue, n)),
        _ => None,
    };
    Ok(rows.iter().filter_map(count).collect())
}

/// The first runs of each queue by time, at least as many as it has room for, if there are so many.
async fn first_runs(
    reader: &Reader,
    queues: &[(Uuid, u64)],
    wanted: Wanted,
) -> Result<HashMap<Uuid, Vec<Versioned<FlowRun>>>, Error> {
    let Some(k) = queues.iter().map(|&(_, free)| free).max() else { return Ok(HashMap::new()) };
    let query = by_time(wanted.filter(), k);
    let mut first = query.clone();
    first.each =
        Some(Each { column: flow_run::work_queue_id, values: queues.iter().map(|&(id, _)| id.into()).collect(), k });
    let mut found: HashMap<Uuid, Vec<Versioned<FlowRun>>> = HashMap::new();
    for run in reader.select::<FlowRun>(first).await? {
        found.entry(run.work_queue_id.unwrap_or_default()).or_default().push(run);
    }
    for (&queue, runs) in &mut found {
        let mut of_queue = query.clone();
        of_queue.filter = of_queue.filter.and(Filter::eq(flow_run::work_queue_id, queue));
        *runs = admitted(reader, of_queue, k, std::mem::take(runs), wanted).await?;
    }
    Ok(found)
}

/// The runs of a page of a query that anybody may take, and of as many pages behind it as give `k` of them: runs that are
/// left out may hide others.
async fn admitted(
    reader: &Reader,
    mut query: Query,
    k: u64,
    mut page: Vec<Versioned<FlowRun>>,
    wanted: Wanted,
) -> Result<Vec<Versioned<FlowRun>>, Error> {
    let mut runs = Vec::new();
    loop {
        let was_full = page.len() as u64 == k;
        query.after = page.last().map(|run| vec![run.next_scheduled_start_time.into(), run.id.into()]);
        runs.extend(page.into_iter().filter(|run| wanted.admits(run)));
        if !was_full || runs.len() as u64 >= k {
            return Ok(runs);
        }
        page = reader.select(query.clone()).await?;
    }
}

/// The first `limit` runs of a filter by time that anybody may take.
async fn first_of(
    reader: &Reader,
    filter: Filter,
    limit: u64,
    wanted: Wanted,
) -> Result<Vec<Versioned<FlowRun>>, Error> {
    let query = by_time(filter.and(wanted.filter()), limit);
    let page = reader.select(query.clone()).await?;
    let mut runs = admitted(reader, query, limit, page, wanted).await?;
    runs.truncate(limit as usize);
    Ok(runs)
}

fn by_time(filter: Filter, limit: u64) -> Query {
    Query::of(FlowRun::TABLE).filter(filter).order(flow_run::next_scheduled_start_time, Direction::Asc).limit(limit)
}

/// The filter that a queue of the 2.x line may have instead of deployments that name it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct QueueFilter {
    tags: Option<Vec<String>>,
    deployment_ids: Option<Vec<Uuid>>,
}

impl QueueFilter {
    /// The filter of a queue; `None` if it has none, or one that cannot be read.
    pub fn of(queue: &WorkQueue) -> Option<QueueFilter> {
        let filter: Object<QueueFilter> = queue.filter.as_ref().filter(|filter| !filter.is_null())?.to().ok()?;
        Some(filter.0)
    }

    /// Whether a deployment with these tags is meant.
    pub fn admits(&self, deployment: Uuid, tags: &Tags) -> bool {
        let named = |ids: &[Uuid]| ids.is_empty() || ids.contains(&deployment);
        let has: HashSet<&String> = tags.0.iter().collect();
        self.tags.iter().flatten().all(|tag| has.contains(tag)) && self.deployment_ids.as_deref().is_none_or(named)
    }
}

/// Runs for an agent of the 2.x line: those of one queue by time, as many as the queue has free slots.
///
/// A queue with a filter gives the deployments' runs that meet it, whatever their queue. (wire W11.6)
///
/// # Errors
/// What the store answers.
pub async fn due_runs_of_queue(reader: &Reader, queue: &WorkQueue, wanted: Wanted) -> Result<Vec<DueRun>, Error> {
    if queue.is_paused || wanted.limit == 0 {
        return Ok(Vec::new());
    }
    let mut room = wanted.limit.min(MAX_DUE);
    let runs = if let Some(filter) = queue.filter.as_ref().filter(|filter| !filter.is_null()) {
        let Object(filter): Object<QueueFilter> = filter.to()?;
        let mut of_filter = Filter::some(flow_run::deployment_id);
        if let Some(ids) = filter.deployment_ids {
            of_filter = of_filter.and(Filter::any(flow_run::deployment_id, ids));
        }
        if let Some(tags) = filter.tags {
            of_filter = of_filter.and(Filter::TagsAll(flow_run::tags, tags));
        }
        if let Some(limit) = queue.concurrency_limit {
            let taken = Filter::any(flow_run::state_type, WORKER_SLOTS.iter().copied()).and(of_filter.clone());
            room = room.min(u64::try_from(limit - reader.count::<FlowRun>(taken).await?).unwrap_or(0));
        }
        if room == 0 {
            return Ok(Vec::new());
        }
        first_of(reader, of_filter, room, wanted).await?
    } else {
        if let Some(limit) = queue.concurrency_limit {
            let taken = occupied(reader, &[queue.id], AGENT_SLOTS).await?.values().sum::<i64>();
            room = room.min(u64::try_from(limit - taken).unwrap_or(0));
        }
        if room == 0 {
            return Ok(Vec::new());
        }
        first_runs(reader, &[(queue.id, room)], wanted).await?.remove(&queue.id).unwrap_or_default()
    };
    let due = |run| DueRun { run, work_pool_id: queue.work_pool_id, work_queue_id: queue.id };
    Ok(runs.into_iter().take(room as usize).map(due).collect())
}

/// Runs for a process that serves some deployments, by time. No limits apply. (wire W11.7)
///
/// Several processes may serve a deployment, so runs that wait for their own process are left out here too: it goes on
/// with them without asking.
///
/// # Errors
/// What the store answers.
pub async fn due_runs_of_deployments(
    reader: &Reader,
    deployments: &[Uuid],
    wanted: Wanted,
) -> Result<Vec<Versioned<FlowRun>>, Error> {
    let limit = wanted.limit.min(MAX_DUE);
    if limit == 0 {
        return Ok(Vec::new());
    }
    first_of(reader, Filter::any(flow_run::deployment_id, deployments.iter().copied()), limit, wanted).await
}

/// What was polled.
#[derive(Clone, Copy, Debug)]
pub enum Polled<'a> {
    /// Queues, and through them their deployments.
    Queues(&'a [Uuid]),
    /// Deployments, by a process that serves them.
    Deployments(&'a [Uuid]),
}

/// What became READY by a poll.
#[derive(Clone, Debug, Default)]
pub struct BecameReady {
    /// Queues, as they were before.
    pub queues: Vec<WorkQueue>,
    /// Deployments, as they were before.
    pub deployments: Vec<Deployment>,
}

/// Notes a poll: when it was, and that somebody is there; what becomes READY by it tells so by an event. (wire W11.8)
///
/// Times are raised and not set, so notes may arrive in any order. A note less than 5 seconds after the last is left
/// out. A deployment's `updated` stays: readiness is no reason to look at its schedules again.
///
/// # Errors
/// What the store answers.
pub async fn mark_polled(ops: &Operations, polled: Polled<'_>, now: Time) -> Result<BecameReady, Error> {
    let mut ready = BecameReady::default();
    let of_deployments = match polled {
        Polled::Queues([]) | Polled::Deployments([]) => return Ok(ready),
        Polled::Deployments(ids) => Filter::any(deployment::id, ids.iter().copied()),
        Polled::Queues(ids) => {
            for queue in ops.get_all::<WorkQueue>(ids).await?.into_iter().flatten() {
                let id = queue.id;
                Note { last: queue.last_polled, column: work_queue::last_polled, now }
                    .write::<WorkQueue>(ops, id)
                    .await?;
                if queue.status == WorkStatus::NotReady {
                    let event = queue_status(ops, &queue, WorkStatus::Ready, now).await?;
                    let was = Condition::new(work_queue::status, Cmp::Eq, WorkStatus::NotReady);
                    let change =
                        Change::default().set(work_queue::status, WorkStatus::Ready).set(work_queue::updated, now);
                    if set_ready::<WorkQueue>(ops, id, was, change, &event).await? {
                        ready.queues.push(queue.record);
                    }
                }
            }
            Filter::any(deployment::work_queue_id, ids.iter().copied())
        }
    };
    for found in ops.all::<Deployment>(of_deployments).await? {
        let id = found.id;
        Note { last: found.last_polled, column: deployment::last_polled, now }.write::<Deployment>(ops, id).await?;
        if found.status == PollStatus::NotReady {
            let event = deployment_status(ops, &found, PollStatus::Ready, now).await?;
            let was = Condition::new(deployment::status, Cmp::Eq, PollStatus::NotReady);
            let change = Change::default().set(deployment::status, PollStatus::Ready);
            if set_ready::<Deployment>(ops, id, was, change, &event).await? {
                ready.deployments.push(found.record);
            }
        }
    }
    Ok(ready)
}

/// The note of a poll on one row.
struct Note {
    last: Option<Time>,
    column: Col,
    now: Time,
}

impl Note {
    /// Writes it unless it is fresh.
    async fn write<R: Record>(self, ops: &Operations, id: Uuid) -> Result<(), Error> {
        if self.last.is_none_or(|last| self.now.seconds_since(last) >= POLL_NOTE) {
            let note = Change::default().max(self.column, self.now);
            ops.commit(Batch::new().update::<R>(Key::id(id), note)).await?;
        }
        Ok(())
    }
}

/// Changes a status and tells of it, if the row still has the other one; whether it did.
async fn set_ready<R: Record>(
    ops: &Operations,
    id: Uuid,
    was: Condition,
    change: Change,
    event: &NewEvent,
) -> Result<bool, Error> {
    let batch = Batch::new().update_requiring::<R>(Key::id(id), vec![was], change);
    let outcome = ops.commit(event.add_to(batch, event.occurred)).await?;
    Ok(matches!(outcome, Outcome::Committed { .. }))
}
