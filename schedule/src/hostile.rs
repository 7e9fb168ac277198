//! Schedules that would work without end are answered within the budget.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::budget::{Budget, MAX_STEPS};
use crate::{Schedule, date_text};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// The dates from 2026-11-24 on, and the steps that they cost.
fn asked(json: &Value, max: usize) -> (Vec<String>, u64) {
    let schedule = Schedule::parse(json).unwrap_or_else(|e| panic!("{json}: {e}"));
    let budget = Budget::default();
    let dates = schedule.dates_within(&budget, at("2026-11-24T00:00:00Z"), None, max);
    (dates.iter().map(date_text).collect(), MAX_STEPS - budget.left())
}

#[test]
fn what_lies_before_the_window_costs_nothing() {
    let every = |list: std::ops::Range<u32>| list.map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let all_times = format!("BYHOUR={};BYMINUTE={};BYSECOND={}", every(0..24), every(0..60), every(0..60));
    let first = "2026-11-24 00:00:00+00:00";
    let cases = [
        (json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY"}), first),
        (json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY;BYDAY=MO,TU,WE,TH,FR"}), first),
        (json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY;COUNT=18446744073709551615"}), first),
        (
            json!({"rrule": "DTSTART:19000101T000000Z\nRRULE:FREQ=SECONDLY;INTERVAL=7;COUNT=2147483647"}),
            "2026-11-24 00:00:02+00:00",
        ),
        (json!({"rrule": "DTSTART:20200101T000000Z\nRRULE:FREQ=MINUTELY;COUNT=100000000"}), first),
        (json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY;COUNT=2147483647"}), first),
        (json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=WEEKLY;COUNT=2147483647"}), "2026-11-30 00:00:00+00:00"),
        (
            json!({"rrule": "DTSTART:00010131T000000Z\nRRULE:FREQ=MONTHLY;COUNT=2147483647"}),
            "2026-12-31 00:00:00+00:00",
        ),
        (
            json!({"rrule": "DTSTART:00040229T000000Z\nRRULE:FREQ=YEARLY;COUNT=2147483647"}),
            "2028-02-29 00:00:00+00:00",
        ),
        (
            json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY;INTERVAL=4294967295"}),
            "2041-11-08 01:38:15+00:00",
        ),
        (json!({"rrule": format!("DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY;{all_times}")}), first),
        (json!({"rrule": format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{all_times}")}), first),
        (json!({"rrule": format!("FREQ=SECONDLY;{all_times}")}), first),
        (json!({"rrule": format!("FREQ=YEARLY;BYMONTH=12;BYSETPOS=1;{all_times}")}), "2026-12-01 00:00:00+00:00"),
        (json!({"interval": 1e-6, "anchor_date": "0001-01-01T00:00:00Z", "timezone": "Europe/Berlin"}), "2026-11-24 01:00:00+01:00"),
        (json!({"interval": 86_400, "anchor_date": "9999-12-31T23:59:59Z"}), "2026-11-24 23:59:59+00:00"),
        (json!({"cron": "* * * * * *"}), first),
    ];
    for (json, first) in cases {
        let (dates, steps) = asked(&json, 50);
        assert_eq!(dates.first().map(String::as_str), Some(first), "{json}");
        assert!(steps < 5_000, "{json}: {steps}");
    }
}

#[test]
fn a_search_that_finds_nothing_ends() {
    let many = |line: &str| json!({"rrule": [line].repeat(6_500 / (line.len() + 1)).join("\n")});
    let cases = [
        json!({"rrule": "FREQ=SECONDLY\nEXRULE:FREQ=SECONDLY"}),
        json!({"rrule": "FREQ=SECONDLY;BYSECOND=0,1\nEXRULE:FREQ=SECONDLY;BYSECOND=1\nEXRULE:FREQ=MINUTELY"}),
        json!({"rrule": "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6"}),
        json!({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}),
        json!({"rrule": "FREQ=YEARLY;BYDAY=MO;BYMONTH=1;BYSETPOS=366"}),
        json!({"rrule": "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1;BYHOUR=1,2,3"}),
        json!({"rrule": "FREQ=MONTHLY;BYDAY=MO,2TU"}),
        json!({"rrule": "FREQ=WEEKLY;BYMONTHDAY=31;BYMONTH=2"}),
        json!({"rrule": "FREQ=DAILY;BYMONTHDAY=31;BYMONTH=2"}),
        json!({"rrule": "FREQ=DAILY;INTERVAL=4294967295"}),
        json!({"rrule": "FREQ=HOURLY;INTERVAL=3;BYHOUR=1,17"}),
        json!({"rrule": "FREQ=HOURLY;INTERVAL=3;BYHOUR=1,17;COUNT=5"}),
        json!({"rrule": "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"}),
        json!({"rrule": "FREQ=SECONDLY;INTERVAL=65535;BYMONTH=2;BYMONTHDAY=30;BYHOUR=3;BYSECOND=0"}),
        json!({"rrule": "FREQ=SECONDLY;INTERVAL=86401;BYMONTH=2;BYMONTHDAY=30"}),
        many("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"),
        many("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
        json!({"cron": "0 0 30 2 *"}),
        json!({"cron": "0 0 31 2,4,6,9,11 *"}),
        json!({"cron": "* * 30 2 * *"}),
        json!({"cron": "* * 30 2 1 * 2099", "day_or": false}),
    ];
    for json in cases {
        let (dates, steps) = asked(&json, 50);
        assert_eq!(dates, Vec::<String>::new(), "{json}");
        assert!(steps <= MAX_STEPS, "{json}");
    }
}
