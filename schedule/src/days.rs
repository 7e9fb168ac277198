//! The days that a recurrence rule chooses of its periods.

use std::ops::Range;

use chrono::{Datelike, NaiveDate, TimeDelta, Weekday};

use crate::budget::Budget;

/// What a day must meet: an empty list asks for nothing. Lists are sorted; numbers below 0 count from the end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DayRule {
    pub(crate) months: Vec<i64>,
    pub(crate) month_days: Vec<i64>,
    pub(crate) year_days: Vec<i64>,
    pub(crate) weeks: Vec<i64>,
    /// Days after Monday.
    pub(crate) weekdays: Vec<i64>,
    /// The nth such weekday of the month or year.
    pub(crate) nth_weekdays: Vec<(i64, i64)>,
    /// Whether the nth is one of the month.
    pub(crate) nth_of_month: bool,
    pub(crate) week_start: Weekday,
    /// Whether the rule's periods are whole months, so that days of the month need not be searched for.
    pub(crate) whole_months: bool,
}

impl DayRule {
    /// Every day.
    pub(crate) fn every(week_start: Weekday) -> DayRule {
        DayRule {
            months: Vec::new(),
            month_days: Vec::new(),
            year_days: Vec::new(),
            weeks: Vec::new(),
            weekdays: Vec::new(),
            nth_weekdays: Vec::new(),
            nth_of_month: false,
            week_start,
            whole_months: false,
        }
    }

    /// The chosen days of a period, in order. A step is a day that is looked at, or a month that is passed over.
    pub(crate) fn days_of(&self, period: Range<NaiveDate>, budget: &Budget) -> Vec<NaiveDate> {
        let (mut found, mut day) = (Vec::new(), period.start);
        while day < period.end {
            let days_left = i64::from(day.num_days_in_month()) - i64::from(day.day()) + 1;
            let next = (day + TimeDelta::days(days_left)).min(period.end);
            if self.months.is_empty() || self.months.binary_search(&day.month().into()).is_ok() {
                let is_chosen = |day: &NaiveDate| budget.spend(1) && self.chooses(*day);
                found.extend(self.candidates(day, next).into_iter().filter(is_chosen));
            } else if !budget.spend(1) {
                break;
            }
            day = next;
        }
        found
    }

    /// The days from `first` to `end` of one month that may be chosen.
    fn candidates(&self, first: NaiveDate, end: NaiveDate) -> Vec<NaiveDate> {
        if !self.whole_months || self.month_days.is_empty() {
            return first.iter_days().take_while(|day| *day < end).collect();
        }
        let length = i64::from(first.num_days_in_month());
        let from_start = |day: &i64| if *day < 0 { length + 1 + *day } else { *day };
        let mut days: Vec<i64> = self.month_days.iter().map(from_start).collect();
        days.sort_unstable();
        days.dedup();
        days.into_iter().filter_map(|day| first.with_day(u32::try_from(day).ok()?)).collect()
    }

    /// Whether a day of a chosen month is chosen.
    fn chooses(&self, day: NaiveDate) -> bool {
        let year_length = if day.leap_year() { 366 } else { 365 };
        let of_month = (i64::from(day.day()), i64::from(day.num_days_in_month()));
        let of_year = (i64::from(day.ordinal()), year_length);
        let among = |list: &[i64], (nth, length): (i64, i64)| {
            list.is_empty() || [nth, nth - length - 1].iter().any(|nth| list.binary_search(nth).is_ok())
        };
        let weekday = i64::from(day.weekday().num_days_from_monday());
        let is_nth = || {
            let (nth, length) = if self.nth_of_month { of_month } else { of_year };
            [(nth - 1) / 7 + 1, -((length - nth) / 7) - 1]
                .iter()
                .any(|nth| self.nth_weekdays.binary_search(&(*nth, weekday)).is_ok())
        };
        among(&self.month_days, of_month)
            && among(&self.year_days, of_year)
            && (self.weekdays.is_empty() || self.weekdays.binary_search(&weekday).is_ok())
            && (self.nth_weekdays.is_empty() || is_nth())
            && (self.weeks.is_empty() || among(&self.weeks, self.week(day)))
    }

    /// The week of the year that a day is in, and the weeks of that year. A week belongs to the year that has at least
    /// four of its days. (RFC 5545)
    fn week(&self, day: NaiveDate) -> (i64, i64) {
        let since_start = i64::from(day.weekday().days_since(self.week_start));
        let middle = day + TimeDelta::days(3 - since_start);
        let year_length = if middle.leap_year() { 366 } else { 365 };
        let week = i64::from(middle.ordinal0()) / 7 + 1;
        (week, week + (year_length - 1 - i64::from(middle.ordinal0())) / 7)
    }
}
