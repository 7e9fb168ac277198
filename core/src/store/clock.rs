//! The store's clock as this process knows it: its own clock, and how far the store's is ahead.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use crate::{Clock, Time};

/// A clock that follows the store's.
///
/// ```text
/// this process:  asked ──────── answered      the store's `now` was read somewhere between the two, so
/// the store:            now                   now - answered ≤ offset ≤ now - asked
/// ```
/// Of the offsets that an answer allows, the one nearest to what was known is taken. So where store and process share a
/// clock it stays zero, whatever a commit takes.
pub(super) struct StoreClock {
    local: Arc<dyn Clock>,
    offset: AtomicI64,
}

impl StoreClock {
    pub(super) fn new(local: Arc<dyn Clock>) -> StoreClock {
        StoreClock { local, offset: AtomicI64::new(0) }
    }

    /// The clock of this process.
    pub(super) fn local(&self) -> Time {
        self.local.now()
    }

    /// The store's clock.
    pub(super) fn now(&self) -> Time {
        self.local.now().plus_micros(self.offset.load(Ordering::Relaxed))
    }

    /// Takes in what the store said to a call that began at `asked` and has just been answered.
    pub(super) fn learn(&self, asked: Time, now: Time) {
        let answered = self.local.now().micros().max(asked.micros());
        let (least, most) = (now.micros().saturating_sub(answered), now.micros().saturating_sub(asked.micros()));
        let known = self.offset.load(Ordering::Relaxed);
        self.offset.store(known.clamp(least, most), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ManualClock;

    #[test]
    fn it_follows_a_clock_that_is_ahead_or_behind_and_trusts_its_own_else() {
        let local = ManualClock::at(Time::from_micros(1_000));
        let clock = StoreClock::new(Arc::new(local.clone()));
        let asked = clock.local();
        local.advance_seconds(0.001);
        clock.learn(asked, Time::from_micros(1_400));
        assert_eq!(clock.now(), Time::from_micros(2_000), "it may be the same clock");
        clock.learn(clock.local(), Time::from_micros(9_000));
        assert_eq!(clock.now(), Time::from_micros(9_000));
        clock.learn(clock.local(), Time::from_micros(500));
        assert_eq!(clock.now(), Time::from_micros(500));
    }
}
