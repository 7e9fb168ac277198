//! Schedules of cron expressions.
//!
//! Clients write the dialect of Python's croniter: five fields, optionally a sixth of *seconds* and a seventh of years
//! at the end; ranges may wrap around (`22-2`); `L5` is the last Friday of a month, `5#2` the second.

use std::ops::Range;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Weekday};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::budget::Budget;
use crate::days::DayRule;
use crate::period::{Frequency, Periods};
use crate::times::Times;
use crate::wall::{self, Gap, Window};
use crate::{Invalid, read_timezone, zone_or_utc};

/// At the wall-clock times that a cron expression names. A time that the clock skips comes later by what was skipped;
/// one that comes twice means its first.
#[derive(Clone, Debug, PartialEq)]
pub struct Cron {
    text: String,
    timezone: Option<String>,
    day_or: bool,
    fields: Fields,
}

impl Cron {
    pub(crate) fn read(members: &Map<String, Value>) -> Result<Cron, Invalid> {
        let Some(Value::String(text)) = members.get("cron") else {
            return Err(Invalid::new("cron", "Input should be a valid string"));
        };
        let day_or = match members.get("day_or") {
            None | Some(Value::Null) => true,
            Some(Value::Bool(day_or)) => *day_or,
            Some(_) => return Err(Invalid::new("day_or", "Input should be a valid boolean")),
        };
        let timezone = read_timezone(members)?;
        if text.split_whitespace().any(|field| field.eq_ignore_ascii_case("r") || field.eq_ignore_ascii_case("h")) {
            let message = format!("Random and Hashed expressions are unsupported, received: \"{text}\"");
            return Err(Invalid::new("cron", message));
        }
        let fields = Fields::read(text, day_or)
            .ok_or_else(|| Invalid::new("cron", format!("Invalid cron string: \"{text}\"")))?;
        Ok(Cron { text: text.clone(), timezone, day_or, fields })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "cron": self.text, "timezone": self.timezone, "day_or": self.day_or })
    }

    pub(crate) fn dates(&self, window: Window, budget: &Budget) -> Vec<DateTime<Tz>> {
        let zone = (zone_or_utc(self.timezone.as_deref()), Gap::Later);
        wall::dates(|start| self.fields.walls(start, budget), zone, window, budget)
    }
}

/// What the fields of an expression choose.
#[derive(Clone, Debug, PartialEq)]
struct Fields {
    /// In order; none are all.
    years: Vec<i64>,
    /// A day is chosen if it meets one of these.
    days: Vec<DayRule>,
    times: Times,
}

impl Fields {
    /// `None` if the text is malformed.
    fn read(text: &str, day_or: bool) -> Option<Fields> {
        let text = text.trim().to_ascii_lowercase();
        let text = match text.as_str() {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (seconds, years) = match fields[..] {
            [_, _, _, _, _] => ("0", "*"),
            [_, _, _, _, _, seconds] => (seconds, "*"),
            [_, _, _, _, _, seconds, years] => (seconds, years),
            _ => return None,
        };
        let all = |field: &Field, text: &str| field.list(text, true).map(Choice::or_none);
        let months = all(&MONTH, fields[3])?;
        let mut days = days(fields[2], fields[4], day_or)?;
        for rule in &mut days {
            rule.months.clone_from(&months);
        }
        let times = [(&HOUR, fields[1]), (&MINUTE, fields[0]), (&SECOND, seconds)];
        let [hours, minutes, seconds] = times.map(|(field, text)| field.list(text, false).map(Choice::or_none));
        Some(Fields { years: all(&YEAR, years)?, days, times: Times::of_every_day([hours?, minutes?, seconds?]) })
    }

    /// The wall times from `from` on, in order, each once; they end when the budget does.
    fn walls<'a>(&'a self, from: NaiveDateTime, budget: &'a Budget) -> impl Iterator<Item = NaiveDateTime> + 'a {
        let months = Periods { frequency: Frequency::Monthly, interval: 1, week_start: Weekday::Mon, start: from };
        let (mut number, mut in_vain) = (0, 0);
        let chosen = std::iter::from_fn(move || {
            loop {
                let month = months.period(number)?;
                if !budget.spend(1) || months.cycle().is_some_and(|cycle| in_vain > cycle) {
                    return None;
                }
                let year = i64::from(month.start.year());
                if !self.years.is_empty() && self.years.binary_search(&year).is_err() {
                    let next = *self.years.get(self.years.partition_point(|chosen| *chosen < year))?;
                    number = months.number_at(NaiveDate::from_ymd_opt(i32::try_from(next).ok()?, 1, 1)?);
                    continue;
                }
                number += 1;
                let days = self.days_of(month, budget);
                if !days.is_empty() {
                    in_vain = 0;
                    return Some(days);
                }
                in_vain += 1;
            }
        });
        chosen.flat_map(|days| days.into_iter()).flat_map(move |day| self.times.of_day(day, from, budget))
    }

    fn days_of(&self, month: Range<NaiveDate>, budget: &Budget) -> Vec<NaiveDate> {
        let mut days: Vec<NaiveDate> = self.days.iter().flat_map(|rule| rule.days_of(month.clone(), budget)).collect();
        days.sort_unstable();
        days.dedup();
        days
    }
}

/// A field: its least and greatest value, and the names of its values.
struct Field {
    least: u16,
    greatest: u16,
    names: &'static [&'static str],
}

