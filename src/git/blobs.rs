//! Blobs read straight from the object store: zlib's share of reading them through libgit2 was a third.
//!
//! Formats: gitformat-pack(5), packs of version 2 with an index of version 2; gitformat-loose(5).
//! Whatever is not a whole blob there (a delta, one from another store, a pack that has gone) is not
//! found here, and libgit2 is asked. As by libgit2 here, a blob's checksum is looked at and its name is
//! not hashed again.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use git2::Oid;

use super::zlib::{self, Unpacked};

/// More packs than this are not looked through: a lookup may ask each.
const MOST_PACKS: usize = 16;
/// Of the index: its magic number and version, and behind them a table of how many ids begin with at most
/// each byte.
const HEAD: usize = 8;
const TABLE: usize = 256 * 4;
const ID: usize = 20;
/// Longest header of an object: its kind and length, 4 and then 7 bits a byte.
const HEADER: usize = 10;
const BLOB: u8 = 3;

/// Of a loose blob: its kind, a space, its length, a zero.
const LOOSE: &[u8] = b"blob ";
/// Most loose blobs of a state are shorter than this. It is said only inside how long they are.
const GUESS: usize = 64 << 10;

/// One object store. Its packs are those that it had when this was made.
pub(super) struct Blobs {
    objects: PathBuf,
    packs: Vec<Pack>,
}

struct Pack {
    index: File,
    packed: File,
    /// How many ids begin with at most this byte.
    upto: Vec<u32>,
    /// Length of the pack without its own checksum.
    end: u64,
}

/// Memory that is used again for each blob.
#[derive(Default)]
pub(super) struct Room {
    names: Vec<u8>,
    stream: Vec<u8>,
    bytes: Vec<u8>,
}

impl Blobs {
    /// Of the git dir `common`. What cannot be read is left to libgit2.
    pub(super) fn of(common: &Path) -> Self {
        let objects = common.join("objects");
        let entries = fs::read_dir(objects.join("pack"));
        let paths = entries.into_iter().flatten().flatten();
        let indexes: Vec<PathBuf> = paths
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "idx"))
            .collect();
        let few = indexes.len() <= MOST_PACKS;
        let packs = indexes.iter().filter(|_| few);
        Self {
            packs: packs.filter_map(|path| Pack::open(path)).collect(),
            objects,
        }
    }

    /// Gives the bytes of a blob of at most `most` bytes, if it is found.
    pub(super) fn read<'room>(
        &self,
        id: Oid,
        most: usize,
        room: &'room mut Room,
    ) -> Option<&'room [u8]> {
        for pack in &self.packs {
            if let Some(offset) = pack.offset(id.as_bytes(), &mut room.names) {
                return pack.read(offset, most, room);
            }
        }
        self.loose(id, most, room)
    }

    fn loose<'room>(&self, id: Oid, most: usize, room: &'room mut Room) -> Option<&'room [u8]> {
        let name = id.to_string();
        let path = self.objects.join(&name[..2]).join(&name[2..]);
        room.stream.clear();
        let mut file = File::open(path).ok()?;
        file.read_to_end(&mut room.stream).ok()?;
        let enough = most + LOOSE.len() + 20;
        let mut length = GUESS.min(enough);
        let filled = loop {
            room.bytes.resize(length, 0);
            match zlib::unpack(&mut room.bytes, &room.stream) {
                Unpacked::Whole(filled) => break filled,
                Unpacked::TooLong if length < enough => length = (length * 4).min(enough),
                Unpacked::TooLong | Unpacked::Damaged => return None,
            }
        };
        let rest = room.bytes[..filled].strip_prefix(LOOSE)?;
        let digits = rest.iter().position(|byte| *byte == 0)?;
        let bytes = &rest[digits + 1..];
        let length = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok();
        (length == Some(bytes.len()) && bytes.len() <= most).then_some(bytes)
    }
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

    /// Reads the blob that begins at `offset`.
    fn read<'room>(&self, offset: u64, most: usize, room: &'room mut Room) -> Option<&'room [u8]> {
        let rest = usize::try_from(self.end.checked_sub(offset)?).ok()?;
        let mut header = [0; HEADER];
        let header = &mut header[..HEADER.min(rest)];
        self.packed.read_exact_at(header, offset).ok()?;
        let (kind, length, header) = kind_and_length(header)?;
        if kind != BLOB || length > most {
            return None;
        }
        let offset = offset + u64::try_from(header).ok()?;
        let rest = rest - header;
        room.bytes.resize(length, 0);
        // How long the stream is stands nowhere. Text takes less than half; what does not shrink at all
        // takes a thousandth more.
        for guess in [length / 2 + 64, length + length / 1_000 + 64] {
            room.stream.resize(guess.min(rest), 0);
            self.packed.read_exact_at(&mut room.stream, offset).ok()?;
            match zlib::unpack(&mut room.bytes, &room.stream) {
                Unpacked::Whole(filled) if filled == length => return Some(&room.bytes),
                Unpacked::Damaged => {}
                Unpacked::Whole(_) | Unpacked::TooLong => return None,
            }
        }
        None
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
