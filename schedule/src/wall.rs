//! From wall-clock times to instants, across changes of the clock.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::budget::Budget;
use crate::period::LAST_YEAR;

/// How far around a date a change of the clock is looked for: the longest that ever was is 24 hours.
const NEAR: TimeDelta = TimeDelta::hours(25);

/// Which dates are asked for: the first `max` from `from` to `to`, both included.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: DateTime<Utc>,
    pub(crate) to: DateTime<Utc>,
    /// Above 0.
    pub(crate) max: usize,
}

impl Window {
    /// As much of a window as lies in the years that clients know; `None` if that is nothing.
    pub(crate) fn new(from: DateTime<Utc>, to: Option<DateTime<Utc>>, max: usize) -> Option<Window> {
        let first = NaiveDate::from_ymd_opt(1, 1, 1)?.and_time(NaiveTime::MIN).and_utc();
        let last = NaiveDate::from_ymd_opt(LAST_YEAR, 12, 31)?.and_hms_micro_opt(23, 59, 59, 999_999)?.and_utc();
        let window = Window { from: from.max(first), to: to.map_or(last, |to| to.min(last)), max };
        (max > 0 && window.from <= window.to).then_some(window)
    }
}

/// What becomes of a wall time that the clock skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Later by the length of the gap: 02:30 becomes 03:30.
    Later,
    /// Earlier by the length of the gap: 02:30 becomes 01:30.
    Earlier,
}

/// The instant of a wall time. A wall time that comes twice means its first.
pub(crate) fn localise(zone: Tz, wall: NaiveDateTime, gap: Gap) -> DateTime<Tz> {
    if let Some(date) = zone.from_local_datetime(&wall).earliest() {
        return date;
    }
    let side = match gap {
        Gap::Later => wall - NEAR - NEAR,
        Gap::Earlier => wall + NEAR + NEAR,
    };
    zone.from_utc_datetime(&(wall - offset(zone, side)))
}

fn offset(zone: Tz, instant: NaiveDateTime) -> TimeDelta {
    TimeDelta::seconds(zone.offset_from_utc_datetime(&instant).fix().local_minus_utc().into())
}

/// The least and the greatest distance of the wall clock from UTC around an instant.
fn offsets_near(zone: Tz, instant: DateTime<Utc>) -> (TimeDelta, TimeDelta) {
    let at = |n: i32| offset(zone, instant.naive_utc() + NEAR * n);
    [-2, -1, 1, 2].map(at).into_iter().fold((at(0), at(0)), |(least, greatest), at| (least.min(at), greatest.max(at)))
}

/// The dates of a rule on the wall clock in a window.
///
/// `walls` gives the rule's wall times in increasing order, from some wall time on. Where the clock changes, instants
/// come out of order or twice, so there the rule is read from before the window and past its end, by as much as the
/// clock changes. If the budget ends, so do the dates, before the first that may be missing.
pub(crate) fn dates<I: Iterator<Item = NaiveDateTime>>(
    walls: impl FnOnce(NaiveDateTime) -> I,
    (zone, gap): (Tz, Gap),
    Window { from, to, max }: Window,
    budget: &Budget,
) -> Vec<DateTime<Tz>> {
    let change = |instant: DateTime<Utc>| {
        let (least, greatest) = offsets_near(zone, instant);
        greatest - least
    };
    let mut found = BTreeSet::new();
    let mut seen = from;
    for wall in walls(from.naive_utc() + offsets_near(zone, from).0).take_while(|_| budget.spend(1)) {
        seen = localise(zone, wall, gap).to_utc();
        if (from..=to).contains(&seen) {
            found.insert(seen);
            if found.len() > max {
                found.pop_last();
            }
        }
        let last = found.last().copied().filter(|_| found.len() == max).unwrap_or(to);
        if seen >= last && seen >= last + change(last) {
            break;
        }
    }
    if budget.is_exhausted() {
        let known = seen - change(seen);
        found.retain(|instant| *instant <= known);
    }
    found.into_iter().map(|instant| instant.with_timezone(&zone)).collect()
}
