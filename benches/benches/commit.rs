//! Durable inserts: one batch a commit, and 64.
#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros make items; a bench may stop")]

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mintaka_benches::{a_run, stores};
use mintaka_core::Batch;

fn commit(c: &mut Criterion) {
    for bench in stores().expect("stores open") {
        let mut next = 0;
        let mut batches = |n: u64| {
            next += n;
            (next - n..next).map(|i| Batch::new().insert(a_run(i))).collect::<Vec<_>>()
        };
        let mut group = c.benchmark_group(format!("commit/{}", bench.name));
        for size in [1, 64] {
            group.throughput(Throughput::Elements(size));
            group.bench_function(format!("insert x{size}"), |b| {
                b.iter_batched(|| batches(size), |batches| bench.commit(batches), BatchSize::PerIteration);
            });
        }
        group.finish();
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500)).sample_size(20);
    targets = commit
}
criterion_main!(benches);
