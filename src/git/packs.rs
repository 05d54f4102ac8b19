//! The packs of an object store, and objects in them.
//!
//! Formats: gitformat-pack(5), packs of version 2 with an index of version 2. Deltas are not read.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::object_store::{Found, Room, Wanted};
use super::zlib::{self, Unpacked};

/// More packs than this are not looked through: a lookup may ask each.
const MOST_PACKS: usize = 32;
/// Of the index: its magic number and version, and behind them a table of how many ids begin with at most
/// each byte.
pub(super) const HEAD: usize = 8;
pub(super) const TABLE: usize = 256 * 4;
pub(super) const ID: usize = 20;
/// Longest header of an object in a pack: its kind and length, 4 and then 7 bits a byte.
const HEADER: usize = 10;

/// The packs in one folder, as they were when it was last looked at.
pub(super) struct Packs {
    folder: PathBuf,
    listed: Mutex<Option<Listed>>,
    /// Neighbours are of an age: where the last object was found is where the next one is.
    last: AtomicUsize,
}

#[derive(Clone)]
struct Listed {
    packs: Arc<[Pack]>,
    /// When the folder was last changed before that.
    changed: Option<SystemTime>,
}

impl Packs {
    pub(super) fn of(folder: PathBuf) -> Self {
        Self {
            folder,
            listed: Mutex::default(),
            last: AtomicUsize::new(0),
        }
    }

    /// Those that are known; they are listed if they never were.
    pub(super) fn known(&self) -> Arc<[Pack]> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let listed = listed.get_or_insert_with(|| self.list());
        Arc::clone(&listed.packs)
    }

    /// Lists them anew if the folder has changed since.
    pub(super) fn newer(&self) -> Option<Arc<[Pack]>> {
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let known = listed.as_ref().map(|listed| listed.changed);
        if known == Some(changed(&self.folder)) {
            return None;
        }
        Some(Arc::clone(&listed.insert(self.list()).packs))
    }

    fn list(&self) -> Listed {
        let changed = changed(&self.folder);
        let entries = fs::read_dir(&self.folder);
        let paths = entries.into_iter().flatten().flatten();
        let indexes: Vec<PathBuf> = paths
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "idx"))
            .collect();
        let few = indexes.len() <= MOST_PACKS;
        let packs = indexes.iter().filter(|_| few);
        Listed {
            packs: packs.filter_map(|path| Pack::open(path)).collect(),
            changed,
        }
    }

    /// What the first pack gives that gives anything; the one that did last is asked first.
    pub(super) fn first_of<T>(
        &self,
        packs: &[Pack],
        mut ask: impl FnMut(&Pack) -> Option<T>,
    ) -> Option<T> {
        let (before, from) = packs.split_at(self.last.load(Ordering::Relaxed).min(packs.len()));
        for (at, pack) in (before.len()..).zip(from).chain((0..).zip(before)) {
            if let Some(found) = ask(pack) {
                self.last.store(at, Ordering::Relaxed);
                return Some(found);
            }
        }
        None
    }
}

fn changed(folder: &Path) -> Option<SystemTime> {
    fs::metadata(folder).and_then(|about| about.modified()).ok()
}

/// One pack with its index.
pub(super) struct Pack {
    index: File,
    packed: File,
    /// How many ids begin with at most this byte.
    upto: Vec<u32>,
    /// Length of the pack without its own checksum.
    end: u64,
}

impl Pack {
    fn open(path: &Path) -> Option<Self> {
        let index = File::open(path).ok()?;
        let packed = File::open(path.with_extension("pack")).ok()?;
        let mut head = vec![0; HEAD + TABLE];
        index.read_exact_at(&mut head, 0).ok()?;
        let table = head.strip_prefix(b"\xfftOc\0\0\0\x02")?;
        let upto: Vec<u32> = table.chunks_exact(4).map(number).collect();
        // For each object its id, a checksum and where it is; at the end two checksums.
        let least = HEAD as u64 + TABLE as u64 + u64::from(*upto.last()?) * (ID as u64 + 8);
        if !upto.is_sorted() || index.metadata().ok()?.len() < least + 2 * ID as u64 {
            return None;
        }
        let mut start = [0; 8];
        packed.read_exact_at(&mut start, 0).ok()?;
        let end = packed.metadata().ok()?.len().checked_sub(ID as u64)?;
        (start == *b"PACK\0\0\0\x02").then_some(Self {
            index,
            packed,
            upto,
            end,
        })
    }

