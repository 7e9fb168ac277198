//! Schedules that would work without end are answered within the budget.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

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
            "2026-11-24 00:00:01+00:00",
        ),
        (json!({"rrule": "DTSTART:20200101T000000Z\nRRULE:FREQ=MINUTELY;COUNT=100000000"}), first),
        (json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY;COUNT=2147483647"}), first),
        (json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=WEEKLY;COUNT=2147483647"}), "2026-11-30 00:00:00+00:00"),
        (
            json!({"rrule": "DTSTART:00010131T000000Z\nRRULE:FREQ=MONTHLY;COUNT=2147483647"}),
            "2026-12-31 00:00:00+00:00",
        ),
        (json!({"rrule": "DTSTART:00040229T000000Z\nRRULE:FREQ=YEARLY;COUNT=2147483647"}), "2028-02-29 00:00:00+00:00"),
        (
            json!({"rrule": "DTSTART:00010101T000000Z\nRRULE:FREQ=SECONDLY;INTERVAL=4294967295"}),
            "2042-07-14 01:03:45+00:00",
        ),
        (json!({"rrule": format!("DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY;{all_times}")}), first),
        (json!({"rrule": format!("FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;{all_times}")}), first),
        (json!({"rrule": format!("FREQ=SECONDLY;{all_times}")}), first),
        (json!({"rrule": format!("FREQ=YEARLY;BYMONTH=12;BYSETPOS=1;{all_times}")}), "2026-12-01 00:00:00+00:00"),
        (
            json!({"interval": 1e-6, "anchor_date": "0001-01-01T00:00:00Z", "timezone": "Europe/Berlin"}),
            "2026-11-24 01:00:00+01:00",
        ),
        (json!({"interval": 86_400, "anchor_date": "9999-12-31T23:59:59Z"}), "2026-11-24 23:59:59+00:00"),
        (json!({"cron": "* * * * * *"}), first),
    ];
    for (json, first) in cases {
        let (dates, steps) = asked(&json, 50);
        assert_eq!(dates.first().map(String::as_str), Some(first), "{json}");
        assert!(steps < 10_000, "{json}: {steps}");
    }
}

