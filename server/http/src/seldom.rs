//! What happens often, and is told of seldom.

use std::time::{Duration, Instant};

/// How often it is told at most.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Counts what happens often.
pub(crate) struct Seldom {
    number: u64,
    told: Option<Instant>,
}

impl Seldom {
    /// Nothing so far.
    pub(crate) const fn new() -> Seldom {
        Seldom { number: 0, told: None }
    }

    /// Counts one more; the number so far if it is time to tell it.
    pub(crate) fn count(&mut self, now: Instant) -> Option<u64> {
        self.number += 1;
        if self.told.is_some_and(|told| now.duration_since(told) < TELL_EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happens_often_is_told_at_once_and_then_once_a_minute() {
        let (mut seldom, start) = (Seldom::new(), Instant::now());
        let told = [0, 1, 59, 60, 61, 121].map(|seconds| seldom.count(start + Duration::from_secs(seconds)));
        assert_eq!(told, [Some(1), None, None, Some(4), None, Some(6)]);
    }
}
