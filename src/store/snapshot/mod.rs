//! Tasks and edges of one checkpoint in a form that is fast to read, kept outside git.
//!
//! Only readings that decide nothing use it. Its key is the identity of every file that the
//! checkpoint consists of, so that it stands for exactly those bytes; with any doubt it is not
//! used. It can be thrown away at any time.
//!
//! ```text
//! line    fleet-snapshot 6 <version of fleet> <key>\n
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

mod pack;
mod task;

use std::io::Read;

use crate::domain::ids::TaskUid;
use crate::domain::register::{Reg, Stamp};
use crate::domain::state::{DepKey, State};
use crate::domain::task::Task;
use crate::ports::state_repo::{Cache, StateTree};
use crate::store::checkpoint::FileRef;
use crate::store::error::StoreError;
use crate::store::fingerprint::{fingerprint, spread};
use crate::store::layout::ROOT;
use crate::store::snapshot::pack::{Bytes, Pack, pack_near, unpack_near};

/// A block is closed when it is at least this long.
const BLOCK_BYTES: usize = 128 * 1024;
/// A longer block is not believed.
const BLOCK_MAX: usize = 64 << 20;
/// Below this many tasks the checkpoint itself is read as fast.
const WORTH_TASKS: usize = 200;
/// What an edge takes in a block.
const DEP_BYTES: usize = 56;
/// Tables that a snapshot holds.
const TABLES: [&str; 2] = ["tasks", "deps"];

const TASKS: u8 = b'T';
const DEPS: u8 = b'D';
const REST: u8 = b'R';
const BODIES: u8 = b'B';

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
        let mut line = format!("fleet-snapshot 6 {version}");
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
    read: impl Fn(&[(&str, &FileRef)], Bodies) -> Result<(State, L), String>,
) -> Result<(State, L), String> {
    // What a newer version understands better is applied after the rows: too rare to be cached.
    let plain = !refs.iter().any(|(table, _)| *table == "unknown");
    let Some((cache, key, bodies)) = cache.filter(|_| plain) else {
        return read(refs, Bodies::Read);
    };
    let others = refs.iter().filter(|(table, _)| !TABLES.contains(table));
    let (mut state, luggage) = read(&others.copied().collect::<Vec<_>>(), Bodies::Read)?;
    if get(*cache, key, *bodies, &mut state).is_some() {
        return Ok((state, luggage));
    }
    let (state, luggage) = read(refs, *bodies)?;
    put(*cache, key, *bodies, &state);
    Ok((state, luggage))
}

/// Puts the snapshot of this key into a state that holds no tasks and edges yet. `None` if there is
/// no snapshot or anything is odd about it: the state is worthless then.
fn get(cache: &dyn Cache, key: &Key, bodies: Bodies, state: &mut State) -> Option<()> {
    let mut from = cache.get(&key.name)?;
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
    (0..wanted).try_for_each(|_| part(&mut from, state))
}

/// Takes in the blocks up to an end.
fn part(from: &mut dyn Read, state: &mut State) -> Option<()> {
    let mut found = Found::default();
    let mut items = 0;
    let mut block = Vec::new();
    loop {
        let length = usize::try_from(u32::from_le_bytes(array(from)?)).ok()?;
        let number = u64::from_le_bytes(array(from)?);
        if length == 0 {
            found.install(state)?;
            return (items == number).then_some(());
        }
        if length > BLOCK_MAX {
            return None;
        }
        block.resize(length, 0);
        from.read_exact(&mut block).ok()?;
        if spread(&block) != number {
            return None;
        }
        items += take(&block, &mut found)?;
    }
}

