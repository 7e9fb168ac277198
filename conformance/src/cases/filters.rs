//! The nodes of the filter language, but for texts and relations.

use mintaka_core::records::{
    Flow, FlowRun, StateType, WorkQueue, deployment, event_resources, flow, flow_run, log, variable, work_queue,
};
use mintaka_core::{Cmp, Col, Error, Filter, Query, Table, Tags, Value};

use crate::lab::Lab;
use crate::sample::{self, at, id, tags};

super::cases! { "filter":
    and_of_nothing_is_true_and_or_of_nothing_is_false ["S1" "S2"]
    comparisons_are_by_number_byte_and_instant ["S3"]
    a_comparison_with_null_is_false_and_its_complement_true ["S2" "S3"]
    not_is_a_complement_through_and_and_or ["S1" "S2"]
    a_chain_may_have_a_thousand_parts ["S1" "S2"]
    columns_of_a_row_compare_with_each_other ["S2" "S4"]
    in_is_equality_with_one_of_the_values ["S2" "S5"]
    in_takes_thousands_of_values ["S5"]
    null_is_told_from_what_is_empty ["S6"]
    tags_are_asked_for_any_all_and_none ["S11"]
    tags_may_be_many ["S11"]
    tags_are_compared_whole_and_byte_for_byte ["S11" "S20"]
    a_malformed_filter_is_invalid ["S19"]
}

/// Runs 1 to 5: counts 0, 1, -1, 10 and 9; states, times and delays null in some.
async fn some_runs(lab: &Lab) -> Result<(), Error> {
    let run = |n, run_count, state_type, start_time, end_time, start_delay| FlowRun {
        run_count,
        state_type,
        start_time,
        end_time,
        start_delay,
        ..sample::flow_run(n, 1)
    };
    lab.seed([
        run(1, 0, Some(StateType::Running), Some(at(1)), None, Some(0.5)),
        run(2, 1, None, None, None, None),
        run(3, -1, Some(StateType::Completed), Some(at(2)), Some(at(3)), Some(-2.0)),
        run(4, 10, Some(StateType::Completed), Some(at(5)), Some(at(4)), Some(10.0)),
        run(5, 9, None, Some(at(6)), Some(at(6)), Some(9.0)),
    ])
    .await
}

async fn and_of_nothing_is_true_and_or_of_nothing_is_false(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let runs = &flow_run::TABLE;
    lab.meets(runs, Filter::all(), &[1, 2, 3, 4, 5]).await?;
    lab.meets(runs, Filter::none(), &[]).await?;
    lab.meets(
        runs,
        Filter::And(vec![Filter::Or(vec![Filter::none(), Filter::all()]), Filter::all()]),
        &[1, 2, 3, 4, 5],
    )
    .await?;
    lab.meets(runs, Filter::And(vec![Filter::eq(flow_run::run_count, 1), Filter::none()]), &[]).await
}

async fn comparisons_are_by_number_byte_and_instant(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let runs = &flow_run::TABLE;
    for (column, cmp, value, expected) in [
        (flow_run::run_count, Cmp::Eq, Value::Int(10), &[4][..]),
        (flow_run::run_count, Cmp::Lt, Value::Int(9), &[1, 2, 3]),
        (flow_run::run_count, Cmp::Le, Value::Int(9), &[1, 2, 3, 5]),
        (flow_run::run_count, Cmp::Gt, Value::Int(-1), &[1, 2, 4, 5]),
        (flow_run::run_count, Cmp::Ge, Value::Int(i64::MIN), &[1, 2, 3, 4, 5]),
        (flow_run::start_delay, Cmp::Lt, Value::float(0.5), &[3]),
        (flow_run::start_delay, Cmp::Ge, Value::float(9.0), &[4, 5]),
        (flow_run::start_time, Cmp::Gt, at(2).into(), &[4, 5]),
        (flow_run::start_time, Cmp::Gt, at(2).plus_micros(-1).into(), &[3, 4, 5]),
        (flow_run::name, Cmp::Ge, "run-4".into(), &[4, 5]),
        (flow_run::name, Cmp::Gt, "run".into(), &[1, 2, 3, 4, 5]),
        (flow_run::name, Cmp::Lt, "RUN-9".into(), &[]),
        (flow_run::id, Cmp::Le, id(2).into(), &[1, 2]),
        (flow_run::auto_scheduled, Cmp::Eq, false.into(), &[1, 2, 3, 4, 5]),
        (flow_run::auto_scheduled, Cmp::Lt, true.into(), &[1, 2, 3, 4, 5]),
        (flow_run::state_type, Cmp::Eq, StateType::Completed.into(), &[3, 4]),
    ] {
        lab.meets(runs, Filter::cmp(column, cmp, value), expected).await?;
    }
    Ok(())
}

