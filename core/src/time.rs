//! Instants: microseconds since 1970 in UTC, the one precision that every engine keeps.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

/// An instant, in whole microseconds since 1970-01-01T00:00:00Z.
///
/// On the wire it is RFC 3339 text in UTC with six digits (`2026-11-24T04:50:33.753740Z`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(i64);

impl Time {
    /// The latest instant that every engine can hold (year 9999).
    pub const MAX: Time = Time(253_402_300_799_999_999);
    /// The earliest instant that every engine can hold (year 1).
    pub const MIN: Time = Time(-62_135_596_800_000_000);

    /// From microseconds since 1970, clamped to the years 1 to 9999.
    pub const fn from_micros(micros: i64) -> Time {
        if micros > Time::MAX.0 {
            Time::MAX
        } else if micros < Time::MIN.0 {
            Time::MIN
        } else {
            Time(micros)
        }
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The wall clock of this process. Use a [`Clock`](crate::Clock) wherever time decides something.
    pub fn system() -> Time {
        Time::from_micros(Utc::now().timestamp_micros())
    }

    /// Parses RFC 3339, and the looser ISO 8601 spellings that clients send; without a zone it is UTC. `None` also for
    /// leap seconds and outside of the years 1 to 9999, which clients cannot hold.
    pub fn parse(text: &str) -> Option<Time> {
        let t = Time::spelled(text.trim())?;
        let is_leap = t.timestamp_subsec_nanos() >= 1_000_000_000;
        let micros = t.timestamp_micros();
        (!is_leap && (Time::MIN.0..=Time::MAX.0).contains(&micros)).then_some(Time(micros))
    }

    fn spelled(text: &str) -> Option<DateTime<Utc>> {
        if let Ok(t) = DateTime::parse_from_rfc3339(text) {
            return Some(t.with_timezone(&Utc));
        }
        for format in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z"] {
            if let Ok(t) = DateTime::parse_from_str(text, format) {
                return Some(t.with_timezone(&Utc));
            }
        }
        for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"] {
            if let Ok(t) = NaiveDateTime::parse_from_str(text, format) {
                return Some(t.and_utc());
            }
        }
        chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0).map(|t| t.and_utc())
    }

    /// Reads a number as clients send it: seconds since 1970, or milliseconds if it is greater than 2e10. `None`
    /// outside of the years 1 to 9999.
    pub fn parse_number(number: f64) -> Option<Time> {
        const SECONDS_END: f64 = 2e10;
        let seconds = if number.abs() > SECONDS_END { number / 1e3 } else { number };
        let micros = (seconds * 1e6).round();
        (micros >= Time::MIN.0 as f64 && micros <= Time::MAX.0 as f64).then_some(Time(micros as i64))
    }

    /// This instant as chrono's type.
    pub fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }

    /// Seconds from `earlier` to `self`; negative if `earlier` is later.
    pub fn seconds_since(self, earlier: Time) -> f64 {
        (self.0 - earlier.0) as f64 / 1e6
    }

    /// This instant moved by some seconds (negative moves back), rounded to microseconds.
    pub fn plus_seconds(self, seconds: f64) -> Time {
        Time::from_micros(self.0.saturating_add((seconds * 1e6).round() as i64))
    }

    /// This instant moved by some microseconds.
    pub const fn plus_micros(self, micros: i64) -> Time {
        Time::from_micros(self.0.saturating_add(micros))
    }
}

impl From<DateTime<Utc>> for Time {
    fn from(t: DateTime<Utc>) -> Time {
        Time::from_micros(t.timestamp_micros())
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Time;
    fn add(self, d: Duration) -> Time {
        self.plus_micros(i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
    }
}

impl std::ops::Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, d: Duration) -> Time {
        Time::from_micros(self.0.saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_chrono().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Time, D::Error> {
        let read = match Value::deserialize(d)? {
            Value::String(text) => Time::parse(&text).ok_or(text),
            Value::Number(number) => number.as_f64().and_then(Time::parse_number).ok_or_else(|| number.to_string()),
            other => Err(other.to_string()),
        };
        read.map_err(|said| de::Error::custom(format!("`{said}` is not a date and time of the years 1 to 9999")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_clients_are_read_and_written_in_one_form() {
        for text in [
            "2026-11-24T04:50:33.753740Z",
            "2026-11-24T04:50:33.753740+00:00",
            "2026-11-24T05:50:33.753740+01:00",
            "2026-11-24 04:50:33.753740+0000",
            "2026-11-24T04:50:33.753740",
        ] {
            let time = Time::parse(text).expect(text);
            assert_eq!(time.to_string(), "2026-11-24T04:50:33.753740Z", "{text}");
        }
        for text in [
            "next week",
            "0000-06-01T00:00:00Z",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-05:00",
            "2016-12-31T23:59:60Z",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_seconds_since_1970_or_milliseconds() {
        for number in ["1795495833.75374", "1795495833753.74"] {
            let time: Time = serde_json::from_str(number).expect(number);
            assert_eq!(time.to_string(), "2026-11-24T04:50:33.753740Z", "{number}");
        }
        assert_eq!(serde_json::from_str::<Time>("0").expect("a whole number"), Time::default());
        for number in [f64::NAN, f64::INFINITY, 1e308, -1e15] {
            assert_eq!(Time::parse_number(number), None, "{number}");
        }
    }
}