fn array<const N: usize>(from: &mut dyn Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// What blocks hold.
#[derive(Default)]
struct Found {
    tasks: Vec<(TaskUid, Box<Task>)>,
    deps: Vec<(DepKey, Reg<bool>)>,
    rest: Vec<(TaskUid, task::Rest)>,
    bodies: Vec<(TaskUid, Reg<String>)>,
}

impl Found {
    fn install(self, state: &mut State) -> Option<()> {
        state.restore_tasks(self.tasks);
        if state.deps.is_empty() {
            state.deps = self.deps.into_iter().collect();
        } else {
            state.deps.extend(self.deps);
        }
        for (uid, rest) in self.rest {
            state.tasks.get(&uid)?;
            state.restore_details(uid, |details| rest.install(details));
        }
        for (uid, mut body) in self.bodies {
            let base = task::base_of(state.tasks.get(&uid)?);
            if body.at == Stamp::NOBODY {
                body.at = base;
            }
            state.restore_body(uid, body);
        }
        Some(())
    }
}

/// Takes in one block; gives the number of its items.
fn take(block: &[u8], found: &mut Found) -> Option<u64> {
    let mut bytes = Bytes(block);
    let kind = u8::unpack(&mut bytes)?;
    if kind == DEPS {
        // Edges are many and lie in the list itself: one that grows would be copied again and again.
        found.deps.reserve(block.len() / DEP_BYTES + 1);
    }
    let mut items = 0;
    while !bytes.0.is_empty() {
        match kind {
            TASKS => {
                found.tasks.push(task::unpack(&mut bytes)?);
            }
            REST => found.rest.push(task::unpack_rest(&mut bytes)?),
            // The base is known when all tasks are: nobody's stamp stands for it until then.
            BODIES => found.bodies.push((
                TaskUid::unpack(&mut bytes)?,
                unpack_near(&mut bytes, Stamp::NOBODY)?,
            )),
            DEPS => found.deps.push(Pack::unpack(&mut bytes)?),
            _ => return None,
        }
        items += 1;
    }
    Some(items)
}

/// Keeps the tasks and edges of a state that was read from the checkpoint of this key alone, and only
/// what lists show if that is all that was read.
fn put(cache: &dyn Cache, key: &Key, bodies: Bodies, state: &State) {
    if state.tasks.len() < WORTH_TASKS {
        return;
    }
    let pinned = |task: &Task| task.details.admitted_sha256.is_written();
    let mut out = Out::new(&key.line);
    for (uid, one) in &state.tasks {
        out.item(TASKS, |block| task::pack(*uid, one, block));
    }
    for (key, reg) in &state.deps {
        out.item(DEPS, |block| (*key, reg.clone()).pack(block));
    }
    out.bodies(state, pinned);
    if bodies != Bodies::OnlyRows {
        for (uid, one) in &state.tasks {
            if task::has_rest(&one.details) {
                out.item(REST, |block| task::pack_rest(*uid, &one.details, block));
            }
        }
        out.end();
        out.bodies(state, |task| !pinned(task));
    }
    cache.put(&key.name, out.bytes);
}

/// A snapshot in the making.
struct Out {
    bytes: Vec<u8>,
    /// Its first byte is its kind.
    block: Vec<u8>,
    items: u64,
}

impl Out {
    fn new(line: &str) -> Self {
        Self {
            bytes: line.as_bytes().to_vec(),
            block: Vec::new(),
            items: 0,
        }
    }

    fn item(&mut self, kind: u8, write: impl FnOnce(&mut Vec<u8>)) {
        if self.block.len() >= BLOCK_BYTES || self.block.first().is_some_and(|old| *old != kind) {
            self.close();
        }
        if self.block.is_empty() {
            self.block.push(kind);
        }
        write(&mut self.block);
        self.items += 1;
    }

    /// The bodies of these tasks, and the end of a part.
    fn bodies(&mut self, state: &State, wanted: impl Fn(&Task) -> bool) {
        for (uid, one) in &state.tasks {
            if wanted(one) && one.body.is_written() {
                self.item(BODIES, |block| {
                    uid.pack(block);
                    pack_near(&one.body, task::base_of(one), block);
                });
            }
        }
        self.end();
    }

    fn close(&mut self) {
        // A block that is too long for its length is not read back: the count is wrong then.
        if let Ok(length @ 1..) = u32::try_from(self.block.len()) {
            self.bytes.extend_from_slice(&length.to_le_bytes());
            self.bytes
                .extend_from_slice(&spread(&self.block).to_le_bytes());
            self.bytes.append(&mut self.block);
        }
        self.block.clear();
    }

    fn end(&mut self) {
        self.close();
        self.bytes.extend_from_slice(&0u32.to_le_bytes());
        self.bytes.extend_from_slice(&self.items.to_le_bytes());
        self.items = 0;
    }
}
