//! Random histories: the same batches and queries on a backend and on the reference, compared step by step.
//!
//! Every run begins from the same seed, unless `MINTAKA_SEED` gives another; `MINTAKA_SEQUENCES` says how many
//! sequences are tried. A failure is shrunk to a small history, and the message says how to repeat it.

mod batches;
mod queries;
mod values;

use std::sync::Arc;

use mintaka_core::memory::MemoryStore;
use mintaka_core::{Aggregate, Backend, Batch, CommitAnswer, Error, Key, Outcome, Query, Row, Table, Value};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use crate::{Lab, Provision};

/// A way to run a model on the stores of a provision; a history on which one differs is made smaller in at most so
/// many steps.
pub type Run = fn(&Runtime, Arc<dyn Provision>, shrinks: u32) -> Result<(), String>;

/// One model.
pub struct Model {
    /// What it shows, as a sentence.
    pub name: &'static str,
    /// The chapters of the contract that it is about.
    pub chapters: &'static [char],
    /// Runs it.
    pub run: Run,
}

/// Enough steps to make a failing history small.
pub const SHRINKS: u32 = 2_000;

/// Every model.
pub static ALL: &[Model] = &[
    Model { name: "random_batches_come_to_what_they_do_on_the_reference", chapters: &['C'], run: random_batches },
    Model { name: "random_queries_answer_what_they_do_on_the_reference", chapters: &['S', 'A'], run: random_queries },
];

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Batch>),
    Get(&'static Table, Vec<Key>),
    Select(Query),
    Aggregate(Aggregate),
}

/// Random batches on two backends: their outcomes and the rows that they leave must be the same.
///
/// # Errors
/// A small history on which they differ, as text.
pub fn random_batches(runtime: &Runtime, provision: Arc<dyn Provision>, shrinks: u32) -> Result<(), String> {
    let commit = prop::collection::vec(batches::batch(), 1..5).prop_map(Step::Commit);
    let get = values::table().prop_flat_map(|table| {
        prop::collection::vec(batches::key(table), 0..4).prop_map(move |keys| Step::Get(table, keys))
    });
    let step = prop_oneof![6 => commit, 1 => get];
    explore(runtime, provision, shrinks, prop::collection::vec(step, 1..12))
}

/// Random rows, and then random queries and aggregates of them.
///
/// # Errors
/// As [`random_batches`].
pub fn random_queries(runtime: &Runtime, provision: Arc<dyn Provision>, shrinks: u32) -> Result<(), String> {
    let rows = prop::collection::vec(batches::lenient_insert(), 20..60)
        .prop_map(|ops| Step::Commit(ops.into_iter().map(|op| Batch { ops: vec![op], ..Batch::new() }).collect()));
    let question = prop_oneof![
        3 => queries::query().prop_map(Step::Select),
        1 => queries::aggregate().prop_map(Step::Aggregate),
    ];
    let history = (rows, prop::collection::vec(question, 8..24)).prop_map(|(rows, questions)| {
        let mut steps = vec![rows];
        steps.extend(questions);
        steps
    });
    explore(runtime, provision, shrinks, history)
}

