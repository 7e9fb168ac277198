//! Schedules of iCalendar recurrence rules (RFC 5545).
//!
//! The text is read as clients' dateutil reads it: lines are separated by white space, a bare rule needs no `RRULE:`,
//! and all its times are on the wall clock of the schedule's time zone, whatever zone they name (wire W10.4). Without
//! `DTSTART` a rule begins with the year 2020.
//!
//! A `COUNT` whose dates would take too long to count is refused; `UNTIL` has no such limit.

use std::collections::BTreeSet;
use std::iter::Peekable;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::budget::Budget;
use crate::parts::read_time;
use crate::rule::Rule;
use crate::wall::{self, Gap, Window};
use crate::{Invalid, MAX_RRULE_LENGTH, read_timezone, zone_or_utc};

/// At the wall-clock times that a recurrence rule names. A time that the clock skips comes earlier by what was
/// skipped (wire W10.4: as the clients' library has it); one that comes twice means its first.
#[derive(Clone, Debug, PartialEq)]
pub struct RRule {
    text: String,
    timezone: Option<String>,
    set: Set,
}

impl RRule {
    pub(crate) fn read(members: &Map<String, Value>) -> Result<RRule, Invalid> {
        let Some(Value::String(text)) = members.get("rrule") else {
            return Err(Invalid::new("rrule", "Input should be a valid string"));
        };
        let length = text.chars().count();
        if length > MAX_RRULE_LENGTH {
            let start: String = text.chars().take(40).collect();
            let message =
                format!("Invalid RRule string \"{start}...\"\nMax length is {MAX_RRULE_LENGTH}, got {length}");
            return Err(Invalid::new("rrule", message));
        }
        let timezone = read_timezone(members)?;
        let set = Set::read(text)
            .map_err(|reason| Invalid::new("rrule", format!("Invalid RRule string \"{text}\": {reason}")))?;
        Ok(RRule { text: text.clone(), timezone, set })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "rrule": self.text, "timezone": self.timezone })
    }

    pub(crate) fn dates(&self, window: Window, budget: &Budget) -> Vec<DateTime<Tz>> {
        let zone = (zone_or_utc(self.timezone.as_deref()), Gap::Earlier);
        wall::dates(|start| self.set.walls(start, budget), zone, window, budget)
    }
}

/// The rules and dates of a text, on the wall clock.
#[derive(Clone, Debug, PartialEq)]
struct Set {
    rules: Vec<Rule>,
    excluding: Vec<Rule>,
    dates: BTreeSet<NaiveDateTime>,
    excluded: BTreeSet<NaiveDateTime>,
}

impl Set {
    fn read(text: &str) -> Result<Set, String> {
        let text = text.trim().to_ascii_uppercase();
        if text.is_empty() {
            return Err("empty string".into());
        }
        let (mut rules, mut excluding) = (Vec::new(), Vec::new());
        let mut set =
            Set { rules: Vec::new(), excluding: Vec::new(), dates: BTreeSet::new(), excluded: BTreeSet::new() };
        let mut start = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
        for line in text.split_whitespace() {
            let (name, value) = line.split_once(':').unwrap_or(("RRULE", line));
            match name.split(';').next().unwrap_or_default() {
                "RRULE" => rules.push(value),
                "EXRULE" => excluding.push(value),
                "DTSTART" => start = read_time(value)?,
                "RDATE" => set.dates.extend(read_times(value)?),
                "EXDATE" => set.excluded.extend(read_times(value)?),
                other => return Err(format!("unsupported property: {other}")),
            }
        }
        if rules.is_empty() && set.dates.is_empty() {
            return Err("there is no rule in it".into());
        }
        let budget = Budget::default();
        let read = |rules: Vec<&str>| -> Result<Vec<Rule>, String> {
            rules.into_iter().map(|rule| Rule::read(rule, start, &budget)).collect()
        };
        set.rules = read(rules)?;
        set.excluding = read(excluding)?;
        Ok(set)
    }

    /// The wall times from `from` on, in order, each once. They end when the budget does: what comes after a time that
    /// could not be looked at is not known.
    fn walls<'a>(&'a self, from: NaiveDateTime, budget: &'a Budget) -> impl Iterator<Item = NaiveDateTime> + 'a {
        let open = |rules: &'a [Rule]| rules.iter().map(|rule| rule.walls(from, budget).peekable()).collect::<Vec<_>>();
        let mut sources = open(&self.rules);
        let mut excluding = open(&self.excluding);
        let mut dates = self.dates.range(from..).copied().peekable();
        let steps = 1 + (self.rules.len() + self.excluding.len()) as u64;
        std::iter::from_fn(move || {
            while budget.spend(steps) {
                let next = sources.iter_mut().filter_map(Peekable::peek).chain(dates.peek()).min().copied()?;
                while dates.next_if(|wall| *wall <= next).is_some() {}
                for source in &mut sources {
                    while source.next_if(|wall| *wall <= next).is_some() {}
                }
                let mut excluded = self.excluded.contains(&next);
                for source in &mut excluding {
                    while let Some(wall) = source.next_if(|wall| *wall <= next) {
                        excluded |= wall == next;
                    }
                }
                if !excluded && !budget.is_exhausted() {
                    return Some(next);
                }
            }
            None
        })
    }
}

fn read_times(text: &str) -> Result<Vec<NaiveDateTime>, String> {
    text.split(',').map(read_time).collect()
}
