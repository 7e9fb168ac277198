//! Queues of work pools: making, ranking and removing them.

use mintaka_core::records::{
    Agent, Deployment, FlowRun, WorkPool, WorkQueue, WorkStatus, agent, deployment, flow_run, work_pool, work_queue,
};
use mintaka_core::{
    Batch, Change, Cmp, Col, Condition, Direction, Error, Filter, Json, Key, Query, Reader, Record, Time, Value,
    Versioned,
};
use uuid::Uuid;

use super::lifecycle_events::{Happened, changed, queue_event, queue_updated, tell};
use super::optimistic::{Decision, Lost, optimistic};
use super::status_events::queue_status;
use super::sweep;
use crate::caller::ClientLine;
use crate::error::OpError;
use crate::operations::Operations;

/// How long after a poll a queue or a deployment counts as polled, in seconds (wire W11.9).
pub const POLLED_WITHIN: f64 = 60.0;

/// What the maker of a queue says about it.
#[derive(Clone, Debug, Default)]
pub struct NewQueue {
    /// Name, unique within the pool.
    pub name: String,
    /// Text for people.
    pub description: Option<String>,
    /// Whether its runs are held back.
    pub is_paused: bool,
    /// How many of its runs may be under way.
    pub concurrency_limit: Option<i64>,
    /// Its rank, from 1; the first free one when absent.
    pub priority: Option<i64>,
    /// Of the 2.x line: tags and deployments whose runs it hands out.
    pub filter: Option<Json>,
}

impl NewQueue {
    /// A queue of which only the name is known.
    pub fn named(name: impl Into<String>) -> NewQueue {
        NewQueue { name: name.into(), description: Some(String::new()), ..NewQueue::default() }
    }

    /// Its row. A new queue is not ready, even when it is paused (wire W11.9).
    pub(super) fn row(self, id: Uuid, pool: Uuid, priority: i64, now: Time) -> WorkQueue {
        WorkQueue {
            id,
            created: now,
            updated: now,
            name: self.name,
            description: self.description,
            is_paused: self.is_paused,
            concurrency_limit: self.concurrency_limit,
            priority,
            work_pool_id: pool,
            filter: self.filter,
            last_polled: None,
            status: WorkStatus::NotReady,
        }
    }
}

/// The queues of a pool by priority, best first.
///
/// # Errors
/// What the store answers.
pub async fn queues_of(reader: &Reader, pool: Uuid) -> Result<Vec<Versioned<WorkQueue>>, Error> {
    let mut queues = reader.all::<WorkQueue>(Filter::eq(work_queue::work_pool_id, pool)).await?;
    queues.sort_by_key(|queue| queue.priority);
    Ok(queues)
}

/// The queue of a pool that has this name.
///
/// # Errors
/// What the store answers.
pub async fn queue_named(reader: &Reader, pool: Uuid, name: &str) -> Result<Option<Versioned<WorkQueue>>, Error> {
    reader.find(Key::Unique(vec![pool.into(), name.into()])).await
}

/// A change of the pool that changes nothing but its version: two batches that rank queues of one pool cannot both
/// be applied to what they read.
fn serialised(pool: &Versioned<WorkPool>) -> Batch {
    let same = Change::default().set(work_pool::default_queue_id, pool.default_queue_id);
    Batch::new().version(pool).update::<WorkPool>(Key::id(pool.id), same)
}

