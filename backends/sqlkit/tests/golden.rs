//! The SQL of representative queries and writes, kept in `golden/*.sql` so that a change of it is seen in review.
//!
//! `MINTAKA_REWRITE_GOLDEN=1` writes the files anew.
#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute; these are what they call")]

use mintaka_core::records::{Event, Flow, FlowRun, Log, deployment, event, flow, flow_run, log, task_run};
use mintaka_core::{Aggregate, Cmp, Direction, Each, Filter, Group, Measure, Query, Record, Time, Value};
use mintaka_sqlkit::{
    Path, Plan, Select, Sqlite, Statements, aggregate, count_part, ddl, required, select, update_text,
};
use uuid::Uuid;

fn check(file: &str, actual: &str) {
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("MINTAKA_REWRITE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (n, (actual, expected)) in actual.lines().zip(expected.lines()).enumerate() {
        assert_eq!(actual, expected, "{file}, line {}", n + 1);
    }
    assert_eq!(actual, expected, "{file}");
}

fn described(name: &str, select: &Select) -> String {
    format!("-- {name}\n{}\n-- {:?}\n\n", select.text, select.params)
}

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// What follows WHERE is the filter; the columns are kept short.
fn filtered(filter: Filter) -> Query {
    let table = flow_run_table();
    Query { columns: Some(vec![flow_run::id]), ..Query::of(table).filter(filter) }
}

fn flow_run_table() -> &'static mintaka_core::Table {
    FlowRun::TABLE
}

#[test]
fn filters() {
    let eq = || Filter::eq(flow_run::name, "a");
    let nullable = || Filter::eq(flow_run::state_name, "Late");
    let cases = [
        ("all", Filter::all()),
        ("none", Filter::none()),
        ("nested trivial", Filter::all().and(Filter::all())),
        ("equal", eq()),
        ("not equal, never null", eq().negate()),
        ("not equal, nullable", nullable().negate()),
        ("twice negated", nullable().negate().negate()),
        ("compared with null", Filter::eq(flow_run::state_name, Value::Null)),
        ("a range of times", Filter::cmp(flow_run::start_time, Cmp::Ge, Time::from_micros(5))),
        ("two columns", Filter::CompareColumns(flow_run::start_time, Cmp::Gt, flow_run::expected_start_time).negate()),
        ("any of three, rounded up to four", Filter::any(flow_run::id, [id(1), id(2), id(3)])),
        ("any of nothing", Filter::any::<Uuid>(flow_run::id, [])),
        ("not any, with a null", Filter::any(flow_run::state_name, [Some("a".to_string()), None]).negate()),
        ("null", Filter::IsNull(flow_run::start_time)),
        ("and of or", eq().and(Filter::Or(vec![nullable(), Filter::IsNull(flow_run::state_name)]))),
        ("like, one column", Filter::Like(vec![flow_run::name], "%a_B%".into())),
        ("like, columns joined", Filter::Like(vec![flow_run::name, flow_run::flow_version], "%x%".into())),
        ("contains", Filter::Contains(vec![flow_run::state_name], "LaTe".into()).negate()),
        ("starts with", Filter::StartsWith(flow_run::name, "ab\u{d7ff}".into())),
        ("starts with, nullable, negated", Filter::StartsWith(flow_run::flow_version, "v".into()).negate()),
        ("starts with nothing", Filter::StartsWith(flow_run::flow_version, String::new())),
        ("tags any", Filter::TagsAny(flow_run::tags, vec!["a".into(), "b".into()])),
        ("tags any of nothing", Filter::TagsAny(flow_run::tags, Vec::new())),
        ("tags all", Filter::TagsAll(flow_run::tags, vec!["b".into(), "a".into(), "b".into()])),
        ("tags all of nothing", Filter::TagsAll(flow_run::tags, Vec::new())),
        ("tags empty", Filter::TagsEmpty(flow_run::tags)),
        (
            "has a parent",
            Filter::has(
                flow_run::flow_id,
                flow::id,
                Filter::eq(flow::name, "f").and(Filter::TagsAny(flow::tags, vec!["unindexed".into()])),
            ),
        ),
        (
            "has no such parent",
            Filter::has(flow_run::deployment_id, deployment::id, Filter::eq(deployment::paused, true)).negate(),
        ),
        ("has no child", Filter::has(flow_run::id, task_run::flow_run_id, Filter::all()).negate()),
        (
            "three deep, one table twice",
            Filter::has(
                flow_run::deployment_id,
                deployment::id,
                Filter::has(
                    deployment::flow_id,
                    flow::id,
                    Filter::has(flow::id, flow_run::flow_id, nullable().negate()),
                ),
            ),
        ),
    ];
    let text: String =
        cases.into_iter().map(|(name, f)| described(name, &select(&Sqlite, &filtered(f), &Plan::default()))).collect();
    check("filters.sql", &text);
}

