//! Group commit: whatever waits goes into one commit and one fsync. It never lingers to fill a group.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;

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
    pub(super) fn start(backend: Arc<dyn Backend>) -> (Group, watch::Receiver<u64>) {
        let (queue, waiting) = mpsc::channel(QUEUE_BATCHES);
        let (committed, watch) = watch::channel(0);
        tokio::spawn(run(backend, waiting, committed));
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

async fn run(backend: Arc<dyn Backend>, mut queue: mpsc::Receiver<Waiting>, committed: watch::Sender<u64>) {
    while let Some(first) = queue.recv().await {
        let mut group = Vec::new();
        let mut bytes = 0;
        let mut next = Some(first);
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
        if group.is_empty() {
            continue;
        }
        let (mut batches, mut replies) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
        for waiting in group {
            batches.push(waiting.batch);
            replies.push((waiting.reply, waiting._room));
        }
        let result = backend.commit(batches.into()).await;
        committed.send_modify(|n| *n += 1);
        match result {
            Ok(outcomes) if outcomes.len() == replies.len() => {
                for ((reply, _room), outcome) in replies.into_iter().zip(outcomes) {
                    let _ = reply.send(Ok(outcome));
                }
            }
            Ok(_) => {
                for (reply, _room) in replies {
                    let _ =
                        reply.send(Err(Error::Corrupt("the backend answered for another number of batches".into())));
                }
            }
            Err(error) => {
                for (reply, _room) in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }
}
