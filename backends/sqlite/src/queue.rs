//! A queue between async callers and threads that block.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) struct Queue<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    most: usize,
}

/// What became of an item that was to be queued.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed<T> {
    /// It waits; so many threads were waiting for more than what is queued.
    Waiting { spare: usize },
    /// As many as may wait do; here it is again.
    Full(T),
    /// The queue is closed; here it is again.
    Closed(T),
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
    /// An empty queue, in which at most so many items wait.
    pub fn new(most: usize) -> Queue<T> {
        Queue {
            most,
            state: Mutex::new(State { items: VecDeque::new(), waiting: 0, closed: false }),
            changed: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Every change of the state is one step, so a panic elsewhere cannot have left it half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an item.
    pub fn push(&self, item: T) -> Pushed<T> {
        let mut state = self.state();
        if state.closed {
            return Pushed::Closed(item);
        }
        if state.items.len() >= self.most {
            return Pushed::Full(item);
        }
        state.items.push_back(item);
        let spare = (state.waiting + 1).saturating_sub(state.items.len());
        drop(state);
        self.changed.notify_one();
        Pushed::Waiting { spare }
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
        let queue = Queue::new(5);
        assert_eq!(queue.push(1), Pushed::Waiting { spare: 0 });
        queue.close();
        assert_eq!(queue.push(2), Pushed::Closed(2));
        assert!(matches!(queue.next(Duration::ZERO), Next::Item(1)));
        assert!(matches!(queue.next(Duration::ZERO), Next::Closed));
    }

    #[test]
    fn a_full_queue_gives_the_item_back() {
        let queue = Queue::new(1);
        queue.push(1);
        assert_eq!(queue.push(2), Pushed::Full(2));
    }

    #[test]
    fn nothing_in_time_is_idle() {
        let queue: Queue<()> = Queue::new(1);
        assert!(matches!(queue.next(Duration::from_millis(1)), Next::Idle));
    }
}