fn explore(
    runtime: &Runtime,
    provision: Arc<dyn Provision>,
    shrinks: u32,
    history: impl Strategy<Value = Vec<Step>>,
) -> Result<(), String> {
    let seed = from_environment("MINTAKA_SEED").unwrap_or(0x0041_6e61_6b69_7461);
    let sequences = from_environment("MINTAKA_SEQUENCES").unwrap_or(64);
    let config = Config {
        cases: u32::try_from(sequences).unwrap_or(u32::MAX),
        failure_persistence: None,
        max_shrink_iters: shrinks,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let tried =
        runner.run(&history, |steps| runtime.block_on(compare(&*provision, steps)).map_err(TestCaseError::fail));
    let repeat = format!("repeat with MINTAKA_SEED={seed} MINTAKA_SEQUENCES={sequences}");
    tried.map_err(|failure| format!("{failure}\n{repeat}"))
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Takes a history step by step on both stores.
async fn compare(provision: &dyn Provision, steps: Vec<Step>) -> Result<(), String> {
    let lab = Lab::new(provision).await.map_err(|error| format!("no store could be made: {error}"))?;
    let (subject, reference): (&dyn Backend, _) = (&**lab.backend(), MemoryStore::new());
    for (n, step) in steps.into_iter().enumerate() {
        let differs = |what: String| format!("step {n}: {what}");
        match step {
            Step::Commit(batches) => {
                let expected = reference.commit(batches.clone().into()).await;
                let found = subject.commit(batches.into()).await;
                same(expected.map(comparable_all), found.map(comparable_all)).map_err(differs)?;
                for table in values::TABLES {
                    let all = || Query::of(table).limit(10_000);
                    let rows = |rows: Vec<Row>| rows.into_iter().map(|row| unstamped(table, row)).collect::<Vec<_>>();
                    let (expected, found) = (reference.select(all()).await, subject.select(all()).await);
                    same(expected.map(rows), found.map(rows)).map_err(|e| differs(format!("{}: {e}", table.name)))?;
                }
            }
            Step::Get(table, keys) => {
                let rows = |rows: Vec<Option<Row>>| {
                    rows.into_iter().map(|row| row.map(|row| unstamped(table, row))).collect::<Vec<_>>()
                };
                let expected = reference.get(table, keys.clone()).await;
                same(expected.map(rows), subject.get(table, keys).await.map(rows)).map_err(differs)?;
            }
            Step::Select(query) => {
                let table = query.table;
                let whole = query.columns.is_none();
                let rows = |rows: Vec<Row>| {
                    rows.into_iter().map(|row| if whole { unstamped(table, row) } else { row }).collect::<Vec<_>>()
                };
                let expected = reference.select(query.clone()).await;
                same(expected.map(rows), subject.select(query).await.map(rows)).map_err(differs)?;
            }
            Step::Aggregate(aggregate) => {
                let expected = reference.aggregate(aggregate.clone()).await;
                same(expected, subject.aggregate(aggregate).await).map_err(differs)?;
            }
        }
    }
    subject.close().await;
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(expected: Result<T, Error>, found: Result<T, Error>) -> Result<(), String> {
    match (&expected, &found) {
        (Ok(a), Ok(b)) if a == b => Ok(()),
        (Err(Error::Invalid(_)), Err(Error::Invalid(_))) => Ok(()),
        _ => Err(format!("the reference says\n{expected:#?}\nand the backend says\n{found:#?}")),
    }
}

/// Outcomes without what may differ: writers, positions, and the wording of a failure.
fn comparable_all(answer: CommitAnswer) -> Vec<Outcome> {
    answer.outcomes.into_iter().map(comparable).collect()
}

fn comparable(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Committed { ops, stream } => Outcome::Committed { ops, stream: stream.map(|_| (0, 0)) },
        Outcome::Conflict(mut conflict) => {
            conflict.row = conflict.row.map(|row| unstamped(conflict.table, row));
            Outcome::Conflict(conflict)
        }
        Outcome::Repeated(row) => Outcome::Repeated(unstamped_any(row)),
        Outcome::Failed(_) => Outcome::Failed(Error::Invalid(String::new())),
    }
}

/// A row without its stamp.
fn unstamped(table: &Table, mut row: Row) -> Row {
    if let Some((writer, seq)) = table.stream {
        row.values[writer] = Value::Int(0);
        row.values[seq] = Value::Int(0);
    }
    row
}

/// A row of a table that is not named: told by its number of columns.
fn unstamped_any(row: Row) -> Row {
    match values::TABLES.iter().find(|t| t.stream.is_some() && t.columns.len() == row.values.len()) {
        Some(table) => unstamped(table, row),
        None => row,
    }
}
