//! Whether the checkpoint says what the log says.

use crate::ports::state_repo::StateView;
use crate::store::checkpoint::differences;
use crate::store::error::StoreError;
use crate::store::loaded::Scope;
use crate::store::problem::Problem;
use crate::store::read::{load, load_log};

/// Folds the whole log again and compares it with what a reading through the checkpoint gives.
/// Returns everything that is wrong with the state; empty means sound.
///
/// # Errors
/// As [`load`].
pub fn verify(view: &StateView) -> Result<Vec<Problem>, StoreError> {
    let read = load(view, Scope::All)?;
    let folded = load_log(view)?;
    let mut problems = differences(&read.state, &folded.state);
    problems.extend(read.problems);
    problems.extend(folded.problems);
    problems.sort();
    problems.dedup();
    Ok(problems)
}