async fn a_comparison_with_null_is_false_and_its_complement_true(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let runs = &flow_run::TABLE;
    lab.meets(runs, Filter::eq(flow_run::state_type, StateType::Running), &[1]).await?;
    lab.meets(runs, Filter::cmp(flow_run::start_time, Cmp::Le, at(100)), &[1, 3, 4, 5]).await?;
    for cmp in [Cmp::Eq, Cmp::Lt, Cmp::Le, Cmp::Gt, Cmp::Ge] {
        lab.meets(runs, Filter::cmp(flow_run::state_type, cmp, Value::Null), &[]).await?;
        lab.meets(runs, Filter::cmp(flow_run::run_count, cmp, Value::Null), &[]).await?;
    }
    Ok(())
}

async fn not_is_a_complement_through_and_and_or(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let runs = &flow_run::TABLE;
    let completed = Filter::eq(flow_run::state_type, StateType::Completed);
    let started = Filter::cmp(flow_run::start_time, Cmp::Lt, at(100));
    lab.meets(runs, completed.clone().and(started.clone()).negate(), &[1, 2, 5]).await?;
    lab.meets(runs, Filter::Or(vec![completed.clone(), started.clone()]).negate(), &[2]).await?;
    lab.meets(runs, completed.clone().negate().negate(), &[3, 4]).await?;
    lab.meets(runs, completed.negate().and(started.negate()), &[2]).await
}

async fn columns_of_a_row_compare_with_each_other(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let runs = &flow_run::TABLE;
    let compare = |cmp| Filter::CompareColumns(flow_run::start_time, cmp, flow_run::end_time);
    lab.meets(runs, compare(Cmp::Lt), &[3]).await?;
    lab.meets(runs, compare(Cmp::Le), &[3, 5]).await?;
    lab.meets(runs, compare(Cmp::Eq), &[5]).await?;
    lab.meets(runs, compare(Cmp::Ge), &[4, 5]).await?;
    lab.meets(runs, compare(Cmp::Gt), &[4]).await
}

async fn in_is_equality_with_one_of_the_values(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let runs = &flow_run::TABLE;
    lab.meets(runs, Filter::any(flow_run::run_count, [10, 1, 10, 77]), &[2, 4]).await?;
    lab.meets(runs, Filter::In(flow_run::run_count, Vec::new()), &[]).await?;
    let states = [Value::Null, StateType::Running.into()];
    lab.meets(runs, Filter::any(flow_run::state_type, states), &[1]).await?;
    lab.meets(runs, Filter::any(flow_run::state_type, [Value::Null]), &[]).await?;
    lab.meets(runs, Filter::any(flow_run::start_delay, [0.5, -2.0]), &[1, 3]).await?;
    lab.meets(runs, Filter::any(flow_run::start_time, [at(2), at(6)]), &[3, 5]).await
}

async fn in_takes_thousands_of_values(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    lab.seed([20_000, 39_999, 40_000].map(|n| sample::flow_run(n, 1))).await?;
    // More than a statement of most engines takes as variables; what is looked for is also among the last of them.
    lab.meets(&flow_run::TABLE, Filter::any(flow_run::id, (4..40_000).map(id)), &[4, 5, 20_000, 39_999]).await
}

