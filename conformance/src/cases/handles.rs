//! One store with several handles, as several processes have it.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use mintaka_core::records::{Flow, FlowRun, WorkQueue, work_queue};
use mintaka_core::{
    Aggregate, Backend, Batch, Change, Cmp, Condition, Each, Error, Filter, Outcome, Query, Record, Value, Versioned,
};
use tokio::sync::Barrier;

use super::concurrency::{at_once, commit};
use crate::lab::{Lab, is_committed};
use crate::sample::{self, at, id, key};

super::cases! { "handles":
    a_read_after_an_answer_in_another_handle_sees_it ["N5"]
    what_was_relied_on_does_not_change_meanwhile ["N6" "C5"]
    a_row_that_must_be_present_is_not_deleted_meanwhile ["N6" "C6"]
    no_update_of_another_handle_is_lost ["N6" "C14"]
    batches_that_name_rows_in_opposite_orders_all_end ["N7"]
    a_read_of_many_keys_is_of_one_state ["N9"]
    a_read_of_many_groups_is_of_one_state ["N9"]
    the_greatest_of_many_handles_stays ["N10"]
    of_two_handles_one_does_a_batch_once ["N11"]
}

fn queue(n: u128) -> WorkQueue {
    WorkQueue { priority: 0, ..sample::work_queue(n, 1) }
}

fn set_priority(n: u128, priority: i64) -> Batch {
    Batch::new().update::<WorkQueue>(key(n), Change::default().set(work_queue::priority, priority))
}

fn add_one() -> Change {
    Change::default().add(work_queue::priority, 1)
}

async fn a_read_after_an_answer_in_another_handle_sees_it(lab: Lab) -> Result<(), Error> {
    let labs = [lab.another().await?, lab];
    for n in 0..20 {
        let (writes, reads) = (&labs[n % 2], &labs[(n + 1) % 2]);
        writes.seed([sample::flow(n as u128)]).await?;
        assert!(reads.find::<Flow>(key(n as u128)).await?.is_some(), "flow {n} by key");
        assert_eq!(reads.select(Query::of(Flow::TABLE)).await?.len(), n + 1, "by query");
        let count = reads.aggregate(Aggregate::count(Flow::TABLE, Filter::all())).await?;
        assert_eq!(count, [[Value::Int(n as i64 + 1)]], "by count");
        writes.seed([sample::log(n as u128)]).await?;
        assert_eq!(reads.backend().heads().await?.positions(), writes.backend().heads().await?.positions());
    }
    Ok(())
}

/// Gives up the part `own` of a duty that one of two must keep, if the other is seen to keep it.
async fn give_up(lab: &Lab, own: u128, other: u128, all_have_read: &Barrier) -> Result<bool, Error> {
    let relied_on = lab.get::<WorkQueue>(key(other)).await?;
    all_have_read.wait().await;
    if relied_on.priority == 0 {
        return Ok(false);
    }
    let batch = Batch::new().version(&relied_on).extend(set_priority(own, 0));
    Ok(is_committed(&lab.commit(batch).await?))
}

async fn what_was_relied_on_does_not_change_meanwhile(lab: Lab) -> Result<(), Error> {
    let other = lab.another().await?;
    lab.seed([1, 2].map(queue)).await?;
    for round in 0..20 {
        lab.commit_all(vec![set_priority(1, 1), set_priority(2, 1)]).await?;
        let barrier = Barrier::new(2);
        // Whoever comes to the barrier last goes on first: each in turn.
        let [first, second] =
            if round % 2 == 0 { [(&lab, 1, 2), (&other, 2, 1)] } else { [(&other, 2, 1), (&lab, 1, 2)] };
        let give_up = |(lab, own, other): (_, _, _)| give_up(lab, own, other, &barrier);
        let (a, b) = tokio::join!(give_up(first), give_up(second));
        assert!(a? != b?, "round {round}: each relied on the other's row, so just one of them may go on");
    }
    Ok(())
}

