//! Schedules: when a deployment runs, as clients write it, and the dates that follow from it.
//!
//! A schedule is a pure function of its own text: the same schedule gives the same dates whenever it is asked, whatever
//! the window. Dates are instants in the schedule's time zone, strictly increasing.
//!
//! ```
//! use mintaka_schedule::{Schedule, date_text};
//! let schedule = Schedule::parse(&serde_json::json!({"cron": "0 9 * * 1", "timezone": "Europe/Berlin"}))?;
//! let from = "2026-03-25T00:00:00Z".parse().unwrap();
//! let dates = schedule.dates(from, None, 2);
//! assert_eq!(date_text(&dates[0]), "2026-03-30 09:00:00+02:00");
//! # Ok::<(), mintaka_schedule::Invalid>(())
//! ```

mod budget;
mod cron;
mod days;
#[cfg(test)]
mod hostile;
mod interval;
mod parts;
mod period;
mod rrule;
mod rule;
mod times;
mod wall;

pub use cron::Cron;
pub use interval::Interval;
pub use rrule::RRule;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::budget::Budget;
use crate::wall::Window;

/// No call gives more dates than this (wire W10.5: the clients' own generators stop there too).
pub const MAX_ITERATIONS: usize = 1000;

/// Longest text of a recurrence rule, in characters (wire W10.4: a year of `RDATE`s and some room).
pub const MAX_RRULE_LENGTH: usize = 6500;

/// A schedule that cannot be: which field is wrong, and why, in the words that clients know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// The member of the schedule's JSON.
    pub field: &'static str,
    /// For people.
    pub message: String,
}

impl Invalid {
    pub(crate) fn new(field: &'static str, message: impl Into<String>) -> Invalid {
        Invalid { field, message: message.into() }
    }
}

/// When something runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// Every so many seconds or days.
    Interval(Interval),
    /// At the times that a cron expression names.
    Cron(Box<Cron>),
    /// At the times that an iCalendar recurrence rule names.
    RRule(RRule),
    /// Never.
    None,
}

impl Schedule {
    /// Reads a schedule of either line; its kind follows from its members.
    ///
    /// # Errors
    /// [`Invalid`], if a member is missing, of another type, or makes no sense.
    pub fn parse(json: &Value) -> Result<Schedule, Invalid> {
        let members = match json {
            Value::Null => return Ok(Schedule::None),
            Value::Object(members) if members.is_empty() => return Ok(Schedule::None),
            Value::Object(members) => members,
            _ => return Err(Invalid::new("schedule", "A schedule must be an object")),
        };
        if members.contains_key("interval") {
            Interval::read(members).map(Schedule::Interval)
        } else if members.contains_key("cron") {
            Cron::read(members).map(|cron| Schedule::Cron(Box::new(cron)))
        } else if members.contains_key("rrule") {
            RRule::read(members).map(Schedule::RRule)
        } else {
            Err(Invalid::new("schedule", "A schedule needs one of `interval`, `cron` and `rrule`"))
        }
    }

    /// The normal form, as both lines read it. Intervals are seconds, anchors are UTC.
    pub fn to_json(&self) -> Value {
        match self {
            Schedule::Interval(interval) => interval.to_json(),
            Schedule::Cron(cron) => cron.to_json(),
            Schedule::RRule(rrule) => rrule.to_json(),
            Schedule::None => Value::Object(Map::new()),
        }
    }

    /// This schedule with everything that it left open fixed: an interval without an anchor starts at `now`.
    ///
    /// A schedule must be fixed before it is stored, or its dates would depend on when they are asked for.
    pub fn anchored(self, now: DateTime<Utc>) -> Schedule {
        match self {
            Schedule::Interval(interval) => Schedule::Interval(interval.anchored(now)),
            other => other,
        }
    }

    /// The name of its kind, as clients show it (`CronSchedule`).
    pub fn kind(&self) -> &'static str {
        match self {
            Schedule::Interval(_) => "IntervalSchedule",
            Schedule::Cron(_) => "CronSchedule",
            Schedule::RRule(_) => "RRuleSchedule",
            Schedule::None => "NoSchedule",
        }
    }

    /// Its dates from `from` to `to`, both included, strictly increasing; at most `max`, and never more than
    /// [`MAX_ITERATIONS`]. No date lies before the year 1 or after 9999.
    ///
    /// The work is bounded: the answer ends before the first date that takes too long to find, and is the beginning of
    /// the whole all the same. All days of 400 years may be looked at, which no schedule that people write needs.
    pub fn dates(&self, from: DateTime<Utc>, to: Option<DateTime<Utc>>, max: usize) -> Vec<DateTime<Tz>> {
        self.dates_within(&Budget::default(), from, to, max)
    }

    fn dates_within(
        &self,
        budget: &Budget,
        from: DateTime<Utc>,
        to: Option<DateTime<Utc>>,
        max: usize,
    ) -> Vec<DateTime<Tz>> {
        let Some(window) = Window::new(from, to, max.min(MAX_ITERATIONS)) else { return Vec::new() };
        match self {
            Schedule::Interval(interval) => interval.dates(window, budget),
            Schedule::Cron(cron) => cron.dates(window, budget),
            Schedule::RRule(rrule) => rrule.dates(window, budget),
            Schedule::None => Vec::new(),
        }
    }
}

impl Serialize for Schedule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Schedule, D::Error> {
        Schedule::parse(&Value::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// A date as it stands in idempotency keys: `2023-12-31 19:00:00-05:00`, with six digits of a second only if they are
/// not zero (wire W10.6: the 3.x line writes it with a space).
pub fn date_text(date: &DateTime<Tz>) -> String {
    let format = if date.timestamp_subsec_micros() == 0 { "%Y-%m-%d %H:%M:%S%:z" } else { "%Y-%m-%d %H:%M:%S%.6f%:z" };
    date.format(format).to_string()
}

/// The optional time zone of a schedule's JSON: its name as given, checked.
pub(crate) fn read_timezone(members: &Map<String, Value>) -> Result<Option<String>, Invalid> {
    match members.get("timezone") {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(name)) => zone(name).map(|_| Some(name.clone())),
        Some(_) => Err(Invalid::new("timezone", "Input should be a valid string")),
    }
}

/// The zone of a name; UTC for the empty one.
pub(crate) fn zone(name: &str) -> Result<Tz, Invalid> {
    if name.is_empty() {
        return Ok(Tz::UTC);
    }
    name.parse().map_err(|_| {
        let hint = "specify in IANA tzdata format, for example, America/New_York";
        Invalid::new("timezone", format!("Invalid timezone: \"{name}\" ({hint})"))
    })
}

/// The zone of a name that was checked before.
pub(crate) fn zone_or_utc(name: Option<&str>) -> Tz {
    name.and_then(|name| zone(name).ok()).unwrap_or(Tz::UTC)
}
