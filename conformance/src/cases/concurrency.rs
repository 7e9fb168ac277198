//! Many callers at once.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use mintaka_core::records::{Flow, WorkQueue, flow, work_queue};
use mintaka_core::{
    Backend, Batch, Batches, Change, Cmp, CommitAnswer, Condition, Error, Key, Layer, Outcome, Query, Record, Store,
    Sum, Value,
};
use tokio::sync::Semaphore;

use crate::lab::{Lab, expect_conflict, is_committed};
use crate::sample::{self, id, key};

super::cases! { "concurrency":
    conditional_adds_never_exceed_the_limit ["N1" "C16"]
    changes_under_a_version_guard_are_never_lost ["N1" "C5"]
    of_many_inserts_of_one_unique_key_one_wins ["N2" "C8"]
    a_reader_never_sees_half_a_batch ["N3"]
    a_read_after_the_answer_sees_the_write ["N4"]
    callers_of_one_store_share_commits_and_get_their_own_answers ["C3" "N1"]
}

/// Runs `tasks` of them at once, and gives what each came to.
pub(super) async fn at_once<T, F, R>(tasks: u128, task: F) -> Result<Vec<T>, Error>
where
    T: Send + 'static,
    F: Fn(u128) -> R,
    R: Future<Output = Result<T, Error>> + Send + 'static,
{
    let handles: Vec<_> = (0..tasks).map(|n| tokio::spawn(task(n))).collect();
    let mut results = Vec::new();
    for handle in handles {
        match handle.await {
            Ok(result) => results.push(result?),
            Err(panic) => panic!("a caller stopped: {panic}"),
        }
    }
    Ok(results)
}

pub(super) async fn commit(store: &dyn Backend, batch: Batch) -> Result<Outcome, Error> {
    Ok(store.commit(vec![batch].into()).await?.outcomes.remove(0))
}

/// Takes two of what is left of queue 1.
fn take_two() -> Batch {
    let fits = Condition::new(Sum::of(vec![work_queue::priority], 2), Cmp::Le, work_queue::concurrency_limit);
    Batch::new().update_requiring::<WorkQueue>(key(1), vec![fits], Change::default().add(work_queue::priority, 2))
}

async fn conditional_adds_never_exceed_the_limit(lab: Lab) -> Result<(), Error> {
    let queue = WorkQueue { priority: 0, concurrency_limit: Some(21), ..sample::work_queue(1, 1) };
    lab.seed([queue]).await?;
    let store = lab.backend().clone();
    let taken = at_once(24, |_| {
        let store = store.clone();
        async move { Ok(is_committed(&commit(&*store, take_two()).await?)) }
    })
    .await?;
    assert_eq!(taken.into_iter().filter(|&taken| taken).count(), 10);
    let queue = lab.get::<WorkQueue>(key(1)).await?;
    assert_eq!((queue.priority, queue.version), (20, 11));
    Ok(())
}

async fn changes_under_a_version_guard_are_never_lost(lab: Lab) -> Result<(), Error> {
    lab.seed([WorkQueue { priority: 0, ..sample::work_queue(1, 1) }]).await?;
    let store = lab.backend().clone();
    let all_have_read = Arc::new(tokio::sync::Barrier::new(8));
    at_once(8, |_| {
        let (store, all_have_read) = (store.clone(), all_have_read.clone());
        async move {
            for round in 0..5 {
                let mut first = round == 0;
                loop {
                    let Some(Some(row)) = store.get(WorkQueue::TABLE, vec![key(1)]).await?.pop() else {
                        panic!("the queue is gone")
                    };
                    let seen = mintaka_core::Versioned::<WorkQueue>::from_row(row)?;
                    let change = Change::default().set(work_queue::priority, seen.priority + 1);
                    if std::mem::take(&mut first) {
                        all_have_read.wait().await;
                    }
                    let batch = Batch::new().version(&seen).update::<WorkQueue>(key(1), change);
                    if is_committed(&commit(&*store, batch).await?) {
                        break;
                    }
                }
            }
            Ok(())
        }
    })
    .await?;
    let queue = lab.get::<WorkQueue>(key(1)).await?;
    assert_eq!((queue.priority, queue.version), (40, 41));
    Ok(())
}

async fn of_many_inserts_of_one_unique_key_one_wins(lab: Lab) -> Result<(), Error> {
    let store = lab.backend().clone();
    let outcomes = at_once(24, |n| {
        let store = store.clone();
        let flow = Flow { name: "wanted".into(), ..sample::flow(n) };
        async move { commit(&*store, Batch::new().insert(flow)).await }
    })
    .await?;
    let (winners, losers): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(is_committed);
    assert_eq!((winners.len(), losers.len()), (1, 23));
    let winner = lab.row(&flow::TABLE, Key::Unique(vec!["wanted".into()])).await?;
    for loser in losers {
        assert_eq!(expect_conflict(loser).row, winner);
    }
    assert_eq!(lab.count(&flow::TABLE).await?, 1);
    Ok(())
}

