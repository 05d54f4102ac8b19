//! Writes a checkpoint: which files change.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::domain::ids::RecordId;
use crate::domain::record::{RECORD_VERSION, Record};
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::ports::state_repo::StateTree;
use crate::store::checkpoint::cover::cover_all;
use crate::store::checkpoint::header::{
    ARCHIVE_PATH, ArchiveIndex, ArchiveRef, FOLD, FileRef, HEADER_PATH, Header, Tables,
};
use crate::store::checkpoint::keys::{KEYS, key_rows};
use crate::store::checkpoint::rows::{Row, Rows, TABLES, archivable, rows};
use crate::store::checkpoint::shard::pack;
use crate::store::checkpoint::text;
use crate::store::codec::line_of;
use crate::store::error::StoreError;
use crate::store::fingerprint::fingerprint;
use crate::store::layout::{LOG, ROOT};
use crate::store::loaded::{Loaded, Scope};
use crate::store::log::Tail;
use crate::store::problem::{Problem, ProblemKind};

/// File changes by path; `None` deletes.
pub(crate) type Changes = BTreeMap<String, Option<Vec<u8>>>;

/// The file changes that make a checkpoint of `loaded` plus `records`, with the log of `base` and
/// the `written` segments over it covered.
pub(crate) fn checkpoint(
    base: &dyn StateTree,
    loaded: &Loaded,
    records: &[Record],
    written: &BTreeMap<String, Vec<u8>>,
    now: Timestamp,
) -> Result<Changes, StoreError> {
    let mut state = loaded.state.clone();
    for record in records {
        state.apply(record);
    }
    let kept = kept_lines(loaded);
    let problems = log_problems(&loaded.problems);
    let archived = archivable(&state, now);
    let mut all = rows(&state, &kept, &problems, archived);
    let before = loaded.header.as_ref();
    // Keys of archived tasks are known only from the old table.
    let partial = before.filter(|_| loaded.scope != Scope::All);
    let keys = key_rows(&state, base, partial.map(|h| &h.tables))?;
    all.insert(KEYS, keys);
    let (clock, max_number) = (state.clock, state.max_number);
    // All of it is written down in the rows now, and a large import feels what is there twice.
    drop(state);
    let covers = cover_all(
        base,
        written,
        &loaded.tail.seen,
        before.map(|h| &h.covers),
        now,
    )?;
    let mut changes = Changes::new();
    let no_tables = Tables::new();
    let old = before.map_or(&no_tables, |h| &h.tables);
    let counts = counts(&all);
    let archive = archive_tables(base, loaded, &all, &mut changes)?;
    let tables = live_tables(all, old, &mut changes);
    let header = Header {
        fold: FOLD,
        clock,
        max_number,
        counts,
        covers,
        tables,
        archive,
    };
    changes.insert(
        HEADER_PATH.to_owned(),
        Some((text::line(&header) + "\n").into_bytes()),
    );
    if before.is_none() {
        // Remains of a checkpoint that could not be read.
        remove_strays(base, &header, &mut changes)?;
    }
    Ok(changes)
}

/// Lines that this build would not write byte for byte: newer versions may read more in them.
fn kept_lines(loaded: &Loaded) -> BTreeSet<(RecordId, String)> {
    let Tail { held, unread, .. } = &loaded.tail;
    let inexact = held.values().filter(|held| {
        let record = &held.line.record;
        record.v > RECORD_VERSION || line_of(record).map_or(true, |line| *line != *held.line.raw)
    });
    let inexact = inexact.map(|held| (held.line.record.id, held.line.raw.to_string()));
    let unread = unread.iter().map(|(id, raw)| (*id, raw.to_string()));
    loaded
        .luggage
        .kept
        .iter()
        .cloned()
        .chain(inexact)
        .chain(unread)
        .collect()
}

/// Problems of lines: these must be remembered when the lines are covered.
fn log_problems(problems: &[Problem]) -> BTreeSet<Problem> {
    let in_log = |p: &&Problem| p.path.starts_with(LOG);
    problems.iter().filter(in_log).cloned().collect()
}

