//! What is jumped to is what a walk finds: against other implementations, and against the plain definition.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use mintaka_schedule::Schedule;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::json;

fn dates(
    schedule: &serde_json::Value,
    from: DateTime<Utc>,
    to: Option<DateTime<Utc>>,
    max: usize,
) -> Vec<DateTime<Tz>> {
    Schedule::parse(schedule).unwrap_or_else(|e| panic!("{schedule}: {e}")).dates(from, to, max)
}

/// Sometimes up to `most` of some numbers.
fn some(values: impl Iterator<Item = i64>, most: usize) -> impl Strategy<Value = Vec<i64>> {
    prop_oneof![2 => Just(Vec::new()), 1 => subsequence(values.collect::<Vec<_>>(), 1..=most)]
}

fn start() -> impl Strategy<Value = NaiveDateTime> {
    let first = NaiveDate::from_ymd_opt(2019, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
    (0i64..86_400 * 800).prop_map(move |seconds| first + TimeDelta::seconds(seconds))
}

const DAYS: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];

/// A rule without its count; an empty list stands for a part that is not there.
#[derive(Clone, Debug)]
struct Rule {
    frequency: &'static str,
    interval: i64,
    week_start: &'static str,
    weekdays: Vec<i64>,
    months: Vec<i64>,
    month_days: Vec<i64>,
    times: [Vec<i64>; 3],
}

