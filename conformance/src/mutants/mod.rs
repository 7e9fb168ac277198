//! Stores that break one promise each. A suite that does not catch them proves nothing.
//!
//! Each is a wrapper of a sound backend, so what it does besides its fault is right.

mod sound;
mod store;
mod three_valued;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use mintaka_core::{Backend, Batches, Error};

use crate::provision::{Provision, Site};

pub use sound::sound;
use store::MutantStore;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    LosesLastOfGroup,
    OneFailsAll,
    HalfBatchVisible,
    ForgetsLastCommit,
    IgnoresVersions,
    IgnoresPresence,
    ChecksThenActs,
    RepeatsOnce,
    NullsCollide,
    SkipsSilently,
    ConflictWithoutRow,
    BumpsSoft,
    WrongPositions,
    ThreeValuedNot,
    EmptyInIsTrue,
    FoldsPrefixes,
    LosesRelationFilter,
    NoTieBreak,
    NullsLast,
    IgnoresOffset,
    PositionSkipsNulls,
    EachIsOneLimit,
    SumOfNothingIsZero,
    SortsTags,
    RewritesJson,
    UnorderedKeys,
}

/// A way to be wrong.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// What it does, as a sentence.
    pub name: &'static str,
    /// The clauses that it breaks: a case of one of them must catch it.
    pub breaks: &'static [&'static str],
    fault: Fault,
}

const fn mutant(fault: Fault, name: &'static str, breaks: &'static [&'static str]) -> Mutant {
    Mutant { name, breaks, fault }
}

/// Every mutant.
pub static ALL: &[Mutant] = &[
    mutant(Fault::LosesLastOfGroup, "it_answers_for_the_last_batch_of_a_commit_without_doing_it", &["C2", "C3"]),
    mutant(Fault::OneFailsAll, "a_conflict_takes_the_later_batches_of_its_commit_along", &["C3"]),
    mutant(Fault::HalfBatchVisible, "it_applies_the_last_op_of_a_batch_in_a_commit_of_its_own", &["C1", "N3"]),
    mutant(Fault::ForgetsLastCommit, "it_answers_before_the_commit_is_kept", &["D1"]),
    mutant(Fault::IgnoresVersions, "a_version_guard_asks_for_presence_alone", &["C5", "N1"]),
    mutant(Fault::IgnoresPresence, "a_presence_guard_always_holds", &["C6"]),
    mutant(Fault::ChecksThenActs, "it_reads_what_is_required_before_the_commit", &["N1", "C16"]),
    mutant(Fault::RepeatsOnce, "once_is_an_insert_that_skips", &["C18"]),
    mutant(Fault::NullsCollide, "null_equals_null_in_a_unique_key", &["C20"]),
    mutant(Fault::SkipsSilently, "a_skipped_op_is_said_to_be_applied", &["C24", "C16"]),
    mutant(Fault::ConflictWithoutRow, "a_conflict_carries_no_row", &["C8"]),
    mutant(Fault::BumpsSoft, "a_soft_change_adds_to_the_version", &["C22"]),
    mutant(Fault::WrongPositions, "stream_positions_are_given_out_of_order", &["H2", "H5"]),
    mutant(Fault::ThreeValuedNot, "not_of_a_comparison_with_null_is_null", &["S2"]),
    mutant(Fault::EmptyInIsTrue, "in_of_nothing_is_left_out", &["S5"]),
    mutant(Fault::FoldsPrefixes, "a_prefix_is_matched_as_a_pattern", &["S10"]),
    mutant(Fault::LosesRelationFilter, "a_related_row_need_not_meet_its_filter", &["S12"]),
    mutant(Fault::NoTieBreak, "ties_come_in_the_other_direction", &["S14"]),
    mutant(Fault::NullsLast, "null_is_the_greatest_value_of_an_order", &["S13"]),
    mutant(Fault::IgnoresOffset, "an_offset_is_left_out", &["S15"]),
    mutant(Fault::PositionSkipsNulls, "a_position_leaves_out_rows_with_null", &["S16"]),
    mutant(Fault::EachIsOneLimit, "each_counts_rows_of_all_groups_together", &["S18"]),
    mutant(Fault::SumOfNothingIsZero, "a_sum_of_nothing_is_zero", &["A4"]),
    mutant(Fault::SortsTags, "tags_are_a_set", &["V4"]),
    mutant(Fault::RewritesJson, "json_is_parsed_and_written_again", &["V3"]),
    mutant(Fault::UnorderedKeys, "rows_of_keys_come_by_primary_key_without_gaps", &["G1"]),
];

/// A provision whose stores have the fault of a mutant.
pub fn mutated(mutant: &Mutant, sound: Arc<dyn Provision>) -> impl Provision {
    Mutated { fault: mutant.fault, sound }
}

struct Mutated {
    fault: Fault,
    sound: Arc<dyn Provision>,
}

struct MutantSite {
    fault: Fault,
    sound: Arc<dyn Provision>,
    /// The sound site under it; another one each time the store forgets.
    site: tokio::sync::Mutex<Arc<dyn Site>>,
    opened: AtomicBool,
    /// What was committed, in order, if it is to be forgotten.
    history: Arc<Mutex<Vec<Batches>>>,
}

#[async_trait]
impl Provision for Mutated {
    async fn create(&self) -> Result<Arc<dyn Site>, Error> {
        Ok(Arc::new(MutantSite {
            fault: self.fault,
            sound: self.sound.clone(),
            site: tokio::sync::Mutex::new(self.sound.create().await?),
            opened: AtomicBool::new(false),
            history: Arc::default(),
        }))
    }
    fn keeps(&self) -> bool {
        self.sound.keeps()
    }
}

#[async_trait]
impl Site for MutantSite {
    async fn open(&self) -> Result<Arc<dyn Backend>, Error> {
        let mut site = self.site.lock().await;
        if self.opened.swap(true, Ordering::SeqCst) && self.fault == Fault::ForgetsLastCommit {
            *site = self.sound.create().await?;
            let store = site.open().await?;
            let kept = {
                let mut history = self.history.lock().unwrap_or_else(PoisonError::into_inner);
                history.pop();
                history.clone()
            };
            for batches in kept {
                store.commit(batches).await?;
            }
            store.close().await;
        }
        Ok(Arc::new(MutantStore { fault: self.fault, inner: site.open().await?, history: self.history.clone() }))
    }
}
