//! Long work, such as reading a large body: whatever else waits for its thread goes on on another one meanwhile.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::block_in_place;

/// Work on this many bytes takes about a millisecond.
pub(crate) const LONG_FROM: u64 = 128 << 10;

/// Does long work. (A runtime of one thread has no other: that of a test.)
pub(crate) fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => block_in_place(work),
        _ => work(),
    }
}

/// A future whose steps may be long. Its pauses hold no thread.
pub(crate) struct Aside<F>(Pin<Box<F>>);

impl<F> Aside<F> {
    pub(crate) fn new(future: F) -> Aside<F> {
        Aside(Box::pin(future))
    }
}

impl<F: Future> Future for Aside<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        aside(|| self.0.as_mut().poll(context))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn long_work_does_not_hold_up_the_only_thread() {
        let (tell, told) = mpsc::channel();
        let work = tokio::spawn(Aside::new(async move {
            tokio::spawn(async move { tell.send(()) });
            // Blocks its thread until somebody else was served.
            told.recv()
        }));
        assert_eq!(work.await.unwrap(), Ok(()));
    }
}
