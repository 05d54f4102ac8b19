//! A snapshot in the making: each thread that reads files of a checkpoint packs what it has just
//! parsed, while that is at hand.

use std::sync::{Mutex, PoisonError};

use crate::domain::ids::TaskUid;
use crate::domain::task::Task;
use crate::ports::state_repo::Cache;
use crate::store::checkpoint::{DepRow, Part};
use crate::store::fingerprint::spread;
use crate::store::snapshot::pack::{Pack as _, pack_near};
use crate::store::snapshot::{BODIES, Bodies, DEPS, Key, REST, TASKS, task};

/// A block is closed when it is at least this long.
const BLOCK_BYTES: usize = 128 * 1024;
/// Below this many tasks the checkpoint itself is read as fast.
const WORTH_TASKS: usize = 200;

/// A snapshot to which tasks and edges come file by file.
pub(crate) struct Making {
    /// False for the part alone that lists read.
    whole: bool,
    /// What no thread is writing to; there are never more than threads.
    packs: Mutex<Vec<Parts>>,
}

impl Making {
    /// An empty one.
    pub(super) const fn new(bodies: Bodies) -> Self {
        let whole = !matches!(bodies, Bodies::OnlyRows);
        let packs = Mutex::new(Vec::new());
        Self { whole, packs }
    }

    /// Adds what a file held.
    pub(crate) fn add(&self, part: &Part) {
        let (tasks, deps): (&[_], &[_]) = match part {
            Part::Tasks(tasks) => (tasks, &[]),
            Part::Deps(deps) => (&[], deps),
            _ => return,
        };
        let idle = || self.packs.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = idle().pop().unwrap_or_default();
        tasks
            .iter()
            .for_each(|(uid, one)| parts.task(*uid, one, self.whole));
        deps.iter().for_each(|row| parts.dep(row));
        idle().push(parts);
    }

    /// Keeps it, if it is worth keeping.
    pub(super) fn put(self, cache: &dyn Cache, key: &Key) {
        let packs = self
            .packs
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if packs.iter().map(|parts| parts.tasks).sum::<usize>() < WORTH_TASKS {
            return;
        }
        let (mut rows, mut rest, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        for parts in packs {
            rows.extend([parts.rows, parts.pinned]);
            rest.push(parts.rest);
            bodies.push(parts.bodies);
        }
        let mut pieces = vec![key.line.as_bytes().to_vec()];
        end(&mut pieces, rows);
        if self.whole {
            end(&mut pieces, rest);
            end(&mut pieces, bodies);
        }
        cache.put(&key.name, pieces);
    }
}

/// Adds the blocks of one part, and its end.
fn end(pieces: &mut Vec<Vec<u8>>, parts: Vec<Blocks>) {
    let mut items: u64 = 0;
    for mut part in parts {
        part.close();
        items += part.items;
        pieces.append(&mut part.closed);
    }
    pieces.push([&0u32.to_le_bytes()[..], &items.to_le_bytes()].concat());
}

/// The three parts, as far as one thread made them; the first in two lists, as blocks are of one kind.
#[derive(Default)]
struct Parts {
    tasks: usize,
    rows: Blocks,
    pinned: Blocks,
    rest: Blocks,
    bodies: Blocks,
}

impl Parts {
    fn task(&mut self, uid: TaskUid, one: &Task, whole: bool) {
        self.tasks += 1;
        task::pack(uid, one, self.rows.item(TASKS));
        let pinned = one.details.admitted_sha256.is_written();
        if one.body.is_written() && (whole || pinned) {
            let part = if pinned {
                &mut self.pinned
            } else {
                &mut self.bodies
            };
            let block = part.item(BODIES);
            uid.pack(block);
            pack_near(&one.body, task::base_of(one), block);
        }
        if whole && task::has_rest(&one.details) {
            task::pack_rest(uid, &one.details, self.rest.item(REST));
        }
    }

    fn dep(&mut self, row: &DepRow) {
        row.edge().pack(self.rows.item(DEPS));
    }
}

/// Length and fingerprint, in front of a block.
const HEADER: usize = 4 + 8;

/// Blocks of one part.
#[derive(Default)]
struct Blocks {
    /// As they stand in the file.
    closed: Vec<Vec<u8>>,
    /// Room for the header, then the kind, then items.
    open: Vec<u8>,
    items: u64,
}

impl Blocks {
    /// Where the next item of this kind is to be written.
    fn item(&mut self, kind: u8) -> &mut Vec<u8> {
        if self.open.len() >= BLOCK_BYTES || self.open.get(HEADER).is_some_and(|old| *old != kind) {
            self.close();
        }
        if self.open.is_empty() {
            self.open.reserve(BLOCK_BYTES + BLOCK_BYTES / 16);
            self.open.resize(HEADER, 0);
            self.open.push(kind);
        }
        self.items += 1;
        &mut self.open
    }

    fn close(&mut self) {
        let mut block = std::mem::take(&mut self.open);
        // A block that is too long for its length is not read back: the count is wrong then.
        if let Some((header, items)) = block.split_at_mut_checked(HEADER)
            && let Ok(length) = u32::try_from(items.len())
        {
            header[..4].copy_from_slice(&length.to_le_bytes());
            header[4..].copy_from_slice(&spread(items).to_le_bytes());
            self.closed.push(block);
        }
    }
}
