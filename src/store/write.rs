//! Writing: records → file changes. Touches nothing itself.

use std::collections::BTreeMap;

use crate::domain::halves::in_halves;
use crate::domain::record::Record;
use crate::domain::time::Timestamp;
use crate::ports::state_repo::{FileChange, StateTree, StateView};
use crate::store::checkpoint::{Changes, checkpoint};
use crate::store::codec::encode_record;
use crate::store::error::StoreError;
use crate::store::layout::{
    FORMAT_PATH, OURS, SEGMENT_MAX_BYTES, SEGMENT_MAX_LINES, SegmentName, is_writer, month_dir,
};
use crate::store::loaded::{Loaded, Scope};
use crate::store::merge::carry_over;
use crate::store::problem::ProblemKind;
use crate::store::reach::needs_archive;
use crate::store::read::load;

/// What a record takes in the log, about.
const RECORD_BYTES: u64 = 512;
/// Records outside the checkpoint that make a new one due.
const GROWN_RECORDS: usize = 1_000;
/// Bytes outside the checkpoint that make a new one due.
const GROWN_BYTES: u64 = 512 * 1024;

/// Whether a write also brings the checkpoint up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checkpoint {
    /// No: the write costs one small segment.
    Never,
    /// Yes if more than about 1,000 records or 512 KiB lie outside it.
    IfGrown,
    /// Yes, unless a newer fleet made the one that is there.
    Force,
}

/// A wanted change of the state.
#[derive(Debug, Clone, Copy)]
pub struct Write<'a> {
    /// `StateRepo::writer` of this clone.
    pub writer: &'a str,
    /// Decides the month's folder.
    pub now: Timestamp,
    /// What to append, in this order.
    pub records: &'a [Record],
    /// True to carry unpublished local records into the published tree's layout; the proposal then
    /// `settles_unpublished`. False with unpublished records means a local-only commit on top.
    pub settle: bool,
    /// Whether the checkpoint follows.
    pub checkpoint: Checkpoint,
}

/// The file changes that make `write` happen, relative to `view.tree`; without `settle` and with
/// unpublished local commits, relative to those. Empty if nothing changes.
///
/// # Errors
/// The state may not be written ([`Loaded::writable`]), a record does not fit on a line, or a
/// checkpoint was asked for on a partial reading.
pub fn plan_write(
    view: &StateView,
    loaded: &Loaded,
    write: &Write<'_>,
) -> Result<Vec<FileChange>, StoreError> {
    loaded.writable()?;
    if !is_writer(write.writer) {
        return Err(StoreError::BadWriter {
            writer: write.writer.to_owned(),
        });
    }
    let base: &dyn StateTree = match &view.unpublished {
        Some(local) if !write.settle => &**local,
        _ => &*view.tree,
    };
    let mut files = match &view.unpublished {
        Some(local) if write.settle => carry_over(base, &**local)?,
        _ => BTreeMap::new(),
    };
    append(base, &mut files, write)?;
    let mut changes = if wants_checkpoint(view, loaded, write)? {
        let archive = loaded.header.as_ref().is_some_and(|h| h.archive.is_some());
        let state = &loaded.state;
        let more = archive
            && loaded.scope == Scope::Live
            && needs_archive(state, state.max_number, || write.records.iter());
        if more {
            let all = load(view, Scope::All)?;
            checkpoint(base, &all, write.records, &files, write.now)?
        } else {
            checkpoint(base, loaded, write.records, &files, write.now)?
        }
    } else {
        Changes::new()
    };
    changes.extend(files.into_iter().map(|(path, bytes)| (path, Some(bytes))));
    if !changes.is_empty() && base.read(FORMAT_PATH)?.is_none() {
        changes.insert(FORMAT_PATH.to_owned(), Some(OURS.bytes()));
    }
    Ok(changes
        .into_iter()
        .map(|(path, bytes)| FileChange { path, bytes })
        .collect())
}

/// Whether a checkpoint is due and possible.
fn wants_checkpoint(
    view: &StateView,
    loaded: &Loaded,
    write: &Write<'_>,
) -> Result<bool, StoreError> {
    let whole = matches!(loaded.scope, Scope::Live | Scope::All);
    // The state also holds unpublished records, which this write would not bring along.
    let settled = write.settle || view.unpublished.is_none();
    match write.checkpoint {
        Checkpoint::Never => Ok(false),
        _ if loaded.newer_checkpoint => Ok(false),
        Checkpoint::IfGrown => Ok(settled && is_due(loaded, write.records.len())),
        Checkpoint::Force if !whole => Err(StoreError::PartialCheckpoint),
        Checkpoint::Force if !settled => Err(StoreError::UnsettledCheckpoint),
        Checkpoint::Force => Ok(true),
    }
}

