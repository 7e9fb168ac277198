//! Places for connections. When all are taken, those that wait for nothing are closed, the longest first; when there are
//! none, a few places in reserve serve those who ask how the server is, and tell all others to come back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Of so many connections one is closed when a place is needed: each search looks at all of them.
const CLOSED_OF: usize = 32;
/// A connection that is to close has so long before the next one goes into the reserve.
const CLOSES_WITHIN: Duration = Duration::from_millis(100);

/// What a connection does.
pub(crate) struct Activity {
    opened: Instant,
    reserved: bool,
    /// Requests that are being answered.
    handled: AtomicUsize,
    /// Answers that are being sent.
    leaving: AtomicUsize,
    /// Milliseconds after it was opened at which bytes were written last.
    wrote: AtomicU64,
    /// The same, of the last answer that was made or part of one that was taken by the client.
    moved: AtomicU64,
    /// Cancelled when its place is needed, and when the server stops.
    pub(crate) unwanted: CancellationToken,
}

impl Activity {
    fn new(reserved: bool, unwanted: CancellationToken) -> Activity {
        Activity {
            opened: Instant::now(),
            reserved,
            handled: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            wrote: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            unwanted,
        }
    }

    /// A request has arrived.
    pub(crate) fn handle(self: &Arc<Activity>) -> Handled {
        self.handled.fetch_add(1, Ordering::SeqCst);
        Handled(self.clone())
    }

    /// It is not asked about any more: it has become a socket, or is gone.
    pub(crate) fn leave_alone(&self) {
        self.handled.fetch_add(1, Ordering::SeqCst);
    }

    /// Bytes were written.
    pub(crate) fn writes(&self) {
        self.wrote.store(self.age(), Ordering::SeqCst);
    }

    fn age(&self) -> u64 {
        self.opened.elapsed().as_millis() as u64
    }

    /// When it will have been silent for so long, if nothing happens: nothing is being answered, and nothing moves.
    pub(crate) fn silent_at(&self, patience: Duration) -> Instant {
        match self.handled.load(Ordering::SeqCst) {
            0 => self.opened + Duration::from_millis(self.moved.load(Ordering::SeqCst)) + patience,
            _ => Instant::now() + patience.max(Duration::from_millis(100)),
        }
    }

    /// Whether nobody waits for anything.
    pub(crate) fn is_idle(&self) -> bool {
        self.handled.load(Ordering::SeqCst) == 0 && self.leaving.load(Ordering::SeqCst) == 0
    }

    /// Since when it is silent.
    fn silent_since(&self) -> Instant {
        self.opened + Duration::from_millis(self.moved.load(Ordering::SeqCst))
    }
}

/// A request that is being answered.
pub(crate) struct Handled(Arc<Activity>);

impl Handled {
    /// The answer is there and is to be sent.
    pub(crate) fn answered(self) -> Leaving {
        self.0.leaving.fetch_add(1, Ordering::SeqCst);
        Leaving(self.0.clone())
    }
}