/// Makes a queue; `None` if the pool has one of that name, or the pool is gone.
///
/// # Errors
/// What the store answers; [`Error::Unavailable`] when the pool's queues change too often.
pub async fn create_queue(
    ops: &Operations,
    pool: Uuid,
    new: NewQueue,
    line: ClientLine,
) -> Result<Option<WorkQueue>, Error> {
    let new = &new;
    optimistic(ops, "the work pool", |lost: Option<Lost>| async move {
        // As it is stored, the name is that of another queue.
        if lost.as_ref().is_some_and(Lost::is_collision) {
            return Ok(Decision::Answer(None));
        }
        let current = lost.map(Lost::current::<WorkPool>).transpose()?.flatten();
        let seen = match current {
            Some(seen) => seen,
            None => match ops.get::<WorkPool>(pool).await? {
                Some(seen) => seen,
                None => return Ok(Decision::Answer(None)),
            },
        };
        let queues = queues_of(ops, pool).await?;
        if queues.iter().any(|queue| queue.name == new.name) {
            return Ok(Decision::Answer(None));
        }
        let id = ops.new_id();
        let now = ops.now();
        let taken: Vec<(Uuid, i64)> = queues.iter().map(|queue| (queue.id, queue.priority)).collect();
        let priority = new.priority.unwrap_or_else(|| first_free(&taken));
        let mut batch = serialised(&seen);
        for (other, rank) in rank(&taken, id, priority).into_iter().filter(|(other, _)| *other != id) {
            let change = Change::default().set(work_queue::priority, rank).set(work_queue::updated, now);
            batch = batch.update::<WorkQueue>(Key::id(other), change);
        }
        let row = new.clone().row(id, pool, priority, now);
        let batch = tell(batch.insert(row.clone()), line, [queue_event(ops, Happened::Created, &row, &seen)]);
        Ok(Decision::Commit(batch, Some(row)))
    })
    .await
}

/// The queue of that name, made if it is missing, with this priority or the first free one.
///
/// # Errors
/// [`OpError::NotFound`] if the pool is gone, else what the store answers.
pub async fn find_or_create_queue(
    ops: &Operations,
    pool: &WorkPool,
    name: &str,
    priority: Option<i64>,
    line: ClientLine,
) -> Result<WorkQueue, OpError> {
    // Twice: somebody else may have made it between the look and the making.
    for _ in 0..2 {
        if let Some(found) = queue_named(ops, pool.id, name).await? {
            return Ok(found.record);
        }
        let new = NewQueue { priority, ..NewQueue::named(name) };
        if let Some(made) = create_queue(ops, pool.id, new, line).await? {
            return Ok(made);
        }
    }
    Err(OpError::NotFound(format!("Work pool \"{}\" not found.", pool.name)))
}

/// What a queue's owner changes; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct QueueEdit {
    /// New name.
    pub name: Option<String>,
    /// New text for people.
    pub description: Option<Option<String>>,
    /// Pause or resume.
    pub is_paused: Option<bool>,
    /// New limit.
    pub concurrency_limit: Option<Option<i64>>,
    /// New rank.
    pub priority: Option<i64>,
    /// New legacy filter.
    pub filter: Option<Option<Json>>,
    /// The time of a poll, as agents of the 2.x line report it.
    pub last_polled: Option<Time>,
}

impl QueueEdit {
    fn change(&self, seen: &WorkQueue, now: Time) -> Change {
        let mut change = Change::default().set(work_queue::updated, now);
        if let Some(name) = &self.name {
            change = change.set(work_queue::name, name.clone());
        }
        if let Some(description) = &self.description {
            change = change.set(work_queue::description, description.clone());
        }
        if let Some(limit) = self.concurrency_limit {
            change = change.set(work_queue::concurrency_limit, limit);
        }
        if let Some(filter) = &self.filter {
            change = change.set(work_queue::filter, filter.clone());
        }
        if let Some(polled) = self.last_polled {
            change = change.max(work_queue::last_polled, polled);
        }
        if let Some(paused) = self.is_paused {
            change = change.set(work_queue::is_paused, paused).set(work_queue::status, self.status(seen, now));
        }
        change
    }

    /// The status that the edit leaves.
    fn status(&self, seen: &WorkQueue, now: Time) -> WorkStatus {
        let polled = self.last_polled.max(seen.last_polled);
        match (self.is_paused, seen.status) {
            (Some(true), _) => WorkStatus::Paused,
            (Some(false), WorkStatus::Paused) if polled.is_some_and(|at| now.seconds_since(at) <= POLLED_WITHIN) => {
                WorkStatus::Ready
            }
            (Some(false), WorkStatus::Paused) => WorkStatus::NotReady,
            (_, as_it_is) => as_it_is,
        }
    }
}

