//! Reading a snapshot: block by block, and on two threads where there are many.

use std::io::Read;
use std::sync::{Mutex, PoisonError};

use crate::domain::halves::side_by_side;
use crate::domain::ids::TaskUid;
use crate::domain::register::Reg;
use crate::domain::state::{DepKey, State};
use crate::domain::task::Task;
use crate::ports::state_repo::Cache;
use crate::store::fingerprint::spread;
use crate::store::snapshot::pack::{Bytes, Pack};
use crate::store::snapshot::{BODIES, DEPS, HEADER, REST, TASKS, task};
use crate::store::texts::{Rest, Written, base_of, install_body};

/// A longer block is not believed.
const BLOCK_MAX: usize = 64 << 20;
/// What an edge takes in a block.
const DEP_BYTES: usize = 56;
/// A part of so many bytes is worth a second thread.
const LARGE: u64 = 512 << 10;

/// A snapshot that is being read.
pub(super) struct Taking<'a> {
    cache: &'a dyn Cache,
    feed: Mutex<Feed>,
}

impl<'a> Taking<'a> {
    /// What is to be read of `from`, about `length` bytes.
    pub(super) fn new(cache: &'a dyn Cache, from: Box<dyn Read + Send>, length: u64) -> Self {
        // The lists and lookups of what both threads read are made on the first.
        cache.prepare(length);
        let feed = Mutex::new(Feed {
            from,
            blocks: 0,
            end: None,
        });
        Self { cache, feed }
    }

    /// Takes in the blocks up to an end, of about `length` bytes. `None` if anything is odd about them.
    pub(super) fn part(&mut self, length: u64, state: &mut State) -> Option<()> {
        let mut found = if length < LARGE {
            self.blocks()?
        } else {
            let (mine, theirs) = side_by_side(
                || self.blocks(),
                || {
                    self.cache.prepare(length / 2);
                    self.blocks()
                },
            );
            let mut found = mine?;
            found.extend(theirs?);
            found.sort_by_key(|one| one.at);
            found
        };
        let feed = self.feed.get_mut().unwrap_or_else(PoisonError::into_inner);
        let items = found.iter().map(|one| one.items).sum();
        if feed.end.take() != Some(items) {
            return None;
        }
        install(&mut found, state)
    }

    /// The blocks that are left, as far as nobody else takes them.
    fn blocks(&self) -> Option<Vec<Found>> {
        let mut all = Vec::new();
        let mut block = Vec::new();
        loop {
            let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
            let next = feed.next(&mut block);
            drop(feed);
            let Some((at, sum)) = next? else {
                return Some(all);
            };
            if spread(&block) != sum {
                return None;
            }
            all.push(take(at, &block)?);
        }
    }
}

/// What is left to read.
struct Feed {
    from: Box<dyn Read + Send>,
    blocks: usize,
    /// Number of items of the part, once its end was seen.
    end: Option<u64>,
}

impl Feed {
    /// Reads one block: its place and fingerprint. The inner `None` is the end of the part.
    fn next(&mut self, block: &mut Vec<u8>) -> Option<Option<(usize, u64)>> {
        if self.end.is_some() {
            return Some(None);
        }
        let header: [u8; HEADER] = self.array()?;
        let (length, number) = header.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let number = u64::from_le_bytes(number.try_into().ok()?);
        if length == 0 {
            self.end = Some(number);
            return Some(None);
        }
        if length > BLOCK_MAX {
            return None;
        }
        block.resize(length, 0);
        self.from.read_exact(block).ok()?;
        self.blocks += 1;
        Some(Some((self.blocks, number)))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        self.from.read_exact(&mut bytes).ok()?;
        Some(bytes)
    }
}

/// What a block holds.
#[derive(Default)]
struct Found {
    /// Place of the block.
    at: usize,
    items: u64,
    tasks: Vec<(TaskUid, Box<Task>)>,
    deps: Vec<(DepKey, Reg<bool>)>,
    rest: Vec<(TaskUid, Rest)>,
    bodies: Vec<(TaskUid, Written<String>)>,
}

/// Takes in one block.
fn take(at: usize, block: &[u8]) -> Option<Found> {
    let mut bytes = Bytes(block);
    let kind = u8::unpack(&mut bytes)?;
    let mut found = Found {
        at,
        ..Found::default()
    };
    if kind == DEPS {
        // Edges are many and lie in the list itself: one that grows would be copied again and again.
        found.deps.reserve(block.len() / DEP_BYTES + 1);
    }
    while !bytes.0.is_empty() {
        match kind {
            TASKS => found.tasks.push(task::unpack(&mut bytes)?),
            REST => found.rest.push(task::unpack_rest(&mut bytes)?),
            BODIES => found.bodies.push(task::unpack_body(&mut bytes)?),
            DEPS => found.deps.push(Pack::unpack(&mut bytes)?),
            _ => return None,
        }
        found.items += 1;
    }
    Some(found)
}

/// Puts what the blocks of a part held into a state.
fn install(found: &mut [Found], state: &mut State) -> Option<()> {
    let mut tasks = Vec::with_capacity(found.iter().map(|one| one.tasks.len()).sum());
    let mut deps = Vec::with_capacity(found.iter().map(|one| one.deps.len()).sum());
    for one in &mut *found {
        tasks.append(&mut one.tasks);
        deps.append(&mut one.deps);
    }
    state.restore_tasks(tasks);
    state.restore_deps(deps);
    for one in found {
        for (uid, rest) in std::mem::take(&mut one.rest) {
            let base = base_of(state.tasks.get(&uid)?);
            rest.install(uid, base, state);
        }
        for (uid, body) in std::mem::take(&mut one.bodies) {
            let base = base_of(state.tasks.get(&uid)?);
            install_body(body, uid, base, state);
        }
    }
    Some(())
}
