//! A queue between async callers and threads that block.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Unbounded: what waits is bounded by the callers, each of which waits for its answer.
pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    items: VecDeque<T>,
    waiting: usize,
    closed: bool,
}

/// What a thread that waited finds.
pub(crate) enum Next<T> {
    /// Work.
    Item(T),
    /// Nothing came for as long as it wanted to wait.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

impl<T> Queue<T> {
    pub fn new() -> Queue<T> {
        Queue {
            state: Mutex::new(State { items: VecDeque::new(), waiting: 0, closed: false }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Every change of the state is one step, so a panic elsewhere cannot have left it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an item and says how many threads were waiting for more than what is queued; gives the item back if
    /// the queue is closed.
    pub fn push(&self, item: T) -> Result<usize, T> {
        let mut state = self.state();
        if state.closed {
            return Err(item);
        }
        state.items.push_back(item);
        let spare = (state.waiting + 1).saturating_sub(state.items.len());
        drop(state);
        self.changed.notify_one();
        Ok(spare)
    }

    /// The next item, waiting for at most so long.
    pub fn next(&self, patience: Duration) -> Next<T> {
        let mut state = self.state();
        loop {
            if let Some(item) = state.items.pop_front() {
                return Next::Item(item);
            }
            if state.closed {
                return Next::Closed;
            }
            state.waiting += 1;
            let (again, timeout) = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner);
            state = again;
            state.waiting -= 1;
            if timeout.timed_out() && state.items.is_empty() && !state.closed {
                return Next::Idle;
            }
        }
    }

    /// Takes no more items; those that are queued are still handed out.
    pub fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// Closes, and drops what is queued.
    pub fn abandon(&self) {
        let mut state = self.state();
        state.closed = true;
        let dropped = std::mem::take(&mut state.items);
        drop(state);
        self.changed.notify_all();
        drop(dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_queue_hands_out_what_it_has_and_takes_no_more() {
        let queue = Queue::new();
        assert!(queue.push(1).is_ok());
        queue.close();
        assert_eq!(queue.push(2), Err(2));
        assert!(matches!(queue.next(Duration::ZERO), Next::Item(1)));
        assert!(matches!(queue.next(Duration::ZERO), Next::Closed));
    }

    #[test]
    fn nothing_in_time_is_idle() {
        let queue: Queue<()> = Queue::new();
        assert!(matches!(queue.next(Duration::from_millis(1)), Next::Idle));
    }
}
