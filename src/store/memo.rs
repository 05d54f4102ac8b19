//! What readings of one process have in common.
//!
//! A tick reads the state again before each of its publishes, and between two readings the log grows
//! by a few lines. Parsing is a pure function of bytes, so what was parsed of a file is used again for
//! a file of the same identity, and of a segment that has grown only the new lines are parsed.
//! Nothing of it outlives the process, and nothing is right because of it: a reading with a memo is
//! the reading without one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::TaskNumber;
use crate::domain::state::State;
use crate::domain::time::Hlc;
use crate::store::checkpoint::{FileRef, Header, Luggage, Wanted};
use crate::store::log::{Covered, Part, Segment};

/// Most segments that are remembered; a tail that is checkpointed in time has a few.
const SEGMENTS: usize = 256;
/// A checkpoint of more bytes is not kept: two of it at once would be felt.
const ROWS_BYTES: u64 = 256 * 1024;

/// Parsed parts of the state, for the next reading by this process.
#[derive(Debug, Default)]
pub struct Memo(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    segments: BTreeMap<String, Arc<Part>>,
    rows: Option<(RowsOf, State, Luggage)>,
    header: Option<(Vec<u8>, Header)>,
}

/// What rows were read from: files by length and fingerprint, and what the header says besides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RowsOf {
    files: Vec<(String, FileRef)>,
    /// Of these alone, unless of all.
    numbers: Option<Vec<TaskNumber>>,
    clock: Hlc,
    max_number: u32,
}

impl RowsOf {
    /// `None` if they are not worth to be kept, or too many.
    pub(crate) fn new(
        refs: &[(&str, &FileRef)],
        wanted: Wanted<'_>,
        clock: Hlc,
        max_number: u32,
    ) -> Option<Self> {
        let numbers = match wanted {
            Wanted::All => None,
            Wanted::Numbers(numbers) => Some(numbers.to_vec()),
            Wanted::Lists => return None,
        };
        let bytes: u64 = refs.iter().map(|(_, file)| file.bytes).sum();
        (1..=ROWS_BYTES).contains(&bytes).then(|| Self {
            numbers,
            files: refs
                .iter()
                .map(|(table, file)| ((*table).to_owned(), (*file).clone()))
                .collect(),
            clock,
            max_number,
        })
    }
}

impl Memo {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was parsed of exactly this.
    pub(crate) fn same(&self, segment: &Segment, covered: &Covered) -> Option<Arc<Part>> {
        let known = self.known();
        let part = known.segments.get(&segment.path)?;
        (part.seen.id == segment.id && part.covered == *covered).then(|| Arc::clone(part))
    }

    /// What was parsed of this file when it was another.
    pub(crate) fn before(&self, segment: &Segment) -> Option<Arc<Part>> {
        self.known().segments.get(&segment.path).map(Arc::clone)
    }

    pub(crate) fn keep(&self, path: &str, part: &Arc<Part>) {
        let mut known = self.known();
        if known.segments.len() >= SEGMENTS {
            known.segments.clear();
        }
        known.segments.insert(path.to_owned(), Arc::clone(part));
    }

    /// The header that these bytes are.
    pub(crate) fn header(&self, bytes: &[u8]) -> Option<Header> {
        let known = self.known();
        let (_, header) = known.header.as_ref().filter(|(known, _)| known == bytes)?;
        Some(header.clone())
    }

    pub(crate) fn keep_header(&self, bytes: Vec<u8>, header: &Header) {
        if bytes.len() as u64 <= ROWS_BYTES {
            self.known().header = Some((bytes, header.clone()));
        }
    }

    /// The rows of these files.
    pub(crate) fn rows(&self, of: &RowsOf) -> Option<(State, Luggage)> {
        let known = self.known();
        let (_, state, luggage) = known.rows.as_ref().filter(|(known, ..)| known == of)?;
        Some((state.clone(), luggage.clone()))
    }

    pub(crate) fn keep_rows(&self, of: RowsOf, state: &State, luggage: &Luggage) {
        self.known().rows = Some((of, state.clone(), luggage.clone()));
    }
}
