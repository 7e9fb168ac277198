//! The times of day that a recurrence rule chooses.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike};

use crate::budget::Budget;
use crate::period::{Frequency, Periods, Phase, seconds};

/// Hours, minutes and seconds in any combination, if a step of the rule falls on it. Lists are sorted and not empty.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times {
    hours: Vec<i64>,
    minutes: Vec<i64>,
    seconds: Vec<i64>,
    phase: Option<Phase>,
}

impl Times {
    /// Hours, minutes and seconds that are chosen. Where none are, all that the rule's steps fall on, or what the start
    /// of the rule has if that is finer than its steps.
    pub(crate) fn new(chosen: [Option<Vec<i64>>; 3], periods: &Periods) -> Times {
        let [hours, minutes, seconds] = chosen;
        let or = |chosen: Option<Vec<i64>>, all: i64, unit: Frequency, own: u32| {
            let free = || if periods.frequency >= unit { (0..all).collect() } else { vec![i64::from(own)] };
            chosen.unwrap_or_else(free)
        };
        let start = periods.start;
        Times {
            hours: or(hours, 24, Frequency::Hourly, start.hour()),
            minutes: or(minutes, 60, Frequency::Minutely, start.minute()),
            seconds: or(seconds, 60, Frequency::Secondly, start.second()),
            phase: periods.phase(),
        }
    }

    /// These hours, minutes and seconds of every day; none are all.
    pub(crate) fn of_every_day([hours, minutes, seconds]: [Vec<i64>; 3]) -> Times {
        let or = |chosen: Vec<i64>, all: i64| if chosen.is_empty() { (0..all).collect() } else { chosen };
        Times { hours: or(hours, 24), minutes: or(minutes, 60), seconds: or(seconds, 60), phase: None }
    }

    /// Whether no step ever falls on a combination. What is not known within the budget may be.
    pub(crate) fn are_never(&self, budget: &Budget) -> bool {
        let Some(phase) = self.phase else { return false };
        let some_day = Times { phase: Some(phase.of_any_day()), ..self.clone() };
        let day = NaiveDate::default();
        some_day.of_day(day, day.and_time(NaiveTime::MIN), budget).next().is_none() && !budget.is_exhausted()
    }

    /// How many combinations there are.
    pub(crate) fn len(&self) -> usize {
        self.hours.len() * self.minutes.len() * self.seconds.len()
    }

    /// A combination, as seconds of the day.
    pub(crate) fn get(&self, index: usize) -> Option<i64> {
        let (rest, second) = (index / self.seconds.len(), index % self.seconds.len());
        let (hour, minute) = (rest / self.minutes.len(), rest % self.minutes.len());
        Some(self.hours.get(hour)? * 3_600 + self.minutes.get(minute)? * 60 + self.seconds.get(second)?)
    }

    /// The times of a day from `from` on, in order. A step is a time that is found, or an hour, minute or second without
    /// one; hours and minutes in which nothing can be are passed over as a whole.
    pub(crate) fn of_day<'a>(
        &'a self,
        day: NaiveDate,
        from: NaiveDateTime,
        budget: &'a Budget,
    ) -> impl Iterator<Item = NaiveDateTime> + 'a {
        let midnight = seconds(day);
        let from = from.and_utc().timestamp() + i64::from(from.nanosecond() > 0);
        let is_open = move |first: i64, length: i64| {
            let touches = first + length > from && self.phase.as_ref().is_none_or(|phase| phase.touches(first, length));
            if touches && length > 1 {
                !budget.is_exhausted()
            } else {
                first + length > from && budget.spend(1) && touches
            }
        };
        let minutes = move |hour: i64| self.minutes.iter().map(move |minute| hour + minute * 60);
        let seconds = move |minute: i64| self.seconds.iter().map(move |second| minute + second);
        self.hours
            .iter()
            .map(move |hour| midnight + hour * 3_600)
            .filter(move |hour| is_open(*hour, 3_600))
            .flat_map(move |hour| minutes(hour).filter(move |minute| is_open(*minute, 60)))
            .flat_map(move |minute| seconds(minute).filter(move |second| is_open(*second, 1)))
            .filter_map(|second| Some(DateTime::from_timestamp(second, 0)?.naive_utc()))
    }
}
