//! The parts of a recurrence rule's text.

use std::collections::HashSet;
use std::str::FromStr;

use chrono::{Datelike, NaiveDate, NaiveDateTime, Timelike, Weekday};

use crate::days::DayRule;
use crate::period::{Frequency, LAST_YEAR, Periods};

/// The parts of a rule that were not read yet.
pub(crate) struct Parts<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Parts<'a> {
    pub(crate) fn read(text: &'a str) -> Result<Parts<'a>, String> {
        let mut names = HashSet::new();
        let mut parts = Vec::new();
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or("a part of a rule is `NAME=value`")?;
            let name = if name == "BYWEEKDAY" { "BYDAY" } else { name };
            if !names.insert(name) {
                return Err(format!("{name} is there twice"));
            }
            parts.push((name, value));
        }
        Ok(Parts(parts))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// That nothing is left.
    pub(crate) fn end(&self) -> Result<(), String> {
        self.0.first().map_or(Ok(()), |(name, _)| Err(format!("unsupported part: {name}")))
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<&'a str> {
        let index = self.0.iter().position(|part| part.0 == name)?;
        Some(self.0.remove(index).1)
    }

    pub(crate) fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, String> {
        self.take(name).map(|value| value.parse().map_err(|_| format!("invalid '{name}': {value}"))).transpose()
    }

    /// A list of numbers, sorted, each once.
    pub(crate) fn list(&mut self, name: &str, may_be: impl Fn(i64) -> bool) -> Result<Option<Vec<i64>>, String> {
        let Some(values) = self.take(name) else { return Ok(None) };
        let read = |text: &str| text.parse().ok().filter(|n| may_be(*n)).ok_or(format!("invalid '{name}': {values}"));
        let mut list: Vec<i64> = values.split(',').map(read).collect::<Result<_, _>>()?;
        list.sort_unstable();
        list.dedup();
        Ok(Some(list))
    }

    /// A list of numbers that count from the beginning or, below 0, from the end.
    pub(crate) fn ordinals(&mut self, name: &str, greatest: i64) -> Result<Vec<i64>, String> {
        Ok(self.list(name, |n| n != 0 && n.abs() <= greatest)?.unwrap_or_default())
    }

    /// The parts that choose days. A rule of years, months or weeks that has none of them comes on the day of its start.
    pub(crate) fn days(&mut self, periods: &Periods) -> Result<DayRule, String> {
        let months = self.list("BYMONTH", |n| (1..=12).contains(&n))?.unwrap_or_default();
        let (weekdays, nth_weekdays) = self.weekdays(periods.frequency)?;
        let mut days = DayRule {
            nth_of_month: periods.frequency == Frequency::Monthly || !months.is_empty(),
            months,
            month_days: self.ordinals("BYMONTHDAY", 31)?,
            year_days: self.ordinals("BYYEARDAY", 366)?,
            weeks: self.ordinals("BYWEEKNO", 53)?,
            weekdays,
            nth_weekdays,
            whole_months: periods.frequency <= Frequency::Monthly,
            ..DayRule::every(periods.week_start)
        };
        let is_free = days.month_days.is_empty()
            && days.year_days.is_empty()
            && days.weeks.is_empty()
            && days.weekdays.is_empty()
            && days.nth_weekdays.is_empty();
        if is_free {
            let start = periods.start;
            match periods.frequency {
                Frequency::Yearly => {
                    if days.months.is_empty() {
                        days.months.push(start.month().into());
                    }
                    days.month_days.push(start.day().into());
                }
                Frequency::Monthly => days.month_days.push(start.day().into()),
                Frequency::Weekly => days.weekdays.push(start.weekday().num_days_from_monday().into()),
                _ => {}
            }
        }
        Ok(days)
    }

    /// `MO`, `2MO`, `-1FR`, `MO(2)`: every such day, and the nth of them. Only months and years have an nth day; for
    /// other rules it is every one. (wire W10.4: as the clients' library has it)
    #[expect(clippy::type_complexity, reason = "two lists of one part")]
    fn weekdays(&mut self, frequency: Frequency) -> Result<(Vec<i64>, Vec<(i64, i64)>), String> {
        let (mut every, mut nth) = (Vec::new(), Vec::new());
        let Some(values) = self.take("BYDAY") else { return Ok((every, nth)) };
        for item in values.split(',') {
            let invalid = || format!("invalid 'BYDAY': {values}");
            let (number, name) = match item.split_once('(') {
                Some((name, number)) => (number.strip_suffix(')').ok_or_else(invalid)?, name),
                None => item.split_at(item.find(|c: char| c.is_ascii_alphabetic()).ok_or_else(invalid)?),
            };
            let day = i64::from(weekday(name).ok_or_else(invalid)?.num_days_from_monday());
            let number: Option<i64> = match number {
                "" => None,
                number => Some(number.parse().ok().filter(|n: &i64| *n != 0 && n.abs() <= 53).ok_or_else(invalid)?),
            };
            match number.filter(|_| frequency <= Frequency::Monthly) {
                Some(number) => nth.push((number, day)),
                None => every.push(day),
            }
        }
        every.sort_unstable();
        every.dedup();
        nth.sort_unstable();
        nth.dedup();
        Ok((every, nth))
    }
}

pub(crate) fn weekday(name: &str) -> Option<Weekday> {
    Some(match name {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

/// `20230101`, `20230101T090000`, with or without `Z`: the wall time, whatever the zone.
pub(crate) fn read_time(text: &str) -> Result<NaiveDateTime, String> {
    let digits = text.trim_end_matches('Z');
    NaiveDateTime::parse_from_str(digits, "%Y%m%dT%H%M%S")
        .or_else(|_| NaiveDateTime::parse_from_str(digits, "%Y-%m-%dT%H:%M:%S"))
        .or_else(|_| NaiveDate::parse_from_str(digits, "%Y%m%d").map(|date| date.and_time(chrono::NaiveTime::MIN)))
        .ok()
        .filter(|time| (1..=LAST_YEAR).contains(&time.year()) && time.nanosecond() == 0)
        .ok_or_else(|| format!("`{text}` is not a date and time"))
}
