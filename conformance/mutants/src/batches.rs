//! Mutants of batches as wholes: atomicity, order, guards, `once`.

use mintaka_core::{Batch, Batches, Conflict, Done, Error, Guard, Key, OnExists, Op, Outcome, Part, Value};

use super::Mutant;
use super::fault::{Answer, Fault};
use super::ops::changed_in_vain;
use super::store::MutantStore;
use mintaka_conformance::lab::is_committed;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "it_applies_the_last_op_of_a_batch_in_a_commit_of_its_own",
        &["C1"],
        Fault::Commit(|store, batches| Box::pin(in_parts(store, batches, |ops| ops.saturating_sub(1).max(1)))),
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
    Mutant::new("once_is_an_insert_that_skips", &["C18"], Fault::Batch(once_is_an_insert_that_skips)),
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
        "guards_are_judged_before_once",
        &["C25"],
        Fault::Commit(|store, batches| {
            Box::pin(in_steps(store, batches, |batch| [guards_of(batch), batch.clone()], 1))
        }),
    ),
    Mutant::new(
        "guards_are_judged_after_the_ops",
        &["C25"],
        Fault::Commit(|store, batches| {
            let steps = |batch: &Batch| [Batch { guards: Vec::new(), ..batch.clone() }, guards_of(batch)];
            Box::pin(in_steps(store, batches, steps, 0))
        }),
    ),
    Mutant::new(
        "a_batch_is_applied_by_the_thousand_ops",
        &["C1"],
        Fault::Commit(|store, batches| Box::pin(in_parts(store, batches, |_| 1_000))),
    ),
    Mutant::new(
        "once_of_a_batch_that_fails_is_kept",
        &["C18", "C1"],
        Fault::Commit(|store, batches| {
            let steps = |batch: &Batch| {
                [Batch { once: batch.once.clone(), ..Batch::new() }, Batch { once: None, ..batch.clone() }]
            };
            Box::pin(in_steps(store, batches, steps, 1))
        }),
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
    let outcome = store.applied(vec![batch].into()).await?.pop();
    outcome.ok_or_else(|| Error::Corrupt("a commit of one batch answered none".into()))
}

/// Applies each batch in parts of so many ops, of as many as it has.
async fn in_parts(store: &MutantStore, batches: Batches, size: fn(usize) -> usize) -> Answer {
    let mut outcomes = Vec::new();
    for batch in batches.iter() {
        outcomes.push(part_by_part(store, batch.clone(), size(batch.ops.len())).await?);
    }
    Ok(outcomes)
}

async fn part_by_part(store: &MutantStore, mut batch: Batch, size: usize) -> Result<Outcome, Error> {
    let refers = values_of(&mut batch).any(|value| matches!(value, Value::IdOf(_)));
    if batch.ops.len() <= size || refers || batch.check().is_err() {
        return one(store, batch).await;
    }
    let ops = std::mem::take(&mut batch.ops);
    let (mut done, mut last) = (Vec::new(), None);
    for part in ops.chunks(size) {
        // Guards and `once` go with the first part.
        let part = Batch { ops: part.to_vec(), ..std::mem::take(&mut batch) };
        match one(store, part).await? {
            Outcome::Committed { ops, stream } => {
                done.extend(ops);
                last = stream.or(last);
            }
            Outcome::Conflict(Conflict { part: Part::Op(n), table, row }) => {
                return Ok(Outcome::Conflict(Conflict { part: Part::Op(done.len() + n), table, row }));
            }
            other => return Ok(other),
        }
    }
    Ok(Outcome::Committed { ops: done, stream: last })
}

/// Applies each batch in steps up to the first that fails, and answers for the step of this number or for that one.
async fn in_steps(store: &MutantStore, batches: Batches, steps: fn(&Batch) -> [Batch; 2], answered: usize) -> Answer {
    let mut outcomes = Vec::new();
    for batch in batches.iter() {
        let [first, second] = steps(batch);
        let mut answers = vec![one(store, first).await?];
        if is_committed(&answers[0]) {
            answers.push(one(store, second).await?);
        }
        let failed = answers.iter().position(|answer| !is_committed(answer));
        outcomes.push(answers.swap_remove(failed.unwrap_or(answered)));
    }
    Ok(outcomes)
}

async fn all_but_the_last(store: &MutantStore, batches: Batches) -> Answer {
    match &batches[..] {
        [_, .., last] if last.check().is_ok() => {
            let mut outcomes = store.applied(batches[..batches.len() - 1].into()).await?;
            outcomes.push(Outcome::Committed { ops: last.ops.iter().map(as_if_done).collect(), stream: None });
            Ok(outcomes)
        }
        _ => store.applied(batches).await,
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
    let mut outcomes = store.applied(batches.iter().rev().cloned().collect()).await?;
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

fn guards_of(batch: &Batch) -> Batch {
    Batch { guards: batch.guards.clone(), ..Batch::new() }
}
