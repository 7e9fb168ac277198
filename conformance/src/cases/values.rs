//! Values come back as they were written.

use mintaka_core::records::{Flow, FlowRun, TABLES, Variable, WorkQueue, flow, flow_run};
use mintaka_core::{
    Batch, Change, Error, Field, Filter, Key, Kind, OnExists, Op, Query, Record, Row, Table, Tags, Time, Value,
};
use uuid::Uuid;

use crate::lab::Lab;
use crate::sample::{self, at, id, json, key, tags};

super::cases! { "value":
    every_kind_keeps_its_extremes ["V1"]
    floats_are_kept_bit_for_bit ["V1"]
    identifiers_are_kept_and_compared_as_bytes ["V1" "S3"]
    text_comes_back_byte_for_byte ["V2" "S20"]
    nul_in_text_becomes_the_replacement_character ["V2"]
    json_comes_back_byte_for_byte ["V3"]
    tags_keep_order_and_duplicates ["V4"]
    every_table_takes_a_row_of_nulls_and_a_row_without ["V5" "V1"]
    large_texts_are_kept ["V2"]
}

async fn every_kind_keeps_its_extremes(lab: Lab) -> Result<(), Error> {
    let run = |n, run_count, time, auto_scheduled| FlowRun {
        run_count,
        start_time: Some(time),
        auto_scheduled,
        ..sample::flow_run(n, 1)
    };
    let runs = [
        run(1, i64::MIN, Time::MIN, false),
        run(2, i64::MAX, Time::MAX, true),
        run(3, 0, Time::from_micros(-1), false),
        run(4, (1 << 53) + 1, Time::from_micros(1), true),
        run(5, -1, Time::from_micros(0), true),
    ];
    lab.seed(runs.clone()).await?;
    for run in runs {
        let stored = lab.get::<FlowRun>(Key::id(run.id)).await?.record;
        assert_eq!(stored, run);
        lab.meets(&flow_run::TABLE, Filter::eq(flow_run::run_count, run.run_count), &[run.id.as_u128()]).await?;
        lab.meets(&flow_run::TABLE, Filter::eq(flow_run::start_time, stored.start_time), &[run.id.as_u128()]).await?;
    }
    Ok(())
}

async fn floats_are_kept_bit_for_bit(lab: Lab) -> Result<(), Error> {
    let floats = [
        0.0,
        1.0,
        -1.0,
        0.1,
        1.0 / 3.0,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        f64::EPSILON,
        9_007_199_254_740_993.0,
        1e22,
        -2.5e-10,
        123_456_789.123_456_79,
    ];
    for (x, n) in floats.into_iter().zip(1..) {
        lab.seed([FlowRun { total_run_time: x, start_delay: Some(x), ..sample::flow_run(n, 1) }]).await?;
        let stored = lab.get::<FlowRun>(key(n)).await?;
        assert_eq!(stored.total_run_time.to_bits(), x.to_bits(), "{x:e}");
        lab.meets(&flow_run::TABLE, Filter::eq(flow_run::start_delay, x), &[n]).await?;
    }
    for strange in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0] {
        assert_eq!(Value::float(strange), Value::Float(0.0));
        assert!(matches!(Value::float(strange), Value::Float(x) if x.to_bits() == 0));
    }
    Ok(())
}

async fn identifiers_are_kept_and_compared_as_bytes(lab: Lab) -> Result<(), Error> {
    let ids =
        [Uuid::nil(), Uuid::max(), Uuid::from_bytes([0, 0x80, 0xff, b'\'', b'"', b'\\', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])];
    lab.seed(ids.map(|id| Flow { id, name: id.to_string(), ..sample::flow(0) })).await?;
    for id in ids {
        assert_eq!(lab.get::<Flow>(Key::id(id)).await?.name, id.to_string());
        lab.meets(&flow::TABLE, Filter::eq(flow::id, id), &[id.as_u128()]).await?;
    }
    Ok(())
}

const TEXTS: &[&str] = &[
    "",
    " ",
    " leading and trailing ",
    "it's \"quoted\" \\ `code`",
    "line\nfeed\r\ntab\tbell\u{7}escape\u{1b}",
    "'; DROP TABLE flow; --",
    "é e\u{301} ﬀ ß İ ı",
    "日本語 עברית العربية",
    "\u{1f680}\u{1f468}\u{200d}\u{1f469}",
    "\u{feff}byte order mark",
    "\u{fffd}\u{ffff}\u{10ffff}",
    "%s {} $1 ?1 :x @y \\u0000",
    "null",
    "1e5",
    "0x41",
    "-0",
];

async fn text_comes_back_byte_for_byte(lab: Lab) -> Result<(), Error> {
    for (text, n) in TEXTS.iter().zip(1..) {
        lab.seed([Flow { name: (*text).into(), ..sample::flow(n) }]).await?;
        assert_eq!(lab.get::<Flow>(key(n)).await?.name, *text);
        assert_eq!(lab.get::<Flow>(Key::Unique(vec![(*text).into()])).await?.id, id(n));
        lab.meets(&flow::TABLE, Filter::eq(flow::name, *text), &[n]).await?;
    }
    let ids = lab.ids(Query::of(&flow::TABLE).filter(Filter::any(flow::name, TEXTS.iter().copied()))).await?;
    assert_eq!(ids.len(), TEXTS.len());
    Ok(())
}

