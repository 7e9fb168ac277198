//! Mutants of what is said of a batch and of its ops.

use mintaka_core::{Batch, Conflict, Done, Error, Guard, Op, Outcome, Part};

use super::Mutant;
use super::fault::Fault;

pub(super) static ALL: &[Mutant] = &[
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
        "a_malformed_batch_is_said_to_be_done",
        &["C23"],
        Fault::Outcome(|batch, outcome| {
            if let Outcome::Failed(Error::Invalid(_)) = outcome {
                *outcome = all_done(batch);
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
        "a_conflict_names_the_first_guard",
        &["C8"],
        Fault::Outcome(|_, outcome| {
            if let Outcome::Conflict(Conflict { part: Part::Guard(n), .. }) = outcome {
                *n = 0;
            }
        }),
    ),
    Mutant::new(
        "a_version_guard_of_a_missing_row_is_said_to_hold",
        &["C5"],
        Fault::Outcome(|batch, outcome| {
            if let Outcome::Conflict(Conflict { part: Part::Guard(n), row: None, .. }) = outcome
                && let Some(Guard::Version(..)) = batch.guards.get(*n)
            {
                *outcome = all_done(batch);
            }
        }),
    ),
    Mutant::new(
        "a_batch_without_ops_is_refused",
        &["C24"],
        Fault::Outcome(|batch, outcome| {
            if *batch == Batch::new() {
                *outcome = Outcome::Failed(Error::Invalid("there is nothing to do".into()));
            }
        }),
    ),
];

/// What would be said of a batch that was applied, but for the keys of its rows.
fn all_done(batch: &Batch) -> Outcome {
    let done = Done { applied: true, inserted: false, key: None };
    Outcome::Committed { ops: vec![done; batch.ops.len()], stream: None }
}
