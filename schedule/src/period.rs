//! The periods of a recurrence rule: the years, months, weeks or days that its `FREQ` and `INTERVAL` name.

use std::ops::Range;

use chrono::{DateTime, Datelike, Days, NaiveDate, NaiveDateTime, TimeDelta, Weekday};

const DAY: i64 = 86_400;

/// The last year whose dates clients can read. (wire W2.5: Python's `MAXYEAR`)
pub(crate) const LAST_YEAR: i32 = 9999;

/// How often a rule comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Frequency {
    Yearly,
    Monthly,
    Weekly,
    Daily,
    Hourly,
    Minutely,
    Secondly,
}

impl Frequency {
    pub(crate) fn read(name: &str) -> Option<Frequency> {
        Some(match name {
            "YEARLY" => Frequency::Yearly,
            "MONTHLY" => Frequency::Monthly,
            "WEEKLY" => Frequency::Weekly,
            "DAILY" => Frequency::Daily,
            "HOURLY" => Frequency::Hourly,
            "MINUTELY" => Frequency::Minutely,
            "SECONDLY" => Frequency::Secondly,
            _ => return None,
        })
    }

    /// Seconds of its unit, where all units are of one length.
    pub(crate) fn seconds(self) -> Option<i64> {
        match self {
            Frequency::Yearly | Frequency::Monthly => None,
            Frequency::Weekly => Some(7 * DAY),
            Frequency::Daily => Some(DAY),
            Frequency::Hourly => Some(3_600),
            Frequency::Minutely => Some(60),
            Frequency::Secondly => Some(1),
        }
    }
}

/// The periods of a rule, by number: any of them is found without those before.
///
/// Those of a rule by the hour, minute or second are the days that its steps fall on, and numbers are of steps: of the
/// steps of one day the first one stands for the day, or any other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Periods {
    pub(crate) frequency: Frequency,
    /// Above 0.
    pub(crate) interval: i64,
    pub(crate) week_start: Weekday,
    pub(crate) start: NaiveDateTime,
}

impl Periods {
    /// The steps of a rule that is finer than a day.
    pub(crate) fn phase(&self) -> Option<Phase> {
        let unit = self.frequency.seconds().filter(|unit| *unit < DAY)?;
        let first = self.start.and_utc().timestamp().div_euclid(unit);
        Some(Phase { unit, interval: self.interval, first })
    }

    /// The number of the last period that begins by this day; of steps, the first one that is not before it.
    pub(crate) fn number_at(&self, day: NaiveDate) -> i64 {
        let start = self.start.date();
        let number = match self.phase() {
            Some(phase) => phase.next(seconds(day)),
            None => {
                let periods = match self.frequency {
                    Frequency::Yearly => i64::from(day.year() - start.year()),
                    Frequency::Monthly => month_number(day) - month_number(start),
                    Frequency::Weekly => (day - self.week_of(start)).num_days().div_euclid(7),
                    _ => (day - start).num_days(),
                };
                periods.div_euclid(self.interval)
            }
        };
        number.max(0)
    }

    /// The number of the period after this one.
    pub(crate) fn number_after(&self, number: i64, period: &Range<NaiveDate>) -> i64 {
        if self.frequency > Frequency::Daily { self.number_at(period.end) } else { number + 1 }
    }

    /// The days of a period; `None` beyond the calendar.
    pub(crate) fn period(&self, number: i64) -> Option<Range<NaiveDate>> {
        let start = self.start.date();
        let distance = number.checked_mul(self.interval)?;
        let (first, end) = match self.frequency {
            Frequency::Yearly => {
                let year = i64::from(start.year()).checked_add(distance).and_then(|year| i32::try_from(year).ok())?;
                (NaiveDate::from_ymd_opt(year, 1, 1)?, NaiveDate::from_ymd_opt(year.checked_add(1)?, 1, 1)?)
            }
            Frequency::Monthly => {
                let month = month_number(start).checked_add(distance)?;
                (first_of_month(month)?, first_of_month(month + 1)?)
            }
            Frequency::Weekly => {
                let first = self.week_of(start).checked_add_signed(TimeDelta::try_weeks(distance)?)?;
                // The first week begins with the rule.
                (first.max(start), first.checked_add_days(Days::new(7))?)
            }
            Frequency::Daily => one_day(start.checked_add_signed(TimeDelta::try_days(distance)?)?)?,
            Frequency::Hourly | Frequency::Minutely | Frequency::Secondly => {
                let phase = self.phase()?;
                let step = phase.first.checked_add(distance)?.checked_mul(phase.unit)?;
                one_day(DateTime::from_timestamp(step, 0)?.date_naive())?
            }
        };
        (first.year() <= LAST_YEAR).then_some(first..end)
    }

    /// After so many periods a rule meets the same days again: the calendar repeats itself every 400 years, which are
    /// whole months, weeks and days. `None` if that takes longer than anybody would look.
    pub(crate) fn cycle(&self) -> Option<u64> {
        match self.frequency {
            Frequency::Yearly => Some(400),
            Frequency::Monthly => Some(4_800),
            Frequency::Weekly => Some(20_871),
            Frequency::Daily => Some(146_097),
            _ => {
                let step = self.frequency.seconds().and_then(|unit| unit.checked_mul(self.interval))?;
                (step <= DAY || step % DAY == 0).then_some(146_097)
            }
        }
    }

    fn week_of(&self, day: NaiveDate) -> NaiveDate {
        day.week(self.week_start).checked_first_day().unwrap_or(day)
    }
}

/// Steps of whole units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Phase {
    /// Seconds of a unit.
    unit: i64,
    /// Units of a step.
    interval: i64,
    /// The unit of the first step, counted from 1970.
    first: i64,
}

impl Phase {
    /// Whether a step lies in these seconds.
    pub(crate) fn touches(&self, first: i64, length: i64) -> bool {
        let (unit, last) = (first.div_euclid(self.unit), (first + length - 1).div_euclid(self.unit));
        unit + (self.first - unit).rem_euclid(self.interval) <= last
    }

    /// The steps of all days, put into one: a day begins at any multiple of what a day and a step have in common.
    pub(crate) fn of_any_day(self) -> Phase {
        let (mut common, mut rest) = (self.interval, DAY / self.unit);
        while rest != 0 {
            (common, rest) = (rest, common % rest);
        }
        Phase { interval: common, ..self }
    }

    /// The number of the first step in or after the unit of this second.
    fn next(&self, second: i64) -> i64 {
        let units = second.div_euclid(self.unit) - self.first;
        units.div_euclid(self.interval) + i64::from(units.rem_euclid(self.interval) != 0)
    }
}

/// The seconds of a day's midnight, counted from 1970.
pub(crate) fn seconds(day: NaiveDate) -> i64 {
    day.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()
}

fn one_day(day: NaiveDate) -> Option<(NaiveDate, NaiveDate)> {
    Some((day, day.succ_opt()?))
}

fn month_number(day: NaiveDate) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month0())
}

fn first_of_month(number: i64) -> Option<NaiveDate> {
    let year = i32::try_from(number.div_euclid(12)).ok()?;
    NaiveDate::from_ymd_opt(year, u32::try_from(number.rem_euclid(12)).ok()? + 1, 1)
}
