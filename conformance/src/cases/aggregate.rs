//! Groups and measures.

use mintaka_core::records::{FlowRun, StateType, flow, flow_run, task_run};
use mintaka_core::{Aggregate, Cmp, Direction, Error, Filter, Group, Measure, Time, Value};

use crate::lab::Lab;
use crate::sample::{self, at, id};

use Direction::{Asc, Desc};
use Value::{Float, Int, Null};

super::cases! { "aggregate":
    a_count_is_of_the_rows_that_meet_the_filter ["A1"]
    without_groups_there_is_one_line_even_of_no_rows ["A1" "A4" "A6"]
    with_groups_there_is_no_line_of_no_rows ["A2"]
    null_is_a_group_of_its_own ["A2"]
    buckets_are_numbered_by_floor_division ["A3"]
    sums_leave_out_null_and_have_the_kind_of_their_column ["A4"]
    sums_of_times_are_counted_from_an_origin ["A5"]
    least_greatest_and_distinct_leave_out_null ["A6"]
    lines_are_ordered_as_asked_and_then_by_groups ["A7"]
    groups_of_several_columns_are_told_apart ["A2" "A7"]
    a_filter_may_reach_over_relations ["A1" "S12"]
    a_malformed_aggregate_is_invalid ["A8"]
    a_sum_of_more_than_64_bits_is_invalid ["A9"]
}

async fn a_sum_of_more_than_64_bits_is_invalid(lab: Lab) -> Result<(), Error> {
    let run = |n, run_count| FlowRun { run_count, ..sample::flow_run(n, 1) };
    lab.seed([run(1, i64::MAX), run(2, 0)]).await?;
    let sum = || aggregate(Vec::new(), vec![Measure::Sum(flow_run::run_count)]);
    assert_eq!(lab.aggregate(sum()).await?, [[Int(i64::MAX)]]);
    lab.seed([run(3, 1)]).await?;
    let refused = lab.aggregate(sum()).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    Ok(())
}

async fn some_runs(lab: &Lab) -> Result<(), Error> {
    let run = |n, state, run_count, start_delay, start: Option<i64>| FlowRun {
        state_type: state,
        run_count,
        start_delay,
        start_time: start.map(at),
        ..sample::flow_run(n, n % 2)
    };
    lab.seed([
        run(1, Some(StateType::Running), 3, Some(0.5), Some(10)),
        run(2, None, 4, None, None),
        run(3, Some(StateType::Completed), -1, Some(2.25), Some(-1)),
        run(4, Some(StateType::Running), 3, None, Some(9)),
        run(5, None, 0, Some(-0.25), Some(-10)),
        run(6, Some(StateType::Completed), 7, Some(2.25), Some(-11)),
    ])
    .await
}

fn aggregate(by: Vec<Group>, measures: Vec<Measure>) -> Aggregate {
    Aggregate { table: &flow_run::TABLE, filter: Filter::all(), by, measures, order: Vec::new(), limit: 100 }
}

fn by_state() -> Vec<Group> {
    vec![Group::Column(flow_run::state_type)]
}

async fn a_count_is_of_the_rows_that_meet_the_filter(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    for (filter, expected) in [
        (Filter::all(), 6),
        (Filter::IsNull(flow_run::state_type), 2),
        (Filter::eq(flow_run::state_type, StateType::Running).negate(), 4),
        (Filter::none(), 0),
    ] {
        let count = lab.aggregate(Aggregate::count(&flow_run::TABLE, filter.clone())).await?;
        assert_eq!(count, [[Int(expected)]], "{filter:?}");
    }
    Ok(())
}

async fn without_groups_there_is_one_line_even_of_no_rows(lab: Lab) -> Result<(), Error> {
    let measures = vec![
        Measure::Count,
        Measure::CountDistinct(flow_run::name),
        Measure::Sum(flow_run::run_count),
        Measure::Sum(flow_run::start_delay),
        Measure::SumSince(flow_run::start_time, at(0)),
        Measure::Min(flow_run::name),
        Measure::Max(flow_run::start_time),
    ];
    let lines = lab.aggregate(aggregate(Vec::new(), measures)).await?;
    assert_eq!(lines, [[Int(0), Int(0), Null, Null, Null, Null, Null]]);
    Ok(())
}