async fn a_reader_never_sees_half_a_batch(lab: Lab) -> Result<(), Error> {
    lab.seed([1, 2].map(|n| WorkQueue { priority: 0, ..sample::work_queue(n, 1) })).await?;
    let store = lab.backend().clone();
    let finished = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, finished) = (store.clone(), finished.clone());
        tokio::spawn(async move {
            let result = write_in_pairs(&*store).await;
            finished.store(true, Ordering::SeqCst);
            result
        })
    };
    loop {
        // The last read begins when all is written.
        let last = finished.load(Ordering::SeqCst);
        let rows = store.select(Query::of(&work_queue::TABLE)).await?;
        let priorities: Vec<&Value> = rows.iter().map(|r| &r.values[work_queue::priority.ordinal]).collect();
        assert_eq!(priorities[0], priorities[1], "both queues are changed in one batch");
        let keys = vec![key(1), key(2)];
        let rows = store.get(WorkQueue::TABLE, keys).await?;
        let versions: Vec<Option<i64>> = rows.iter().map(|r| r.as_ref().map(|r| r.version)).collect();
        assert_eq!(versions[0], versions[1], "both queues are changed in one batch");
        if last {
            break;
        }
        tokio::task::yield_now().await;
    }
    match writer.await {
        Ok(result) => result,
        Err(panic) => panic!("the writer stopped: {panic}"),
    }
}

async fn write_in_pairs(store: &dyn Backend) -> Result<(), Error> {
    let add = || Change::default().add(work_queue::priority, 1);
    for _ in 0..60 {
        let both = Batch::new().update::<WorkQueue>(key(1), add()).update::<WorkQueue>(key(2), add());
        assert!(is_committed(&commit(store, both).await?));
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn a_read_after_the_answer_sees_the_write(lab: Lab) -> Result<(), Error> {
    let store = lab.backend().clone();
    at_once(8, |caller| {
        let store = store.clone();
        async move {
            for n in (0..10).map(|n| caller * 10 + n) {
                commit(&*store, Batch::new().insert(sample::flow(n))).await?;
                let by_key = store.get(Flow::TABLE, vec![key(n)]).await?;
                assert!(by_key[0].is_some(), "by key");
                let filter = mintaka_core::Filter::eq(flow::id, id(n));
                assert_eq!(store.select(Query::of(&flow::TABLE).filter(filter)).await?.len(), 1, "by filter");
            }
            Ok(())
        }
    })
    .await?;
    assert_eq!(lab.count(&flow::TABLE).await?, 80);
    Ok(())
}

/// A backend that begins no commit before it is let go, and counts commits.
struct Held {
    backend: Arc<dyn Backend>,
    go: Semaphore,
    commits: AtomicUsize,
}

#[async_trait]
impl Layer for Held {
    fn inner(&self) -> &dyn Backend {
        &*self.backend
    }
    async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
        let _going = self.go.acquire().await.map_err(|_| Error::Closed)?;
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.backend.commit(batches).await
    }
}

async fn callers_of_one_store_share_commits_and_get_their_own_answers(lab: Lab) -> Result<(), Error> {
    let held = Held { backend: lab.backend().clone(), go: Semaphore::new(0), commits: AtomicUsize::new(0) };
    let held = Arc::new(held);
    let store = Store::new(held.clone());
    // Of each pair of callers with the same name one wins.
    let flow = |n: u128| Flow { name: format!("flow-{}", n / 2), ..sample::flow(n) };
    let mut callers: Vec<_> = (0..100).map(|n| Box::pin(store.commit(Batch::new().insert(flow(n))))).collect();
    for caller in &mut callers {
        let answered = poll_fn(|context| Poll::Ready(caller.as_mut().poll(context).is_ready())).await;
        assert!(!answered, "nothing is answered before it is committed");
        // A task that never yields is soon told to wait for what is ready.
        tokio::task::yield_now().await;
    }
    held.go.add_permits(1);
    let mut winners = 0;
    for (caller, n) in callers.into_iter().zip(0..) {
        let outcome = caller.await?;
        let stored = lab.find::<Flow>(key(n)).await?.is_some();
        assert_eq!(stored, is_committed(&outcome), "caller {n} was told {outcome:?}");
        winners += u32::from(stored);
    }
    assert_eq!(winners, 50);
    // The first commit takes who is there when it begins, the second all who came while it was held.
    assert!(held.commits.load(Ordering::SeqCst) <= 2);
    Ok(())
}
