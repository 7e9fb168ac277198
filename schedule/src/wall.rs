//! From wall-clock times to instants, across changes of the clock.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Wall times that are looked at in one call. Rules that skip more than this between two dates end there.
const MAX_CANDIDATES: usize = 200_000;

/// How far around a date a change of the clock is looked for: the longest that ever was is 24 hours.
const NEAR: TimeDelta = TimeDelta::hours(25);

/// What becomes of a wall time that the clock skips.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Later by the length of the gap: 02:30 becomes 03:30.
    Later,
    /// Earlier by the length of the gap: 02:30 becomes 01:30.
    Earlier,
}

/// The instant of a wall time, and whether the clock skips it. A wall time that comes twice means its first.
pub(crate) fn localise(zone: Tz, wall: NaiveDateTime, gap: Gap) -> (DateTime<Tz>, bool) {
    if let Some(date) = zone.from_local_datetime(&wall).earliest() {
        return (date, false);
    }
    let side = match gap {
        Gap::Later => wall - NEAR - NEAR,
        Gap::Earlier => wall + NEAR + NEAR,
    };
    let offset = zone.offset_from_utc_datetime(&side).fix().local_minus_utc();
    let instant = wall - TimeDelta::seconds(offset.into());
    (zone.from_utc_datetime(&instant), true)
}

/// Whether the clock changes within [`NEAR`] of an instant.
fn near_a_change(zone: Tz, instant: DateTime<Utc>) -> bool {
    let offset = |t: DateTime<Utc>| zone.offset_from_utc_datetime(&t.naive_utc()).fix();
    offset(instant - NEAR) != offset(instant + NEAR)
}

/// The first `max` dates from `from` to `to` (both included) of a rule on the wall clock.
///
/// `walls` gives the rule's wall times in increasing order, from some wall time on. Where the clock changes, instants
/// come out of order or twice, so there the rule is read from before the window and past its end.
pub(crate) fn dates<I: Iterator<Item = NaiveDateTime>>(
    walls: impl FnOnce(NaiveDateTime) -> I,
    (zone, gap): (Tz, Gap),
    (from, to): (DateTime<Utc>, Option<DateTime<Utc>>),
    max: usize,
) -> Vec<DateTime<Tz>> {
    let mut start = from.with_timezone(&zone).naive_local();
    if near_a_change(zone, from) {
        start -= NEAR;
    }
    let mut found = BTreeSet::new();
    for wall in walls(start).take(MAX_CANDIDATES) {
        let (date, skipped) = localise(zone, wall, gap);
        let instant = date.with_timezone(&Utc);
        if instant >= from && to.is_none_or(|to| instant <= to) {
            found.insert(instant);
            if found.len() > max {
                found.pop_last();
            }
        }
        let last = if found.len() == max { found.last().copied() } else { to };
        let past = |last: DateTime<Utc>| instant >= last && (!near_a_change(zone, last) || instant > last + NEAR);
        if !skipped && last.is_some_and(past) {
            break;
        }
    }
    found.into_iter().map(|instant| instant.with_timezone(&zone)).collect()
}