async fn a_row_that_must_be_present_is_not_deleted_meanwhile(lab: Lab) -> Result<(), Error> {
    let other = lab.another().await?;
    lab.seed([queue(1)]).await?;
    // Who comes second shows in the queue, which both change: 100 of the delete, and 1 more of an insert after it.
    let delete = |n: u128| Batch::new().delete::<Flow>(key(n)).extend(set_priority(1, 100));
    let insert = |n: u128| {
        let run = Batch::new().present::<Flow>(key(n)).insert(sample::flow_run(n, n));
        run.update::<WorkQueue>(key(1), add_one())
    };
    lab.seed([sample::flow(0)]).await?;
    lab.done(delete(0)).await?;
    other.conflict(insert(0)).await?;
    for n in 1..=20 {
        lab.seed([sample::flow(n)]).await?;
        let (deleted, inserted) = tokio::join!(lab.commit(delete(n)), other.commit(insert(n)));
        assert!(is_committed(&deleted?));
        let there = other.find::<FlowRun>(key(n)).await?.is_some();
        assert_eq!(is_committed(&inserted?), there);
        assert_eq!(lab.get::<WorkQueue>(key(1)).await?.priority, 100, "run {n} came after its flow was deleted");
    }
    Ok(())
}

async fn no_update_of_another_handle_is_lost(lab: Lab) -> Result<(), Error> {
    const CALLERS: u128 = 6;
    lab.seed([1, 2, 3, 4].map(queue)).await?;
    let labs = [lab.another().await?, lab.another().await?];
    for lab in [&lab, &labs[0], &labs[1]] {
        lab.done(Batch::new().update::<WorkQueue>(key(4), add_one())).await?;
    }
    let handles = labs.map(|lab| lab.backend().clone());
    at_once(CALLERS, |caller| {
        let store = handles[caller as usize % 2].clone();
        async move {
            for _ in 0..8 {
                // By a guard, by a condition, and by addition alone.
                loop {
                    let Some(Some(row)) = store.get(WorkQueue::TABLE, vec![key(1)]).await?.pop() else {
                        panic!("the queue is gone")
                    };
                    let seen = Versioned::<WorkQueue>::from_row(row)?;
                    let batch = Batch::new().version(&seen).extend(set_priority(1, seen.priority + 1));
                    if is_committed(&commit(&*store, batch).await?) {
                        break;
                    }
                }
                let few = Condition::new(work_queue::priority, Cmp::Lt, 20_i64);
                commit(&*store, Batch::new().update_when::<WorkQueue>(key(2), vec![few], add_one())).await?;
                commit(&*store, Batch::new().update::<WorkQueue>(key(3), add_one())).await?;
            }
            Ok(())
        }
    })
    .await?;
    for (n, priority) in [(1, 48), (2, 20), (3, 48), (4, 3)] {
        let queue = lab.get::<WorkQueue>(key(n)).await?;
        assert_eq!((queue.priority, queue.version), (priority, priority + 1), "queue {n}");
    }
    Ok(())
}

async fn batches_that_name_rows_in_opposite_orders_all_end(lab: Lab) -> Result<(), Error> {
    const ROWS: u128 = 8;
    const ROUNDS: u128 = 25;
    const CALLERS: u128 = 4;
    lab.seed((0..ROWS).map(queue)).await?;
    lab.seed((0..ROWS).map(sample::flow)).await?;
    let handles = [lab.backend().clone(), lab.another().await?.backend().clone()];
    at_once(CALLERS, |caller| {
        let store = handles[caller as usize % 2].clone();
        async move {
            for _ in 0..ROUNDS {
                let mut rows: Vec<u128> = (0..ROWS).collect();
                if caller % 2 == 1 {
                    rows.reverse();
                }
                // Of two tables, and guarded rows beside changed ones.
                let change =
                    |batch: Batch, n: &u128| batch.present::<Flow>(key(*n)).update::<WorkQueue>(key(*n), add_one());
                let outcome = commit(&*store, rows.iter().fold(Batch::new(), change)).await?;
                assert!(is_committed(&outcome), "{outcome:?}");
            }
            Ok(())
        }
    })
    .await?;
    let all = (CALLERS * ROUNDS) as i64;
    for n in 0..ROWS {
        assert_eq!(lab.get::<WorkQueue>(key(n)).await?.priority, all, "queue {n}");
    }
    Ok(())
}

/// How many keys or groups are asked for; only the first and the last of them are there.
const MANY: u128 = 5_000;
const ENDS: u128 = 5;

