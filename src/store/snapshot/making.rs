//! A snapshot in the making: each thread that reads files of a checkpoint packs what it has just
//! parsed, while that is at hand.

use std::sync::{Mutex, PoisonError};

use crate::domain::ids::TaskUid;
use crate::domain::task::Task;
use crate::ports::state_repo::Cache;
use crate::store::checkpoint::{DepRow, Part};
use crate::store::fingerprint::spread;
use crate::store::snapshot::pack::Pack as _;
use crate::store::snapshot::{BODIES, Bodies, DEPS, HEADER, Key, PARTS, REST, TASKS, task};
use crate::store::texts::{Rest, Texts, base_of, written};

/// A block is closed when it is at least this long.
const BLOCK_BYTES: usize = 128 * 1024;
/// Below this many tasks the checkpoint itself is read as fast.
const WORTH_TASKS: usize = 200;

/// A snapshot to which tasks and edges come file by file.
pub(crate) struct Making {
    /// False for the part alone that lists read.
    whole: bool,
    /// Where threads pack; there are never more than threads.
    desks: Mutex<Vec<Parts>>,
    /// What was made of each file, by its place among them.
    made: Mutex<Vec<(usize, Made)>>,
}

impl Making {
    /// An empty one.
    pub(super) const fn new(bodies: Bodies) -> Self {
        let whole = !matches!(bodies, Bodies::OnlyRows);
        Self {
            whole,
            desks: Mutex::new(Vec::new()),
            made: Mutex::new(Vec::new()),
        }
    }

    /// Adds what the file at this place held.
    pub(crate) fn add(&self, place: usize, part: &Part) {
        let desks = || self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = desks().pop().unwrap_or_default();
        match part {
            Part::Tasks(tasks) => tasks
                .iter()
                .for_each(|(uid, one)| parts.task(*uid, one, self.whole)),
            Part::Texts(texts) if self.whole => {
                texts.iter().for_each(|(uid, one)| parts.texts(*uid, one));
            }
            Part::Deps(deps) => deps.iter().for_each(|row| parts.dep(row)),
            _ => {}
        }
        let made = parts.take();
        desks().push(parts);
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((place, made));
    }

    /// Keeps it, if it is worth keeping. Files are in the order of their tasks, and so are blocks: who
    /// reads them need not sort.
    pub(super) fn put(self, cache: &dyn Cache, key: &Key) {
        let mut made = self
            .made
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if made.iter().map(|(_, made)| made.tasks).sum::<usize>() < WORTH_TASKS {
            return;
        }
        made.sort_unstable_by_key(|(place, _)| *place);
        let (mut rows, mut pinned) = (Vec::new(), Vec::new());
        let (mut rest, mut bodies) = (Vec::new(), Vec::new());
        for (_, made) in made {
            rows.push(made.rows);
            pinned.push(made.pinned);
            rest.push(made.rest);
            bodies.push(made.bodies);
        }
        rows.append(&mut pinned);
        let parts = match self.whole {
            true => vec![rows, rest, bodies],
            false => vec![rows],
        };
        let mut pieces = Vec::new();
        let mut lengths = [0; PARTS];
        for (part, length) in parts.into_iter().zip(&mut lengths) {
            let before = pieces.len();
            end(&mut pieces, part);
            *length = pieces[before..]
                .iter()
                .map(|piece| piece.len() as u64)
                .sum();
        }
        let lengths = lengths.map(u64::to_le_bytes);
        let head = [key.line.as_bytes(), lengths.as_flattened()].concat();
        pieces.insert(0, head);
        cache.put(&key.name, pieces);
    }
}

/// Adds the blocks of one part, and its end.
fn end(pieces: &mut Vec<Vec<u8>>, part: Vec<Closed>) {
    let mut items: u64 = 0;
    for mut file in part {
        items += file.items;
        pieces.append(&mut file.blocks);
    }
    pieces.push([&0u32.to_le_bytes()[..], &items.to_le_bytes()].concat());
}

/// What one file gave.
struct Made {
    tasks: usize,
    rows: Closed,
    pinned: Closed,
    rest: Closed,
    bodies: Closed,
}

/// The three parts, as far as one file goes into them; the first in two lists, as blocks are of one
/// kind.
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
            let body = written(&one.body, base_of(one));
            task::pack_body(uid, &body, part.item(BODIES));
        }
        if let Some(rest) = whole.then(|| Rest::of(one)).flatten() {
            task::pack_rest(uid, &rest, self.rest.item(REST));
        }
    }

    fn texts(&mut self, uid: TaskUid, texts: &Texts) {
        if texts.body.is_some() {
            task::pack_body(uid, &texts.body, self.bodies.item(BODIES));
        }
        if !texts.rest.is_empty() {
            task::pack_rest(uid, &texts.rest, self.rest.item(REST));
        }
    }

    fn dep(&mut self, row: &DepRow) {
        row.edge().pack(self.rows.item(DEPS));
    }

    /// What was packed, and room for the next file.
    fn take(&mut self) -> Made {
        Made {
            tasks: std::mem::take(&mut self.tasks),
            rows: self.rows.take(),
            pinned: self.pinned.take(),
            rest: self.rest.take(),
            bodies: self.bodies.take(),
        }
    }
}

/// Blocks as they stand in the snapshot, and how many items they have.
#[derive(Default)]
struct Closed {
    blocks: Vec<Vec<u8>>,
    items: u64,
}

/// Blocks of one part.
#[derive(Default)]
struct Blocks {
    closed: Closed,
    /// Room for the header, then the kind, then items. It stays where it is, as most blocks are far
    /// shorter than the longest.
    open: Vec<u8>,
}

impl Blocks {
    /// Where the next item of this kind is to be written.
    fn item(&mut self, kind: u8) -> &mut Vec<u8> {
        if self.open.len() >= BLOCK_BYTES || self.open.get(HEADER).is_some_and(|old| *old != kind) {
            self.close();
        }
        if self.open.is_empty() {
            self.open.resize(HEADER, 0);
            self.open.push(kind);
        }
        self.closed.items += 1;
        &mut self.open
    }

    fn close(&mut self) {
        // A block that is too long for its length is not read back: the count is wrong then.
        if let Some((header, items)) = self.open.split_at_mut_checked(HEADER)
            && let Ok(length) = u32::try_from(items.len())
        {
            header[..4].copy_from_slice(&length.to_le_bytes());
            header[4..].copy_from_slice(&spread(items).to_le_bytes());
            self.closed.blocks.push(self.open.clone());
        }
        self.open.clear();
    }

    fn take(&mut self) -> Closed {
        self.close();
        std::mem::take(&mut self.closed)
    }
}
