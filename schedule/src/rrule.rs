//! Schedules of iCalendar recurrence rules (RFC 5545).
//!
//! The text is read as clients' dateutil reads it: lines are separated by white space, a bare rule needs no `RRULE:`,
//! and all its times are on the wall clock of the schedule's time zone, whatever zone they name (wire). Without
//! `DTSTART` a rule begins with the year 2020.

use std::collections::BTreeSet;
use std::iter::Peekable;

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Timelike, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value, json};

use crate::wall::{self, Gap};
use crate::{Invalid, MAX_RRULE_LENGTH, read_timezone, zone_or_utc};

/// At the wall-clock times that a recurrence rule names. A time that the clock skips comes earlier by what was
/// skipped (wire: as the clients' library has it); one that comes twice means its first.
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

    pub(crate) fn dates(&self, from: DateTime<Utc>, to: Option<DateTime<Utc>>, max: usize) -> Vec<DateTime<Tz>> {
        let zone = (zone_or_utc(self.timezone.as_deref()), Gap::Earlier);
        wall::dates(|start| self.set.walls(start), zone, (from, to), max)
    }
}

const DAY: i64 = 86_400;

/// Times that are looked at in vain before a rule counts as one that never comes.
const MAX_IN_VAIN: usize = 1_000_000;

/// The rules and dates of a text, on the wall clock.
#[derive(Clone, Debug, PartialEq)]
struct Set {
    rules: Vec<Rule>,
    excluding: Vec<Rule>,
    dates: BTreeSet<NaiveDateTime>,
    excluded: BTreeSet<NaiveDateTime>,
}

/// Wall times in order.
type Walls = Box<dyn Iterator<Item = NaiveDateTime>>;

/// One rule, as text that the rrule crate reads, and what of it decides how far one may jump.
#[derive(Clone, Debug, PartialEq)]
struct Rule {
    start: NaiveDateTime,
    /// All parts but `COUNT` and `UNTIL`.
    parts: String,
    count: Option<u64>,
    until: Option<NaiveDateTime>,
    /// A step of the rule, where all steps are of one length.
    step: Option<TimeDelta>,
    /// Whether every step is one date.
    plain: bool,
    /// Of a rule by the hour, minute or second that is not plain: how times of a day are chosen.
    times: Option<Times>,
}

/// The times of day of a rule by the hour, minute or second: those that its parts allow, on a step of the rule.
#[derive(Clone, Debug, Default, PartialEq)]
struct Times {
    /// Seconds of the rule's unit.
    unit: i64,
    hours: Vec<u32>,
    minutes: Vec<u32>,
    seconds: Vec<u32>,
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
        set.rules = rules.into_iter().map(|rule| Rule::read(rule, start)).collect::<Result<_, _>>()?;
        set.excluding = excluding.into_iter().map(|rule| Rule::read(rule, start)).collect::<Result<_, _>>()?;
        Ok(set)
    }

    /// The wall times from `from` on, in order, each once.
    fn walls(&self, from: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> + '_ {
        let open =
            |rules: &[Rule]| rules.iter().map(|rule| rule.walls(from).peekable()).collect::<Vec<Peekable<Walls>>>();
        let mut sources = open(&self.rules);
        let mut excluding = open(&self.excluding);
        let mut dates = self.dates.range(from..).copied().peekable();
        std::iter::from_fn(move || {
            loop {
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
                if !excluded {
                    return Some(next);
                }
            }
        })
    }
}

