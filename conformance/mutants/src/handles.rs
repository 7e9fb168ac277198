//! Mutants of stores with several handles: what one handle does without regard to the others, and of what ends.

use mintaka_core::{Batch, Batches, Change, Error, Guard, Key, Op, Outcome, Time, Value};

use super::Mutant;
use super::batches::{once_is_an_insert_that_skips, one};
use super::concurrency::one_commit_late;
use super::fault::{Answer, Fault};
use super::store::MutantStore;
use mintaka_conformance::lab::is_committed;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new("it_says_that_many_processes_may_use_it_in_vain", &["K5"], Fault::PromisesManyProcesses),
    Mutant::new(
        "what_is_under_way_when_it_closes_is_said_not_to_be_done",
        &["K6"],
        Fault::Another(&Fault::Answer(|answer| {
            let done = |outcome: &Outcome| matches!(outcome, Outcome::Committed { ops, .. } if !ops.is_empty());
            if answer.as_ref().is_ok_and(|outcomes| outcomes.iter().any(done)) { Err(Error::Closed) } else { answer }
        })),
    ),
    Mutant::new(
        "every_handle_has_the_same_writer",
        &["H6"],
        Fault::Row(|table, row| {
            if let Some((writer, _)) = table.stream {
                row.values[writer] = Value::Int(2);
            }
        }),
    ),
    Mutant::new("a_retired_writer_writes_on", &["H7"], Fault::NeverRetires),
    Mutant::new(
        "heads_forget_retired_writers",
        &["H7", "H8"],
        Fault::Heads(|heads, _| heads.writers.retain(|head| !head.closed)),
    ),
    Mutant::new(
        "heads_name_the_newest_writer_alone",
        &["H8"],
        Fault::Heads(|heads, _| {
            let newest = heads.writers.pop();
            heads.writers = newest.into_iter().collect();
        }),
    ),
    Mutant::new(
        "another_handle_reads_what_was_there_before_the_last_commit",
        &["N5"],
        Fault::Another(&Fault::Reads(one_commit_late)),
    ),
    Mutant::new(
        "another_handle_leaves_out_guards_of_rows_that_it_does_not_change",
        &["N6"],
        Fault::Another(&Fault::Batch(|batch| {
            let changed: Vec<Key> = batch.ops.iter().filter_map(|op| changed_key(op).cloned()).collect();
            batch.guards.retain(|guard| !matches!(guard, Guard::Version(_, key, _) if !changed.contains(key)));
        })),
    ),
    Mutant::new(
        "another_handle_leaves_out_guards_on_presence",
        &["N6"],
        Fault::Another(&Fault::Batch(|batch| batch.guards.retain(|guard| !matches!(guard, Guard::Present(..))))),
    ),
    Mutant::new(
        "another_handle_adds_to_what_was_there_before_the_last_commit",
        &["N6"],
        Fault::Another(&Fault::Commit(|store, batches| Box::pin(adds_to_old_values(store, batches)))),
    ),
    Mutant::new(
        "rows_named_in_the_opposite_order_are_a_deadlock",
        &["N7"],
        Fault::Another(&Fault::Answer(|answer| match answer {
            Ok(outcomes) if outcomes.iter().any(fell) => Err(Error::Unavailable("deadlock detected".into())),
            answer => answer,
        })),
    ),
    Mutant::new(
        "a_commit_stops_halfway_when_its_caller_goes_away",
        &["N8"],
        Fault::Commit(|store, batches| Box::pin(with_a_pause(store, batches))),
    ),
    Mutant::new(
        "what_is_asked_beyond_a_thousand_is_read_one_commit_late",
        &["N9"],
        Fault::Chunks(1_000, one_commit_late),
    ),
    Mutant::new(
        "another_handle_raises_nothing",
        &["N10"],
        Fault::Another(&Fault::Op(|op| {
            if let Op::Update { change: Change { max, .. }, .. } = op {
                max.iter_mut().for_each(|(_, value)| *value = Value::Time(Time::MIN));
            }
        })),
    ),
    Mutant::new(
        "in_another_handle_once_is_an_insert_that_skips",
        &["N11"],
        Fault::Another(&Fault::Batch(once_is_an_insert_that_skips)),
    ),
];

/// The key of the row that an op changes or takes.
fn changed_key(op: &Op) -> Option<&Key> {
    match op {
        Op::Update { key, .. } | Op::Delete { key, .. } => Some(key),
        Op::Insert { .. } | Op::Upsert { .. } => None,
    }
}

/// Whether a batch went through its rows from the last to the first.
fn fell(outcome: &Outcome) -> bool {
    let Outcome::Committed { ops, .. } = outcome else { return false };
    let keys: Vec<&Value> = ops.iter().filter_map(|op| op.key.as_ref()?.first()).collect();
    keys.windows(2).any(|pair| pair[0].order(pair[1]).is_gt())
}

async fn adds_to_old_values(store: &MutantStore, batches: Batches) -> Answer {
    let before = store.copy(one_commit_late).await?;
    let mut changed = batches.to_vec();
    for op in changed.iter_mut().flat_map(|batch| &mut batch.ops) {
        if let Op::Update { table, key, change, .. } = op
            && let Ok([Some(row)]) = before.get(table, vec![key.clone()]).await.as_deref()
        {
            for (column, more) in std::mem::take(&mut change.add) {
                change.set.push((column, mintaka_core::plus(&row.values[column.ordinal], &more)));
            }
        }
    }
    store.applied(changed.into()).await
}

/// Applies the first op of each batch that will succeed, and the others after a while.
async fn with_a_pause(store: &MutantStore, batches: Batches) -> Answer {
    let succeeds = store.copy(|_| ()).await?.commit(batches.clone()).await?.outcomes.iter().all(is_committed);
    let plain = |batch: &Batch| {
        let inserts = batch.ops.iter().all(|op| matches!(op, Op::Insert { .. }));
        inserts && batch.ops.len() == 3
    };
    let [batch] = &batches[..] else { return store.applied(batches).await };
    if !succeeds || !plain(batch) {
        return store.applied(batches).await;
    }
    let mut rest = batch.clone();
    let first = Batch { ops: vec![rest.ops.remove(0)], ..Batch::new() };
    let begun = one(store, first).await?;
    tokio::task::yield_now().await;
    match (begun, one(store, rest).await?) {
        (Outcome::Committed { ops: mut done, .. }, Outcome::Committed { ops, stream }) => {
            done.extend(ops);
            Ok(vec![Outcome::Committed { ops: done, stream }])
        }
        (_, other) => Ok(vec![other]),
    }
}
