//! The positions of the writers of streams, read once for all sockets that follow a stream.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use mintaka_core::{Error, Head};
use mintaka_orchestration::Operations;
use tokio::sync::{Mutex as Turn, watch};
use tokio::time::sleep;

/// How often the store is asked without a commit of this process: others may have written.
const POLL: Duration = Duration::from_millis(50);
/// How often it is asked at most.
const PACE: Duration = Duration::from_millis(10);
/// How long after a failure it is asked again.
const RETRY: Duration = Duration::from_secs(1);

/// Each writer with the position of its last row.
pub(crate) type Writers = Arc<[Head]>;

/// Where the writers are, as far as it was read. They are followed as long as somebody has this.
pub(crate) struct Positions {
    store: Operations,
    seen: watch::Sender<Writers>,
    /// Whoever reads has the turn: what is seen later was read later.
    turn: Turn<()>,
}

impl Positions {
    fn start(store: &Operations) -> Arc<Positions> {
        let seen = watch::Sender::new(Writers::default());
        let positions = Arc::new(Positions { store: store.clone(), seen, turn: Turn::default() });
        tokio::spawn(follow(Arc::downgrade(&positions), store.committed()));
        positions
    }

    /// Reads where the writers are now.
    ///
    /// # Errors
    /// What the store answers.
    pub(crate) async fn look(&self) -> Result<(), Error> {
        let _turn = self.turn.lock().await;
        let writers = self.store.heads().await?.writers;
        self.seen.send_if_modified(|seen| {
            let is_new = **seen != *writers;
            if is_new {
                *seen = writers.into();
            }
            is_new
        });
        Ok(())
    }

    /// Where they are, and when that changes.
    pub(crate) fn watch(&self) -> watch::Receiver<Writers> {
        self.seen.subscribe()
    }
}

/// Looks whenever something was committed in this process, and now and then.
async fn follow(positions: Weak<Positions>, mut committed: watch::Receiver<u64>) {
    let mut failing = false;
    while let Some(positions) = positions.upgrade() {
        committed.borrow_and_update();
        let looked = positions.look().await;
        drop(positions);
        match looked {
            Ok(()) => failing = false,
            Err(Error::Closed) => return,
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "it cannot be seen whether there are new events or logs; trying on");
                }
                failing = true;
                sleep(RETRY).await;
            }
        }
        sleep(PACE).await;
        tokio::select! {
            Ok(()) = committed.changed() => {}
            () = sleep(POLL) => {}
        }
    }
}

/// The positions that the sockets of a server share.
#[derive(Default)]
pub(crate) struct Followed(Mutex<Weak<Positions>>);

impl Followed {
    /// Those that are being followed; from the first socket to the last.
    pub(crate) fn positions(&self, store: &Operations) -> Arc<Positions> {
        let mut followed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        followed.upgrade().unwrap_or_else(|| {
            let positions = Positions::start(store);
            *followed = Arc::downgrade(&positions);
            positions
        })
    }
}
