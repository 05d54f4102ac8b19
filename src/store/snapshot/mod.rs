//! Tasks and edges of one checkpoint in a form that is fast to read, kept outside git.
//!
//! Only readings that decide nothing use it. Its key is the identity of every file that the
//! checkpoint consists of, so that it stands for exactly those bytes; with any doubt it is not
//! used. It can be thrown away at any time.
//!
//! ```text
//! line    fleet-snapshot 8 <version of fleet> <key>\n
//! bytes   of each of the three parts: u64 · u64 · u64
//! block   length u32 · fingerprint u64 · kind u8 · items     (numbers are little-endian)
//! end     length 0 · number of items u64
//! block   …
//! end     …
//! ```
//!
//! There are three parts, each with its end: what lists show of tasks, and edges; what no list shows
//! of them (remarks, where they came from, fields of newer versions); and their bodies. Most readings
//! leave what is behind the first end where it is, five sixths of the bytes where tasks were
//! imported: a page that is not touched costs nothing. A body that readiness depends on (its hash was
//! admitted) stands in the first part. Whoever read a checkpoint for a list only leaves the first
//! part alone, and who needs more then makes the snapshot anew.

mod making;
mod pack;
mod registers;
mod taking;
mod task;

use crate::domain::state::State;
use crate::ports::state_repo::{Cache, StateTree};
use crate::store::checkpoint::{FileRef, TEXTS};
use crate::store::error::StoreError;
use crate::store::fingerprint::fingerprint;
use crate::store::layout::ROOT;
use crate::store::snapshot::taking::Taking;

pub(crate) use making::Making;

/// Tables that a snapshot holds.
const TABLES: [&str; 3] = ["tasks", TEXTS, "deps"];

const TASKS: u8 = b'T';
const DEPS: u8 = b'D';
const REST: u8 = b'R';
const BODIES: u8 = b'B';

/// How many parts there are.
const PARTS: usize = 3;

/// Length and fingerprint, in front of a block.
const HEADER: usize = 4 + 8;

/// What a reading needs besides identities, registers and edges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bodies {
    /// None of what lists do not show: as [`Self::MayBeMissing`], and keys, references elsewhere,
    /// remarks, what the forge said, and fields of newer versions may be missing, too.
    OnlyRows,
    /// None but those that readiness depends on; whatever else is there may be used.
    MayBeMissing,
    /// The bodies of all tasks.
    Read,
}

/// Where a snapshot of one checkpoint belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    name: String,
    line: String,
}

impl Key {
    /// The identities of all files of the checkpoint, but for the archive; the log is not in it.
    pub(crate) fn of(tree: &dyn StateTree) -> Result<Self, StoreError> {
        let version = env!("CARGO_PKG_VERSION");
        let mut line = format!("fleet-snapshot 8 {version}");
        for entry in tree.list(ROOT)? {
            if !matches!(entry.name.as_str(), "log" | "archive") {
                line.push_str(&format!(" {}={}", entry.name.escape_debug(), entry.id));
            }
        }
        let name = fingerprint(line.as_bytes());
        line.push('\n');
        Ok(Self { name, line })
    }
}

/// All live rows of a checkpoint: those of [`TABLES`] from a snapshot, or all by `read`, which then
/// leaves one.
pub(crate) fn rows<L>(
    cache: Option<&(&dyn Cache, Key, Bodies)>,
    refs: &[(&str, &FileRef)],
    read: impl Fn(&[(&str, &FileRef)], Bodies, Option<&Making>) -> Result<(State, L), String>,
) -> Result<(State, L), String> {
    // What a newer version understands better is applied after the rows: too rare to be cached.
    let plain = !refs.iter().any(|(table, _)| *table == "unknown");
    let Some((cache, key, bodies)) = cache.filter(|_| plain) else {
        return read(refs, Bodies::Read, None);
    };
    let others = refs.iter().filter(|(table, _)| !TABLES.contains(table));
    let (mut state, luggage) = read(&others.copied().collect::<Vec<_>>(), Bodies::Read, None)?;
    if get(*cache, key, *bodies, &mut state).is_some() {
        return Ok((state, luggage));
    }
    let making = Making::new(*bodies);
    let read = read(refs, *bodies, Some(&making))?;
    making.put(*cache, key);
    Ok(read)
}

/// Puts the snapshot of this key into a state that holds no tasks and edges yet. `None` if there is
/// no snapshot or anything is odd about it: the state is worthless then.
fn get(cache: &dyn Cache, key: &Key, bodies: Bodies, state: &mut State) -> Option<()> {
    let (mut from, length) = cache.get(&key.name)?;
    let mut line = vec![0; key.line.len()];
    from.read_exact(&mut line).ok()?;
    if line != key.line.as_bytes() {
        return None;
    }
    let wanted = match bodies {
        Bodies::OnlyRows => 1,
        Bodies::MayBeMissing => 2,
        Bodies::Read => 3,
    };
    let mut lengths = [0; PARTS];
    for part in &mut lengths {
        let mut number = [0; 8];
        from.read_exact(&mut number).ok()?;
        *part = u64::from_le_bytes(number);
    }
    // A length is a hint for how the part is read, and no more is believed of it than can be there.
    let lengths = lengths.map(|part| part.min(length));
    let mut taking = Taking::new(cache, from, lengths[..wanted].iter().sum());
    let mut parts = lengths[..wanted].iter();
    parts.try_for_each(|part| taking.part(*part, state))
}