fn rule() -> impl Strategy<Value = Rule> {
    let frequency = select(vec!["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]);
    let days = (some(0..7, 3), some(1..13, 4), some([1, 2, 13, 28, 31, -1, -3].into_iter(), 3));
    let times = [some(0..24, 3), some(0..60, 3), some(0..60, 3)];
    (frequency, 1i64..6, select(vec!["MO", "SU", "WE"]), days, times).prop_map(
        |(frequency, interval, week_start, (weekdays, months, mut month_days), times)| {
            if frequency == "WEEKLY" {
                month_days.clear(); // the other library refuses them
            }
            Rule { frequency, interval, week_start, weekdays, months, month_days, times }
        },
    )
}

impl Rule {
    fn text(&self) -> String {
        let mut text = format!("FREQ={};INTERVAL={};WKST={}", self.frequency, self.interval, self.week_start);
        let [hours, minutes, seconds] = &self.times;
        let lists = [&self.months, &self.month_days, hours, minutes, seconds];
        for (name, list) in ["BYMONTH", "BYMONTHDAY", "BYHOUR", "BYMINUTE", "BYSECOND"].iter().zip(lists) {
            if !list.is_empty() {
                text += &format!(";{name}={}", list.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
            }
        }
        if !self.weekdays.is_empty() {
            let days: Vec<&str> = self.weekdays.iter().map(|day| DAYS[*day as usize]).collect();
            text += &format!(";BYDAY={}", days.join(","));
        }
        text
    }

    /// The first dates, step by step; fewer if they are far apart.
    fn walked(&self, start: NaiveDateTime, n: usize) -> Vec<NaiveDateTime> {
        let unit = match self.frequency {
            "HOURLY" => 3_600,
            "MINUTELY" => 60,
            "SECONDLY" => 1,
            _ => return walked(&self.text(), start, n),
        };
        let first = start.and_utc().timestamp().div_euclid(unit);
        let [hours, minutes, seconds] = &self.times;
        let is_in = |list: &[i64], value: u32| list.is_empty() || list.contains(&value.into());
        let or_own = |list: &[i64], is_free: bool, own: u32| match list {
            [] if is_free => (0..60).collect(),
            [] => vec![i64::from(own)],
            list => list.to_vec(),
        };
        let minutes = or_own(minutes, unit <= 60, start.minute());
        let seconds = or_own(seconds, unit == 1, start.second());
        let mut found = Vec::new();
        for step in 0..100_000 {
            let at = DateTime::from_timestamp((first + step * self.interval) * unit, 0).unwrap().naive_utc();
            let of_month = [i64::from(at.day()), i64::from(at.day()) - i64::from(at.num_days_in_month()) - 1];
            let is_chosen = is_in(&self.months, at.month())
                && is_in(&self.weekdays, at.weekday().num_days_from_monday())
                && (self.month_days.is_empty() || of_month.iter().any(|day| self.month_days.contains(day)))
                && is_in(hours, at.hour())
                && (unit > 60 || minutes.contains(&at.minute().into()))
                && (unit > 1 || seconds.contains(&at.second().into()));
            if !is_chosen {
                continue;
            }
            let minutes = if unit > 60 { &minutes[..] } else { &[i64::from(at.minute())] };
            let seconds = if unit > 1 { &seconds[..] } else { &[i64::from(at.second())] };
            for (minute, second) in minutes.iter().flat_map(|minute| seconds.iter().map(move |second| (minute, second)))
            {
                let time = NaiveTime::from_hms_opt(at.hour(), *minute as u32, *second as u32).unwrap();
                found.extend(Some(at.date().and_time(time)).filter(|wall| *wall >= start));
            }
            if found.len() >= n {
                break;
            }
        }
        found.truncate(n);
        found
    }
}

/// The first dates of a rule as another library has them. It is right for rules of days and longer.
fn walked(rule: &str, start: NaiveDateTime, n: usize) -> Vec<NaiveDateTime> {
    let read: rrule::RRule<rrule::Unvalidated> = rule.parse().unwrap();
    let set = read.build(start.and_utc().with_timezone(&rrule::Tz::UTC)).unwrap().limit();
    set.into_iter().take(n).map(|date| date.naive_utc()).collect()
}

fn text(start: NaiveDateTime, rule: &str) -> serde_json::Value {
    json!({"rrule": format!("DTSTART:{}\nRRULE:{rule}", start.format("%Y%m%dT%H%M%S"))})
}

fn instants(walls: &[NaiveDateTime]) -> Vec<DateTime<Tz>> {
    walls.iter().map(|wall| Tz::UTC.from_utc_datetime(wall)).collect()
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { max_global_rejects: 4_000, failure_persistence: None, ..ProptestConfig::with_cases(cases) }
}

proptest! {
    #![proptest_config(config(128))]

    #[test]
    fn a_recurrence_rule_has_the_dates_of_a_walk_wherever_one_begins(start in start(), rule in rule(), skipped in 0usize..40) {
        let all = rule.walked(start, 45);
        prop_assume!(all.len() == 45);
        let from = all[skipped].and_utc();
        prop_assert_eq!(dates(&text(start, &rule.text()), from, None, 5), instants(&all[skipped..skipped + 5]), "from {}", from);
        let before = from - TimeDelta::seconds(1);
        let expected = &all[skipped..skipped + 5];
        let of_before = dates(&text(start, &rule.text()), before, None, 6);
        prop_assert!(of_before.windows(5).any(|dates| dates == instants(expected)), "from {before}");
    }

    #[test]
    fn a_count_ends_where_a_walk_has_counted_to(start in start(), rule in rule(), count in 1usize..45, skipped in 0usize..45) {
        let all = rule.walked(start, 45);
        prop_assume!(all.len() == 45);
        let counted = &all[..count];
        let skipped = skipped.min(count - 1);
        let schedule = text(start, &format!("{};COUNT={count}", rule.text()));
        prop_assert_eq!(dates(&schedule, counted[skipped].and_utc(), None, 50), instants(&counted[skipped..]));
        prop_assert_eq!(dates(&schedule, all[count - 1].and_utc() + TimeDelta::seconds(1), None, 50).len(), 0);
    }

    #[test]
    fn a_count_of_a_plain_rule_is_computed_as_it_is_walked(
        start in start(),
        frequency in select(vec!["WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]),
        interval in 1u32..9,
        count in 1usize..200,
    ) {
        let rule = format!("FREQ={frequency};INTERVAL={interval}");
        let last = *walked(&rule, start, count).last().unwrap();
        let schedule = text(start, &format!("{rule};COUNT={count}"));
        prop_assert_eq!(dates(&schedule, last.and_utc(), None, 5), instants(&[last]));
        prop_assert_eq!(dates(&schedule, start.and_utc(), None, 1000).len(), count);
    }

    #[test]
    fn dates_on_a_wall_clock_are_those_of_all_wall_times_around(
        zone in select(vec![Tz::Europe__Berlin, Tz::America__New_York, Tz::Australia__Lord_Howe, Tz::Pacific__Apia]),
        change in select(vec!["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z",
            "2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z", "2011-12-30T10:00:00Z", "2011-09-24T14:00:00Z"]),
        distance in -100_000i64..100_000,
        minutes in select(vec![7i64, 15, 45, 60, 240]),
        max in 1usize..40,
    ) {
        let from = change.parse::<DateTime<Utc>>().unwrap() + TimeDelta::seconds(distance);
        let start = NaiveDate::from_ymd_opt(2011, 1, 1).unwrap().and_hms_opt(0, 3, 0).unwrap();
        let schedule = json!({
            "rrule": format!("DTSTART:20110101T000300\nRRULE:FREQ=MINUTELY;INTERVAL={minutes}"),
            "timezone": zone.name(),
        });
        // All wall times of some days, as instants; those that the clock skips come earlier.
        let around = (from.naive_utc() - start).num_minutes() / minutes;
        let all: BTreeSet<DateTime<Utc>> = (around - 6_000 / minutes..around + 20_000 / minutes)
            .map(|n| {
                let wall = start + TimeDelta::minutes(minutes * n);
                let after = || zone.offset_from_utc_datetime(&(wall + TimeDelta::hours(50)));
                zone.from_local_datetime(&wall).earliest().map_or_else(
                    || (wall - chrono::Offset::fix(&after())).and_utc(),
                    |date| date.to_utc(),
                )
            })
            .collect();
        let expected: Vec<DateTime<Utc>> = all.range(from..).take(max).copied().collect();
        prop_assert_eq!(dates(&schedule, from, None, max), expected.clone(), "from {}", from);
        let to = *expected.last().unwrap();
        prop_assert_eq!(dates(&schedule, from, Some(to), 1000), expected, "from {} to {}", from, to);
    }
}

proptest! {
    // The other library is slow.
    #![proptest_config(config(24))]

    #[test]
    fn a_cron_expression_has_the_dates_that_another_library_finds(
        start in start(),
        minutes in select(vec!["*", "0", "*/7", "5,50", "30-40"]),
        hours in select(vec!["*", "3", "*/5", "9-17", "22,23"]),
        of_month in select(vec!["*", "1", "13,14", "31", "29-31", "*/9", "L"]),
        months in select(vec!["*", "2", "1-3", "*/5", "12"]),
        of_week in select(vec!["*", "0", "1-5", "5,6", "3#2", "5#L"]),
        seconds in select(vec!["0", "*", "59", "*/20"]),
        day_or in any::<bool>(),
    ) {
        // Of a day of the month or the second Wednesday, clients keep the Wednesday.
        let kept = if day_or && of_week.contains('#') { "*" } else { of_month };
        let oracle = croner::parser::CronParser::builder()
            .seconds(croner::parser::Seconds::Required)
            .dom_and_dow(!day_or)
            .build()
            .parse(&format!("{seconds} {minutes} {hours} {kept} {months} {of_week}"))
            .unwrap();
        let ours = of_week.strip_suffix("#L").map_or(of_week.to_owned(), |day| format!("L{day}"));
        let schedule = json!({"cron": format!("{minutes} {hours} {of_month} {months} {ours} {seconds}"), "day_or": day_or});
        // `*/9` is a choice of days for both, but the other library takes a star in it for all.
        prop_assume!(of_month != "*/9" || of_week == "*" || !day_or);
        let found: Vec<DateTime<Tz>> = dates(&schedule, start.and_utc(), None, 8);
        let expected: Vec<DateTime<Utc>> = oracle.iter_from(start.and_utc(), croner::Direction::Forward).take(8).collect();
        prop_assert_eq!(found, expected, "{}", schedule);
    }
}