async fn with_groups_there_is_no_line_of_no_rows(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let none = Aggregate { filter: Filter::none(), ..aggregate(by_state(), vec![Measure::Count]) };
    assert_eq!(lab.aggregate(none).await?, Vec::<Vec<Value>>::new());
    Ok(())
}

async fn null_is_a_group_of_its_own(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let lines = lab.aggregate(aggregate(by_state(), vec![Measure::Count])).await?;
    let (completed, running) = (StateType::Completed.into(), StateType::Running.into());
    assert_eq!(lines, [[Null, Int(2)], [completed, Int(2)], [running, Int(2)]]);
    Ok(())
}

async fn buckets_are_numbered_by_floor_division(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let bucket = |origin, width| vec![Group::Bucket { column: flow_run::start_time, origin, width }];
    let lines = lab.aggregate(aggregate(bucket(at(0), 10_000_000), vec![Measure::Count])).await?;
    assert_eq!(lines, [[Null, Int(1)], [Int(-2), Int(1)], [Int(-1), Int(2)], [Int(0), Int(1)], [Int(1), Int(1)]]);
    let moved = lab.aggregate(aggregate(bucket(at(-1).plus_micros(1), 1), vec![Measure::Count])).await?;
    assert_eq!(moved[3], [Int(-1), Int(1)]);
    let one = lab.aggregate(aggregate(bucket(Time::MIN, i64::MAX), vec![Measure::Count])).await?;
    assert_eq!(one, [[Null, Int(1)], [Int(0), Int(5)]]);
    Ok(())
}

async fn sums_leave_out_null_and_have_the_kind_of_their_column(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let measures = || vec![Measure::Sum(flow_run::run_count), Measure::Sum(flow_run::start_delay)];
    assert_eq!(lab.aggregate(aggregate(Vec::new(), measures())).await?, [[Int(16), Float(4.75)]]);
    let lines = lab.aggregate(aggregate(vec![Group::Column(flow_run::flow_id)], measures())).await?;
    assert_eq!(lines, [[id(0).into(), Int(14), Float(2.25)], [id(1).into(), Int(2), Float(2.5)]]);
    let nulls = Aggregate { filter: Filter::IsNull(flow_run::start_delay), ..aggregate(Vec::new(), measures()) };
    assert_eq!(lab.aggregate(nulls).await?, [[Int(7), Null]]);
    let whole = Aggregate { filter: Filter::eq(flow_run::id, id(1)), ..aggregate(Vec::new(), measures()) };
    assert_eq!(lab.aggregate(whole).await?, [[Int(3), Float(0.5)]]);
    Ok(())
}

async fn sums_of_times_are_counted_from_an_origin(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let since = |origin| vec![Measure::SumSince(flow_run::start_time, origin)];
    assert_eq!(lab.aggregate(aggregate(Vec::new(), since(at(0)))).await?, [[Float(-3e6)]]);
    assert_eq!(lab.aggregate(aggregate(Vec::new(), since(at(-11)))).await?, [[Float(52e6)]]);
    Ok(())
}

async fn least_greatest_and_distinct_leave_out_null(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let measures = vec![
        Measure::Min(flow_run::start_time),
        Measure::Max(flow_run::start_time),
        Measure::Min(flow_run::run_count),
        Measure::Max(flow_run::start_delay),
        Measure::Min(flow_run::name),
        Measure::Max(flow_run::id),
        Measure::CountDistinct(flow_run::state_type),
        Measure::CountDistinct(flow_run::start_delay),
        Measure::CountDistinct(flow_run::run_count),
        Measure::Max(flow_run::auto_scheduled),
    ];
    let lines = lab.aggregate(aggregate(Vec::new(), measures)).await?;
    let expected: Vec<Value> = vec![
        at(-11).into(),
        at(10).into(),
        Int(-1),
        Float(2.25),
        "run-1".into(),
        id(6).into(),
        Int(2),
        Int(3),
        Int(5),
        false.into(),
    ];
    assert_eq!(lines, [expected]);
    Ok(())
}

