//! Group commit: whatever waits goes into one commit and one fsync. It never lingers to fill a group.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

use super::clock::StoreClock;
use crate::{Backend, Batch, Error, Outcome};

/// Batches in one commit. Beyond 256 a larger group gains little, and everybody in it waits longer.
const GROUP_BATCHES: usize = 256;
/// Bytes in one commit.
const GROUP_BYTES: usize = 8 << 20;
/// Batches that may wait.
const QUEUE_BATCHES: usize = 8192;
/// KiB that may wait.
const QUEUE_KIB: usize = 64 << 10;
/// How long a batch may wait for its commit to begin.
pub(super) const DEADLINE: Duration = Duration::from_secs(15);

struct Waiting {
    batch: Batch,
    size: usize,
    until: Instant,
    reply: oneshot::Sender<Result<Outcome, Error>>,
    _room: OwnedSemaphorePermit,
}

/// The queue in front of the backend's `commit`.
#[derive(Clone)]
pub(super) struct Group {
    queue: mpsc::Sender<Waiting>,
    room: Arc<Semaphore>,
}

impl Group {
    /// Starts as many committers as the backend has writers.
    pub(super) fn start(backend: Arc<dyn Backend>, clock: Arc<StoreClock>) -> (Group, watch::Receiver<u64>) {
        let (queue, waiting) = mpsc::channel(QUEUE_BATCHES);
        let (committed, watch) = watch::channel(0);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..backend.caps().writers.max(1) {
            let committer = Committer {
                backend: backend.clone(),
                clock: clock.clone(),
                queue: waiting.clone(),
                committed: committed.clone(),
            };
            tokio::spawn(committer.run());
        }
        (Group { queue, room: Arc::new(Semaphore::new(QUEUE_KIB)) }, watch)
    }

    pub(super) async fn commit(&self, batch: Batch, deadline: Duration) -> Result<Outcome, Error> {
        let until = Instant::now() + deadline;
        let size = batch.size();
        let kib = (size >> 10).clamp(1, QUEUE_KIB) as u32;
        let full = || Error::Unavailable("too many writes are waiting".into());
        let room = tokio::time::timeout_at(until, self.room.clone().acquire_many_owned(kib)).await;
        let room = room.map_err(|_| full())?.map_err(|_| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { batch, size, until, reply, _room: room };
        match tokio::time::timeout_at(until, self.queue.send(waiting)).await {
            Err(_) => return Err(full()),
            Ok(Err(_)) => return Err(Error::Closed),
            Ok(Ok(())) => {}
        }
        answer.await.unwrap_or(Err(Error::Indeterminate("the committer stopped".into())))
    }
}

/// One of the tasks that take what waits and commit it.
struct Committer {
    backend: Arc<dyn Backend>,
    clock: Arc<StoreClock>,
    /// Whoever has it gathers the next group; the others have one under way.
    queue: Arc<Mutex<mpsc::Receiver<Waiting>>>,
    committed: watch::Sender<u64>,
}

impl Committer {
    async fn run(self) {
        while let Some(group) = self.next_group().await {
            self.commit(group).await;
        }
    }

    /// Waits for a batch and takes what waits besides; `None` once nobody can send any more.
    async fn next_group(&self) -> Option<Vec<Waiting>> {
        let mut queue = self.queue.lock().await;
        loop {
            let mut next = Some(queue.recv().await?);
            let (mut group, mut bytes) = (Vec::new(), 0);
            while let Some(waiting) = next.take() {
                if waiting.reply.is_closed() {
                    // The caller went away while it was queued.
                } else if waiting.until < Instant::now() {
                    let _ = waiting.reply.send(Err(Error::Unavailable("the write could not start in time".into())));
                } else {
                    bytes += waiting.size;
                    group.push(waiting);
                }
                if group.len() < GROUP_BATCHES && bytes < GROUP_BYTES {
                    next = queue.try_recv().ok();
                }
            }
            if !group.is_empty() {
                return Some(group);
            }
        }
    }

    async fn commit(&self, group: Vec<Waiting>) {
        let (mut batches, mut replies) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        for waiting in group {
            batches.push(waiting.batch);
            replies.push((waiting.reply, waiting._room));
        }
        let asked = self.clock.local();
        // A panic of the backend must not end the task, on which every later write depends.
        let answer = AssertUnwindSafe(self.backend.commit(batches.into())).catch_unwind().await;
        let answer = answer.unwrap_or_else(|_| Err(Error::Indeterminate("the storage broke off a commit".into())));
        if let Ok(answer) = &answer {
            self.clock.learn(asked, answer.now);
        }
        self.committed.send_modify(|n| *n += 1);
        match answer {
            Ok(answer) if answer.outcomes.len() == replies.len() => {
                for ((reply, _room), outcome) in replies.into_iter().zip(answer.outcomes) {
                    let _ = reply.send(Ok(outcome));
                }
            }
            Ok(_) => {
                // Something was done, and nobody can say what.
                let error = Error::Indeterminate("the backend answered for another number of batches".into());
                replies.into_iter().for_each(|(reply, _room)| drop(reply.send(Err(error.clone()))));
            }
            Err(error) => replies.into_iter().for_each(|(reply, _room)| drop(reply.send(Err(error.clone())))),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::batch::Batches;
    use crate::memory::MemoryStore;
    use crate::{Caps, CommitAnswer, Layer, Store};

    /// Panics in its first commit; shows how many are under way at most.
    struct Probe {
        inner: MemoryStore,
        calls: AtomicUsize,
        under_way: AtomicUsize,
        most: AtomicUsize,
        gate: Semaphore,
    }

    #[async_trait]
    impl Layer for Probe {
        fn inner(&self) -> &dyn Backend {
            &self.inner
        }
        fn caps(&self) -> Caps {
            Caps { writers: 3, ..self.inner.caps() }
        }
        async fn commit(&self, batches: Batches) -> Result<CommitAnswer, Error> {
            assert!(self.calls.fetch_add(1, Ordering::SeqCst) > 0, "on purpose");
            let under_way = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(under_way, Ordering::SeqCst);
            let _pass = self.gate.acquire().await;
            self.under_way.fetch_sub(1, Ordering::SeqCst);
            self.inner.commit(batches).await
        }
    }

    #[tokio::test]
    async fn a_backend_that_panics_is_maybe_done_and_as_many_groups_are_under_way_as_it_has_writers() {
        let (inner, gate) = (MemoryStore::new(), Semaphore::new(0));
        let zero = AtomicUsize::default;
        let probe = Arc::new(Probe { inner, calls: zero(), under_way: zero(), most: zero(), gate });
        let store = Store::new(probe.clone());
        let broke = store.commit(Batch::new()).await;
        assert!(matches!(broke, Err(Error::Indeterminate(_))), "{broke:?}");
        let mut commits = Vec::new();
        for n in 0..5 {
            let store = store.clone();
            commits.push(tokio::spawn(async move { store.commit(Batch::new()).await }));
            // Else they would share a group.
            while probe.under_way.load(Ordering::SeqCst) < usize::min(n + 1, 3) {
                tokio::task::yield_now().await;
            }
        }
        probe.gate.add_permits(1);
        for commit in commits {
            assert!(matches!(commit.await, Ok(Ok(Outcome::Committed { .. }))));
        }
        assert_eq!(probe.most.load(Ordering::SeqCst), 3);
    }
}