/// What became of an edit of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueEdited {
    /// Done.
    Done,
    /// There is no such queue.
    Missing,
    /// Another queue of the pool has the new name.
    Taken,
}

/// Changes a queue. With `shift`, a new priority moves the other queues of the pool out of the way; without it (the
/// route by id, wire W11.4) only the number is written.
///
/// # Errors
/// What the store answers; [`Error::Unavailable`] when the pool's queues change too often.
pub async fn update_queue(
    ops: &Operations,
    id: Uuid,
    edit: &QueueEdit,
    shift: bool,
    line: ClientLine,
) -> Result<QueueEdited, Error> {
    optimistic(ops, "the work queue", |lost: Option<Lost>| async move {
        if lost.as_ref().is_some_and(Lost::is_collision) {
            return Ok(Decision::Answer(QueueEdited::Taken));
        }
        let Some(seen) = ops.get::<WorkQueue>(id).await? else { return Ok(Decision::Answer(QueueEdited::Missing)) };
        let now = ops.now();
        let mut change = edit.change(&seen, now);
        let mut batch = Batch::new().version(&seen);
        match edit.priority {
            Some(priority) if shift => {
                let Some(pool) = ops.get::<WorkPool>(seen.work_pool_id).await? else {
                    return Ok(Decision::Answer(QueueEdited::Missing));
                };
                let queues = queues_of(ops, seen.work_pool_id).await?;
                let others: Vec<(Uuid, i64)> =
                    queues.iter().filter(|queue| queue.id != id).map(|queue| (queue.id, queue.priority)).collect();
                batch = batch.extend(serialised(&pool));
                for (queue, rank) in rank(&others, id, priority) {
                    if queue == id {
                        change = change.set(work_queue::priority, rank);
                    } else {
                        let moved = Change::default().set(work_queue::priority, rank).set(work_queue::updated, now);
                        batch = batch.update::<WorkQueue>(Key::id(queue), moved);
                    }
                }
            }
            Some(priority) => change = change.set(work_queue::priority, priority),
            None => {}
        }
        batch = tell(batch, line, queue_updated(ops, &seen, &change).await?);
        let after = changed(seen.record.clone(), &change)?;
        if after.status != seen.status {
            batch = queue_status(ops, &after, after.status, now).await?.add_to(batch, now);
        }
        Ok(Decision::Commit(batch.update::<WorkQueue>(Key::id(id), change), QueueEdited::Done))
    })
    .await
}

/// What became of a deletion of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueDeleted {
    /// Done.
    Done,
    /// There is no such queue.
    Missing,
    /// It is the default one of its pool, which goes with the pool alone.
    IsDefault,
}

/// Deletes a queue, unless it is the default one of its pool; runs and deployments keep its name as text.
///
/// # Errors
/// What the store answers.
pub async fn delete_queue(ops: &Operations, id: Uuid, line: ClientLine) -> Result<QueueDeleted, Error> {
    let deleted = optimistic(ops, "the work queue", |_: Option<Lost>| async move {
        let Some(queue) = ops.get::<WorkQueue>(id).await? else {
            return Ok::<_, Error>(Decision::Answer(QueueDeleted::Missing));
        };
        let mut batch = Batch::new().version(&queue).delete::<WorkQueue>(Key::id(id));
        if let Some(pool) = ops.get::<WorkPool>(queue.work_pool_id).await? {
            if pool.default_queue_id == id {
                return Ok(Decision::Answer(QueueDeleted::IsDefault));
            }
            batch = tell(batch.version(&pool), line, [queue_event(ops, Happened::Deleted, &queue, &pool)]);
        }
        Ok(Decision::Commit(batch, QueueDeleted::Done))
    })
    .await?;
    if deleted != QueueDeleted::IsDefault {
        detach_queue(ops, id).await?;
    }
    Ok(deleted)
}