/// Changes the rows at both ends together through another handle, while `read` tells the versions that it sees.
async fn ends_are_seen_as_one<R>(lab: Lab, read: impl Fn(Arc<dyn Backend>) -> R) -> Result<(), Error>
where
    R: Future<Output = Result<Vec<i64>, Error>>,
{
    const CHANGES: usize = 12;
    let there: Vec<u128> = (0..ENDS).chain(MANY - ENDS..MANY).collect();
    lab.seed(there.iter().copied().map(queue)).await?;
    let all = there.iter().fold(Batch::new(), |batch, &n| batch.update::<WorkQueue>(key(n), add_one()));
    let other = lab.another().await?;
    let writing = tokio::spawn(async move {
        for _ in 0..CHANGES {
            other.done(all.clone()).await?;
            tokio::task::yield_now().await;
        }
        Ok::<(), Error>(())
    });
    loop {
        // The last read begins when all is written.
        let last = writing.is_finished();
        let versions = read(lab.backend().clone()).await?;
        assert_eq!(versions.len(), there.len());
        let seen: BTreeSet<i64> = versions.into_iter().collect();
        assert_eq!(seen.len(), 1, "all rows are changed in one batch: {seen:?}");
        if last {
            assert_eq!(seen.first(), Some(&(1 + CHANGES as i64)));
            break;
        }
        tokio::task::yield_now().await;
    }
    match writing.await {
        Ok(result) => result,
        Err(panic) => panic!("the writer stopped: {panic}"),
    }
}

async fn a_read_of_many_keys_is_of_one_state(lab: Lab) -> Result<(), Error> {
    ends_are_seen_as_one(lab, |store| async move {
        let rows = store.get(WorkQueue::TABLE, (0..MANY).map(key).collect()).await?;
        Ok(rows.into_iter().flatten().map(|row| row.version).collect())
    })
    .await
}

async fn a_read_of_many_groups_is_of_one_state(lab: Lab) -> Result<(), Error> {
    ends_are_seen_as_one(lab, |store| async move {
        let groups = (0..MANY).map(|n| id(n).into()).collect();
        let each = Each { column: work_queue::id, values: groups, k: 2 };
        let rows = store.select(Query { each: Some(each), ..Query::of(WorkQueue::TABLE) }).await?;
        Ok(rows.into_iter().map(|row| row.version).collect())
    })
    .await
}

async fn the_greatest_of_many_handles_stays(lab: Lab) -> Result<(), Error> {
    lab.seed([queue(1)]).await?;
    let handles = [lab.backend().clone(), lab.another().await?.backend().clone()];
    at_once(8, |caller| {
        let store = handles[(caller as usize + 1) % 2].clone();
        async move {
            for n in 0..10 {
                // Neither growing nor falling.
                let second = i64::try_from((caller * 10 + n) * 37 % 80).unwrap_or(0);
                let poll = Change::default().max(work_queue::last_polled, at(second));
                let outcome = commit(&*store, Batch::new().update::<WorkQueue>(key(1), poll)).await?;
                assert!(is_committed(&outcome), "{outcome:?}");
            }
            Ok(())
        }
    })
    .await?;
    let queue = lab.get::<WorkQueue>(key(1)).await?;
    assert_eq!((queue.last_polled, queue.version), (Some(at(79)), 1));
    Ok(())
}

async fn of_two_handles_one_does_a_batch_once(lab: Lab) -> Result<(), Error> {
    let other = lab.another().await?;
    for n in 1..=20 {
        let batch =
            || Batch::new().once(sample::event(n)).insert(sample::log(n)).upsert(queue(1), add_one(), Vec::new());
        let (a, b) = tokio::try_join!(lab.commit(batch()), other.commit(batch()))?;
        let (one, none) = if is_committed(&a) { (a, b) } else { (b, a) };
        assert!(is_committed(&one), "{one:?}");
        let Outcome::Repeated(row) = none else { panic!("both were done: {none:?}") };
        assert_eq!(row.values[1], Value::Uuid(id(n)));
        assert_eq!(lab.get::<WorkQueue>(key(1)).await?.version, n as i64);
    }
    Ok(())
}
