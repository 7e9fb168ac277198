//! Mutants of batches as wholes: atomicity, order, guards, `once`, and what is said of them.

use mintaka_core::{Batch, Batches, Conflict, Done, Error, Guard, Key, OnExists, Op, Outcome, Part, Value};

use super::Mutant;
use super::fault::{Answer, Fault};
use super::ops::changed_in_vain;
use super::store::MutantStore;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "it_applies_the_last_op_of_a_batch_in_a_commit_of_its_own",
        &["C1"],
        Fault::Commit(|store, batches| Box::pin(in_halves(store, batches))),
    ),
    Mutant::new(
        "it_answers_for_the_last_batch_of_a_commit_without_doing_it",
        &["C2", "C3"],
        Fault::Commit(|store, batches| Box::pin(all_but_the_last(store, batches))),
    ),
    Mutant::new(
        "batches_of_a_commit_are_applied_from_the_last_to_the_first",
        &["C2"],
        Fault::Commit(|store, batches| Box::pin(backwards(store, batches))),
    ),
    Mutant::new(
        "a_conflict_takes_the_later_batches_of_its_commit_along",
        &["C3"],
        Fault::Commit(|store, batches| Box::pin(up_to_the_first_conflict(store, batches))),
    ),
    Mutant::new(
        "updates_come_before_inserts",
        &["C4"],
        Fault::Batch(|batch| batch.ops.sort_by_key(|op| matches!(op, Op::Insert { .. }))),
    ),
    Mutant::new(
        "deletes_come_last",
        &["C4", "C21"],
        Fault::Batch(|batch| batch.ops.sort_by_key(|op| matches!(op, Op::Delete { .. }))),
    ),
    Mutant::new(
        "a_version_guard_asks_for_presence_alone",
        &["C5", "N1"],
        Fault::Batch(|batch| {
            for guard in &mut batch.guards {
                if let Guard::Version(table, key, _) = guard {
                    *guard = Guard::Present(table, key.clone());
                }
            }
        }),
    ),
    Mutant::new(
        "a_presence_guard_always_holds",
        &["C6"],
        Fault::Batch(|batch| batch.guards.retain(|guard| !matches!(guard, Guard::Present(..)))),
    ),
    Mutant::new(
        "a_presence_guard_adds_to_the_version",
        &["C6"],
        Fault::Batch(|batch| {
            let present = batch.guards.iter().filter_map(|guard| {
                let Guard::Present(table, key) = guard else { return None };
                Some(Op::Update {
                    table,
                    key: key.clone(),
                    require: Vec::new(),
                    when: Vec::new(),
                    change: changed_in_vain(table),
                })
            });
            batch.ops.extend(present);
        }),
    ),
    Mutant::new(
        "an_absence_guard_always_holds",
        &["C7"],
        Fault::Batch(|batch| batch.guards.retain(|guard| !matches!(guard, Guard::Absent(..)))),
    ),
    Mutant::new(
        "a_conflict_carries_no_row",
        &["C8"],
        Fault::Outcome(|_, outcome| {
            if let Outcome::Conflict(conflict) = outcome {
                conflict.row = None;
            }
        }),
    ),
    Mutant::new(
        "a_conflict_names_the_first_op",
        &["C8"],
        Fault::Outcome(|_, outcome| {
            if let Outcome::Conflict(Conflict { part: Part::Op(n), .. }) = outcome {
                *n = 0;
            }
        }),
    ),
    Mutant::new(
        "a_conflict_carries_the_row_as_it_was_before",
        &["C8"],
        Fault::Outcome(|_, outcome| {
            if let Outcome::Conflict(Conflict { row: Some(row), .. }) = outcome {
                row.version = (row.version - 1).max(1);
            }
        }),
    ),
    Mutant::new("once_is_an_insert_that_skips", &["C18"], Fault::Batch(once_is_an_insert_that_skips)),
    Mutant::new(
        "a_repetition_is_a_conflict",
        &["C18"],
        Fault::Outcome(|batch, outcome| {
            if let (Outcome::Repeated(row), Some((table, _))) = (&outcome, &batch.once) {
                *outcome = Outcome::Conflict(Conflict { part: Part::Op(0), table, row: Some(row.clone()) });
            }
        }),
    ),
    Mutant::new(
        "every_reference_is_to_the_first_op",
        &["C19"],
        Fault::Batch(|batch| {
            for value in values_of(batch) {
                if let Value::IdOf(n) = value {
                    *n = 0;
                }
            }
        }),
    ),
    Mutant::new(
        "a_reference_is_the_id_that_an_op_would_have_inserted",
        &["C19"],
        Fault::Batch(|batch| {
            let ids: Vec<Option<Value>> = batch.ops.iter().map(|op| inserted(op)?.first().cloned()).collect();
            for value in values_of(batch) {
                if let Value::IdOf(n) = value
                    && let Some(id) = ids[*n].clone()
                {
                    *value = id;
                }
            }
        }),
    ),
    Mutant::new(
        "a_malformed_batch_is_said_to_be_done",
        &["C23"],
        Fault::Outcome(|batch, outcome| {
            if let Outcome::Failed(Error::Invalid(_)) = outcome {
                let done = Done { applied: true, inserted: false, key: None };
                *outcome = Outcome::Committed { ops: vec![done; batch.ops.len()], stream: None };
            }
        }),
    ),
    Mutant::new(
        "a_malformed_batch_fails_the_whole_commit",
        &["C23"],
        Fault::Answer(|answer| {
            let outcomes = answer?;
            match outcomes.iter().find(|outcome| matches!(outcome, Outcome::Failed(Error::Invalid(_)))) {
                Some(Outcome::Failed(error)) => Err(error.clone()),
                _ => Ok(outcomes),
            }
        }),
    ),
    Mutant::new("a_skipped_op_is_said_to_be_applied", &["C24", "C16"], Fault::Done(|_, done| done.applied = true)),
    Mutant::new(
        "an_upsert_is_always_said_to_insert",
        &["C24", "C11"],
        Fault::Done(|op, done| done.inserted |= done.applied && matches!(op, Op::Upsert { .. })),
    ),
    Mutant::new(
        "the_key_of_a_deleted_row_is_not_said",
        &["C24", "C17"],
        Fault::Done(|op, done| {
            if let Op::Delete { .. } = op {
                done.key = None;
            }
        }),
    ),
    Mutant::new(
        "guards_are_judged_before_once",
        &["C25"],
        Fault::Commit(|store, batches| Box::pin(after_the_guards(store, batches))),
    ),
    Mutant::new(
        "guards_are_judged_after_the_ops",
        &["C25"],
        Fault::Commit(|store, batches| Box::pin(before_the_guards(store, batches))),
    ),
];

