//! Order, pages, columns and groups of a selection.

use mintaka_core::records::{FlowRun, Log, flow, flow_run, log};
use mintaka_core::{Col, Direction, Each, Error, Filter, Query, Row, Value};

use crate::lab::Lab;
use crate::sample::{self, at, id};

use Direction::{Asc, Desc};

super::cases! { "select":
    null_is_the_least_value_of_an_order ["S13"]
    texts_are_ordered_by_bytes_and_numbers_by_value ["S13"]
    the_primary_key_breaks_ties_in_the_direction_of_the_last_entry ["S14"]
    a_composite_primary_key_breaks_ties_as_a_whole ["S14"]
    without_an_order_rows_come_by_primary_key ["S14"]
    limit_and_offset_count_rows_of_the_order ["S15"]
    the_greatest_limit_and_offset_are_numbers_like_others ["S15"]
    pages_by_position_show_every_row_once_in_any_order ["S16" "S13" "S14"]
    a_position_need_not_be_a_row ["S16"]
    a_position_and_an_offset_add_up ["S16" "S15"]
    named_columns_come_in_the_order_they_are_named ["S17"]
    an_order_may_be_by_columns_that_are_not_read ["S17" "S13"]
    each_gives_the_first_rows_of_each_group ["S18"]
    each_of_nothing_is_nothing ["S18" "S5"]
    a_malformed_query_is_invalid ["S19"]
}

fn run(n: u128, run_count: i64, start_time: Option<i64>, state_name: Option<&str>) -> FlowRun {
    FlowRun {
        run_count,
        start_time: start_time.map(at),
        state_name: state_name.map(Into::into),
        ..sample::flow_run(n, n % 2)
    }
}

/// Runs with ties and nulls in every column that an order is by.
async fn some_runs(lab: &Lab) -> Result<(), Error> {
    lab.seed([
        run(1, 1, Some(5), Some("b")),
        run(2, 0, None, Some("B")),
        run(3, 1, Some(3), None),
        run(4, 0, Some(5), Some("a")),
        run(5, 1, None, Some("é")),
        run(6, 0, None, Some("b")),
        run(7, -7, Some(-3), Some("")),
    ])
    .await
}

fn runs() -> Query {
    Query::of(&flow_run::TABLE)
}

async fn null_is_the_least_value_of_an_order(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    assert_eq!(lab.ids(runs().order(flow_run::start_time, Asc)).await?, [2, 5, 6, 7, 3, 1, 4]);
    assert_eq!(lab.ids(runs().order(flow_run::start_time, Desc)).await?, [4, 1, 3, 7, 6, 5, 2]);
    assert_eq!(lab.ids(runs().order(flow_run::state_name, Asc)).await?, [3, 7, 2, 4, 1, 6, 5]);
    assert_eq!(lab.ids(runs().order(flow_run::state_name, Desc)).await?, [5, 6, 1, 4, 2, 7, 3]);
    Ok(())
}

async fn texts_are_ordered_by_bytes_and_numbers_by_value(lab: Lab) -> Result<(), Error> {
    let named = |n, name: &str, run_count, start_delay| FlowRun {
        name: name.into(),
        run_count,
        start_delay: Some(start_delay),
        ..sample::flow_run(n, 1)
    };
    lab.seed([
        named(1, "z", 10, 10.0),
        named(2, "Z", 9, 9.5),
        named(3, "é", -1, -1.0),
        named(4, "z\u{301}", i64::MIN, -0.5),
        named(5, "\u{ffff}", i64::MAX, 1e300),
        named(6, "\u{1f680}", 0, 1e-300),
    ])
    .await?;
    assert_eq!(lab.ids(runs().order(flow_run::name, Asc)).await?, [2, 1, 4, 3, 5, 6]);
    assert_eq!(lab.ids(runs().order(flow_run::run_count, Asc)).await?, [4, 3, 6, 2, 1, 5]);
    assert_eq!(lab.ids(runs().order(flow_run::start_delay, Desc)).await?, [5, 1, 2, 6, 4, 3]);
    Ok(())
}

async fn the_primary_key_breaks_ties_in_the_direction_of_the_last_entry(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    assert_eq!(lab.ids(runs().order(flow_run::run_count, Asc)).await?, [7, 2, 4, 6, 1, 3, 5]);
    assert_eq!(lab.ids(runs().order(flow_run::run_count, Desc)).await?, [5, 3, 1, 6, 4, 2, 7]);
    let two = runs().order(flow_run::run_count, Asc).order(flow_run::start_time, Desc);
    assert_eq!(lab.ids(two).await?, [7, 4, 6, 2, 1, 3, 5]);
    let by_id = runs().order(flow_run::run_count, Asc).order(flow_run::id, Desc);
    assert_eq!(lab.ids(by_id).await?, [7, 6, 4, 2, 5, 3, 1]);
    Ok(())
}

