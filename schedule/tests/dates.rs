//! Dates of schedules, across changes of the clock.
#![allow(clippy::unwrap_used, clippy::expect_used)] // what a test counts on may fail it

use chrono::{DateTime, Utc};
use mintaka_schedule::{Schedule, date_text};
use serde_json::{Value, json};

fn schedule(json: Value) -> Schedule {
    Schedule::parse(&json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn texts(json: &Value, from: &str, n: usize) -> Vec<String> {
    schedule(json.clone()).dates(at(from), None, n).iter().map(date_text).collect()
}

const NEW_YORK: &str = "America/New_York";
const BERLIN: &str = "Europe/Berlin";

#[test]
fn cron_follows_the_wall_clock() {
    let cases = [
        // The clock goes forward: what it skips comes an hour later, once.
        (
            json!({"cron": "30 2 * * *", "timezone": NEW_YORK}),
            "2023-03-11T00:00:00Z",
            vec!["2023-03-11 02:30:00-05:00", "2023-03-12 03:30:00-04:00", "2023-03-13 02:30:00-04:00"],
        ),
        (
            json!({"cron": "0 * * * *", "timezone": NEW_YORK}),
            "2023-03-12T06:00:00Z",
            vec!["2023-03-12 01:00:00-05:00", "2023-03-12 03:00:00-04:00", "2023-03-12 04:00:00-04:00"],
        ),
        (
            json!({"cron": "*/30 * * * *", "timezone": BERLIN}),
            "2023-03-26T00:30:00Z",
            vec!["2023-03-26 01:30:00+01:00", "2023-03-26 03:00:00+02:00", "2023-03-26 03:30:00+02:00"],
        ),
        // The clock goes back: what comes twice runs the first time.
        (
            json!({"cron": "0 * * * *", "timezone": NEW_YORK}),
            "2023-11-05T04:00:00Z",
            vec!["2023-11-05 00:00:00-04:00", "2023-11-05 01:00:00-04:00", "2023-11-05 02:00:00-05:00"],
        ),
        (
            json!({"cron": "*/30 * * * *", "timezone": NEW_YORK}),
            "2023-11-05T06:10:00Z",
            vec!["2023-11-05 02:00:00-05:00", "2023-11-05 02:30:00-05:00"],
        ),
        (
            json!({"cron": "30 2 * * *", "timezone": BERLIN}),
            "2023-10-28T12:00:00Z",
            vec!["2023-10-29 02:30:00+02:00", "2023-10-30 02:30:00+01:00"],
        ),
        // Days of the month or of the week, or both.
        (
            json!({"cron": "0 0 13 * 5"}),
            "2023-01-07T00:00:00Z",
            vec!["2023-01-13 00:00:00+00:00", "2023-01-20 00:00:00+00:00"],
        ),
        (
            json!({"cron": "0 0 13 * 5", "day_or": false}),
            "2023-01-01T00:00:00Z",
            vec!["2023-01-13 00:00:00+00:00", "2023-10-13 00:00:00+00:00", "2024-09-13 00:00:00+00:00"],
        ),
        // Month ends and leap days.
        (
            json!({"cron": "0 0 31 * *"}),
            "2023-01-10T00:00:00Z",
            vec!["2023-01-31 00:00:00+00:00", "2023-03-31 00:00:00+00:00", "2023-05-31 00:00:00+00:00"],
        ),
        (
            json!({"cron": "0 0 L * *"}),
            "2023-01-10T00:00:00Z",
            vec!["2023-01-31 00:00:00+00:00", "2023-02-28 00:00:00+00:00", "2023-03-31 00:00:00+00:00"],
        ),
        (
            json!({"cron": "0 0 29 2 *"}),
            "2023-01-10T00:00:00Z",
            vec!["2024-02-29 00:00:00+00:00", "2028-02-29 00:00:00+00:00"],
        ),
        (json!({"cron": "0 0 31 2 *"}), "2023-01-10T00:00:00Z", vec![]),
        // The dialect.
        (json!({"cron": "@hourly"}), "2023-01-10T03:04:05Z", vec!["2023-01-10 04:00:00+00:00"]),
        (json!({"cron": "@midnight"}), "2023-01-10T03:04:05Z", vec!["2023-01-11 00:00:00+00:00"]),
        (json!({"cron": "@weekly"}), "2023-01-10T03:04:05Z", vec!["2023-01-15 00:00:00+00:00"]),
        (json!({"cron": "@annually"}), "2023-01-10T03:04:05Z", vec!["2024-01-01 00:00:00+00:00"]),
        (json!({"cron": "0 0 * * 7"}), "2023-01-10T03:04:05Z", vec!["2023-01-15 00:00:00+00:00"]),
        (json!({"cron": "0 0 * * mon-FRI"}), "2023-01-14T03:04:05Z", vec!["2023-01-16 00:00:00+00:00"]),
        (json!({"cron": "0 0 * * 5#2"}), "2023-01-10T03:04:05Z", vec!["2023-01-13 00:00:00+00:00"]),
        (json!({"cron": "0 0 * * L5"}), "2023-01-10T03:04:05Z", vec!["2023-01-27 00:00:00+00:00"]),
        // A list of all days is a choice; a star leaves it to the other field.
        (json!({"cron": "0 0 */1 * 5"}), "2023-01-10T03:04:05Z", vec!["2023-01-11 00:00:00+00:00"]),
        (json!({"cron": "0 0 * * 5"}), "2023-01-10T03:04:05Z", vec!["2023-01-13 00:00:00+00:00"]),
        (json!({"cron": "0 0 8 * 5#2"}), "2023-02-05T03:04:05Z", vec!["2023-02-10 00:00:00+00:00"]),
        (json!({"cron": "0 0 1 7-7 *"}), "2023-01-10T03:04:05Z", vec!["2023-02-01 00:00:00+00:00"]),
        (json!({"cron": "0 0 ? * *"}), "2023-01-10T03:04:05Z", vec!["2023-01-11 00:00:00+00:00"]),
        (
            json!({"cron": "0 22-2 * * *"}),
            "2023-01-10T03:04:05Z",
            vec!["2023-01-10 22:00:00+00:00", "2023-01-10 23:00:00+00:00", "2023-01-11 00:00:00+00:00"],
        ),
        (
            json!({"cron": "0/15 * * * *"}),
            "2023-01-10T03:00:00Z",
            vec!["2023-01-10 03:00:00+00:00", "2023-01-10 03:15:00+00:00"],
        ),
        // A sixth field is of seconds, a seventh of years.
        (
            json!({"cron": "* * * * * 30"}),
            "2023-01-10T03:04:05Z",
            vec!["2023-01-10 03:04:30+00:00", "2023-01-10 03:05:30+00:00"],
        ),
        (json!({"cron": "* * * * * 0 2024"}), "2023-01-10T03:04:05Z", vec!["2024-01-01 00:00:00+00:00"]),
        // A second that has begun is over.
        (json!({"cron": "* * * * *"}), "2023-01-10T03:04:00.000001Z", vec!["2023-01-10 03:05:00+00:00"]),
    ];
    for (json, from, expected) in cases {
        assert_eq!(texts(&json, from, expected.len().max(1)), expected, "{json} from {from}");
    }
}

#[test]
fn intervals_of_days_keep_the_hour_and_shorter_ones_count_seconds() {
    let cases = [
        (
            json!({"interval": 86400, "anchor_date": "2023-03-10T14:00:00Z", "timezone": NEW_YORK}),
            "2023-03-11T00:00:00Z",
            vec!["2023-03-11 09:00:00-05:00", "2023-03-12 09:00:00-04:00", "2023-03-13 09:00:00-04:00"],
        ),
        (
            json!({"interval": 86400.0, "anchor_date": "2023-03-10T02:30:00", "timezone": NEW_YORK}),
            "2023-03-12T00:00:00Z",
            vec!["2023-03-12 03:30:00-04:00", "2023-03-13 02:30:00-04:00"],
        ),
        (
            json!({"interval": 3600, "anchor_date": "2023-03-10T07:30:00Z", "timezone": NEW_YORK}),
            "2023-11-05T04:40:00Z",
            vec!["2023-11-05 01:30:00-04:00", "2023-11-05 01:30:00-05:00", "2023-11-05 02:30:00-05:00"],
        ),
        (
            json!({"interval": 604800, "anchor_date": "2023-10-22T10:00:00+02:00", "timezone": BERLIN}),
            "2023-10-23T00:00:00Z",
            vec!["2023-10-29 10:00:00+01:00", "2023-11-05 10:00:00+01:00"],
        ),
        (
            json!({"interval": 129600, "anchor_date": "2023-03-10T14:00:00Z", "timezone": NEW_YORK}),
            "2023-03-10T00:00:00Z",
            // Dates before the anchor count too.
            vec!["2023-03-10 09:00:00-05:00", "2023-03-11 21:00:00-05:00", "2023-03-13 10:00:00-04:00"],
        ),
        (
            json!({"interval": 86400, "anchor_date": "2023-03-20T14:00:00Z", "timezone": NEW_YORK}),
            "2023-03-11T00:00:00Z",
            vec!["2023-03-11 10:00:00-05:00", "2023-03-12 10:00:00-04:00"],
        ),
        (
            json!({"interval": 90.5, "anchor_date": "2023-03-20T14:00:00Z", "timezone": NEW_YORK}),
            "2023-03-11T00:00:00Z",
            vec!["2023-03-10 19:00:15.500000-05:00", "2023-03-10 19:01:46-05:00"],
        ),
        (
            json!({"interval": 60, "anchor_date": "2023-01-01T00:00:00Z"}),
            "2023-01-01T00:01:00Z",
            vec!["2023-01-01 00:01:00+00:00", "2023-01-01 00:02:00+00:00"],
        ),
    ];
    for (json, from, expected) in cases {
        assert_eq!(texts(&json, from, expected.len()), expected, "{json} from {from}");
    }
}

#[test]
fn recurrence_rules_follow_the_wall_clock() {
    let cases = [
        (
            json!({"rrule": "FREQ=DAILY;BYHOUR=2;BYMINUTE=30;BYSECOND=0", "timezone": NEW_YORK}),
            "2023-03-11T00:00:00Z",
            vec!["2023-03-11 02:30:00-05:00", "2023-03-12 01:30:00-05:00", "2023-03-13 02:30:00-04:00"],
        ),
        (
            json!({"rrule": "FREQ=HOURLY", "timezone": NEW_YORK}),
            "2023-11-05T04:00:00Z",
            vec!["2023-11-05 00:00:00-04:00", "2023-11-05 01:00:00-04:00", "2023-11-05 02:00:00-05:00"],
        ),
        (
            json!({"rrule": "FREQ=HOURLY", "timezone": NEW_YORK}),
            "2023-03-12T05:00:00Z",
            vec!["2023-03-12 00:00:00-05:00", "2023-03-12 01:00:00-05:00", "2023-03-12 03:00:00-04:00"],
        ),
        (
            json!({"rrule": "DTSTART:20230101T090000Z\nRRULE:FREQ=DAILY;UNTIL=20230102T090000Z", "timezone": NEW_YORK}),
            "2022-03-12T00:00:00Z",
            vec!["2023-01-01 09:00:00-05:00", "2023-01-02 09:00:00-05:00"],
        ),
        (
            json!({"rrule": "DTSTART;TZID=Europe/Berlin:20230101T090000\nRRULE:FREQ=DAILY;COUNT=2", "timezone": NEW_YORK}),
            "2022-03-12T00:00:00Z",
            vec!["2023-01-01 09:00:00-05:00", "2023-01-02 09:00:00-05:00"],
        ),
        (
            json!({"rrule": "DTSTART:20230101T090000\nRRULE:FREQ=DAILY;COUNT=5"}),
            "2023-01-04T00:00:00Z",
            vec!["2023-01-04 09:00:00+00:00", "2023-01-05 09:00:00+00:00"],
        ),
        (
            json!({"rrule": "DTSTART:20230101T090000\nRRULE:FREQ=DAILY;COUNT=3\nRDATE:20230110T100000Z\nEXDATE:20230102T090000Z"}),
            "2022-03-12T00:00:00Z",
            vec!["2023-01-01 09:00:00+00:00", "2023-01-03 09:00:00+00:00", "2023-01-10 10:00:00+00:00"],
        ),
        (
            json!({"rrule": "RRULE:FREQ=DAILY\nEXRULE:FREQ=DAILY;INTERVAL=2"}),
            "2023-01-10T03:04:05Z",
            vec!["2023-01-12 00:00:00+00:00", "2023-01-14 00:00:00+00:00"],
        ),
        (
            json!({"rrule": "RRULE:FREQ=WEEKLY;BYDAY=MO RRULE:FREQ=WEEKLY;BYDAY=TU"}),
            "2023-01-10T03:04:05Z",
            vec!["2023-01-16 00:00:00+00:00", "2023-01-17 00:00:00+00:00", "2023-01-23 00:00:00+00:00"],
        ),
        (
            json!({"rrule": "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;INTERVAL=2"}),
            "2023-01-10T03:04:05Z",
            vec!["2023-01-11 00:00:00+00:00", "2023-01-23 00:00:00+00:00", "2023-01-25 00:00:00+00:00"],
        ),
        (
            json!({"rrule": "freq=monthly;bymonthday=31"}),
            "2023-01-10T03:04:05Z",
            vec!["2023-01-31 00:00:00+00:00", "2023-03-31 00:00:00+00:00", "2023-05-31 00:00:00+00:00"],
        ),
        (
            json!({"rrule": "FREQ=MONTHLY;BYDAY=-1FR"}),
            "2023-01-10T03:04:05Z",
            vec!["2023-01-27 00:00:00+00:00", "2023-02-24 00:00:00+00:00"],
        ),
        (
            json!({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"}),
            "2023-01-10T03:04:05Z",
            vec!["2024-02-29 00:00:00+00:00", "2028-02-29 00:00:00+00:00"],
        ),
        (
            json!({"rrule": "FREQ=HOURLY;INTERVAL=7"}),
            "2023-01-10T03:04:05Z",
            vec!["2023-01-10 10:00:00+00:00", "2023-01-10 17:00:00+00:00", "2023-01-11 00:00:00+00:00"],
        ),
        // Rules by the minute and second that choose days and hours.
        (
            json!({"rrule": "DTSTART:20231010T085402\nRRULE:FREQ=MINUTELY;BYDAY=TH,MO;BYHOUR=7,10"}),
            "2024-02-27T16:25:00Z",
            vec!["2024-02-29 07:00:02+00:00", "2024-02-29 07:01:02+00:00"],
        ),
        (
            json!({"rrule": "DTSTART:20230504T012833\nRRULE:FREQ=SECONDLY;INTERVAL=8;BYHOUR=12,20"}),
            "2023-03-26T20:45:00Z",
            vec!["2023-05-04 12:00:01+00:00", "2023-05-04 12:00:09+00:00"],
        ),
        (
            json!({"rrule": "DTSTART:20230102T081500\nRRULE:FREQ=HOURLY;INTERVAL=2;BYDAY=MO;BYHOUR=8,9,10;COUNT=3"}),
            "2023-01-02T09:00:00Z",
            vec!["2023-01-02 10:15:00+00:00", "2023-01-09 08:15:00+00:00"],
        ),
        (json!({"rrule": "FREQ=HOURLY;INTERVAL=3;BYHOUR=1,17"}), "2023-03-11T12:16:00Z", vec![]),
        (json!({"rrule": "FREQ=DAILY;COUNT=2;UNTIL=20300101"}), "2023-01-10T03:04:05Z", vec![]),
        (json!({"rrule": "FREQ=DAILY;UNTIL=20190101"}), "2018-01-10T03:04:05Z", vec![]),
        (json!({"rrule": "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"}), "2023-01-10T03:04:05Z", vec![]),
    ];
    for (json, from, expected) in cases {
        assert_eq!(texts(&json, from, expected.len().max(1)), expected, "{json} from {from}");
    }
}

#[test]
fn a_rule_by_the_second_does_not_replay_its_past() {
    for rule in ["FREQ=SECONDLY", "FREQ=SECONDLY;COUNT=4000000000", "FREQ=MINUTELY;BYSECOND=0,30"] {
        let dates = texts(&json!({"rrule": rule}), "2026-11-24T00:00:00Z", 100);
        assert_eq!((dates.len(), dates[0].as_str()), (100, "2026-11-24 00:00:00+00:00"), "{rule}");
    }
}

#[test]
fn dates_increase_and_do_not_depend_on_the_window() {
    let schedules = [
        json!({"cron": "*/7 * * * *", "timezone": BERLIN}),
        json!({"cron": "45 1,2,3 * * *", "timezone": NEW_YORK}),
        json!({"rrule": "FREQ=MINUTELY;INTERVAL=13", "timezone": NEW_YORK}),
        json!({"rrule": "FREQ=HOURLY;BYMINUTE=15,45", "timezone": BERLIN}),
        json!({"interval": 1234.5, "anchor_date": "2020-01-01T00:00:00Z", "timezone": BERLIN}),
        json!({"interval": 90000, "anchor_date": "2020-01-01T00:00:00Z", "timezone": NEW_YORK}),
    ];
    for json in schedules {
        let schedule = schedule(json.clone());
        for day in ["2023-03-12", "2023-11-05", "2023-03-26", "2023-10-29"] {
            let (from, to) =
                (at(&format!("{day}T00:00:00Z")) - chrono::TimeDelta::days(2), at(&format!("{day}T23:00:00Z")));
            let all = schedule.dates(from, Some(to), 1000);
            assert!(all.windows(2).all(|pair| pair[0] < pair[1]), "{json} around {day}");
            for (n, date) in all.iter().enumerate().step_by(7) {
                let rest = schedule.dates(date.with_timezone(&Utc), Some(to), 3);
                assert_eq!(rest, all[n..all.len().min(n + 3)], "{json} from {date}");
            }
        }
    }
}

#[test]
fn windows_are_inclusive_and_bounded() {
    let every_minute = schedule(json!({"cron": "* * * * *"}));
    let (from, to) = (at("2023-01-01T00:00:00Z"), at("2023-01-01T00:03:00Z"));
    assert_eq!(every_minute.dates(from, Some(to), 100).len(), 4);
    assert_eq!(every_minute.dates(from, None, 5000).len(), 1000);
    assert_eq!(every_minute.dates(to, Some(from), 100).len(), 0);
    assert_eq!(schedule(json!({})).dates(from, None, 5).len(), 0);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_reason() {
    let long = format!("RDATE:{}", "20230101T000000,".repeat(500));
    let cases = [
        (json!({"cron": "* * * *"}), "cron", "Invalid cron string: \"* * * *\""),
        (json!({"cron": "60 * * * *"}), "cron", "Invalid cron string"),
        (json!({"cron": "0 0 15W * *"}), "cron", "Invalid cron string"),
        (json!({"cron": "0 0 * * 5L"}), "cron", "Invalid cron string"),
        (json!({"cron": "*/0 * * * *"}), "cron", "Invalid cron string"),
        (json!({"cron": "@reboot"}), "cron", "Invalid cron string"),
        (
            json!({"cron": "R * * * *"}),
            "cron",
            "Random and Hashed expressions are unsupported, received: \"R * * * *\"",
        ),
        (json!({"cron": 5}), "cron", "valid string"),
        (json!({"cron": "@daily", "day_or": 1}), "day_or", "valid boolean"),
        (
            json!({"cron": "@daily", "timezone": "Nowhere/X"}),
            "timezone",
            "Invalid timezone: \"Nowhere/X\" (specify in IANA tzdata format, for example, America/New_York)",
        ),
        (json!({"interval": 0}), "interval", "interval must be positive"),
        (json!({"interval": -5}), "interval", "interval must be positive"),
        (json!({"interval": 1e300}), "interval", "at most"),
        (json!({"interval": "x"}), "interval", "valid timedelta"),
        (json!({"interval": 5, "anchor_date": "soon"}), "anchor_date", "not a date"),
        (json!({"rrule": ""}), "rrule", "empty string"),
        (json!({"rrule": "bad"}), "rrule", "Invalid RRule string \"bad\""),
        (json!({"rrule": "FREQ=NOPE"}), "rrule", "invalid 'FREQ': NOPE"),
        (json!({"rrule": "FREQ=DAILY;INTERVAL=0"}), "rrule", "INTERVAL"),
        (json!({"rrule": "FREQ=DAILY;BYHOUR=25"}), "rrule", "invalid 'BYHOUR': 25"),
        (json!({"rrule": "FREQ=DAILY;BYDAY=XX"}), "rrule", "invalid 'BYDAY': XX"),
        (json!({"rrule": "FREQ=DAILY;BYMONTHDAY=0"}), "rrule", "invalid 'BYMONTHDAY': 0"),
        (json!({"rrule": "FREQ=DAILY;WKST=1"}), "rrule", "invalid 'WKST': 1"),
        (json!({"rrule": "FREQ=DAILY;COUNT=-1"}), "rrule", "invalid 'COUNT': -1"),
        (json!({"rrule": "FREQ=DAILY;BYHOUR=1;BYHOUR=2"}), "rrule", "BYHOUR is there twice"),
        (json!({"rrule": "FREQ=YEARLY;BYEASTER=1"}), "rrule", "unsupported part: BYEASTER"),
        (json!({"rrule": "FREQ=HOURLY;BYSETPOS=1"}), "rrule", "BYSETPOS needs FREQ=DAILY or longer"),
        (json!({"rrule": "DTSTART:+123450101T000000\nRRULE:FREQ=DAILY"}), "rrule", "is not a date and time"),
        (json!({"interval": 5, "anchor_date": "+262142-12-31T23:59:59"}), "anchor_date", "not a date"),
        (json!({"rrule": long}), "rrule", "Max length is 6500"),
        (json!({"every": "day"}), "schedule", "needs one of"),
        (json!("daily"), "schedule", "must be an object"),
    ];
    for (json, field, message) in cases {
        let error = Schedule::parse(&json).expect_err(&json.to_string());
        assert_eq!(error.field, field, "{json}");
        assert!(error.message.contains(message), "{json}: {error}");
    }
}

#[test]
fn the_normal_form_is_read_back() {
    let now = at("2026-01-02T03:04:05.678Z");
    let cases = [
        (
            json!({"interval": "PT1H30M"}),
            json!({"interval": 5400.0, "anchor_date": "2026-01-02T03:04:05.678Z", "timezone": "UTC"}),
        ),
        (
            json!({"interval": 60, "anchor_date": "2020-01-01T00:00:00+01:00", "timezone": BERLIN}),
            json!({"interval": 60.0, "anchor_date": "2019-12-31T23:00:00Z", "timezone": BERLIN}),
        ),
        (json!({"cron": "@daily"}), json!({"cron": "@daily", "timezone": null, "day_or": true})),
        (json!({"rrule": "FREQ=DAILY", "timezone": BERLIN}), json!({"rrule": "FREQ=DAILY", "timezone": BERLIN})),
        (Value::Null, json!({})),
    ];
    for (json, expected) in cases {
        let schedule = schedule(json.clone()).anchored(now);
        assert_eq!(serde_json::to_value(&schedule).unwrap(), expected, "{json}");
        assert_eq!(serde_json::from_value::<Schedule>(expected).unwrap(), schedule, "{json}");
    }
}
