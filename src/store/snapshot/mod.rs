//! Tasks and edges of one checkpoint in a form that is fast to read, kept outside git.
//!
//! Only readings that decide nothing use it. Its key is the identity of every file that the
//! checkpoint consists of, so that it stands for exactly those bytes; with any doubt it is not
//! used. It can be thrown away at any time.
//!
//! ```text
//! line    fleet-snapshot 1 <version of fleet> <key>\n
//! block   length u32 · fingerprint u64 · kind u8 · items     (numbers are little-endian)
//! end     length 0 · number of items u64
//! ```

mod pack;
mod task;

use std::io::Read;

use crate::domain::register::Reg;
use crate::domain::state::{DepKey, State};
use crate::ports::state_repo::{Cache, StateTree};
use crate::store::checkpoint::FileRef;
use crate::store::error::StoreError;
use crate::store::fingerprint::{fingerprint, spread};
use crate::store::layout::ROOT;
use crate::store::snapshot::pack::{Bytes, Pack};

/// A block is closed when it is at least this long.
const BLOCK_BYTES: usize = 128 * 1024;
/// A longer block is not believed.
const BLOCK_MAX: usize = 64 << 20;
/// Below this many tasks the checkpoint itself is read as fast.
const WORTH_TASKS: usize = 200;
/// Tables that a snapshot holds.
const TABLES: [&str; 2] = ["tasks", "deps"];

const TASKS: u8 = b'T';
const DEPS: u8 = b'D';

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
        let mut line = format!("fleet-snapshot 1 {version}");
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
    cache: Option<&(&dyn Cache, Key)>,
    refs: &[(&str, &FileRef)],
    read: impl Fn(&[(&str, &FileRef)]) -> Result<(State, L), String>,
) -> Result<(State, L), String> {
    // What a newer version understands better is applied after the rows: too rare to be cached.
    let plain = !refs.iter().any(|(table, _)| *table == "unknown");
    let Some((cache, key)) = cache.filter(|_| plain) else {
        return read(refs);
    };
    let others = refs.iter().filter(|(table, _)| !TABLES.contains(table));
    let (mut state, luggage) = read(&others.copied().collect::<Vec<_>>())?;
    if get(*cache, key, &mut state).is_some() {
        return Ok((state, luggage));
    }
    let (state, luggage) = read(refs)?;
    put(*cache, key, &state);
    Ok((state, luggage))
}

/// Puts the snapshot of this key into a state that holds no tasks and edges yet. `None` if there is
/// no snapshot or anything is odd about it: the state is worthless then.
fn get(cache: &dyn Cache, key: &Key, state: &mut State) -> Option<()> {
    let mut from = cache.get(&key.name)?;
    let mut line = vec![0; key.line.len()];
    from.read_exact(&mut line).ok()?;
    if line != key.line.as_bytes() {
        return None;
    }
    let mut deps = Vec::new();
    let mut items = 0;
    let mut block = Vec::new();
    loop {
        let length = usize::try_from(u32::from_le_bytes(array(&mut from)?)).ok()?;
        let number = u64::from_le_bytes(array(&mut from)?);
        if length == 0 {
            state.deps = deps.into_iter().collect();
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
        items += take(&block, state, &mut deps)?;
    }
}

fn array<const N: usize>(from: &mut dyn Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// Takes in one block; gives the number of its items.
fn take(block: &[u8], state: &mut State, deps: &mut Vec<(DepKey, Reg<bool>)>) -> Option<u64> {
    let mut bytes = Bytes(block);
    let kind = u8::unpack(&mut bytes)?;
    let mut items = 0;
    while !bytes.0.is_empty() {
        match kind {
            TASKS => {
                let (uid, task) = task::unpack(&mut bytes)?;
                state.restore_task(uid, Box::new(task));
            }
            DEPS => deps.push(Pack::unpack(&mut bytes)?),
            _ => return None,
        }
        items += 1;
    }
    Some(items)
}

/// Keeps the tasks and edges of a state that was read from the checkpoint of this key alone.
fn put(cache: &dyn Cache, key: &Key, state: &State) {
    if state.tasks.len() < WORTH_TASKS {
        return;
    }
    let mut out = key.line.clone().into_bytes();
    let mut items = 0u64;
    let mut block = vec![TASKS];
    for (uid, one) in &state.tasks {
        task::pack(*uid, one, &mut block);
        items += 1;
        close(&mut out, &mut block, BLOCK_BYTES, TASKS);
    }
    close(&mut out, &mut block, 2, DEPS);
    block[0] = DEPS;
    for (key, reg) in &state.deps {
        (*key, reg.clone()).pack(&mut block);
        items += 1;
        close(&mut out, &mut block, BLOCK_BYTES, DEPS);
    }
    close(&mut out, &mut block, 2, DEPS);
    out.extend_from_slice(&0u32.to_le_bytes());
    out.extend_from_slice(&items.to_le_bytes());
    cache.put(&key.name, out);
}

/// Closes the block if it has `least` bytes, and begins one of kind `next`.
fn close(out: &mut Vec<u8>, block: &mut Vec<u8>, least: usize, next: u8) {
    let Ok(length) = u32::try_from(block.len()) else {
        return;
    };
    if block.len() >= least {
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&spread(block).to_le_bytes());
        out.extend_from_slice(block);
        block.clear();
        block.push(next);
    }
}
