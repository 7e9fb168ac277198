//! Schedules of cron expressions.
//!
//! Clients write the dialect of Python's croniter: five fields, optionally a sixth of *seconds* and a seventh of years
//! at the end; ranges may wrap around (`22-2`); `L5` is the last Friday of a month, `5#2` the second. Each field is
//! expanded into a plain list here, and croner searches.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};
use serde_json::{Map, Value, json};

use crate::wall::{self, Gap};
use crate::{Invalid, read_timezone, zone_or_utc};

/// At the wall-clock times that a cron expression names. A time that the clock skips comes later by what was skipped;
/// one that comes twice means its first.
#[derive(Clone, Debug)]
pub struct Cron {
    text: String,
    timezone: Option<String>,
    day_or: bool,
    search: croner::Cron,
}

impl PartialEq for Cron {
    fn eq(&self, other: &Cron) -> bool {
        (&self.text, &self.timezone, self.day_or) == (&other.text, &other.timezone, other.day_or)
    }
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
        let invalid = || Invalid::new("cron", format!("Invalid cron string: \"{text}\""));
        let search = CronParser::builder()
            .seconds(Seconds::Required)
            .year(Year::Required)
            .dom_and_dow(!day_or)
            .build()
            .parse(&plain_pattern(text).ok_or_else(invalid)?)
            .map_err(|_| invalid())?;
        Ok(Cron { text: text.clone(), timezone, day_or, search })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "cron": self.text, "timezone": self.timezone, "day_or": self.day_or })
    }

    pub(crate) fn dates(&self, from: DateTime<Utc>, to: Option<DateTime<Utc>>, max: usize) -> Vec<DateTime<Tz>> {
        let zone = (zone_or_utc(self.timezone.as_deref()), Gap::Later);
        wall::dates(|start| self.walls(start), zone, (from, to), max)
    }

    /// The wall times from `start` on, searched as if the wall clock were UTC.
    fn walls(&self, start: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> + '_ {
        // croner ignores fractions of a second: a second that has begun is over.
        let start = start.and_utc();
        let begun = TimeDelta::nanoseconds(start.timestamp_subsec_nanos().into());
        let first = if begun.is_zero() { start } else { start - begun + TimeDelta::seconds(1) };
        let next = |after: &DateTime<Utc>, inclusive| self.search.find_next_occurrence(after, inclusive).ok();
        std::iter::successors(next(&first, true), move |last| next(last, false)).map(|date| date.naive_utc())
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

const MINUTE: Field = Field { least: 0, greatest: 59, names: &[] };
const HOUR: Field = Field { least: 0, greatest: 23, names: &[] };
const DAY_OF_MONTH: Field = Field { least: 1, greatest: 31, names: &[] };
const MONTH: Field = Field { least: 1, greatest: 12, names: MONTHS };
const DAY_OF_WEEK: Field = Field { least: 0, greatest: 6, names: DAYS };
const YEAR: Field = Field { least: 1970, greatest: 2099, names: &[] };

/// The expression with seconds first, every field a plain list; `None` if it is malformed.
fn plain_pattern(text: &str) -> Option<String> {
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
    let (days, seconds, years) = match fields[..] {
        [_, _, _, _, _] => (&fields[..5], "0", "*"),
        [_, _, _, _, _, seconds] => (&fields[..5], seconds, "*"),
        [_, _, _, _, _, seconds, years] => (&fields[..5], seconds, years),
        _ => return None,
    };
    Some(format!(
        "{} {} {} {} {} {} {}",
        MINUTE.list(seconds)?,
        MINUTE.list(days[0])?,
        HOUR.list(days[1])?,
        day_of_month(days[2])?,
        MONTH.list(days[3])?,
        day_of_week(days[4])?,
        YEAR.list(years)?,
    ))
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
        let length = if first <= last { last - first } else { last + span - first };
        Some((0..=length).step_by(step).map(|n| self.least + (first - self.least + n) % span).collect())
    }

    /// The items as one plain list; `*` if it holds every value.
    fn list(&self, text: &str) -> Option<String> {
        let mut values = text.split(',').map(|item| self.item(item)).collect::<Option<Vec<_>>>()?.concat();
        values.sort_unstable();
        values.dedup();
        if values.len() == usize::from(self.greatest - self.least + 1) {
            return Some("*".into());
        }
        Some(values.iter().map(u16::to_string).collect::<Vec<_>>().join(","))
    }
}

/// Items that croner takes as they are, and plain ones.
fn mixed(field: &Field, text: &str, special: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (specials, plain): (Vec<&str>, Vec<&str>) = text.split(',').partition(|item| special(item).is_some());
    let mut parts: Vec<String> = specials.into_iter().filter_map(special).collect();
    if !plain.is_empty() {
        let list = field.list(&plain.join(","))?;
        if list == "*" {
            return Some(list);
        }
        parts.push(list);
    }
    Some(parts.join(","))
}

fn day_of_month(text: &str) -> Option<String> {
    if text == "?" {
        return Some("*".into());
    }
    mixed(&DAY_OF_MONTH, text, |item| (item == "l").then(|| "L".into()))
}

fn day_of_week(text: &str) -> Option<String> {
    if text == "?" {
        return Some("*".into());
    }
    let day = |text: &str| if text == "7" { Some(0) } else { DAY_OF_WEEK.value(text) };
    let special = |item: &str| {
        if let Some(last) = item.strip_prefix('l') {
            return day(last).map(|day| format!("{day}#L"));
        }
        let (name, nth) = item.split_once('#')?;
        let nth = nth.parse::<u8>().ok().filter(|nth| (1..=5).contains(nth))?;
        day(name).map(|day| format!("{day}#{nth}"))
    };
    // Sunday is 0 and 7; as the end of a range it is the day after Saturday.
    let plain: Vec<String> = text
        .split(',')
        .map(|item| match item.split_once('/') {
            Some((range, step)) => format!("{}/{step}", seventh_day(range)),
            None => seventh_day(item),
        })
        .collect();
    mixed(&DAY_OF_WEEK, &plain.join(","), special)
}

fn seventh_day(range: &str) -> String {
    match range.split_once('-') {
        Some((first, "7")) => format!("{}-0", if first == "7" { "0" } else { first }),
        Some(("7", last)) => format!("0-{last}"),
        _ if range == "7" => "0".into(),
        _ => range.into(),
    }
}