impl Drop for Handled {
    fn drop(&mut self) {
        self.0.moved.store(self.0.age(), Ordering::SeqCst);
        self.0.handled.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An answer that is being sent.
pub(crate) struct Leaving(Arc<Activity>);

impl Leaving {
    /// The next part of it is asked for, so what was written last was a part of it. (That it is asked for is no proof that
    /// the client takes any: there may just be room for it in a buffer. Nor is a write: it may answer a ping.)
    pub(crate) fn moves(&self) {
        self.0.moved.fetch_max(self.0.wrote.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.moved.store(self.0.age(), Ordering::SeqCst);
        self.0.leaving.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Places for connections.
pub(crate) struct Room {
    places: Arc<Semaphore>,
    reserve: Arc<Semaphore>,
    open: Mutex<(u64, HashMap<u64, Arc<Activity>>)>,
    stop: CancellationToken,
}

impl Room {
    pub(crate) fn new(places: usize, reserve: usize, stop: CancellationToken) -> Arc<Room> {
        let semaphore = |number| Arc::new(Semaphore::new(number));
        Arc::new(Room { places: semaphore(places), reserve: semaphore(reserve.max(1)), open: Mutex::default(), stop })
    }

    /// A place for one more connection. It takes a while only if all are taken, the reserve included.
    pub(crate) async fn place(self: &Arc<Room>) -> Option<Place> {
        if let Ok(permit) = self.places.clone().try_acquire_owned() {
            return Some(self.take(permit, false));
        }
        if self.close_idle(false)
            && let Ok(permit) = timeout(CLOSES_WITHIN, self.places.clone().acquire_owned()).await
        {
            return Some(self.take(permit.ok()?, false));
        }
        if let Ok(permit) = self.reserve.clone().try_acquire_owned() {
            return Some(self.take(permit, true));
        }
        self.close_idle(true);
        // Nothing is served at length in the reserve.
        Some(self.take(self.reserve.clone().acquire_owned().await.ok()?, true))
    }

    fn take(self: &Arc<Room>, permit: OwnedSemaphorePermit, reserved: bool) -> Place {
        let activity = Arc::new(Activity::new(reserved, self.stop.child_token()));
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.0 += 1;
        let id = open.0;
        open.1.insert(id, activity.clone());
        drop(open);
        Place { id, activity, room: self.clone(), _permit: permit }
    }

    /// Asks the connections that are idle the longest to close; whether there are any.
    pub(crate) fn close_idle(&self, reserved: bool) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = open.1.values().filter(|one| one.reserved == reserved && !one.unwanted.is_cancelled());
        let mut idle: Vec<_> = of_kind.filter(|one| one.is_idle()).map(|one| (one.silent_since(), one)).collect();
        if idle.is_empty() {
            return false;
        }
        let number = (open.1.len() / CLOSED_OF).clamp(1, idle.len());
        idle.select_nth_unstable_by_key(number - 1, |(since, _)| *since);
        idle[..number].iter().for_each(|(_, one)| one.unwanted.cancel());
        true
    }
}

/// The place of a connection, until it is dropped.
pub(crate) struct Place {
    id: u64,
    pub(crate) activity: Arc<Activity>,
    room: Arc<Room>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Whether it is one of the reserve.
    pub(crate) fn is_reserved(&self) -> bool {
        self.activity.reserved
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.open.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a place back when it is no longer wanted, as a connection does.
    fn give_way(place: Place) -> Arc<Activity> {
        let activity = place.activity.clone();
        let unwanted = activity.unwanted.clone();
        tokio::spawn(async move {
            unwanted.cancelled().await;
            drop(place);
        });
        activity
    }

    #[tokio::test]
    async fn the_connection_that_is_idle_the_longest_gives_way_to_a_new_one() {
        let room = Room::new(3, 1, CancellationToken::new());
        let mut connections = Vec::new();
        for moved in [3000, 1000, 2000] {
            let connection = give_way(room.place().await.unwrap());
            connection.moved.store(moved, Ordering::SeqCst);
            connections.push(connection);
        }
        assert!(!room.place().await.unwrap().is_reserved());
        let unwanted: Vec<_> = connections.iter().map(|one| one.unwanted.is_cancelled()).collect();
        assert_eq!(unwanted, [false, true, false]);
    }

    #[tokio::test]
    async fn a_busy_connection_keeps_its_place_and_new_ones_go_into_the_reserve() {
        let room = Room::new(3, 1, CancellationToken::new());
        let places = [room.place().await.unwrap(), room.place().await.unwrap(), room.place().await.unwrap()];
        let _handled = places[0].activity.handle();
        let _leaving = places[1].activity.handle().answered();
        places[2].activity.leave_alone();
        let reserved = room.place().await.unwrap();
        assert!(reserved.is_reserved());
        assert!(places.iter().all(|place| !place.activity.unwanted.is_cancelled()));
        // And within the reserve one gives way to the next.
        let reserved = give_way(reserved);
        assert!(room.place().await.unwrap().is_reserved());
        assert!(reserved.unwanted.is_cancelled());
    }
}