async fn a_chain_may_have_a_thousand_parts(lab: Lab) -> Result<(), Error> {
    some_runs(&lab).await?;
    let runs = &flow_run::TABLE;
    let counts = |range: std::ops::Range<i64>| range.map(|n| Filter::eq(flow_run::run_count, n)).collect::<Vec<_>>();
    lab.meets(runs, Filter::Or(counts(9..1_200)), &[4, 5]).await?;
    lab.meets(runs, Filter::Or(counts(-1_190..10)), &[1, 2, 3, 5]).await?;
    let none = |range| Filter::And(counts(range).into_iter().map(Filter::negate).collect());
    lab.meets(runs, none(9..1_200), &[1, 2, 3]).await?;
    lab.meets(runs, none(-1_190..10), &[4]).await?;
    lab.meets(runs, Filter::And(Vec::new()).and(none(0..1_200)).negate(), &[1, 2, 4, 5]).await
}

async fn null_is_told_from_what_is_empty(lab: Lab) -> Result<(), Error> {
    let queue = |n, description: Option<&str>, concurrency_limit| WorkQueue {
        description: description.map(Into::into),
        concurrency_limit,
        ..sample::work_queue(n, 1)
    };
    lab.seed([queue(1, None, Some(0)), queue(2, Some(""), None), queue(3, Some("null"), Some(1))]).await?;
    let queues = &work_queue::TABLE;
    lab.meets(queues, Filter::IsNull(work_queue::description), &[1]).await?;
    lab.meets(queues, Filter::some(work_queue::concurrency_limit), &[1, 3]).await?;
    lab.meets(queues, Filter::eq(work_queue::description, ""), &[2]).await?;
    lab.meets(queues, Filter::IsNull(work_queue::name), &[]).await?;
    lab.meets(queues, Filter::IsNull(work_queue::filter), &[1, 2, 3]).await
}

async fn tags_are_asked_for_any_all_and_none(lab: Lab) -> Result<(), Error> {
    let run = |n, list: &[&str]| FlowRun { tags: tags(list), ..sample::flow_run(n, 1) };
    lab.seed([run(1, &[]), run(2, &["a"]), run(3, &["b", "a"]), run(4, &["b", "b"]), run(5, &["c", "a", "b"])]).await?;
    let runs = &flow_run::TABLE;
    let list = |wanted: &[&str]| wanted.iter().map(|&t| t.to_owned()).collect::<Vec<_>>();
    let any = |wanted: &[&str]| Filter::TagsAny(flow_run::tags, list(wanted));
    let all = |wanted: &[&str]| Filter::TagsAll(flow_run::tags, list(wanted));
    lab.meets(runs, any(&["a"]), &[2, 3, 5]).await?;
    lab.meets(runs, any(&["c", "b"]), &[3, 4, 5]).await?;
    lab.meets(runs, any(&["c", "x"]), &[5]).await?;
    lab.meets(runs, any(&[]), &[]).await?;
    lab.meets(runs, all(&["a", "b"]), &[3, 5]).await?;
    lab.meets(runs, all(&["b", "b"]), &[3, 4, 5]).await?;
    lab.meets(runs, all(&["a", "x"]), &[]).await?;
    lab.meets(runs, all(&[]), &[1, 2, 3, 4, 5]).await?;
    lab.meets(runs, Filter::TagsEmpty(flow_run::tags), &[1]).await
}

