//! The gate before reads: it closes for the instant in which the write-ahead log is truncated.
//!
//! SQLite can begin its log again only when nobody reads from it. Under steady reads that instant never comes by itself
//! and the log grows without end, so the writer makes one.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    reading: usize,
    shut: bool,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the gate is shut, then reads until the pass is dropped.
    pub fn pass(&self) -> Pass<'_> {
        let mut state = self.state();
        while state.shut {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.reading += 1;
        Pass(self)
    }

    /// Shuts the gate, waits until nobody reads, runs `alone` and opens again. If reads last longer than `patience`,
    /// it opens again without; `None` then.
    pub fn alone<T>(&self, patience: Duration, alone: impl FnOnce() -> T) -> Option<T> {
        let until = Instant::now() + patience;
        let mut state = self.state();
        state.shut = true;
        let _opens = Opens(self);
        while state.reading > 0 {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(state);
                return None;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        Some(alone())
    }
}

/// A read under way.
pub(crate) struct Pass<'g>(&'g Gate);

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.state().reading -= 1;
        self.0.changed.notify_all();
    }
}

/// Opens the gate whatever happens.
struct Opens<'g>(&'g Gate);

impl Drop for Opens<'_> {
    fn drop(&mut self) {
        self.0.state().shut = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_to_be_alone_gives_up_while_somebody_reads() {
        let gate = Gate::default();
        let pass = gate.pass();
        assert_eq!(gate.alone(Duration::from_millis(1), || ()), None);
        drop(pass);
        assert_eq!(gate.alone(Duration::from_millis(1), || 7), Some(7));
        drop(gate.pass());
    }
}
