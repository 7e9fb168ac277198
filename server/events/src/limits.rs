//! What all sockets of a server may take together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Limits of sockets.
#[derive(Clone, Copy, Debug)]
pub struct SocketLimits {
    /// Sockets that are open at a time; a further one is closed with 1013.
    pub sockets: usize,
    /// How long a client may take to say what it must say, to end a message that it began, and to read what is sent.
    pub patience: Duration,
    /// A client that was silent for so long is asked for a sign of life.
    pub probe_after: Duration,
    /// A client that was silent for so long is gone.
    pub gone_after: Duration,
    /// Bytes of filters, and of messages that have not ended, of all sockets.
    pub held: usize,
    /// Bytes of rows that are being sent to all sockets.
    pub pages: usize,
    /// Bytes of events that are read from all sockets and not yet durable.
    pub in_flight: usize,
}

impl Default for SocketLimits {
    fn default() -> SocketLimits {
        SocketLimits {
            sockets: 4_000,
            patience: Duration::from_secs(30),
            probe_after: Duration::from_secs(30),
            gone_after: Duration::from_secs(90),
            held: 128 << 20,
            pages: 256 << 20,
            in_flight: 64 << 20,
        }
    }
}

/// A number of bytes that several share.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    kib: Arc<Semaphore>,
    all: usize,
}

/// Some of the bytes of a [`Room`], until it is dropped.
pub(crate) type Share = OwnedSemaphorePermit;

impl Room {
    fn new(bytes: usize) -> Room {
        let all = (bytes >> 10).max(1);
        Room { kib: Arc::new(Semaphore::new(all)), all }
    }

    /// A share, or all that there is if it is less.
    fn kib(&self, bytes: usize) -> u32 {
        (bytes.div_ceil(1024)).clamp(1, self.all) as u32
    }

    /// Waits for a share. `None` never comes: a room is not closed.
    pub(crate) async fn take(&self, bytes: usize) -> Option<Share> {
        self.kib.clone().acquire_many_owned(self.kib(bytes)).await.ok()
    }

    /// A share, if it is free.
    pub(crate) fn try_take(&self, bytes: usize) -> Option<Share> {
        self.kib.clone().try_acquire_many_owned(self.kib(bytes)).ok()
    }
}

/// What the sockets of a server share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: SocketLimits,
    places: Arc<Semaphore>,
    /// Whether it was told that there is no place.
    full: AtomicBool,
    /// For filters, and messages that have not ended: it may be taken for long.
    pub(crate) held: Room,
    /// For rows that are being sent: whoever does not read them is closed in time.
    pub(crate) pages: Room,
    /// For events that are not yet durable.
    pub(crate) in_flight: Room,
}

impl Shared {
    pub(crate) fn new(limits: SocketLimits) -> Arc<Shared> {
        Arc::new(Shared {
            limits,
            places: Arc::new(Semaphore::new(limits.sockets)),
            full: AtomicBool::new(false),
            held: Room::new(limits.held),
            pages: Room::new(limits.pages),
            in_flight: Room::new(limits.in_flight),
        })
    }

    /// A place for one more socket, if there is one.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        let place = self.places.clone().try_acquire_owned().ok();
        if self.full.swap(place.is_none(), Ordering::Relaxed) != place.is_none() && place.is_none() {
            tracing::warn!(limit = self.limits.sockets, "no more sockets can be opened; further ones are closed");
        }
        place
    }
}