impl Rule {
    fn read(text: &str, start: NaiveDateTime) -> Result<Rule, String> {
        let (mut parts, mut frequency, mut interval) = (Vec::new(), None, 1u16);
        let mut rule =
            Rule { start, parts: String::new(), count: None, until: None, step: None, plain: true, times: None };
        for part in text.split(';').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').ok_or("a part of a rule is `NAME=value`")?;
            let number = || format!("invalid '{name}': {value}");
            match name {
                "COUNT" => rule.count = Some(value.parse().map_err(|_| number())?),
                "UNTIL" => rule.until = Some(read_time(value)?),
                _ => {
                    match name {
                        "FREQ" => frequency = Some(value),
                        "INTERVAL" => interval = value.parse().ok().filter(|n| *n > 0).ok_or_else(number)?,
                        "WKST" => {}
                        _ => rule.plain = false,
                    }
                    parts.push(part);
                }
            }
        }
        let unit = match frequency.ok_or("FREQ is missing")? {
            "SECONDLY" => Some(1),
            "MINUTELY" => Some(60),
            "HOURLY" => Some(3_600),
            "DAILY" => Some(86_400),
            "WEEKLY" => Some(604_800),
            "MONTHLY" | "YEARLY" => None,
            other => return Err(format!("invalid 'FREQ': {other}")),
        };
        rule.step = unit.map(|seconds| TimeDelta::seconds(seconds * i64::from(interval)));
        if !rule.plain && unit.is_some_and(|seconds| seconds < DAY) {
            // Its days are those of a daily rule; the rest of it chooses times of those days.
            rule.times = Some(Times::read(&parts, unit.unwrap_or(1), start)?);
            parts.retain(|part| {
                !["FREQ=", "INTERVAL=", "BYHOUR=", "BYMINUTE=", "BYSECOND="].iter().any(|name| part.starts_with(name))
            });
            parts.push("FREQ=DAILY");
        }
        rule.parts = parts.join(";");
        rule.iterate(start)?;
        Ok(rule)
    }

    /// The rule's dates from another start of the same phase, without its count and end.
    fn iterate(&self, start: NaiveDateTime) -> Result<rrule::RRuleSetIter, String> {
        let rule: rrule::RRule<rrule::Unvalidated> = self.parts.parse().map_err(|e| format!("{e}"))?;
        let start = start.and_utc().with_timezone(&rrule::Tz::UTC);
        let set = rule.build(start).map_err(|e| format!("{e}"))?;
        Ok((&set.limit()).into_iter())
    }

    /// The wall times from `from` on. What lies before is jumped over where the steps are of one length, so that a
    /// rule by the minute does not replay the years since it began.
    fn walls(&self, from: NaiveDateTime) -> Walls {
        if let (Some(times), Some(step)) = (&self.times, self.step) {
            return self.bounded(self.count, Box::new(self.walls_of_days(times.clone(), step, from)), from);
        }
        let (mut start, mut count) = (self.start, self.count);
        if let Some(step) = self.step.filter(|_| self.plain || count.is_none()) {
            // One step is left before the window: a step with parts may begin before it and reach into it.
            let steps = (from - start).num_seconds() / step.num_seconds() - 1;
            if let (Ok(skipped), Some(jump)) =
                (u64::try_from(steps), i32::try_from(steps).ok().and_then(|n| step.checked_mul(n)))
            {
                start += jump;
                count = count.map(|count| count.saturating_sub(skipped));
            }
        }
        match self.iterate(start) {
            Ok(dates) => self.bounded(count, Box::new(dates.map(|date| date.naive_utc())), from),
            Err(_) => Box::new(std::iter::empty()),
        }
    }

    /// The first `count` of these wall times up to the end of the rule, without those before `from`.
    fn bounded(&self, count: Option<u64>, walls: Walls, from: NaiveDateTime) -> Walls {
        let count = count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let until = self.until;
        Box::new(
            walls
                .take(count)
                .take_while(move |wall| until.is_none_or(|until| *wall <= until))
                .skip_while(move |wall| *wall < from),
        )
    }

    /// The wall times of a rule by the hour, minute or second, day by day.
    fn walls_of_days(
        &self,
        times: Times,
        step: TimeDelta,
        from: NaiveDateTime,
    ) -> impl Iterator<Item = NaiveDateTime> + 'static {
        let start = self.start;
        // A count begins with the rule.
        let first = if self.count.is_some() { start } else { start.max(from - TimeDelta::days(1)) };
        let days = self.iterate(first.date().and_time(chrono::NaiveTime::MIN)).into_iter().flatten();
        let mut in_vain = 0usize;
        days.map(|day| day.naive_utc())
            .map_while(move |day| {
                let found = times.on(day, start, step);
                in_vain = if found.is_empty() { in_vain + times.len() } else { 0 };
                (in_vain < MAX_IN_VAIN).then_some(found)
            })
            .flatten()
    }
}

impl Times {
    /// From the parts of a rule whose unit is so many seconds.
    fn read(parts: &[&str], unit: i64, start: NaiveDateTime) -> Result<Times, String> {
        if parts.iter().any(|part| part.starts_with("BYSETPOS=")) {
            return Err("BYSETPOS needs FREQ=DAILY or longer".into());
        }
        let list = |name: &str, count: u32, default: Option<u32>| -> Result<Vec<u32>, String> {
            let Some(values) = parts.iter().find_map(|part| part.strip_prefix(name)) else {
                return Ok(default.map_or_else(|| (0..count).collect(), |value| vec![value]));
            };
            let read = |text: &str| text.parse().ok().filter(|n| *n < count).ok_or(format!("invalid '{name}{values}'"));
            let mut values: Vec<u32> = values.split(',').map(read).collect::<Result<_, _>>()?;
            values.sort_unstable();
            values.dedup();
            Ok(values)
        };
        Ok(Times {
            unit,
            hours: list("BYHOUR=", 24, None)?,
            minutes: list("BYMINUTE=", 60, (unit > 60).then_some(start.minute()))?,
            seconds: list("BYSECOND=", 60, (unit > 1).then_some(start.second()))?,
        })
    }

    /// How many times of a day there are to look at.
    fn len(&self) -> usize {
        self.hours.len() * self.minutes.len() * self.seconds.len()
    }

    /// The times of a day that lie in a step of the rule and not before its start. Steps are counted in whole units: all
    /// chosen minutes of an hour belong to the step of an hourly rule.
    fn on(&self, day: NaiveDateTime, start: NaiveDateTime, step: TimeDelta) -> Vec<NaiveDateTime> {
        let unit_of = |wall: NaiveDateTime| wall.and_utc().timestamp().div_euclid(self.unit);
        let interval = step.num_seconds() / self.unit;
        let mut found = Vec::new();
        for hour in &self.hours {
            for minute in &self.minutes {
                for second in &self.seconds {
                    let wall = day + TimeDelta::seconds(i64::from(hour * 3_600 + minute * 60 + second));
                    if wall >= start && (unit_of(wall) - unit_of(start)) % interval == 0 {
                        found.push(wall);
                    }
                }
            }
        }
        found
    }
}

/// `20230101`, `20230101T090000`, with or without `Z`: the wall time, whatever the zone.
fn read_time(text: &str) -> Result<NaiveDateTime, String> {
    let digits = text.trim_end_matches('Z');
    NaiveDateTime::parse_from_str(digits, "%Y%m%dT%H%M%S")
        .or_else(|_| NaiveDateTime::parse_from_str(digits, "%Y-%m-%dT%H:%M:%S"))
        .or_else(|_| NaiveDate::parse_from_str(digits, "%Y%m%d").map(|date| date.and_time(chrono::NaiveTime::MIN)))
        .map_err(|_| format!("`{text}` is not a date and time"))
}

fn read_times(text: &str) -> Result<Vec<NaiveDateTime>, String> {
    text.split(',').map(read_time).collect()
}