/// Whether [`Checkpoint::IfGrown`] would make a checkpoint of this reading, with nothing to append.
#[must_use]
pub fn checkpoint_is_due(loaded: &Loaded) -> bool {
    is_due(loaded, 0)
}

/// Whether more lies outside the checkpoint than every reading should go on paying for, though nobody comes
/// to write one: what is due, and an eighth of what there is, since a new one costs as much as there is.
#[must_use]
pub fn checkpoint_is_overdue(loaded: &Loaded) -> bool {
    let eighth = loaded.state.max_number / 8;
    let records = GROWN_RECORDS.max(usize::try_from(eighth).unwrap_or(usize::MAX));
    let bytes = GROWN_BYTES.max(u64::from(eighth) * RECORD_BYTES);
    let grown = loaded.tail_records() > records || loaded.tail.bytes > bytes;
    grown && !loaded.newer_checkpoint
}

fn is_due(loaded: &Loaded, more: usize) -> bool {
    let whole = matches!(loaded.scope, Scope::Live | Scope::All);
    let has = |what| loaded.problems.iter().any(|p| p.what == what);
    // A damaged checkpoint is replaced at once, but not one that a newer fleet can read. And where covered lines are gone from the log, the
    // old checkpoint is evidence: only `doctor` replaces it.
    let due = loaded.tail_records() + more > GROWN_RECORDS
        || loaded.tail.bytes > GROWN_BYTES
        || has(ProblemKind::BadCheckpoint);
    due && whole && !loaded.newer_checkpoint && !has(ProblemKind::CoveredChanged)
}

/// Appends the records to the writer's newest segment of the month, and to new ones when it is
/// full. A segment whose last line is torn is never touched: the next one begins.
fn append(
    base: &dyn StateTree,
    files: &mut BTreeMap<String, Vec<u8>>,
    write: &Write<'_>,
) -> Result<(), StoreError> {
    if write.records.is_empty() {
        return Ok(());
    }
    let dir = month_dir(write.now);
    // Links and the like take their name too: nothing is ever written over them.
    let listed = base.list(&dir)?;
    let carried = files.keys().filter_map(|path| {
        let name = path.strip_prefix(&dir)?.strip_prefix('/')?;
        SegmentName::parse(name)
    });
    let last = listed
        .iter()
        .filter_map(|entry| SegmentName::parse(&entry.name))
        .chain(carried)
        .filter(|name| name.writer == write.writer)
        .max();
    let mut name = last.clone().unwrap_or_else(|| SegmentName {
        writer: write.writer.to_owned(),
        seg: 0,
    });
    let mut path = format!("{dir}/{}", name.file_name());
    let mut bytes = match (last, files.remove(&path)) {
        (_, Some(bytes)) => bytes,
        (Some(last), None) => match base.read(&path)? {
            Some(bytes) => bytes,
            None => {
                name.seg = last.seg + 1;
                path = format!("{dir}/{}", name.file_name());
                Vec::new()
            }
        },
        (None, None) => Vec::new(),
    };
    let mut lines = bytes.iter().filter(|b| **b == b'\n').count();
    let mut torn = bytes.last().is_some_and(|b| *b != b'\n');
    let encode = |part: &[Record]| -> Result<Vec<String>, StoreError> {
        part.iter().map(encode_record).collect()
    };
    let encoded: Result<Vec<_>, _> = in_halves(write.records, encode).into_iter().collect();
    for line in encoded?.into_iter().flatten() {
        let full = lines >= SEGMENT_MAX_LINES
            || (!bytes.is_empty() && bytes.len() + line.len() + 1 > SEGMENT_MAX_BYTES);
        if torn || full {
            bytes.shrink_to_fit();
            files.insert(path, std::mem::take(&mut bytes));
            name.seg += 1;
            path = format!("{dir}/{}", name.file_name());
            lines = 0;
            torn = false;
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        lines += 1;
    }
    files.insert(path, bytes);
    Ok(())
}