/// Makes `once` an insert that comes last.
pub(super) fn once_is_an_insert_that_skips(batch: &mut Batch) {
    if let Some((table, values)) = batch.once.take() {
        batch.ops.push(Op::Insert { table, values, on_exists: OnExists::Skip });
    }
}

/// The row that an op would insert.
fn inserted(op: &Op) -> Option<&Vec<Value>> {
    match op {
        Op::Insert { values, .. } | Op::Upsert { values, .. } => Some(values),
        Op::Update { .. } | Op::Delete { .. } => None,
    }
}

/// The values of a batch that may refer to an op.
fn values_of(batch: &mut Batch) -> impl Iterator<Item = &mut Value> {
    batch.ops.iter_mut().flat_map(|op| {
        let (values, change) = match op {
            Op::Insert { values, .. } => (Some(values), None),
            Op::Upsert { values, update, .. } => (Some(values), Some(update)),
            Op::Update { change, .. } => (None, Some(change)),
            Op::Delete { .. } => (None, None),
        };
        let set = change.into_iter().flat_map(|change| change.set.iter_mut().map(|(_, value)| value));
        values.into_iter().flatten().chain(set)
    })
}

/// Commits a batch alone.
pub(super) async fn one(store: &MutantStore, batch: Batch) -> Result<Outcome, Error> {
    let outcome = store.inner.commit(vec![batch].into()).await?.pop();
    outcome.ok_or_else(|| Error::Corrupt("a commit of one batch answered none".into()))
}

