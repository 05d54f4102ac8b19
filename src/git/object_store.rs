//! The objects of a repository, read without libgit2: zlib's share of reading them through it was a third,
//! and a loose object whose end is missing keeps libgit2 busy for ever.
//!
//! Formats: gitformat-pack(5), packs of version 2 with an index of version 2; gitformat-loose(5);
//! trees and commits as git-mktree(1) and git-commit-tree(1) make them. Whatever is not a whole object there (a
//! delta, one from another store, a pack that has gone) is not found here, and libgit2 is asked. As by
//! libgit2 here, an object's checksum is looked at and its name is not hashed again.

use std::fmt;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use git2::Oid;

use super::zlib::{self, Unpacked};

/// More packs than this are not looked through: a lookup may ask each.
const MOST_PACKS: usize = 16;
/// Of the index: its magic number and version, and behind them a table of how many ids begin with at most
/// each byte.
const HEAD: usize = 8;
const TABLE: usize = 256 * 4;
const ID: usize = 20;
/// Longest header of an object in a pack: its kind and length, 4 and then 7 bits a byte.
const HEADER: usize = 10;
/// Longest header of a loose object: its kind, a space, its length, a zero.
const LOOSE_HEADER: usize = 32;
/// Most loose objects of a state are shorter than this. It is said only inside how long they are.
const GUESS: usize = 64 << 10;

/// What an object is; the number is that of packs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Commit = 1,
    Tree = 2,
    Blob = 3,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
        }
    }
}

/// An object is there, and not whole.
#[derive(Debug)]
pub(super) struct Damaged {
    id: Oid,
    place: &'static str,
}

impl fmt::Display for Damaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, place } = self;
        write!(f, "the {place} object {id} is damaged")
    }
}

/// One object store. Its packs are those that it had when one was first asked for.
pub(super) struct ObjectStore {
    objects: PathBuf,
    packs: OnceLock<Vec<Pack>>,
    /// Neighbours are of an age: where the last one was found is where the next one is.
    in_packs: AtomicBool,
}

struct Pack {
    index: File,
    packed: File,
    /// How many ids begin with at most this byte.
    upto: Vec<u32>,
    /// Length of the pack without its own checksum.
    end: u64,
}

/// Memory that is used again for each object.
#[derive(Default)]
pub(super) struct Room {
    names: Vec<u8>,
    stream: Vec<u8>,
    bytes: Vec<u8>,
}

/// An object that is looked for: of this kind, and of at most so many bytes.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    id: Oid,
    kind: Kind,
    most: usize,
}

impl Wanted {
    const fn damaged(self, place: &'static str) -> Damaged {
        Damaged { id: self.id, place }
    }
}

/// Where the bytes of an object are in [`Room::bytes`].
type Found = std::ops::Range<usize>;

impl ObjectStore {
    /// Of the git dir `common`. What cannot be read is left to libgit2.
    pub(super) fn of(common: &Path) -> Self {
        Self {
            objects: common.join("objects"),
            packs: OnceLock::new(),
            in_packs: AtomicBool::new(false),
        }
    }

    /// The bytes of an object of this kind and of at most `most` bytes, if it is found.
    pub(super) fn read<'room>(
        &self,
        id: Oid,
        kind: Kind,
        most: usize,
        room: &'room mut Room,
    ) -> Result<Option<&'room [u8]>, Damaged> {
        let wanted = Wanted { id, kind, most };
        let packs_first = self.in_packs.load(Ordering::Relaxed);
        for packed in [packs_first, !packs_first] {
            let found = if packed {
                self.packed(wanted, room)?
            } else {
                self.loose(wanted, room)?
            };
            if let Some(place) = found {
                self.in_packs.store(packed, Ordering::Relaxed);
                return Ok(Some(&room.bytes[place]));
            }
        }
        Ok(None)
    }

    fn packs(&self) -> &[Pack] {
        self.packs.get_or_init(|| {
            let entries = fs::read_dir(self.objects.join("pack"));
            let paths = entries.into_iter().flatten().flatten();
            let indexes: Vec<PathBuf> = paths
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "idx"))
                .collect();
            let few = indexes.len() <= MOST_PACKS;
            let packs = indexes.iter().filter(|_| few);
            packs.filter_map(|path| Pack::open(path)).collect()
        })
    }

    fn packed(&self, wanted: Wanted, room: &mut Room) -> Result<Option<Found>, Damaged> {
        for pack in self.packs() {
            if let Some(offset) = pack.offset(wanted.id.as_bytes(), &mut room.names) {
                let found = pack.read(offset, wanted, room);
                return found.map_err(|()| wanted.damaged("packed"));
            }
        }
        Ok(None)
    }

    fn loose(&self, wanted: Wanted, room: &mut Room) -> Result<Option<Found>, Damaged> {
        let damaged = wanted.damaged("loose");
        let name = wanted.id.to_string();
        let path = self.objects.join(&name[..2]).join(&name[2..]);
        let read = || -> std::io::Result<()> {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            let length = usize::try_from(length).map_err(std::io::Error::other)?;
            room.stream.resize(length, 0);
            file.read_exact_at(&mut room.stream, 0)
        };
        if read().is_err() {
            // It is not here, or libgit2 says why it cannot be read.
            return Ok(None);
        }
        let enough = wanted.most.saturating_add(LOOSE_HEADER);
        let mut length = GUESS.min(enough);
        let filled = loop {
            room.bytes.resize(length, 0);
            match zlib::unpack(&mut room.bytes, &room.stream) {
                Unpacked::Whole(filled) => break filled,
                Unpacked::TooLong if length < enough => length = (length * 4).min(enough),
                Unpacked::TooLong => return Ok(None),
                Unpacked::Damaged => return Err(damaged),
            }
        };
        let Some((said, from)) = header(&room.bytes[..filled]) else {
            return Err(damaged);
        };
        if said.bytes != filled - from {
            return Err(damaged);
        }
        let fits = said.kind == wanted.kind.name().as_bytes() && said.bytes <= wanted.most;
        Ok(fits.then_some(from..filled))
    }
}

