//! Advice on the order of merging, from real three-way merges of the heads under review.

use crate::domain::ids::TaskUid;
use crate::domain::state::{Index, State};
use crate::engine::merging;
use crate::ports::code_repo::{CodeRepo, MergeFacts};

/// Advice from a real three-way merge of each pair of heads that change the same files.
pub(in crate::app) fn advice(
    code: &dyn CodeRepo,
    state: &State,
    index: &Index,
    only: Option<TaskUid>,
) -> Vec<String> {
    let mut pairs = merging::pairs(state, index, only);
    let mut clashes = Vec::new();
    // A pair whose commits are not here says nothing.
    pairs.retain(|pair| match code.merge_facts(&pair.a.1, &pair.b.1) {
        Ok(facts) => {
            clashes.push(facts == MergeFacts::Conflict);
            true
        }
        Err(_) => false,
    });
    merging::advise(state, index, &pairs, &clashes)
        .iter()
        .map(|advice| advice.sentence(state))
        .collect()
}