#[test]
fn a_search_that_finds_nothing_ends() {
    let many = |line: &str| {
        let text = vec![line; 6_500 / (line.len() + 1)].join("\n");
        json!({"rrule": text})
    };
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

#[test]
fn sensible_schedules_leave_most_of_the_budget() {
    let cases = [
        json!({"cron": "*/5 9-17 * * mon-fri", "timezone": "Europe/Berlin"}),
        json!({"cron": "0 0 29 2 *"}),
        json!({"cron": "0 0 13 * 5", "day_or": false}),
        json!({"rrule": "FREQ=MINUTELY;INTERVAL=90;BYDAY=MO,TU,WE,TH,FR;BYHOUR=9,10,11", "timezone": "America/New_York"}),
        json!({"rrule": "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1"}),
        json!({"rrule": "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO"}),
        json!({"rrule": "FREQ=DAILY;BYHOUR=6,18\nEXRULE:FREQ=WEEKLY;BYDAY=SA,SU;BYHOUR=6,18"}),
    ];
    for json in cases {
        let (dates, steps) = asked(&json, 100);
        assert_eq!(dates.len(), 100, "{json}");
        assert!(steps < MAX_STEPS / 2, "{json}: {steps}");
    }
}

#[test]
fn every_schedule_by_the_second_passes_a_change_of_the_clock() {
    for timezone in ["Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe"] {
        for json in [
            json!({"rrule": "FREQ=SECONDLY", "timezone": timezone}),
            json!({"cron": "* * * * * *", "timezone": timezone}),
        ] {
            let schedule = Schedule::parse(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
            for from in ["2026-03-29T00:59:59Z", "2026-10-25T00:59:59Z", "2026-11-01T05:59:59Z", "2011-12-30T09:59:59Z"]
            {
                let budget = Budget::default();
                assert_eq!(schedule.dates_within(&budget, at(from), None, 1000).len(), 1000, "{json} from {from}");
                assert!(!budget.is_exhausted(), "{json} from {from}");
            }
        }
    }
}

#[test]
fn an_answer_that_the_budget_ends_is_the_beginning_of_the_whole() {
    let cases = [
        (
            json!({"rrule": "FREQ=MINUTELY;INTERVAL=7\nEXRULE:FREQ=HOURLY", "timezone": "Europe/Berlin"}),
            "2026-10-24T22:30:00Z",
        ),
        (json!({"rrule": "FREQ=SECONDLY;INTERVAL=600", "timezone": "Europe/Berlin"}), "2026-10-24T23:30:00Z"),
        (json!({"cron": "*/10 * * * *", "timezone": "America/New_York"}), "2026-11-01T04:30:00Z"),
        (json!({"interval": 600, "timezone": "America/New_York"}), "2026-11-01T04:30:00Z"),
    ];
    for (json, from) in cases {
        let schedule = Schedule::parse(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
        let whole = schedule.dates(at(from), None, 40);
        for steps in 0..1_000 {
            let part = schedule.dates_within(&Budget::new(steps), at(from), None, 40);
            assert!(whole.starts_with(&part), "{json} in {steps} steps");
        }
    }
}

#[test]
fn windows_at_the_ends_of_the_calendar_are_answered() {
    let schedules = [
        json!({"cron": "* * * * *", "timezone": "America/New_York"}),
        json!({"cron": "0 0 30 2 *", "timezone": "Pacific/Apia"}),
        json!({"interval": 86_400, "timezone": "Pacific/Apia"}),
        json!({"interval": 1e-6, "timezone": "America/New_York"}),
        json!({"interval": 86_400e6, "timezone": "America/New_York"}),
        json!({"rrule": "DTSTART:00010101T000000\nRRULE:FREQ=SECONDLY", "timezone": "America/New_York"}),
        json!({"rrule": "DTSTART:99991231T235959\nRRULE:FREQ=YEARLY;COUNT=0", "timezone": "Pacific/Apia"}),
    ];
    let ends =
        [DateTime::<Utc>::MIN_UTC, at("0001-01-01T00:00:00Z"), at("9999-12-31T23:00:00Z"), DateTime::<Utc>::MAX_UTC];
    for json in schedules {
        let schedule = Schedule::parse(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
        for from in ends {
            for to in [None, Some(from), Some(DateTime::<Utc>::MAX_UTC)] {
                let dates = schedule.dates(from, to, 1000);
                assert!(dates.windows(2).all(|pair| pair[0] < pair[1]), "{json} from {from}");
                assert!(
                    dates.last().is_none_or(|date| *date <= at("9999-12-31T23:59:59.999999Z")),
                    "{json} from {from}"
                );
            }
        }
    }
}

#[test]
fn a_rule_that_cannot_be_counted_is_refused_with_advice() {
    let every_second = |count: &str| format!("DTSTART:19000101T000000Z\nRRULE:FREQ=SECONDLY;BYDAY=MO;COUNT={count}");
    let many = vec!["FREQ=DAILY;BYDAY=MO;COUNT=20000"; 200].join("\n");
    for text in [every_second("100000000"), every_second("2147483647"), many] {
        let error = Schedule::parse(&json!({"rrule": text})).expect_err(&text);
        assert!(error.message.contains("more than can be counted") && error.message.contains("UNTIL="), "{error}");
    }
    // As far as people count, it is exact.
    for (text, last) in [
        ("DTSTART:20200101T090000\nRRULE:FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR;COUNT=25000", "2115-10-29 09:00:00+00:00"),
        (&every_second("86401"), "1900-01-08 00:00:00+00:00"),
    ] {
        let schedule = Schedule::parse(&json!({"rrule": text})).unwrap_or_else(|e| panic!("{text}: {e}"));
        let end = at(&last.replacen(' ', "T", 1));
        let dates = schedule.dates(end - chrono::TimeDelta::days(1), None, 1000);
        assert_eq!(dates.last().map(date_text).as_deref(), Some(last), "{text}");
    }
}