async fn in_halves(store: &MutantStore, batches: Batches) -> Answer {
    let mut outcomes = Vec::new();
    for batch in batches.iter() {
        outcomes.push(in_two(store, batch.clone()).await?);
    }
    Ok(outcomes)
}

async fn in_two(store: &MutantStore, mut batch: Batch) -> Result<Outcome, Error> {
    let refers = values_of(&mut batch).any(|value| matches!(value, Value::IdOf(_)));
    if batch.ops.len() < 2 || refers || batch.check().is_err() {
        return one(store, batch).await;
    }
    let rest = Batch { ops: batch.ops.split_off(batch.ops.len() - 1), ..Batch::new() };
    let before = batch.ops.len();
    let (mut ops, stream) = match one(store, batch).await? {
        Outcome::Committed { ops, stream } => (ops, stream),
        other => return Ok(other),
    };
    Ok(match one(store, rest).await? {
        Outcome::Committed { ops: more, stream: later } => {
            ops.extend(more);
            Outcome::Committed { ops, stream: later.or(stream) }
        }
        Outcome::Conflict(conflict) => Outcome::Conflict(Conflict { part: Part::Op(before), ..conflict }),
        other => other,
    })
}

async fn all_but_the_last(store: &MutantStore, batches: Batches) -> Answer {
    match &batches[..] {
        [_, .., last] if last.check().is_ok() => {
            let mut outcomes = store.inner.commit(batches[..batches.len() - 1].into()).await?;
            outcomes.push(Outcome::Committed { ops: last.ops.iter().map(as_if_done).collect(), stream: None });
            Ok(outcomes)
        }
        _ => store.inner.commit(batches).await,
    }
}

/// What would be said of an op that was applied.
fn as_if_done(op: &Op) -> Done {
    let key = match op {
        Op::Update { key: Key::Primary(key), .. } | Op::Delete { key: Key::Primary(key), .. } => Some(key.clone()),
        op => inserted(op).map(|values| op.table().key_of(values)),
    };
    Done { applied: true, inserted: inserted(op).is_some(), key }
}

async fn backwards(store: &MutantStore, batches: Batches) -> Answer {
    let mut outcomes = store.inner.commit(batches.iter().rev().cloned().collect()).await?;
    outcomes.reverse();
    Ok(outcomes)
}

async fn up_to_the_first_conflict(store: &MutantStore, batches: Batches) -> Answer {
    let mut outcomes: Vec<Outcome> = Vec::new();
    for batch in batches.iter() {
        let outcome = match outcomes.last() {
            Some(failed @ (Outcome::Conflict(_) | Outcome::Failed(_))) => failed.clone(),
            _ => one(store, batch.clone()).await?,
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

async fn after_the_guards(store: &MutantStore, batches: Batches) -> Answer {
    let mut outcomes = Vec::new();
    for batch in batches.iter() {
        let guards = Batch { guards: batch.guards.clone(), ..Batch::new() };
        outcomes.push(match one(store, guards).await? {
            Outcome::Committed { .. } => one(store, batch.clone()).await?,
            failed => failed,
        });
    }
    Ok(outcomes)
}

async fn before_the_guards(store: &MutantStore, batches: Batches) -> Answer {
    let mut outcomes = Vec::new();
    for batch in batches.iter() {
        let guards = Batch { guards: batch.guards.clone(), ..Batch::new() };
        let done = one(store, Batch { guards: Vec::new(), ..batch.clone() }).await?;
        outcomes.push(match one(store, guards).await? {
            Outcome::Committed { .. } => done,
            failed => failed,
        });
    }
    Ok(outcomes)
}
