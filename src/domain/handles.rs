//! Provisional names: the shortest handle that names one task and no other.

use crate::domain::ids::{HANDLE_MIN_LEN, TaskUid};
use crate::domain::state::State;

/// Letters of a whole handle.
const LETTERS: usize = 12;

/// Every handle of a state, for who names many tasks.
#[derive(Debug, Clone)]
pub struct Handles(Vec<u64>);

impl Handles {
    /// Those of all tasks.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut all: Vec<u64> = state.tasks.keys().map(|uid| uid.handle_bits()).collect();
        all.sort_unstable();
        Self(all)
    }

    /// As [`unambiguous_handle`].
    #[must_use]
    pub fn name(&self, task: TaskUid) -> String {
        let own = task.handle_bits();
        // What shares most letters stands beside it.
        let at = self.0.partition_point(|other| *other < own);
        let beside = [at.checked_sub(1), Some(at), Some(at + 1)];
        let mut seen_own = false;
        let mut shared = 0;
        for other in beside.into_iter().flatten().filter_map(|at| self.0.get(at)) {
            if *other == own && !seen_own {
                seen_own = true;
            } else {
                shared = shared.max(letters_shared(own, *other));
            }
        }
        shown(task, shared)
    }
}

/// Shortest handle that names `task` and no other, at least [`HANDLE_MIN_LEN`] letters. Looks at every
/// task: [`Handles`] is for many names.
#[must_use]
pub fn unambiguous_handle(state: &State, task: TaskUid) -> String {
    let own = task.handle_bits();
    let others = state.tasks.keys().filter(|uid| **uid != task);
    let shared = others.map(|uid| letters_shared(own, uid.handle_bits()));
    shown(task, shared.max().unwrap_or(0))
}

/// First letters that two handles have in common.
const fn letters_shared(one: u64, other: u64) -> usize {
    // 60 bits of 64 are used.
    (((one ^ other) << 4).leading_zeros() / 5) as usize
}

fn shown(task: TaskUid, shared: usize) -> String {
    let len = (shared + 1).clamp(HANDLE_MIN_LEN, LETTERS);
    format!("T-~{}", &task.handle()[..len])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::RecordId;
    use uuid::Uuid;

    fn uid(bits: u64) -> TaskUid {
        let whole = (7u128 << 76) | (2u128 << 62) | u128::from(bits);
        TaskUid::created_by(RecordId(Uuid::from_u128(whole)))
    }

    #[test]
    fn a_handle_is_as_long_as_it_must_be_whoever_asks() {
        let letters = |word: [u64; 12]| word.iter().fold(0, |bits, letter| (bits << 5) | letter);
        let same = |first: usize, other: u64| {
            let mut word = [3; 12];
            word[first..].fill(other);
            letters(word)
        };
        let uids: Vec<TaskUid> = [
            same(12, 0),
            same(7, 9),
            same(11, 1),
            same(2, 30),
            same(0, 5),
        ]
        .map(uid)
        .to_vec();
        let mut state = State::default();
        for uid in &uids {
            state.tasks.get_or_default(*uid);
        }
        let handles = Handles::of(&state);
        let lengths: Vec<usize> = uids
            .iter()
            .map(|uid| {
                let name = unambiguous_handle(&state, *uid);
                assert_eq!(handles.name(*uid), name);
                name.len() - "T-~".len()
            })
            .collect();
        assert_eq!(lengths, [12, 8, 12, 5, 5]);
    }
}
