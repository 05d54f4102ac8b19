//! The idempotency keys of all tasks, archived or not, so that `add --key` reads one small file.
//!
//! The rows lie in buckets by a fingerprint of the key instead of a task's number.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::domain::ids::{TaskNumber, TaskUid};
use crate::domain::state::State;
use crate::ports::state_repo::StateTree;
use crate::store::checkpoint::header::{FileRef, Tables};
use crate::store::checkpoint::rows::Row;
use crate::store::checkpoint::shard::file_of;
use crate::store::checkpoint::text::{line, rows};
use crate::store::error::StoreError;
use crate::store::fingerprint::spread;

/// Name of the table.
pub(crate) const KEYS: &str = "keys";

/// Who has a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeyRow {
    /// Bucket.
    n: u32,
    /// The key.
    key: String,
    /// Its task.
    pub(crate) task: TaskUid,
    /// The task's number; 0 = none yet.
    #[serde(default)]
    number: u32,
}

impl KeyRow {
    /// The task's number, if it has one.
    pub(crate) fn number(&self) -> Option<TaskNumber> {
        TaskNumber::new(self.number)
    }
}

fn bucket(key: &str) -> u32 {
    (spread(key.as_bytes()) & 0xfff) as u32
}

fn row_of(row: &KeyRow) -> Row {
    Row {
        n: row.n,
        order: row.key.clone(),
        line: line(row),
        archived: false,
    }
}

/// The rows of a state's keys; with `before`, also those of tasks that the state does not hold.
pub(crate) fn key_rows(
    state: &State,
    base: &dyn StateTree,
    before: Option<&Tables>,
) -> Result<Vec<Row>, StoreError> {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    for (uid, task) in &state.tasks {
        let Some(key) = task.details.key.as_deref() else {
            continue;
        };
        if state.by_key(key) == Some(*uid) {
            known.insert(key);
            found.push(row_of(&KeyRow {
                n: bucket(key),
                key: key.to_owned(),
                task: *uid,
                number: task.number.value.map_or(0, TaskNumber::get),
            }));
        }
    }
    for file in before
        .and_then(|tables| tables.get(KEYS))
        .into_iter()
        .flatten()
    {
        let old = read(base, file)?;
        let old = old.map_err(|cause| StoreError::DamagedArchive {
            path: file.path.clone(),
            cause,
        })?;
        let archived = |row: &&KeyRow| {
            !state.tasks.contains_key(&row.task) && !known.contains(row.key.as_str())
        };
        found.extend(old.iter().filter(archived).map(row_of));
    }
    found.sort();
    Ok(found)
}

/// The row of one key. The inner error says what is wrong with the table's file.
pub(crate) fn find_key(
    base: &dyn StateTree,
    tables: &Tables,
    key: &str,
) -> Result<Result<Option<KeyRow>, String>, StoreError> {
    let files = tables.get(KEYS).map_or(&[][..], Vec::as_slice);
    let Some(file) = file_of(files, bucket(key)) else {
        return Ok(Ok(None));
    };
    let rows = read(base, file)?;
    Ok(rows.map(|rows| rows.into_iter().find(|row| row.key == key)))
}

fn read(base: &dyn StateTree, file: &FileRef) -> Result<Result<Vec<KeyRow>, String>, StoreError> {
    Ok(match base.read(&file.path)? {
        Some(bytes) if file.fits(&bytes) => rows(&bytes),
        Some(_) => Err(format!("{} is not what the header says", file.path)),
        None => Err(format!("{} is missing", file.path)),
    })
}