fn counts(all: &Rows) -> BTreeMap<String, u64> {
    all.iter()
        .map(|(table, rows)| {
            let live = rows.iter().filter(|row| !row.archived).count();
            ((*table).to_owned(), live as u64)
        })
        .collect()
}

/// Packs the live rows, and lets go of each table's when its files are made; notes the files that
/// differ from before.
fn live_tables(all: Rows, before: &Tables, changes: &mut Changes) -> Tables {
    let mut tables = Tables::new();
    for (table, rows) in all {
        let live: Vec<_> = rows.iter().filter(|row| !row.archived).collect();
        let old = before.get(table).map_or(&[][..], Vec::as_slice);
        let new = store_shards(table, &live, old, false, changes);
        if !new.is_empty() {
            tables.insert(table.to_owned(), new);
        }
    }
    // Tables that this build does not know cannot be here: their format would be newer.
    tables
}

/// Packs rows into files, and notes which must be written or deleted.
fn store_shards(
    table: &str,
    rows: &[&Row],
    old: &[FileRef],
    archive: bool,
    changes: &mut Changes,
) -> Vec<FileRef> {
    let shards = pack(rows, old);
    let alone = shards.len() == 1;
    let mut files = Vec::new();
    let known: BTreeMap<&str, &FileRef> = old.iter().map(|o| (o.path.as_str(), o)).collect();
    for mut shard in shards {
        let path = shard.path(table, archive, alone);
        let file = FileRef::of(path.clone(), shard.first, &shard.bytes);
        if !known.get(&*path).is_some_and(|o| o.fits(&shard.bytes)) {
            shard.bytes.shrink_to_fit();
            changes.insert(path, Some(shard.bytes));
        }
        files.push(file);
    }
    let there: BTreeSet<&str> = files.iter().map(|f| f.path.as_str()).collect();
    for gone in old.iter().filter(|o| !there.contains(&*o.path)) {
        changes.insert(gone.path.clone(), None);
    }
    files
}

/// A row of the archive, as far as packing needs it.
#[derive(Deserialize)]
struct Numbered {
    #[serde(default)]
    n: u32,
}

/// Adds newly finished work to the archive. If the archive was loaded, it is packed anew from the
/// state, since work in it may have come back to life; else only the files that get rows are read
/// and rewritten.
fn archive_tables(
    base: &dyn StateTree,
    loaded: &Loaded,
    all: &Rows,
    changes: &mut Changes,
) -> Result<Option<ArchiveRef>, StoreError> {
    let before = loaded.header.as_ref().and_then(|h| h.archive.as_ref());
    let whole = loaded.scope == Scope::All;
    let new_rows = all.values().flatten().any(|row| row.archived);
    if !new_rows && (before.is_none() || !whole) {
        return Ok(before.cloned());
    }
    // A reading that fell back to the log has no header and needs none of the old files.
    let old = ArchiveIndex::read(base, before)?.map_err(|cause| StoreError::DamagedArchive {
        path: ARCHIVE_PATH.to_owned(),
        cause,
    })?;
    let mut tables = old.tables.clone();
    for (table, rows) in all {
        let new = archive_order(rows);
        let new: Vec<_> = new.iter().collect();
        let files = tables.entry((*table).to_owned()).or_default();
        let packed = if whole {
            store_shards(table, &new, files, true, changes)
        } else {
            add_rows(base, table, &new, files, changes)?
        };
        *files = packed;
    }
    tables.retain(|_, files| !files.is_empty());
    let tasks = all["tasks"].iter().filter(|row| row.archived).count() as u64;
    let kept = if whole {
        0
    } else {
        before.map_or(0, |b| b.tasks)
    };
    let bytes = (text::line(&ArchiveIndex { tables }) + "\n").into_bytes();
    let archive = ArchiveRef {
        print: fingerprint(&bytes),
        tasks: tasks + kept,
    };
    if before.is_none_or(|b| b.print != archive.print) {
        changes.insert(ARCHIVE_PATH.to_owned(), Some(bytes));
    }
    Ok(Some(archive))
}