const MONTHS: &[&str] = &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: &[&str] = &["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

const SECOND: Field = Field { least: 0, greatest: 59, names: &[] };
const MINUTE: Field = Field { least: 0, greatest: 59, names: &[] };
const HOUR: Field = Field { least: 0, greatest: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { least: 1, greatest: 31, names: &[] };
const MONTH: Field = Field { least: 1, greatest: 12, names: MONTHS };
const DAY_OF_WEEK: Field = Field { least: 0, greatest: 6, names: DAYS };
const YEAR: Field = Field { least: 1970, greatest: 2099, names: &[] };

/// What a field chooses of its values.
#[derive(Clone, Debug, PartialEq)]
enum Choice {
    /// Whatever there is.
    Any,
    /// In order, each once.
    Some(Vec<i64>),
}

impl Choice {
    /// As a list that asks for nothing if it is empty.
    fn or_none(self) -> Vec<i64> {
        match self {
            Choice::Any => Vec::new(),
            Choice::Some(values) => values,
        }
    }
}

impl Field {
    fn value(&self, text: &str) -> Option<u16> {
        if let Some(n) = self.names.iter().position(|name| *name == text) {
            return Some(self.least + n as u16);
        }
        let value = text.parse().ok()?;
        (self.least..=self.greatest).contains(&value).then_some(value)
    }

    /// The values of one item: `*`, `4`, `1-5`, `22-2`, `*/5`, `1-9/2`, `3/5`.
    fn item(&self, text: &str) -> Option<Vec<u16>> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|step| *step > 0)?),
            None => (text, 1),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.greatest),
            Some((first, last)) => (self.value(first)?, self.value(last)?),
            None if text.contains('/') => (self.value(range)?, self.greatest),
            None => (self.value(range)?, self.value(range)?),
        };
        let span = self.greatest - self.least + 1;
        // `7-7` is the whole cycle, as `sun-sun` is every day.
        let (first, last) =
            if first == last && range.contains('-') { (self.least, self.greatest) } else { (first, last) };
        let length = if first <= last { last - first } else { last + span - first };
        Some((0..=length).step_by(step).map(|n| self.least + (first - self.least + n) % span).collect())
    }

    /// The values of all items; any if they are all that there are and `may_be_any`.
    fn list(&self, text: &str, may_be_any: bool) -> Option<Choice> {
        let mut values = text.split(',').map(|item| self.item(item)).collect::<Option<Vec<_>>>()?.concat();
        values.sort_unstable();
        values.dedup();
        if text == "*" || (may_be_any && values.len() == usize::from(self.greatest - self.least + 1)) {
            return Some(Choice::Any);
        }
        Some(Choice::Some(values.into_iter().map(i64::from).collect()))
    }
}

/// Rules of the days of the month and of the week, of which a day must meet one. Only a star leaves the choice to the
/// other field: a list of all days is a choice of its own, unless there is a star in the other field.
fn days(of_month: &str, of_week: &str, day_or: bool) -> Option<Vec<DayRule>> {
    let star = |text: &str| if text == "?" { "*".to_owned() } else { text.to_owned() };
    let (of_month, of_week) = (star(of_month), star(of_week));
    let every = DayRule { nth_of_month: true, whole_months: true, ..DayRule::every(Weekday::Mon) };
    let month_days = day_of_month(&of_month, of_week.contains('*'))?;
    if let Some(mut nth_weekdays) = of_week.split(',').map(nth_day_of_week).collect::<Option<Vec<_>>>() {
        nth_weekdays.sort_unstable();
        // Of *either* a day of the month *or* the second Friday, the clients' library keeps the Friday.
        let month_days = if day_or { Vec::new() } else { month_days.or_none() };
        return Some(vec![DayRule { month_days, nth_weekdays, ..every }]);
    }
    let items: Vec<String> = of_week.split(',').map(seventh_day).collect();
    let week = DAY_OF_WEEK.list(&items.join(","), of_month.contains('*'))?;
    let is_either = day_or && month_days != Choice::Any && week != Choice::Any;
    let month_days = month_days.or_none();
    let mut weekdays: Vec<i64> = week.or_none().into_iter().map(after_monday).collect();
    weekdays.sort_unstable();
    Some(if is_either {
        vec![DayRule { month_days, ..every.clone() }, DayRule { weekdays, ..every }]
    } else {
        vec![DayRule { month_days, weekdays, ..every }]
    })
}

/// A day of the week that is counted from Sunday.
fn after_monday(day: i64) -> i64 {
    (day + 6) % 7
}

fn day_of_month(text: &str, may_be_any: bool) -> Option<Choice> {
    let (last, plain): (Vec<&str>, Vec<&str>) = text.split(',').partition(|item| *item == "l");
    let plain =
        if plain.is_empty() { Choice::Some(Vec::new()) } else { DAY_OF_MONTH.list(&plain.join(","), may_be_any)? };
    Some(match plain {
        Choice::Some(days) if !last.is_empty() => Choice::Some([vec![-1], days].concat()),
        other => other,
    })
}

/// `5#2` and `L5`: which one of the month, and the day after Monday; `None` for anything else.
fn nth_day_of_week(item: &str) -> Option<(i64, i64)> {
    let day = |text: &str| if text == "7" { Some(0) } else { DAY_OF_WEEK.value(text) };
    let (name, nth) = match item.strip_prefix('l') {
        Some(name) => (name, -1),
        None => {
            let (name, nth) = item.split_once('#')?;
            (name, nth.parse().ok().filter(|nth| (1..=5).contains(nth))?)
        }
    };
    Some((nth, after_monday(day(name)?.into())))
}

/// Sunday is 0 and 7; as the end of a range it is the day after Saturday.
fn seventh_day(item: &str) -> String {
    let (range, step) = item.split_at(item.find('/').unwrap_or(item.len()));
    let day = |text: &str| if text == "7" { "0".to_owned() } else { text.to_owned() };
    match range.split_once('-') {
        Some((first, last)) => format!("{}-{}{step}", day(first), day(last)),
        None => format!("{}{step}", day(range)),
    }
}
