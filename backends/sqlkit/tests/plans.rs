//! Which part of a filter leads to the rows, and which index that leaves to the engine.
#![allow(missing_docs, reason = "tests")]

use std::convert::Infallible;

use mintaka_core::records::{FlowRun, StateType, deployment, flow, flow_run};
use mintaka_core::{Cmp, Direction, Filter, Query, Record, Time};
use mintaka_sqlkit::Path::{Narrow, Walk};
use mintaka_sqlkit::{Plan, Sqlite, plan, select};
use uuid::Uuid;

/// A part of a filter, and the number of rows that meet it.
fn state(rows: u64) -> (Filter, u64) {
    (Filter::any(flow_run::state_type, [StateType::Completed, StateType::Failed]), rows)
}
fn tag(rows: u64) -> (Filter, u64) {
    (Filter::TagsAll(flow_run::tags, vec!["a".into()]), rows)
}
fn of_flow_named(rows: u64) -> (Filter, u64) {
    (Filter::has(flow_run::flow_id, flow::id, Filter::eq(flow::name, "f")), rows)
}
fn flow_by_id() -> (Filter, u64) {
    (Filter::has(flow_run::flow_id, flow::id, Filter::eq(flow::id, Uuid::from_u128(1))), u64::MAX)
}
fn deployment_by_id(rows: u64) -> (Filter, u64) {
    (Filter::has(flow_run::deployment_id, deployment::id, Filter::eq(deployment::id, Uuid::from_u128(1))), rows)
}
fn named() -> (Filter, u64) {
    (Filter::eq(flow_run::name, "n"), u64::MAX)
}
fn of_flow() -> (Filter, u64) {
    (Filter::eq(flow_run::flow_id, Uuid::from_u128(1)), u64::MAX)
}
fn one() -> (Filter, u64) {
    (Filter::any(flow_run::id, [Uuid::from_u128(1)]), u64::MAX)
}
fn since() -> (Filter, u64) {
    (Filter::cmp(flow_run::sort_time, Cmp::Ge, Time::from_micros(1)), u64::MAX)
}

#[test]
fn the_first_part_that_leaves_few_rows_leads_and_else_the_order_of_the_query() {
    let newest = |query: Query| query.order(flow_run::sort_time, Direction::Desc);
    let by_name = |query: Query| query.order(flow_run::name, Direction::Asc);
    let mixed =
        |query: Query| query.order(flow_run::sort_time, Direction::Asc).order(flow_run::created, Direction::Desc);
    type Case<'a> = (&'a str, &'a dyn Fn(Query) -> Query, Vec<(Filter, u64)>, Vec<mintaka_sqlkit::Path>, usize);
    let cases: [Case<'_>; 16] = [
        ("nothing is asked", &newest, vec![], vec![], 0),
        ("a frequent state", &newest, vec![state(5000)], vec![Walk], 1),
        ("a rare state", &newest, vec![state(5)], vec![Narrow], 1),
        ("a frequent state and tag", &newest, vec![state(5000), tag(9000)], vec![Walk, Walk], 2),
        ("a rare tag", &newest, vec![state(5000), tag(3)], vec![Walk, Narrow], 2),
        ("a rare state leads, the tag is not counted", &newest, vec![state(3), tag(3)], vec![Narrow, Walk], 1),
        ("a parent of few", &newest, vec![of_flow_named(3), tag(3)], vec![Narrow, Walk], 1),
        (
            "a parent by its key is a value of the row",
            &newest,
            vec![flow_by_id(), state(5000)],
            vec![Narrow, Walk, Narrow],
            0,
        ),
        ("and one that no order is within", &newest, vec![deployment_by_id(7)], vec![Narrow, Walk], 1),
        ("no index knows the column", &newest, vec![named()], vec![Narrow], 0),
        ("a key leads, and nothing is counted", &newest, vec![state(5000), one(), tag(5)], vec![Walk, Narrow, Walk], 0),
        ("an index gives the order within the flow", &newest, vec![state(5000), of_flow()], vec![Narrow, Narrow], 0),
        ("a range of the order", &newest, vec![since(), state(5000)], vec![Narrow, Walk], 1),
        ("no index gives the order", &by_name, vec![state(5000), tag(9000)], vec![], 0),
        ("nor one in mixed directions", &mixed, vec![state(5000)], vec![], 0),
        ("the key is an order", &|query| query, vec![state(5000)], vec![Walk], 1),
    ];
    for (name, order, parts, expected, questions) in cases {
        let (filters, mut rows): (Vec<Filter>, Vec<u64>) = parts.into_iter().unzip();
        rows.retain(|&n| n != u64::MAX);
        let query = order(Query::of(FlowRun::TABLE)).filter(Filter::And(filters));
        let mut asked = 0;
        let found = plan(&Sqlite, &query, 2000, |_| {
            asked += 1;
            Ok::<u64, Infallible>(rows[asked - 1])
        });
        let found = found.map(|plan| plan.paths);
        assert_eq!((found, asked), (Ok(expected), questions), "{name}");
    }
}

#[test]
fn a_column_that_each_row_is_asked_for_is_hidden_from_the_engines_indexes() {
    let query = Query::of(FlowRun::TABLE).filter(state(0).0);
    let walk = Plan { paths: vec![Walk], sorts: false };
    assert!(select(&Sqlite, &query, &walk).text.contains(r#"WHERE +t0."state_type" IN"#));
    assert!(select(&Sqlite, &query, &Plan::default()).text.contains(r#"WHERE t0."state_type" IN"#));
}