/// The finished rows, in the archive's order: by number and line, which needs no parsing of rows
/// that are there already.
fn archive_order(rows: &[Row]) -> BTreeSet<Row> {
    let archived = rows.iter().filter(|row| row.archived);
    archived
        .map(|row| Row {
            order: row.line.clone(),
            ..row.clone()
        })
        .collect()
}

/// Adds rows to the archive's files that they belong into.
fn add_rows(
    base: &dyn StateTree,
    table: &str,
    new: &[&Row],
    files: &[FileRef],
    changes: &mut Changes,
) -> Result<Vec<FileRef>, StoreError> {
    let mut result = Vec::new();
    let mut rest = new;
    let none = FileRef::of(String::new(), 0, b"");
    let slots = if files.is_empty() {
        std::slice::from_ref(&none)
    } else {
        files
    };
    for (at, file) in slots.iter().enumerate() {
        let end = slots.get(at + 1).map_or(rest.len(), |next| {
            rest.partition_point(|row| row.n < next.first)
        });
        let (own, later) = rest.split_at(end);
        rest = later;
        if own.is_empty() {
            if !file.path.is_empty() {
                result.push(file.clone());
            }
            continue;
        }
        let there = match base.read(&file.path)? {
            None if file.path.is_empty() => Vec::new(),
            Some(there) if file.fits(&there) => there,
            found => {
                let cause = found.map_or("missing", |_| "not what the index says");
                return Err(StoreError::DamagedArchive {
                    path: file.path.clone(),
                    cause: cause.to_owned(),
                });
            }
        };
        let mut rows: BTreeSet<Row> = own.iter().map(|row| (*row).clone()).collect();
        for line in String::from_utf8_lossy(&there).lines() {
            let n = serde_json::from_str::<Numbered>(line).map_or(0, |row| row.n);
            rows.insert(Row {
                n,
                order: line.to_owned(),
                line: line.to_owned(),
                archived: true,
            });
        }
        let rows: Vec<_> = rows.iter().collect();
        let old = if file.path.is_empty() {
            &[][..]
        } else {
            std::slice::from_ref(file)
        };
        result.extend(store_shards(table, &rows, old, true, changes));
    }
    Ok(result)
}

/// Deletes files of the checkpoint that the new header does not name.
fn remove_strays(
    base: &dyn StateTree,
    header: &Header,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    for (table, files) in TABLES
        .iter()
        .chain(&[KEYS])
        .map(|t| (*t, header.tables.get(*t).map_or(&[][..], Vec::as_slice)))
    {
        let dir = format!("{ROOT}/{table}");
        let shards = base.list(&dir)?;
        let mut paths: Vec<_> = shards.iter().map(|e| format!("{dir}/{}", e.name)).collect();
        let single = format!("{dir}.jsonl");
        if base.read(&single)?.is_some() {
            paths.push(single);
        }
        for path in paths {
            if !files.iter().any(|f| f.path == path) {
                changes.insert(path, None);
            }
        }
    }
    Ok(())
}

/// Compares a state read through the checkpoint with one folded from the log, row by row.
pub(crate) fn differences(read: &State, folded: &State) -> Vec<Problem> {
    let (kept, problems) = (BTreeSet::new(), BTreeSet::new());
    let read = rows(read, &kept, &problems, BTreeSet::new());
    let folded = rows(folded, &kept, &problems, BTreeSet::new());
    let mut found = Vec::new();
    for (table, rows) in &folded {
        let wanted: BTreeSet<_> = rows.iter().map(|row| &row.line).collect();
        let there: BTreeSet<_> = read[table].iter().map(|row| &row.line).collect();
        let path = format!("{ROOT}/{table}");
        let what = ProblemKind::CheckpointDiffers;
        for line in wanted.difference(&there) {
            found.push(Problem::file(&path, what, &format!("missing: {line}")));
        }
        for line in there.difference(&wanted) {
            found.push(Problem::file(&path, what, &format!("unfounded: {line}")));
        }
    }
    found
}
