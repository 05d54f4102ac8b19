//! Which keys are known, archived or not, without reading the archive.

use std::collections::BTreeSet;

use crate::ports::state_repo::StateView;
use crate::store::checkpoint::{Header, find_key};
use crate::store::error::StoreError;

/// Those of `keys` that the checkpoint's table of keys holds; archived tasks keep theirs there. What
/// is newer than the checkpoint is not among them: a reading has it.
///
/// # Errors
/// The tree cannot be read, or the table is damaged.
pub fn known_keys(view: &StateView, keys: &[&str]) -> Result<BTreeSet<String>, StoreError> {
    let mut known = BTreeSet::new();
    // Without a header every reading folds the whole log and knows all keys.
    let Some(Ok(header)) = Header::read(&*view.tree, None)? else {
        return Ok(known);
    };
    for key in keys {
        match find_key(&*view.tree, &header.tables, key)? {
            Ok(Some(_)) => {
                known.insert((*key).to_owned());
            }
            Ok(None) => {}
            Err(cause) => {
                return Err(StoreError::DamagedArchive {
                    path: "the table of keys".to_owned(),
                    cause,
                });
            }
        }
    }
    Ok(known)
}
