//! One recurrence rule and its wall times.

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, Weekday};

use crate::budget::Budget;
use crate::days::DayRule;
use crate::parts::{Parts, read_time, weekday};
use crate::period::{Frequency, LAST_YEAR, Periods};
use crate::times::Times;

/// A rule from its start on. Its `COUNT` is resolved when it is read, so that any window is found without the dates
/// before it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    periods: Periods,
    days: DayRule,
    times: Times,
    /// `BYSETPOS`: which of the dates of a period.
    positions: Vec<i64>,
    /// No date after: `UNTIL`, or the last one of a `COUNT`.
    last: Option<NaiveDateTime>,
}

impl Rule {
    /// Reads a rule that begins at `start`. Counting its dates costs of the budget.
    ///
    /// # Errors
    /// Which part is wrong, and why.
    pub(crate) fn read(text: &str, start: NaiveDateTime, budget: &Budget) -> Result<Rule, String> {
        let mut parts = Parts::read(text)?;
        let name = parts.take("FREQ").ok_or("FREQ is missing")?;
        let frequency = Frequency::read(name).ok_or(format!("invalid 'FREQ': {name}"))?;
        let interval = parts.number::<u32>("INTERVAL")?.unwrap_or(1);
        if interval == 0 {
            return Err("invalid 'INTERVAL': 0".into());
        }
        let count = parts.number::<u64>("COUNT")?;
        let until = parts.take("UNTIL").map(read_time).transpose()?;
        let week_start = match parts.take("WKST") {
            Some(name) => weekday(name).ok_or(format!("invalid 'WKST': {name}"))?,
            None => Weekday::Mon,
        };
        let periods = Periods { frequency, interval: i64::from(interval), week_start, start };
        let is_plain = parts.is_empty();
        let positions = parts.ordinals("BYSETPOS", 366)?;
        if !positions.is_empty() && frequency > Frequency::Daily {
            return Err("BYSETPOS needs FREQ=DAILY or longer".into());
        }
        let days = parts.days(&periods)?;
        let times = [("BYHOUR", 23), ("BYMINUTE", 59), ("BYSECOND", 59)];
        let [hours, minutes, seconds] = times.map(|(name, greatest)| parts.list(name, |n| (0..=greatest).contains(&n)));
        let times = Times::new([hours?, minutes?, seconds?], &periods);
        parts.end()?;
        let mut rule = Rule { periods, days, times, positions, last: until };
        if rule.times.are_never(budget) {
            rule.last = Some(before(start));
        }
        if let Some(count) = count {
            let last = rule.last_of(count, is_plain, budget)?;
            rule.last = last.into_iter().chain(rule.last).min();
        }
        Ok(rule)
    }

    /// The `count`th date; `None` if there are not so many.
    fn last_of(&self, count: u64, is_plain: bool, budget: &Budget) -> Result<Option<NaiveDateTime>, String> {
        let start = self.periods.start;
        let Some(steps) = count.checked_sub(1) else { return Ok(Some(before(start))) };
        if let Some(unit) = self.periods.frequency.seconds().filter(|_| is_plain) {
            return Ok(plain_date(start, unit * self.periods.interval, steps));
        }
        let steps = usize::try_from(steps).unwrap_or(usize::MAX);
        let mut reached = start;
        let last = self.walls(start, budget).inspect(|wall| reached = *wall).nth(steps);
        if budget.is_exhausted() {
            return Err(format!(
                "COUNT={count} is more than can be counted for this rule (it was followed to {}); \
                 end it with UNTIL=<date> instead, or leave COUNT out",
                reached.date()
            ));
        }
        Ok(last)
    }

    /// The wall times from `from` on, in order, each once; they end when the budget does.
    pub(crate) fn walls<'a>(
        &'a self,
        from: NaiveDateTime,
        budget: &'a Budget,
    ) -> impl Iterator<Item = NaiveDateTime> + 'a {
        let from = from.max(self.periods.start);
        let (mut number, mut in_vain, cycle) = (self.periods.number_at(from.date()), 0, self.periods.cycle());
        // Of a period either the dates at the rule's positions, or all days.
        let chosen = std::iter::from_fn(move || {
            loop {
                let period = self.periods.period(number)?;
                if self.last.is_some_and(|last| last < from || last.date() < period.start) || !budget.spend(1) {
                    return None;
                }
                number = self.periods.number_after(number, &period);
                let days = self.days.days_of(period, budget);
                let found = if self.positions.is_empty() {
                    (Vec::new(), days)
                } else {
                    (self.positioned(&days, budget), Vec::new())
                };
                if !(found.0.is_empty() && found.1.is_empty()) {
                    in_vain = 0;
                    return Some(found);
                }
                in_vain += 1;
                if cycle.is_some_and(|cycle| in_vain > cycle) {
                    return None;
                }
            }
        });
        chosen
            .flat_map(move |(walls, days)| {
                let walls = walls.into_iter().filter(move |wall| *wall >= from);
                walls.chain(days.into_iter().flat_map(move |day| self.times.of_day(day, from, budget)))
            })
            .take_while(move |wall| self.last.is_none_or(|last| *wall <= last))
    }

    /// The wall times at the rule's positions among all of these days.
    fn positioned(&self, days: &[NaiveDate], budget: &Budget) -> Vec<NaiveDateTime> {
        let of_day = self.times.len().max(1);
        let all = i64::try_from(of_day * days.len()).unwrap_or(i64::MAX);
        let mut found: Vec<NaiveDateTime> = self
            .positions
            .iter()
            .filter(|_| budget.spend(1))
            .filter_map(|position| {
                let index = usize::try_from(if *position < 0 { all + position } else { position - 1 }).ok()?;
                let midnight = days.get(index / of_day)?.and_time(chrono::NaiveTime::MIN);
                Some(midnight + TimeDelta::seconds(self.times.get(index % of_day)?))
            })
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// The end of a rule that never comes.
fn before(start: NaiveDateTime) -> NaiveDateTime {
    start - TimeDelta::seconds(1)
}

/// The date of a rule without further parts after so many steps; `None` beyond the calendar.
fn plain_date(start: NaiveDateTime, step: i64, steps: u64) -> Option<NaiveDateTime> {
    let distance = i64::try_from(steps).ok()?.checked_mul(step)?;
    let date = start.checked_add_signed(TimeDelta::try_seconds(distance)?)?;
    (date.year() <= LAST_YEAR).then_some(date)
}