async fn tags_may_be_many(lab: Lab) -> Result<(), Error> {
    let many = |range: std::ops::Range<u32>| range.map(|n| n.to_string()).collect::<Vec<String>>();
    let runs = [many(0..2_000), many(1..2_001), many(0..9), [many(0..8), many(0..8)].concat()];
    lab.seed(runs.into_iter().zip(1..).map(|(list, n)| FlowRun { tags: Tags(list), ..sample::flow_run(n, 1) })).await?;
    let flows = [many(0..12), many(0..8)].into_iter().zip(1..);
    lab.seed(flows.map(|(list, n)| Flow { tags: Tags(list), ..sample::flow(n) })).await?;
    let runs = &flow_run::TABLE;
    let all = |range| Filter::TagsAll(flow_run::tags, many(range));
    lab.meets(runs, all(0..2_000), &[1]).await?;
    lab.meets(runs, all(1..2_000), &[1, 2]).await?;
    lab.meets(runs, all(0..9), &[1, 3]).await?;
    lab.meets(runs, all(0..9).negate(), &[2, 4]).await?;
    lab.meets(runs, Filter::TagsAny(flow_run::tags, many(2_000..42_000)), &[2]).await?;
    lab.meets(&flow::TABLE, Filter::TagsAll(flow::tags, many(0..9)), &[1]).await?;
    lab.meets(&flow::TABLE, Filter::TagsAny(flow::tags, many(8..42_000)), &[1]).await
}

async fn tags_are_compared_whole_and_byte_for_byte(lab: Lab) -> Result<(), Error> {
    let odd = ["", "A", "a\"b", "[\"a\"]", "é", "e\u{301}", "a,b", "%", "'", "\\", "\n", "\u{1f680}"];
    lab.seed(odd.iter().zip(1..).map(|(tag, n)| FlowRun { tags: tags(&[tag]), ..sample::flow_run(n, 1) })).await?;
    let runs = &flow_run::TABLE;
    for (tag, n) in odd.iter().zip(1..) {
        lab.meets(runs, Filter::TagsAny(flow_run::tags, vec![(*tag).into()]), &[n]).await?;
        lab.meets(runs, Filter::TagsAll(flow_run::tags, vec![(*tag).into()]), &[n]).await?;
    }
    for tag in ["a", "b", "n", "[", "null"] {
        lab.meets(runs, Filter::TagsAny(flow_run::tags, vec![tag.into()]), &[]).await?;
    }
    Ok(())
}

async fn a_malformed_filter_is_invalid(lab: Lab) -> Result<(), Error> {
    let deep = |mut filter: Filter, times| {
        for _ in 0..times {
            filter = Filter::has(flow::id, flow::id, filter);
        }
        filter
    };
    let strange: Col = log::level;
    let malformed: Vec<(&'static Table, Filter)> = vec![
        (&flow::TABLE, Filter::eq(flow::name, 1)),
        (&flow::TABLE, Filter::eq(strange, 1)),
        (&flow::TABLE, Filter::all().and(Filter::Or(vec![Filter::IsNull(strange).negate()]))),
        (&flow::TABLE, Filter::eq(flow::id, Value::IdOf(0))),
        (&flow::TABLE, Filter::any(flow::name, [Value::from("a"), Value::Int(1)])),
        (&flow::TABLE, Filter::CompareColumns(flow::name, Cmp::Eq, flow::id)),
        (&flow::TABLE, Filter::CompareColumns(flow::labels, Cmp::Eq, flow::labels)),
        (&flow::TABLE, Filter::Contains(vec![flow::created], "x".into())),
        (&flow::TABLE, Filter::Like(Vec::new(), "%".into())),
        (&flow::TABLE, Filter::StartsWith(flow::tags, "x".into())),
        (&flow::TABLE, Filter::TagsEmpty(flow::name)),
        (&variable::TABLE, Filter::cmp(variable::value, Cmp::Eq, Value::Json("1".into()))),
        (&flow::TABLE, Filter::has(flow::name, event_resources::ordinal, Filter::all())),
        (&flow::TABLE, Filter::has(flow::id, deployment::flow_id, Filter::eq(flow::name, "x"))),
        (&flow::TABLE, deep(Filter::all(), 4)),
    ];
    for (table, filter) in malformed {
        let answer = lab.select(Query::of(table).filter(filter.clone())).await;
        assert!(matches!(answer, Err(Error::Invalid(_))), "{filter:?}: {answer:?}");
    }
    lab.select(Query::of(&flow::TABLE).filter(deep(Filter::all(), 3))).await.map(drop)
}