/// Takes a deleted queue out of what refers to it. Safe to repeat.
///
/// # Errors
/// What the store answers.
pub(super) async fn detach_queue(ops: &Operations, id: Uuid) -> Result<(), Error> {
    sweep::<Agent>(ops, Filter::eq(agent::work_queue_id, id)).await?;
    set_null::<Deployment>(ops, deployment::work_queue_id, id).await?;
    set_null::<FlowRun>(ops, flow_run::work_queue_id, id).await
}

/// Sets a column to null in all rows where it is `id`.
async fn set_null<R: Record>(ops: &Operations, column: Col, id: Uuid) -> Result<(), Error> {
    const PAGE: u64 = 200;
    loop {
        let query = Query::of(R::TABLE).filter(Filter::eq(column, id)).order(column, Direction::Asc).limit(PAGE);
        let rows = ops.select::<R>(query).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let batch = rows.iter().fold(Batch::new(), |batch, row| {
            let change = Change::default().set(column, Value::Null);
            // By now it may name another one.
            let still = Condition::new(column, Cmp::Eq, id);
            batch.update_when::<R>(Key::Primary(row.record.key()), vec![still], change)
        });
        ops.commit(batch).await?;
    }
}

/// The least number from 1 on that no queue has.
fn first_free(taken: &[(Uuid, i64)]) -> i64 {
    let mut ranks: Vec<i64> = taken.iter().map(|(_, rank)| *rank).collect();
    ranks.sort_unstable();
    let gap = (1..).zip(&ranks).find(|(expected, rank)| expected != *rank).map(|(expected, _)| expected);
    gap.unwrap_or_else(|| ranks.last().copied().unwrap_or(0).saturating_add(1))
}

/// The queues whose priority changes when `id` takes `wanted` among `others`: it goes before the first that has the
/// same or a greater number, and every following one that is not greater than its predecessor is raised by just
/// enough. Always includes `id` itself.
fn rank(others: &[(Uuid, i64)], id: Uuid, wanted: i64) -> Vec<(Uuid, i64)> {
    let mut queues = others.to_vec();
    queues.sort_by_key(|(_, rank)| *rank);
    let place = queues.iter().position(|(_, rank)| *rank >= wanted).unwrap_or(queues.len());
    queues.insert(place, (id, wanted));
    let mut last = 0;
    let mut changed = Vec::new();
    for (queue, rank) in queues {
        last = if rank <= last { last.saturating_add(1) } else { rank };
        if last != rank || queue == id {
            changed.push((queue, last));
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(n: usize) -> Vec<Uuid> {
        (1..=n as u128).map(Uuid::from_u128).collect()
    }

    #[test]
    fn a_new_queue_takes_the_first_gap_or_the_end() {
        let id = Uuid::nil();
        for (taken, free) in [(vec![], 1), (vec![1, 2], 3), (vec![2], 1), (vec![1, 3, 4], 2), (vec![1, 2, 10], 3)] {
            let taken: Vec<_> = taken.into_iter().map(|rank| (id, rank)).collect();
            assert_eq!(first_free(&taken), free, "{taken:?}");
        }
    }

    #[test]
    fn a_priority_that_is_taken_pushes_the_others_by_just_enough() {
        let table: &[(&[i64], i64, &[i64], i64)] = &[
            (&[1, 2, 3, 4], 2, &[1, 3, 4, 5], 2),
            (&[1, 2, 5], 1, &[2, 3, 5], 1),
            (&[1, 3, 4], 2, &[1, 3, 4], 2),
            (&[1, 2], 9, &[1, 2], 9),
            (&[], 4, &[], 4),
        ];
        for (before, wanted, after, own) in table {
            let others: Vec<_> = ids(before.len()).into_iter().zip(before.iter().copied()).collect();
            let changed = rank(&others, Uuid::nil(), *wanted);
            let at = |id: Uuid| changed.iter().find(|(queue, _)| *queue == id).map(|(_, rank)| *rank);
            assert_eq!(at(Uuid::nil()), Some(*own));
            for ((id, old), new) in others.iter().zip(after.iter()) {
                assert_eq!(at(*id).unwrap_or(*old), *new, "{before:?} with {wanted}");
            }
        }
    }
}
