//! Schedules of equal steps from an anchor.

use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::budget::Budget;
use crate::period::LAST_YEAR;
use crate::wall::{Gap, Window, localise};
use crate::{Invalid, read_timezone, zone_or_utc};

const DAY: i64 = 86_400_000_000;
/// A million days; nobody waits for the second run.
const MAX_INTERVAL: i64 = DAY * 1_000_000;

/// Every so many seconds from an anchor.
///
/// Whole days are added on the wall clock of the time zone, so that a daily run keeps its hour when the clock changes;
/// an interval of anything else is elapsed time. The `k`th date is `k` steps from the anchor, and not one step from the
/// date before, so an hour that the clock skips moves that date alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Interval {
    /// Microseconds, above 0.
    micros: i64,
    anchor: Option<DateTime<Utc>>,
    timezone: Option<String>,
}

impl Interval {
    pub(crate) fn read(members: &Map<String, Value>) -> Result<Interval, Invalid> {
        let seconds = match members.get("interval") {
            Some(Value::Number(number)) => number.as_f64(),
            Some(Value::String(text)) => text.trim().parse().ok().or_else(|| iso_duration(text.trim())),
            _ => None,
        };
        let seconds = seconds.ok_or_else(|| Invalid::new("interval", "Input should be a valid timedelta"))?;
        let micros = (seconds * 1e6).round();
        if micros.is_nan() || micros < 1.0 {
            return Err(Invalid::new("interval", "interval must be positive"));
        }
        if micros > MAX_INTERVAL as f64 {
            return Err(Invalid::new("interval", "interval must be at most a million days"));
        }
        let timezone = read_timezone(members)?;
        let anchor = match members.get("anchor_date") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(
                read_anchor(text, zone_or_utc(timezone.as_deref()))
                    .filter(|anchor| (1..=LAST_YEAR).contains(&anchor.year()))
                    .ok_or_else(|| Invalid::new("anchor_date", format!("`{text}` is not a date and time")))?,
            ),
            Some(_) => return Err(Invalid::new("anchor_date", "Input should be a valid datetime")),
        };
        Ok(Interval { micros: micros as i64, anchor, timezone })
    }

    /// The length of a step, in seconds.
    pub fn seconds(&self) -> f64 {
        self.micros as f64 / 1e6
    }

    pub(crate) fn anchored(mut self, now: DateTime<Utc>) -> Interval {
        self.anchor.get_or_insert(now);
        self.timezone.get_or_insert_with(|| "UTC".into());
        self
    }

    pub(crate) fn to_json(&self) -> Value {
        let anchor = self.anchor().to_rfc3339_opts(SecondsFormat::AutoSi, true);
        json!({ "interval": self.seconds(), "anchor_date": anchor, "timezone": self.timezone.as_deref().unwrap_or("UTC") })
    }

    /// The anchor; the first second of 2020 if none was given.
    fn anchor(&self) -> DateTime<Utc> {
        self.anchor.unwrap_or_else(|| DateTime::from_timestamp(1_577_836_800, 0).unwrap_or_default())
    }

    pub(crate) fn dates(&self, Window { from, to, max }: Window, budget: &Budget) -> Vec<DateTime<Tz>> {
        let zone = zone_or_utc(self.timezone.as_deref());
        let anchor = self.anchor();
        let since_anchor = (from - anchor).num_microseconds().unwrap_or(0);
        // On the wall clock a date may be a day off the estimate, never a whole step of days.
        let first = since_anchor.div_euclid(self.micros) - 2;
        (0..)
            .take_while(|_| budget.spend(1))
            .map_while(|n| self.date(zone, anchor, first + n))
            .skip_while(|date| *date < from)
            .take_while(|date| *date <= to)
            .take(max)
            .collect()
    }

    /// The `k`th date; `None` beyond the calendar.
    fn date(&self, zone: Tz, anchor: DateTime<Utc>, k: i64) -> Option<DateTime<Tz>> {
        let step = self.micros.checked_mul(k)?;
        if self.micros % DAY != 0 {
            return anchor.with_timezone(&zone).checked_add_signed(TimeDelta::microseconds(step));
        }
        let wall = anchor.with_timezone(&zone).naive_local().checked_add_signed(TimeDelta::try_days(step / DAY)?)?;
        Some(localise(zone, wall, Gap::Later))
    }
}

/// An anchor as clients write it; one without an offset is on the wall clock of `zone`.
fn read_anchor(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(date) = DateTime::parse_from_rfc3339(text) {
        return Some(date.with_timezone(&Utc));
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
        if let Ok(date) = DateTime::parse_from_str(text, format) {
            return Some(date.with_timezone(&Utc));
        }
    }
    let wall = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    Some(zone.from_local_datetime(&wall).earliest().map_or_else(|| wall.and_utc(), |date| date.with_timezone(&Utc)))
}

/// Seconds of an ISO 8601 duration of days and less (`P1DT2H`).
fn iso_duration(text: &str) -> Option<f64> {
    let text = text.strip_prefix('P')?;
    let (mut seconds, mut number, mut in_time) = (0.0, String::new(), false);
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' | '.' => {
                number.push(letter);
                continue;
            }
            'T' if number.is_empty() && !in_time => {
                in_time = true;
                continue;
            }
            'W' if !in_time => 604_800.0,
            'D' if !in_time => 86_400.0,
            'H' if in_time => 3_600.0,
            'M' if in_time => 60.0,
            'S' if in_time => 1.0,
            _ => return None,
        };
        seconds += std::mem::take(&mut number).parse::<f64>().ok()? * unit;
    }
    (number.is_empty() && !text.is_empty()).then_some(seconds)
}