async fn a_composite_primary_key_breaks_ties_as_a_whole(lab: Lab) -> Result<(), Error> {
    let line = |n, second, level| Log { timestamp: at(second), level, ..sample::log(n) };
    lab.seed([line(1, 2, 10), line(2, 1, 10), line(3, 2, 20), line(4, 1, 10)]).await?;
    let logs = || Query::of(&log::TABLE);
    assert_eq!(lab.ids(logs().order(log::level, Asc)).await?, [2, 4, 1, 3]);
    assert_eq!(lab.ids(logs().order(log::level, Desc)).await?, [3, 1, 4, 2]);
    assert_eq!(lab.ids(logs().order(log::timestamp, Desc)).await?, [3, 1, 4, 2]);
    Ok(())
}

async fn without_an_order_rows_come_by_primary_key(lab: Lab) -> Result<(), Error> {
    lab.seed([3, 256, 1 << 64, 1, u128::MAX, 1 << 127].map(sample::flow)).await?;
    let ids = lab.ids(Query::of(&flow::TABLE)).await?;
    assert_eq!(ids, [1, 3, 256, 1 << 64, 1 << 127, u128::MAX]);
    Ok(())
}

async fn limit_and_offset_count_rows_of_the_order(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let ordered = || runs().order(flow_run::start_time, Asc);
    assert_eq!(lab.ids(ordered().limit(2)).await?, [2, 5]);
    assert_eq!(lab.ids(ordered().limit(3).offset(2)).await?, [6, 7, 3]);
    assert_eq!(lab.ids(ordered().limit(3).offset(6)).await?, [4]);
    assert_eq!(lab.ids(ordered().offset(7)).await?, []);
    assert_eq!(lab.ids(ordered().limit(0)).await?, []);
    let filtered = ordered().filter(Filter::eq(flow_run::run_count, 0));
    assert_eq!(lab.ids(filtered.limit(1).offset(1)).await?, [6]);
    Ok(())
}

async fn the_greatest_limit_and_offset_are_numbers_like_others(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    assert_eq!(lab.ids(runs().limit(u64::MAX)).await?.len(), 7);
    assert_eq!(lab.ids(runs().limit(u64::MAX).offset(5)).await?, [6, 7]);
    assert_eq!(lab.ids(runs().limit(u64::MAX).offset(u64::MAX)).await?, []);
    assert_eq!(lab.ids(runs().limit(i64::MAX as u64).offset(i64::MAX as u64)).await?, []);
    Ok(())
}

/// Where a row stands in the order of a query.
fn position(query: &Query, row: &Row) -> Vec<Value> {
    query.full_order().iter().map(|(column, _)| row.values[column.ordinal].clone()).collect()
}

async fn pages_by_position_show_every_row_once_in_any_order(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let columns = [flow_run::start_time, flow_run::state_name, flow_run::run_count];
    let directions = [Asc, Desc];
    let mut orders: Vec<Vec<(Col, Direction)>> = vec![Vec::new()];
    for a in columns {
        for first in directions {
            orders.push(vec![(a, first)]);
            for b in columns.into_iter().filter(|&b| b != a) {
                orders.extend(directions.map(|second| vec![(a, first), (b, second)]));
            }
        }
    }
    for order in orders {
        let query = Query { order, ..runs() };
        let whole = lab.select(query.clone()).await?;
        assert_eq!(whole.len(), 7);
        for size in [1, 2, 3] {
            let mut paged: Vec<Row> = Vec::new();
            loop {
                let mut page = query.clone().limit(size);
                page.after = paged.last().map(|row| position(&query, row));
                let rows = lab.select(page).await?;
                if rows.is_empty() {
                    break;
                }
                paged.extend(rows);
                assert!(paged.len() <= 7, "a row twice, ordered by {:?}", query.order);
            }
            assert_eq!(paged, whole, "pages of {size} ordered by {:?}", query.order);
        }
    }
    Ok(())
}

async fn a_position_need_not_be_a_row(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let by_start = |direction| runs().order(flow_run::start_time, direction);
    assert_eq!(lab.ids(by_start(Asc).after(vec![at(4).into(), id(0).into()])).await?, [1, 4]);
    assert_eq!(lab.ids(by_start(Asc).after(vec![at(5).into(), id(2).into()])).await?, [4]);
    assert_eq!(lab.ids(by_start(Asc).after(vec![Value::Null, id(5).into()])).await?, [6, 7, 3, 1, 4]);
    assert_eq!(lab.ids(by_start(Desc).after(vec![at(4).into(), id(9).into()])).await?, [3, 7, 6, 5, 2]);
    assert_eq!(lab.ids(by_start(Desc).after(vec![Value::Null, id(5).into()])).await?, [2]);
    assert_eq!(lab.ids(by_start(Desc).after(vec![Value::Null, id(0).into()])).await?, []);
    assert_eq!(lab.ids(runs().after(vec![Value::Null])).await?.len(), 7, "null is before every id");
    Ok(())
}

