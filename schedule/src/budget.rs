//! How much work one question may cost.

use std::cell::Cell;

/// Steps of one question, and of one schedule's reading.
///
/// A step is a thing that is looked at: a period, a day, a part of a day, a candidate. The calendar repeats itself after
/// 146,097 days, so this is enough to look at all the days that there are, and for the dates of any rule that people
/// write; what needs more has no dates any more.
pub(crate) const MAX_STEPS: u64 = 500_000;

/// The steps that are left. It is shared by all who work at one question, whose answer ends when it is exhausted.
#[derive(Debug)]
pub(crate) struct Budget {
    left: Cell<u64>,
    exhausted: Cell<bool>,
}

impl Budget {
    pub(crate) fn new(steps: u64) -> Budget {
        Budget { left: Cell::new(steps), exhausted: Cell::new(false) }
    }

    /// Takes some steps; false, and all of them are gone, if there are not so many.
    pub(crate) fn spend(&self, steps: u64) -> bool {
        let left = self.left.get().checked_sub(steps);
        self.left.set(left.unwrap_or(0));
        if left.is_none() {
            self.exhausted.set(true);
        }
        left.is_some()
    }

    /// Whether somebody wanted more than there was.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted.get()
    }

    /// The steps that are left.
    #[cfg(test)]
    pub(crate) fn left(&self) -> u64 {
        self.left.get()
    }
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new(MAX_STEPS)
    }
}