#[test]
fn queries() {
    let table = flow_run_table();
    let short = |query: Query| Query { columns: Some(vec![flow_run::id]), ..query };
    let by_time = |direction| short(Query::of(table)).order(flow_run::sort_time, direction);
    let at = |t: Value| vec![t, id(7).into()];
    let time = || Value::Time(Time::from_micros(9));
    let each = Each { column: flow_run::deployment_id, values: vec![id(1).into(), id(2).into()], k: 3 };
    let tagged = by_time(Direction::Desc).filter(Filter::TagsAny(flow_run::tags, vec!["a".into()]));
    let events = Query { columns: Some(vec![event::id]), ..Query::of(Event::TABLE) };
    let logs = Query { columns: Some(vec![log::message]), ..Query::of(Log::TABLE) };
    let cases = [
        ("every column of a table", Query::of(Flow::TABLE)),
        ("newest first, second page", by_time(Direction::Desc).limit(50).offset(50)),
        ("after a key", short(Query::of(table)).after(vec![id(7).into()])),
        ("after a position, ascending", by_time(Direction::Asc).after(at(time()))),
        ("after a position, descending", by_time(Direction::Desc).after(at(time()))),
        ("after a null, ascending", by_time(Direction::Asc).after(at(Value::Null))),
        ("after a null, descending", by_time(Direction::Desc).after(at(Value::Null))),
        (
            "after a position in mixed directions",
            short(Query::of(table))
                .order(flow_run::name, Direction::Desc)
                .order(flow_run::created, Direction::Asc)
                .after(vec!["n".into(), time(), id(7).into()]),
        ),
        ("after a key of two columns", events.after(vec![time(), id(7).into()])),
        (
            "the tail of a stream",
            logs.filter(Filter::eq(log::writer, 1_i64).and(Filter::cmp(log::seq, Cmp::Gt, 41_i64)))
                .order(log::seq, Direction::Asc),
        ),
        ("some of each", Query { each: Some(each), ..by_time(Direction::Asc) }),
    ];
    let mut text: String =
        cases.iter().map(|(name, query)| described(name, &select(&Sqlite, query, &Plan::default()))).collect();
    let walk = Plan { paths: vec![Path::Walk], sorts: false };
    text += &described("a frequent tag", &select(&Sqlite, &tagged, &walk));
    let of_flow = filtered(Filter::has(flow_run::flow_id, flow::id, Filter::eq(flow::name, "f")))
        .order(flow_run::sort_time, Direction::Desc);
    text += &described("runs of many flows", &select(&Sqlite, &of_flow, &walk));
    let two = Query { filter: tagged.filter.clone().and(of_flow.filter.clone()), ..tagged };
    let counted = required(&two.filter).into_iter().filter_map(|part| count_part(&Sqlite, two.table, &part, 2000));
    text.extend(counted.map(|counting| described("how many rows one part leaves", &counting)));
    check("queries.sql", &text);
}

#[test]
fn aggregates() {
    let table = flow_run_table();
    let by = |by: Vec<Group>, measures: Vec<Measure>| Aggregate {
        by,
        measures,
        limit: 100,
        ..Aggregate::count(table, Filter::all())
    };
    let bucket = |origin| Group::Bucket {
        column: flow_run::expected_start_time,
        origin: Time::from_micros(origin),
        width: 60_000_000,
    };
    let times = vec![
        Measure::SumSince(flow_run::start_time, Time::from_micros(-5)),
        Measure::Min(flow_run::start_time),
        Measure::Max(flow_run::start_time),
        Measure::Sum(flow_run::total_run_time),
    ];
    let cases = [
        ("count", Aggregate::count(table, Filter::eq(flow_run::auto_scheduled, true))),
        ("nothing of everything", by(Vec::new(), Vec::new())),
        ("measures of all", by(Vec::new(), times)),
        ("history", by(vec![bucket(7), Group::Column(flow_run::state_type)], vec![Measure::Count])),
        (
            "the largest groups first",
            Aggregate {
                order: vec![(1, Direction::Desc)],
                ..by(
                    vec![Group::Column(flow_run::deployment_id)],
                    vec![Measure::Count, Measure::CountDistinct(flow_run::flow_id)],
                )
            },
        ),
    ];
    let text: String = cases.iter().map(|(name, a)| described(name, &aggregate(&Sqlite, a))).collect();
    check("aggregates.sql", &text);
}

#[test]
fn tables_and_writes() {
    let mut text = ddl::script(&Sqlite, &[flow_run_table(), Event::TABLE]);
    let statements = Statements::of(&Sqlite, flow_run_table());
    text += "\n";
    for statement in
        [&statements.find_primary, statements.find_unique.as_ref().unwrap(), &statements.insert, &statements.delete]
    {
        text += &format!("{statement};\n");
    }
    for side in &statements.tags {
        text += &format!("{};\n{};\n", side.insert, side.delete);
    }
    let changed = [flow_run::state_id, flow_run::state_name].map(|c| c.ordinal);
    text += &format!("{};\n", update_text(&Sqlite, flow_run_table(), changed));
    text += &format!("{};\n", update_text(&Sqlite, Event::TABLE, [event::payload.ordinal]));
    check("tables_and_writes.sql", &text);
}