async fn a_position_and_an_offset_add_up(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    assert_eq!(lab.ids(runs().after(vec![id(2).into()]).offset(1).limit(2)).await?, [4, 5]);
    let filtered = runs().filter(Filter::eq(flow_run::run_count, 1)).after(vec![id(1).into()]);
    assert_eq!(lab.ids(filtered).await?, [3, 5]);
    Ok(())
}

async fn named_columns_come_in_the_order_they_are_named(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let columns = Some(vec![flow_run::state_name, flow_run::id, flow_run::start_time, flow_run::id]);
    let rows = lab.select(Query { columns, ..runs().limit(2) }).await?;
    let expected = [
        vec!["b".into(), id(1).into(), at(5).into(), id(1).into()],
        vec!["B".into(), id(2).into(), Value::Null, id(2).into()],
    ];
    assert_eq!(rows, expected.map(|values| Row { version: 1, values }));
    Ok(())
}

async fn an_order_may_be_by_columns_that_are_not_read(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let query = Query { columns: Some(vec![flow_run::run_count]), ..runs().order(flow_run::start_time, Desc) };
    let rows = lab.select(query.clone()).await?;
    let counts: Vec<Value> = rows.into_iter().flat_map(|row| row.values).collect();
    assert_eq!(counts, [0, 1, 1, -7, 0, 1, 0].map(Value::Int));
    let rest = lab.select(query.after(vec![at(3).into(), id(3).into()])).await?;
    assert_eq!(rest.len(), 4);
    Ok(())
}

fn each(values: Vec<Value>, k: u64) -> Option<Each> {
    Some(Each { column: flow_run::state_name, values, k })
}

async fn each_gives_the_first_rows_of_each_group(lab: Lab) -> Result<(), Error> {
    let of = |n, state: Option<&str>, second| run(n, n as i64, Some(second), state);
    lab.seed([
        of(1, Some("a"), 3),
        of(2, Some("a"), 1),
        of(3, Some("b"), 9),
        of(4, Some("a"), 2),
        of(5, None, 0),
        of(6, Some("c"), 4),
        of(7, Some("b"), 9),
    ])
    .await?;
    let ordered = || runs().order(flow_run::start_time, Asc);
    let groups = || vec!["b".into(), "x".into(), "a".into()];
    assert_eq!(lab.ids(Query { each: each(groups(), 2), ..ordered() }).await?, [3, 7, 2, 4]);
    assert_eq!(lab.ids(Query { each: each(groups(), 1), ..ordered().limit(1) }).await?, [3, 2], "limit does not count");
    let last = Query { each: each(groups(), 2), ..runs().order(flow_run::start_time, Desc) };
    assert_eq!(lab.ids(last).await?, [7, 3, 1, 4]);
    let filtered = ordered().filter(Filter::any(flow_run::run_count, [1, 4, 7]));
    assert_eq!(lab.ids(Query { each: each(groups(), 5), ..filtered }).await?, [7, 4, 1]);
    let columns = Some(vec![flow_run::run_count]);
    let counts = lab.select(Query { each: each(groups(), 1), columns, ..ordered() }).await?;
    assert_eq!(counts.into_iter().flat_map(|r| r.values).collect::<Vec<_>>(), [3, 2].map(Value::Int));
    Ok(())
}

async fn each_of_nothing_is_nothing(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    assert_eq!(lab.ids(Query { each: each(Vec::new(), 5), ..runs() }).await?, []);
    assert_eq!(lab.ids(Query { each: each(vec!["b".into()], 0), ..runs() }).await?, []);
    assert_eq!(lab.ids(Query { each: each(vec![Value::Null, "a".into()], 5), ..runs() }).await?, [4]);
    Ok(())
}

async fn a_malformed_query_is_invalid(lab: Lab) -> Result<(), Error> {
    let each_of = |column, values| Some(Each { column, values, k: 1 });
    let malformed = [
        runs().order(flow::name, Asc),
        runs().order(flow_run::tags, Asc),
        runs().order(flow_run::parameters, Desc),
        runs().after(Vec::new()),
        runs().after(vec!["text".into()]),
        runs().after(vec![Value::IdOf(0)]),
        runs().order(flow_run::name, Asc).after(vec![id(1).into()]),
        Query { columns: Some(vec![flow::id]), ..runs() },
        Query { each: each_of(flow::id, vec![id(1).into()]), ..runs() },
        Query { each: each_of(flow_run::flow_id, vec!["text".into()]), ..runs() },
        Query { each: each_of(flow_run::tags, vec![]), ..runs() },
        Query { each: each_of(flow_run::flow_id, vec![id(1).into()]), ..runs().offset(1) },
        Query { each: each_of(flow_run::flow_id, vec![id(1).into()]), ..runs().after(vec![id(1).into()]) },
    ];
    for query in malformed {
        let answer = lab.select(query.clone()).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{query:?}: {answer:?}");
    }
    Ok(())
}
