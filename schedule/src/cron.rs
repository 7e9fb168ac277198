//! Schedules of cron expressions.
//!
//! Clients write the dialect of Python's croniter: five fields, optionally a sixth of *seconds* and a seventh of years
//! at the end; ranges may wrap around (`22-2`); `L5` is the last Friday of a month, `5#2` the second. Each field is
//! expanded into a plain list here, and croner searches.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::parser::{CronParser, Seconds, Year};
use serde_json::{Map, Value, json};

use crate::budget::Budget;
use crate::wall::{self, Gap, Window};
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
            .parse(&plain_pattern(text, day_or).ok_or_else(invalid)?)
            .map_err(|_| invalid())?;
        Ok(Cron { text: text.clone(), timezone, day_or, search })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "cron": self.text, "timezone": self.timezone, "day_or": self.day_or })
    }

    pub(crate) fn dates(&self, window: Window, budget: &Budget) -> Vec<DateTime<Tz>> {
        let zone = (zone_or_utc(self.timezone.as_deref()), Gap::Later);
        wall::dates(|start| self.walls(start), zone, window, budget)
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
fn plain_pattern(text: &str, day_or: bool) -> Option<String> {
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
    let (of_month, of_week) = days(fields[2], fields[4], day_or)?;
    let (seconds, minutes) = (MINUTE.list(seconds, true)?, MINUTE.list(fields[0], true)?);
    let (hours, months, years) = (HOUR.list(fields[1], true)?, MONTH.list(fields[3], true)?, YEAR.list(years, true)?);
    Some(format!("{seconds} {minutes} {hours} {of_month} {months} {of_week} {years}"))
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

    /// The items as one plain list; `*` if it holds every value and `may_be_star`.
    fn list(&self, text: &str, may_be_star: bool) -> Option<String> {
        let mut values = text.split(',').map(|item| self.item(item)).collect::<Option<Vec<_>>>()?.concat();
        values.sort_unstable();
        values.dedup();
        if text == "*" || (may_be_star && values.len() == usize::from(self.greatest - self.least + 1)) {
            return Some("*".into());
        }
        Some(values.iter().map(u16::to_string).collect::<Vec<_>>().join(","))
    }
}

/// Days of the month and of the week as plain lists. Only a star leaves the choice to the other field: a list of all
/// days is a choice of its own, unless there is a star in the other field.
fn days(of_month: &str, of_week: &str, day_or: bool) -> Option<(String, String)> {
    let star = |text: &str| if text == "?" { "*".to_owned() } else { text.to_owned() };
    let (of_month, of_week) = (star(of_month), star(of_week));
    let nth = of_week.split(',').map(nth_day_of_week).collect::<Option<Vec<String>>>();
    let week = match &nth {
        Some(nth) => nth.join(","),
        None => {
            let items: Vec<String> = of_week.split(',').map(seventh_day).collect();
            DAY_OF_WEEK.list(&items.join(","), of_month.contains('*'))?
        }
    };
    // Of *either* a day of the month *or* the second Friday, the clients' library keeps the Friday.
    if nth.is_some() && day_or {
        day_of_month(&of_month, true)?;
        return Some(("*".into(), week));
    }
    Some((day_of_month(&of_month, of_week.contains('*'))?, week))
}

fn day_of_month(text: &str, may_be_star: bool) -> Option<String> {
    let (last, plain): (Vec<&str>, Vec<&str>) = text.split(',').partition(|item| *item == "l");
    if last.is_empty() {
        return DAY_OF_MONTH.list(text, may_be_star);
    }
    if plain.is_empty() {
        return Some("L".into());
    }
    let list = DAY_OF_MONTH.list(&plain.join(","), may_be_star)?;
    Some(if list == "*" { list } else { format!("{list},L") })
}

/// `5#2` and `L5`, as croner writes them; `None` for anything else.
fn nth_day_of_week(item: &str) -> Option<String> {
    let day = |text: &str| if text == "7" { Some(0) } else { DAY_OF_WEEK.value(text) };
    if let Some(last) = item.strip_prefix('l') {
        return day(last).map(|day| format!("{day}#L"));
    }
    let (name, nth) = item.split_once('#')?;
    let nth = nth.parse::<u8>().ok().filter(|nth| (1..=5).contains(nth))?;
    day(name).map(|day| format!("{day}#{nth}"))
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
