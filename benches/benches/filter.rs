//! Reads that clients ask for, among 20,000 runs.
#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros make items; a bench may stop")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mintaka_benches::{run_id, stores};
use mintaka_core::records::{Flow, FlowRun, StateType, flow, flow_run};
use mintaka_core::{Aggregate, Batch, Direction, Filter, Json, Key, Query, Record, Tags, Time};
use uuid::Uuid;

const RUNS: u64 = 20_000;

fn filters(c: &mut Criterion) {
    let newest =
        |filter| Query::of(FlowRun::TABLE).filter(filter).order(flow_run::sort_time, Direction::Desc).limit(50);
    let tag = |tag: &str| Filter::TagsAny(flow_run::tags, vec![tag.into()]);
    let lists = [
        ("newest 50", newest(Filter::all())),
        ("newest 50 of a frequent tag", newest(tag("tenth"))),
        ("newest 50 of a rare tag", newest(tag("rare"))),
        (
            "newest 50 of a flow by name",
            newest(Filter::has(flow_run::flow_id, flow::id, Filter::eq(flow::name, "flow-7"))),
        ),
    ];
    let counts = [
        ("count of a state", Filter::eq(flow_run::state_type, StateType::Scheduled)),
        ("count of a tag", tag("tenth")),
        ("count of a flow by name", Filter::has(flow_run::flow_id, flow::id, Filter::eq(flow::name, "flow-7"))),
    ];
    for bench in stores().expect("stores open") {
        bench.commit((0..50).map(|n| Batch::new().insert(a_flow(n))).collect());
        bench.fill(RUNS);
        let mut group = c.benchmark_group(format!("filter/{}", bench.name));
        group.throughput(Throughput::Elements(1));
        group.bench_function("one run by id", |b| {
            b.iter(|| bench.runtime.block_on(bench.store.get(FlowRun::TABLE, vec![Key::id(run_id(77))])));
        });
        for (name, query) in &lists {
            let found = bench.runtime.block_on(bench.store.select(query.clone())).expect("a read");
            assert!(found.len() >= 40, "{name}: {}", found.len());
            group.bench_function(*name, |b| b.iter(|| bench.runtime.block_on(bench.store.select(query.clone()))));
        }
        for (name, filter) in &counts {
            let count = Aggregate::count(FlowRun::TABLE, filter.clone());
            group.bench_function(*name, |b| b.iter(|| bench.runtime.block_on(bench.store.aggregate(count.clone()))));
        }
        group.finish();
    }
}

fn a_flow(n: u128) -> Flow {
    Flow {
        id: Uuid::from_u128(n),
        created: Time::default(),
        updated: Time::default(),
        name: format!("flow-{n}"),
        tags: Tags::default(),
        labels: Json::object(),
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(300)).sample_size(20);
    targets = filters
}
criterion_main!(benches);