async fn nul_in_text_becomes_the_replacement_character(lab: Lab) -> Result<(), Error> {
    let flow = Flow { name: "a\0b".into(), tags: tags(&["\0", "x\0"]), ..sample::flow(1) };
    lab.seed([flow]).await?;
    let stored = lab.get::<Flow>(key(1)).await?;
    assert_eq!((stored.name.as_str(), &stored.tags), ("a\u{fffd}b", &tags(&["\u{fffd}", "x\u{fffd}"])));
    lab.meets(&flow::TABLE, Filter::eq(flow::name, "a\0b"), &[1]).await?;
    let change = Change::default().set(flow::name, "\0");
    lab.done(Batch::new().update::<Flow>(key(1), change)).await?;
    assert_eq!(lab.get::<Flow>(key(1)).await?.name, "\u{fffd}");
    Ok(())
}

const JSON: &[&str] = &[
    "null",
    "{}",
    "[]",
    r#"{"b": 1, "a": 2, "b": 3}"#,
    r#"  {"spaced" :[1,  2]} "#,
    r#"{"escaped": "\u0000 \ud83d\ude80 \/"}"#,
    "1.0",
    "1e400",
    "123456789012345678901234567890",
    "-0",
    r#""é e\u0301""#,
    "[[[[[[[[[[]]]]]]]]]]",
];

async fn json_comes_back_byte_for_byte(lab: Lab) -> Result<(), Error> {
    lab.seed(JSON.iter().zip(1..).map(|(text, n)| sample::variable(n, text))).await?;
    for (text, n) in JSON.iter().zip(1..) {
        assert_eq!(lab.get::<Variable>(key(n)).await?.value.text(), *text);
    }
    // JSON `null` is a value, and null is none.
    lab.seed([WorkQueue { filter: Some(json("null")), ..sample::work_queue(1, 1) }, sample::work_queue(2, 1)]).await?;
    assert_eq!(lab.get::<WorkQueue>(key(1)).await?.filter, Some(json("null")));
    assert_eq!(lab.get::<WorkQueue>(key(2)).await?.filter, None);
    let missing = Filter::IsNull(mintaka_core::records::work_queue::filter);
    lab.meets(WorkQueue::TABLE, missing, &[2]).await
}

async fn tags_keep_order_and_duplicates(lab: Lab) -> Result<(), Error> {
    let lists: [&[&str]; 6] =
        [&[], &[""], &["b", "a", "b", ""], &["a", "A"], &["\"", "[]", ",", "\\", "'"], &["\u{1f680}", "null"]];
    lab.seed(lists.iter().zip(1..).map(|(list, n)| Flow { tags: tags(list), ..sample::flow(n) })).await?;
    for (list, n) in lists.iter().zip(1..) {
        assert_eq!(lab.get::<Flow>(key(n)).await?.tags, tags(list));
    }
    let change = Change::default().set(flow::tags, tags(&["z", "z", "y"]));
    lab.done(
        Batch::new()
            .update::<Flow>(key(1), change)
            .update::<Flow>(key(3), Change::default().set(flow::tags, Tags::default())),
    )
    .await?;
    assert_eq!(lab.get::<Flow>(key(1)).await?.tags, tags(&["z", "z", "y"]));
    lab.meets(&flow::TABLE, Filter::TagsAny(flow::tags, vec!["y".into(), "b".into()]), &[1]).await?;
    lab.meets(&flow::TABLE, Filter::TagsEmpty(flow::tags), &[3]).await
}

/// A value of a kind, told apart by a number.
fn of_kind(kind: Kind, n: i64) -> Value {
    match kind {
        Kind::Bool => true.into(),
        Kind::Int => n.into(),
        Kind::Float => (n as f64 + 0.5).into(),
        Kind::Text => format!("text {n}").into(),
        Kind::Uuid => id(n as u128).into(),
        Kind::Time => at(n).into(),
        Kind::Json => Value::Json(format!("{{\"n\": {n}}}")),
        Kind::Tags => tags(&["a", "b"]).into_value(),
    }
}

async fn every_table_takes_a_row_of_nulls_and_a_row_without(lab: Lab) -> Result<(), Error> {
    for &table in TABLES {
        let rows: Vec<Vec<Value>> = [true, false]
            .map(|nulls| {
                let value = |(column, n): (&mintaka_core::ColumnDef, i64)| {
                    if nulls && column.nullable {
                        Value::Null
                    } else {
                        of_kind(column.kind, n + 100 * i64::from(nulls))
                    }
                };
                table.columns.iter().zip(1..).map(value).collect()
            })
            .into();
        let insert = |values: &Vec<Value>| Op::Insert { table, values: values.clone(), on_exists: OnExists::Conflict };
        lab.done(Batch { ops: rows.iter().map(insert).collect(), ..Batch::new() }).await?;
        for row in &rows {
            let stored = lab.row(table, Key::Primary(table.key_of(row))).await?;
            assert_eq!(
                stored.map(|s| without_stamp(table, s)),
                Some(without_stamp(table, Row { version: 1, values: row.clone() }))
            );
        }
    }
    Ok(())
}

/// A row with the store's stamp taken off.
fn without_stamp(table: &Table, mut row: Row) -> Row {
    if let Some((writer, seq)) = table.stream {
        row.values[writer] = Value::Int(0);
        row.values[seq] = Value::Int(0);
    }
    row
}

async fn large_texts_are_kept(lab: Lab) -> Result<(), Error> {
    let name: String = "aé\u{1f680}'".chars().cycle().take(200_000).collect();
    lab.seed([sample::variable(1, &format!("\"{name}\""))]).await?;
    lab.seed([FlowRun { flow_version: Some(name.clone()), ..sample::flow_run(1, 1) }]).await?;
    assert_eq!(lab.get::<FlowRun>(key(1)).await?.record.flow_version.as_deref(), Some(name.as_str()));
    assert_eq!(lab.get::<Variable>(key(1)).await?.value.text().len(), name.len() + 2);
    Ok(())
}