/// What a loose object says of itself.
struct Said<'a> {
    kind: &'a [u8],
    bytes: usize,
}

/// The header of a loose object, and its length.
fn header(bytes: &[u8]) -> Option<(Said<'_>, usize)> {
    let end = bytes.iter().take(LOOSE_HEADER).position(|b| *b == 0)?;
    let space = bytes[..end].iter().position(|b| *b == b' ')?;
    let digits = std::str::from_utf8(&bytes[space + 1..end]).ok()?;
    let said = Said {
        kind: &bytes[..space],
        bytes: digits.parse().ok()?,
    };
    Some((said, end + 1))
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
    fn offset(&self, id: &[u8], names: &mut Vec<u8>) -> Option<u64> {
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
    fn read(&self, offset: u64, wanted: Wanted, room: &mut Room) -> Result<Option<Found>, ()> {
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

/// One entry of a tree: mode, name, id.
pub(super) type TreeItem<'a> = (u32, &'a [u8], Oid);

/// The entries of a tree; ends with `None` where it is no tree.
pub(super) fn tree_items(bytes: &[u8]) -> impl Iterator<Item = Option<TreeItem<'_>>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let item = tree_item(&mut rest);
        if item.is_none() {
            rest = &[];
        }
        Some(item)
    })
}

/// Takes the octal mode, a space, the name, a zero and the id.
fn tree_item<'a>(rest: &mut &'a [u8]) -> Option<TreeItem<'a>> {
    let space = rest.iter().take(8).position(|byte| *byte == b' ')?;
    let digits = std::str::from_utf8(&rest[..space]).ok()?;
    let mode = u32::from_str_radix(digits, 8).ok()?;
    let behind = &rest[space + 1..];
    let zero = memchr::memchr(0, behind)?;
    let (name, behind) = (&behind[..zero], &behind[zero + 1..]);
    let (id, behind) = behind.split_at_checked(ID)?;
    *rest = behind;
    Some((mode, name, Oid::from_bytes(id).ok()?))
}

/// The tree of a commit.
pub(super) fn tree_of_commit(bytes: &[u8]) -> Option<Oid> {
    let digits = bytes.strip_prefix(b"tree ")?.get(..2 * ID)?;
    Oid::from_str(std::str::from_utf8(digits).ok()?).ok()
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
        fn a_tree_has_the_entries_that_were_written(
            names in vec("[^/\0]{1,20}", 0..20),
            cut in 0_usize..40,
        ) {
            let id = |n: usize| [u8::try_from(n).unwrap(); ID];
            let mut bytes = Vec::new();
            for (n, name) in names.iter().enumerate() {
                bytes.extend_from_slice(b"100644 ");
                bytes.extend_from_slice(name.as_bytes());
                bytes.push(0);
                bytes.extend_from_slice(&id(n));
            }
            let items: Option<Vec<TreeItem<'_>>> = tree_items(&bytes).collect();
            let wanted = names.iter().enumerate();
            let wanted: Vec<TreeItem<'_>> = wanted
                .map(|(n, name)| (0o100_644, name.as_bytes(), Oid::from_bytes(&id(n)).unwrap()))
                .collect();
            prop_assert_eq!(items, Some(wanted));
            let cut = cut.min(bytes.len());
            let items: Option<Vec<TreeItem<'_>>> = tree_items(&bytes[..bytes.len() - cut]).collect();
            prop_assert!(items.is_none_or(|items| cut == 0 || items.len() < names.len()));
        }

        #[test]
        fn whatever_the_bytes_are_nothing_panics(bytes in vec(any::<u8>(), 0..80)) {
            let _ = kind_and_length(&bytes);
            let _ = header(&bytes);
            let _ = tree_of_commit(&bytes);
            let _ = tree_items(&bytes).count();
        }
    }
}
