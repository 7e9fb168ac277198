//! Mutants of what a store says of itself, of its end, and of what is there when it is opened again.

use mintaka_core::{Batch, Error, OnExists, Op, Outcome, Value};

use super::Mutant;
use super::batches::once_is_an_insert_that_skips;
use super::fault::Fault;

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "the_limit_of_a_row_falls_with_every_commit",
        &["K1"],
        Fault::Caps(|caps, commits| caps.writers += commits),
    ),
    Mutant::new(
        "it_takes_smaller_rows_than_others",
        &["K2"],
        Fault::Outcome(|batch, outcome| {
            if batch.size() > 1 << 20 {
                *outcome = Outcome::Failed(Error::TooLarge("flow_run_input.value".into()));
            }
        }),
    ),
    Mutant::new("a_row_too_large_is_cut_and_taken", &["K2"], Fault::Batch(|batch| cut(batch, 1 << 20))),
    Mutant::new("a_text_too_long_for_its_index_is_cut_and_taken", &["C7"], Fault::Batch(|batch| cut(batch, 1_000))),
    Mutant::new(
        "a_text_too_long_for_its_index_fails_the_whole_commit",
        &["C7", "C3"],
        Fault::Answer(|answer| {
            let outcomes = answer?;
            let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed(Error::TooLarge(_)));
            if outcomes.iter().any(failed) { Err(Error::TooLarge("flow.name".into())) } else { Ok(outcomes) }
        }),
    ),
    Mutant::new(
        "a_row_too_large_fails_the_whole_commit",
        &["K2", "C3"],
        Fault::Answer(|answer| {
            let outcomes = answer?;
            match outcomes
                .iter()
                .find_map(|outcome| if let Outcome::Failed(error) = outcome { Some(error) } else { None })
            {
                Some(error) => Err(error.clone()),
                None => Ok(outcomes),
            }
        }),
    ),
    Mutant::new("a_closed_store_answers_on", &["K3"], Fault::NeverCloses),
    Mutant::new("it_cannot_be_opened_again", &["K4", "D1"], Fault::OpensOnce),
    Mutant::new("it_promises_durability_in_vain", &["K4"], Fault::PromisesDurability),
    Mutant::new(
        "it_answers_before_the_commit_is_kept",
        &["D1"],
        Fault::Reopening(|history| {
            history.pop();
        }),
    ),
    Mutant::new(
        "it_keeps_all_but_the_last_batch_of_a_commit",
        &["D1"],
        Fault::Reopening(|history| {
            if let Some(batches) =
                history.last_mut().map(|commit| &mut commit.batches).filter(|batches| batches.len() > 1)
            {
                *batches = batches[..batches.len() - 1].into();
            }
        }),
    ),
    Mutant::new(
        "what_was_deleted_is_there_again",
        &["D1"],
        Fault::Reopening(|history| {
            let without = |batch: &Batch| {
                let mut batch = batch.clone();
                batch.ops.retain(|op| !matches!(op, Op::Delete { .. }));
                batch
            };
            history.iter_mut().for_each(|commit| commit.batches = commit.batches.iter().map(without).collect());
        }),
    ),
    Mutant::new(
        "versions_begin_again_at_every_opening",
        &["D1"],
        Fault::Reopened(&Fault::Row(|_, row| row.version = 1)),
    ),
    Mutant::new(
        "after_an_opening_an_insert_goes_into_a_row_of_its_key",
        &["D2"],
        Fault::Reopened(&Fault::Op(|op| {
            if let Op::Insert { on_exists, .. } = op {
                *on_exists = OnExists::Skip;
            }
        })),
    ),
    Mutant::new(
        "after_an_opening_once_is_an_insert_that_skips",
        &["D2"],
        Fault::Reopened(&Fault::Batch(once_is_an_insert_that_skips)),
    ),
    Mutant::new(
        "positions_begin_again_at_every_opening",
        &["D3"],
        Fault::Reopened(&Fault::Heads(|heads, _| heads.writers.iter_mut().for_each(|head| head.position = 0))),
    ),
];

/// Cuts every text that is inserted or set down to so many bytes.
fn cut(batch: &mut Batch, bytes: usize) {
    let short = |value: &mut Value| {
        if let Value::Text(text) = value {
            text.truncate(bytes);
        }
        if let Value::Tags(tags) = value {
            tags.iter_mut().for_each(|tag| tag.truncate(bytes));
        }
    };
    for op in &mut batch.ops {
        match op {
            Op::Insert { values, .. } => values.iter_mut().for_each(short),
            Op::Update { change, .. } => change.set.iter_mut().for_each(|(_, value)| short(value)),
            _ => {}
        }
    }
}
