//! Rows → files of about one size, with boundaries that stay put so that few files change.

use crate::domain::ids::TaskNumber;
use crate::store::checkpoint::header::{FileRef, Tables};
use crate::store::checkpoint::keys::KEYS;
use crate::store::checkpoint::rows::Row;
use crate::store::layout::ROOT;

/// A file above this is split.
const MAX_BYTES: usize = 64 * 1024;
/// What a split aims at, so that the parts have room to grow.
const SPLIT_BYTES: usize = 48 * 1024;
/// Neighbours that together stay below this become one.
const MERGE_BYTES: usize = 32 * 1024;

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Least number that belongs into it.
    pub(crate) first: u32,
    /// Its lines.
    pub(crate) bytes: Vec<u8>,
}

impl Shard {
    /// Path in the live tables (a file of its own while there is only one) or in the archive.
    pub(crate) fn path(&self, table: &str, archive: bool, alone: bool) -> String {
        match (archive, alone) {
            (true, _) => format!("{ROOT}/archive/{table}/{:04}.jsonl", self.first),
            (false, true) => format!("{ROOT}/{table}.jsonl"),
            (false, false) => format!("{ROOT}/{table}/{:04}.jsonl", self.first),
        }
    }
}

/// Packs sorted rows into shards. Boundaries of `before` are kept where they still make sense.
/// All rows of one number are in one shard.
pub(crate) fn pack(rows: &[&Row], before: &[FileRef]) -> Vec<Shard> {
    let mut shards: Vec<Shard> = Vec::new();
    let mut rest = rows;
    let mut starts: Vec<u32> = before.iter().map(|f| f.first).filter(|f| *f > 0).collect();
    starts.insert(0, 0);
    for (at, first) in starts.iter().enumerate() {
        let end = starts
            .get(at + 1)
            .map_or(rest.len(), |next| rest.partition_point(|row| row.n < *next));
        let (own, later) = rest.split_at(end);
        rest = later;
        shards.extend(split(*first, own));
    }
    merge(shards)
}

/// One range of numbers as one shard, or several if it is too large.
fn split(first: u32, rows: &[&Row]) -> Vec<Shard> {
    let total: usize = rows.iter().map(|row| row.line.len() + 1).sum();
    let limit = if total > MAX_BYTES {
        SPLIT_BYTES
    } else {
        MAX_BYTES
    };
    let mut shards = vec![Shard {
        first,
        bytes: Vec::new(),
    }];
    for group in rows.chunk_by(|a, b| a.n == b.n) {
        let size: usize = group.iter().map(|row| row.line.len() + 1).sum();
        let last = shards.last_mut().expect("the list begins with one shard");
        let full = !last.bytes.is_empty() && last.bytes.len() + size > limit;
        let shard = if full {
            shards.push(Shard {
                first: group[0].n,
                bytes: Vec::new(),
            });
            shards.last_mut().expect("one was just pushed")
        } else {
            last
        };
        for row in group {
            shard.bytes.extend_from_slice(row.line.as_bytes());
            shard.bytes.push(b'\n');
        }
    }
    shards
}

fn merge(shards: Vec<Shard>) -> Vec<Shard> {
    let mut merged: Vec<Shard> = Vec::new();
    // An empty range has no file, and must not lend its number to the next one.
    for shard in shards.into_iter().filter(|s| !s.bytes.is_empty()) {
        match merged.last_mut() {
            Some(last) if last.bytes.len() + shard.bytes.len() <= MERGE_BYTES => {
                last.bytes.extend_from_slice(&shard.bytes);
            }
            _ => merged.push(shard),
        }
    }
    merged
}

/// The file that the rows of a number are in, if any.
pub(super) fn file_of(files: &[FileRef], n: u32) -> Option<&FileRef> {
    files[..files.partition_point(|f| f.first <= n)].last()
}

/// All files of rows, but for keys.
pub(crate) fn all_refs(tables: &Tables) -> Vec<(&str, &FileRef)> {
    tables
        .iter()
        .filter(|(table, _)| *table != KEYS)
        .flat_map(|(table, files)| files.iter().map(move |file| (table.as_str(), file)))
        .collect()
}

/// Those that hold what belongs to these numbers.
pub(crate) fn refs_of<'a>(
    tables: &'a Tables,
    numbers: &[TaskNumber],
) -> Vec<(&'a str, &'a FileRef)> {
    let mut refs: Vec<(&str, &FileRef)> = Vec::new();
    for (table, files) in tables.iter().filter(|(table, _)| *table != KEYS) {
        for file in numbers.iter().filter_map(|n| file_of(files, n.get())) {
            if !refs.iter().any(|(_, known)| known.path == file.path) {
                refs.push((table, file));
            }
        }
    }
    refs
}
