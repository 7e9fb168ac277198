//! Transitions of random runs among 20,000: read the run, change it under its version, insert the state.
#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros make items; a bench may stop")]

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mintaka_benches::{run_id, stores, transition};
use mintaka_core::records::FlowRun;
use mintaka_core::{Key, Record, Versioned};

const RUNS: u64 = 20_000;

fn transitions(c: &mut Criterion) {
    for bench in stores().expect("stores open") {
        bench.fill(RUNS);
        let mut at = 0;
        let mut group = c.benchmark_group(format!("transition/{}", bench.name));
        for size in [1, 64] {
            group.throughput(Throughput::Elements(size));
            group.bench_function(format!("x{size}"), |b| {
                b.iter(|| {
                    at += size;
                    let keys = (at..at + size).map(|n| Key::id(run_id(n * 7919 % RUNS))).collect();
                    let rows = bench.runtime.block_on(bench.store.get(FlowRun::TABLE, keys)).expect("a read");
                    let seen = rows.into_iter().map(|row| {
                        Versioned::<FlowRun>::from_row(row.expect("a run that was inserted")).expect("a run")
                    });
                    bench.commit(seen.map(|seen| transition(&seen)).collect());
                });
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500)).sample_size(20);
    targets = transitions
}
criterion_main!(benches);