async fn lines_are_ordered_as_asked_and_then_by_groups(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let names = |lines: Vec<Vec<Value>>| lines.into_iter().map(|mut line| line.remove(0)).collect::<Vec<_>>();
    let (completed, running): (Value, Value) = (StateType::Completed.into(), StateType::Running.into());
    let ordered = |order: Vec<(usize, Direction)>, limit| Aggregate {
        order,
        limit,
        ..aggregate(by_state(), vec![Measure::Count, Measure::Sum(flow_run::run_count)])
    };
    let of = |order, limit| lab.aggregate(ordered(order, limit));
    assert_eq!(names(of(vec![(0, Desc)], 9).await?), [running.clone(), completed.clone(), Null]);
    assert_eq!(names(of(vec![(1, Desc)], 9).await?), [Null, completed.clone(), running.clone()], "ties by group");
    assert_eq!(names(of(vec![(2, Desc)], 9).await?), [completed.clone(), running.clone(), Null]);
    assert_eq!(names(of(vec![(1, Asc), (2, Asc)], 2).await?), [Null, completed]);
    let minima =
        Aggregate { order: vec![(1, Desc)], ..aggregate(by_state(), vec![Measure::Min(flow_run::start_delay)]) };
    assert_eq!(names(lab.aggregate(minima).await?)[1..], [running, Null]);
    Ok(())
}

async fn groups_of_several_columns_are_told_apart(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let by = vec![Group::Column(flow_run::flow_id), Group::Column(flow_run::run_count)];
    let lines = lab.aggregate(Aggregate { limit: 4, ..aggregate(by, vec![Measure::Count]) }).await?;
    let line = |flow: u128, count, rows| vec![id(flow).into(), Int(count), Int(rows)];
    assert_eq!(lines, [line(0, 3, 1), line(0, 4, 1), line(0, 7, 1), line(1, -1, 1)]);
    Ok(())
}

async fn a_filter_may_reach_over_relations(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    lab.seed([sample::flow(1)]).await?;
    lab.seed([sample::task_run(1, Some(3)), sample::task_run(2, Some(3)), sample::task_run(3, Some(4))]).await?;
    let of_flow = Filter::has(flow_run::flow_id, flow::id, Filter::all());
    let count = |filter| lab.aggregate(Aggregate::count(&flow_run::TABLE, filter));
    assert_eq!(count(of_flow).await?, [[Int(3)]]);
    let with_tasks = Filter::has(flow_run::id, task_run::flow_run_id, Filter::all());
    assert_eq!(count(with_tasks.clone()).await?, [[Int(2)]], "a run with two tasks counts once");
    assert_eq!(count(with_tasks.and(Filter::cmp(flow_run::run_count, Cmp::Lt, 0))).await?, [[Int(1)]]);
    Ok(())
}

async fn a_malformed_aggregate_is_invalid(lab: Lab) -> Result<(), Error> {
    let bucket = |column, width| vec![Group::Bucket { column, origin: at(0), width }];
    let malformed = [
        aggregate(vec![Group::Column(flow::name)], vec![Measure::Count]),
        aggregate(vec![Group::Column(flow_run::tags)], vec![Measure::Count]),
        aggregate(bucket(flow_run::run_count, 1), vec![Measure::Count]),
        aggregate(bucket(flow_run::start_time, 0), vec![Measure::Count]),
        aggregate(Vec::new(), vec![Measure::Sum(flow_run::name)]),
        aggregate(Vec::new(), vec![Measure::Sum(flow_run::start_time)]),
        aggregate(Vec::new(), vec![Measure::SumSince(flow_run::run_count, at(0))]),
        aggregate(Vec::new(), vec![Measure::Max(flow_run::parameters)]),
        aggregate(Vec::new(), vec![Measure::CountDistinct(flow::name)]),
        Aggregate { order: vec![(2, Asc)], ..aggregate(by_state(), vec![Measure::Count]) },
        Aggregate { filter: Filter::eq(flow::name, "x"), ..aggregate(Vec::new(), vec![Measure::Count]) },
    ];
    for aggregate in malformed {
        let answer = lab.aggregate(aggregate.clone()).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{aggregate:?}: {answer:?}");
    }
    Ok(())
}