    /// Where the object is in the pack.
    pub(super) fn offset(&self, id: &[u8], names: &mut Vec<u8>) -> Option<u64> {
        let first = usize::from(*id.first()?);
        let before = first.checked_sub(1).map_or(0, |byte| self.upto[byte]);
        let count = self.upto[first].checked_sub(before)?;
        names.resize(usize::try_from(count).ok()? * ID, 0);
        let ids = (HEAD + TABLE) as u64;
        let at = ids + u64::from(before) * ID as u64;
        self.index.read_exact_at(names, at).ok()?;
        let (ids_here, _) = names.as_chunks::<ID>();
        let place = ids_here.binary_search_by(|name| name[..].cmp(id)).ok()?;
        let place = u64::from(before) + u64::try_from(place).ok()?;
        // Behind the ids are checksums of 4 bytes, then offsets of 4.
        let all = u64::from(*self.upto.last()?);
        let mut offset = [0; 4];
        let at = ids + all * (ID as u64 + 4) + place * 4;
        self.index.read_exact_at(&mut offset, at).ok()?;
        let offset = u32::from_be_bytes(offset);
        // The topmost bit means that it stands elsewhere, in 8 bytes.
        (offset >> 31 == 0).then_some(u64::from(offset))
    }

    /// Reads the object that begins at `offset`; `None` if it is of another kind or too long.
    pub(super) fn read(
        &self,
        offset: u64,
        wanted: Wanted,
        room: &mut Room,
    ) -> Result<Option<Found>, ()> {
        let rest = self.end.checked_sub(offset).ok_or(())?;
        let rest = usize::try_from(rest).map_err(|_| ())?;
        let mut header = [0; HEADER];
        let header = &mut header[..HEADER.min(rest)];
        self.packed.read_exact_at(header, offset).map_err(|_| ())?;
        let (said, length, header) = kind_and_length(header).ok_or(())?;
        if said != wanted.kind as u8 || length > wanted.most {
            return Ok(None);
        }
        let offset = offset + u64::try_from(header).map_err(|_| ())?;
        let rest = rest - header;
        room.bytes.resize(length, 0);
        // How long the stream is stands nowhere. Text takes less than half; what does not shrink at all
        // takes a thousandth more, and an eighth more from whoever compresses badly.
        let guesses = [length / 2, length + length / 1_000, length * 2];
        for guess in guesses.map(|guess| guess + 64) {
            room.stream.resize(guess.min(rest), 0);
            self.packed
                .read_exact_at(&mut room.stream, offset)
                .map_err(|_| ())?;
            // A stream that was cut off may come to anything.
            let unpacked = zlib::unpack(&mut room.bytes, &room.stream);
            if matches!(unpacked, Unpacked::Whole(filled) if filled == length) {
                return Ok(Some(0..length));
            }
        }
        Err(())
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

/// Kind and length of an object, and the length of this header.
fn kind_and_length(header: &[u8]) -> Option<(u8, usize, usize)> {
    let first = *header.first()?;
    let mut length = usize::from(first & 0x0f);
    let mut last = first;
    let mut at = 1;
    while last & 0x80 != 0 {
        last = *header.get(at)?;
        let shift = u32::try_from(at - 1).ok()? * 7 + 4;
        let bits = usize::from(last & 0x7f);
        if bits.leading_zeros() < shift {
            return None;
        }
        length |= bits << shift;
        at += 1;
    }
    Some((first >> 4 & 7, length, at))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// As gitformat-pack(5) writes kind and length.
    fn written(kind: u8, length: usize) -> Vec<u8> {
        let low = |number: usize, mask: usize| u8::try_from(number & mask).unwrap();
        let mut bytes = vec![kind << 4 | low(length, 0x0f)];
        let mut rest = length >> 4;
        while rest > 0 {
            *bytes.last_mut().unwrap() |= 0x80;
            bytes.push(low(rest, 0x7f));
            rest >>= 7;
        }
        bytes
    }

    proptest! {
        #[test]
        fn kind_and_length_are_read_as_git_writes_them(kind in 1_u8..8, length: usize) {
            let header = written(kind, length);
            prop_assert_eq!(kind_and_length(&header), Some((kind, length, header.len())));
            // Cut off it is nothing.
            prop_assert_eq!(kind_and_length(&header[..header.len() - 1]), None);
        }

        #[test]
        fn whatever_the_bytes_are_nothing_panics(bytes in vec(any::<u8>(), 0..80)) {
            let _ = kind_and_length(&bytes);
        }
    }
}
