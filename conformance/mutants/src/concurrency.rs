//! Mutants of what callers see of each other. None of them waits for a race: what is seen is late by a whole commit.

use mintaka_core::{Batches, Op};

use super::Mutant;
use super::fault::{Answer, Fault};
use super::store::{Committed, MutantStore};

pub(super) static ALL: &[Mutant] = &[
    Mutant::new(
        "what_is_required_is_judged_on_the_store_before_the_last_commit",
        &["N1", "C16"],
        Fault::Commit(|store, batches| Box::pin(after_a_late_check(store, batches))),
    ),
    Mutant::new(
        "the_last_update_of_a_commit_is_seen_once_there_is_another_commit",
        &["N3"],
        Fault::Reads(|history| {
            if let Some(last) = history.last_mut() {
                let mut batches = last.batches.to_vec();
                // Rows that are new are seen at once: it is for the versions and values of a pair to tell.
                if let Some(batch) = batches.last_mut()
                    && let Some(Op::Update { .. }) = batch.ops.last()
                {
                    batch.ops.pop();
                }
                last.batches = batches.into();
            }
        }),
    ),
    Mutant::new("a_commit_is_seen_once_there_is_another", &["N4"], Fault::Reads(one_commit_late)),
];

pub(super) fn one_commit_late(history: &mut Vec<Committed>) {
    history.pop();
}

/// Requires of a row what it was required to be before the last commit.
async fn after_a_late_check(store: &MutantStore, batches: Batches) -> Answer {
    let before = store.copy(one_commit_late).await?;
    let mut checked = batches.to_vec();
    for op in checked.iter_mut().flat_map(|batch| &mut batch.ops) {
        if let Op::Update { table, key, require, .. } = op
            && let Ok([Some(row)]) = before.get(table, vec![key.clone()]).await.as_deref()
            && require.iter().all(|condition| condition.holds(&row.values))
        {
            require.clear();
        }
    }
    store.applied(checked.into()).await
}
