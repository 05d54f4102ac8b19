//! The objects of a small write, in a pack that also takes over what the last writes stored.
//!
//! A loose object is a file in a folder of its own, and each file and each folder is a flush: a dozen for
//! one changed task, and files without end for who writes often. A pack of its own for each write would be
//! two files, but readers ask every pack. So a write's pack rolls up the small ones before it, in a
//! geometric progression as `git repack --geometric=2` does: all are read and written a few times at most,
//! and there are about as many as the number of writes has digits.
//!
//! What is rolled up goes only when the new pack and its name are on the disk. Readers that look into the
//! old one meanwhile list the packs again, as git does for its own maintenance (`packs`). Only packs of this
//! name are touched, none of git's; nothing is rolled up where git keeps one index over all packs, which
//! would still name those that are gone.
//!
//! Format: gitformat-pack(5), packs of version 2 with an index of version 2.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use git2::Oid;

use super::draft::Object;
use super::pack::{self, Packed};
use super::packs::{HEAD, ID, TABLE};

/// Names of these packs begin so.
const PREFIX: &str = "fleet-";
/// Packs below this are always rolled up, in bytes: it costs less than another pack costs readers.
const SMALL: u64 = 32 << 10;
/// No pack gets larger than this by being rolled up, in bytes.
const MOST: u64 = 16 << 20;
/// A pack whose index is missing for so long is a left-over of a killed process.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// Stores the objects durably, in the object store `dir`. False if they are better stored loose.
pub(super) fn store(dir: &Path, objects: &[Object<'_>]) -> io::Result<bool> {
    let folder = dir.join("pack");
    if !pack::fits(objects) || folder.join("multi-pack-index").exists() {
        return Ok(false);
    }
    let new: usize = objects.iter().map(|object| object.bytes.len()).sum();
    let mut found = found(&folder);
    found.sort_unstable();
    let sizes: Vec<u64> = found.iter().map(|(size, _)| *size).collect();
    found.truncate(rolled_up(&sizes, new as u64));
    let whole: Vec<Whole> = found
        .into_iter()
        .filter_map(|(_, path)| Whole::read(path))
        .collect();
    let mut earlier = Vec::new();
    for pack in &whole {
        earlier.extend(pack.objects());
    }
    let stored = pack::store(dir, PREFIX, &earlier, objects)?;
    for old in whole.iter().filter(|old| old.path != stored) {
        // The index first, without which git does not see a pack. If one stays, a later write takes it over.
        let _ = fs::remove_file(&old.path).and_then(|()| fs::remove_file(pack_of(&old.path)));
    }
    Ok(true)
}

/// How many of the smallest packs are rolled up into one of `new` bytes; sizes in rising order. Each that
/// stays is at least twice as large as all smaller ones together.
fn rolled_up(sizes: &[u64], new: u64) -> usize {
    let (mut all, mut count) = (new, 0);
    for (at, size) in sizes.iter().enumerate() {
        let grows = *size <= SMALL || *size < 2 * all;
        all += size;
        if all > MOST {
            break;
        }
        if grows {
            count = at + 1;
        }
    }
    count
}

/// Sizes of the packs of earlier writes, and their indexes. Sweeps what killed processes left.
fn found(folder: &Path) -> Vec<(u64, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let packs = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        name.starts_with(PREFIX.as_bytes()) && name.ends_with(b".pack")
    });
    let mut found = Vec::new();
    for entry in packs {
        let (path, Ok(about)) = (entry.path(), entry.metadata()) else {
            continue;
        };
        let index = path.with_extension("idx");
        if index.exists() {
            found.push((about.len(), index));
        } else if about.modified().is_ok_and(abandoned) {
            let _ = fs::remove_file(path);
        }
    }
    found
}

fn abandoned(changed: SystemTime) -> bool {
    let age = SystemTime::now().duration_since(changed);
    age.is_ok_and(|age| age > ABANDONED)
}

fn pack_of(index: &Path) -> PathBuf {
    index.with_extension("pack")
}

/// Of the pack: magic number, version, count.
const FRONT: usize = 12;

/// A pack and its index in memory, found whole.
struct Whole {
    /// Of the index.
    path: PathBuf,
    pack: Vec<u8>,
    /// Id, checksum, begin and end of each object, in their order in the pack.
    places: Vec<(Oid, u32, usize, usize)>,
}

impl Whole {
    /// None if anything is odd: then it stays as it is, and who reads from it says what is wrong.
    fn read(path: PathBuf) -> Option<Self> {
        let index = fs::read(&path).ok()?;
        let pack = fs::read(pack_of(&path)).ok()?;
        let places = places(&index, &pack)?;
        Some(Self { path, pack, places })
    }

    fn objects(&self) -> impl Iterator<Item = Packed<'_>> {
        self.places.iter().map(|(id, crc, from, to)| Packed {
            id: *id,
            crc: *crc,
            bytes: &self.pack[*from..*to],
        })
    }
}

fn number(bytes: &[u8]) -> Option<usize> {
    let bytes: [u8; 4] = bytes.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(bytes)).ok()
}

/// Where each object is in the pack, if index and pack are whole and belong together.
fn places(index: &[u8], pack: &[u8]) -> Option<Vec<(Oid, u32, usize, usize)>> {
    let table = index.strip_prefix(b"\xfftOc\0\0\0\x02")?;
    let count = number(table.get(TABLE - 4..TABLE)?)?;
    let length = count
        .checked_mul(ID + 8)?
        .checked_add(HEAD + TABLE + 2 * ID)?;
    let end = pack.len().checked_sub(ID)?;
    let front = pack.get(..FRONT)?.strip_prefix(b"PACK\0\0\0\x02")?;
    let sums = index.len().checked_sub(2 * ID)?;
    if index.len() != length || number(front)? != count || pack[end..] != index[sums..sums + ID] {
        return None;
    }
    let (ids, rest) = table[TABLE..].split_at(count * ID);
    let (crcs, rest) = rest.split_at(count * 4);
    let (ids, crcs) = (ids.chunks_exact(ID), crcs.chunks_exact(4));
    let mut begins = Vec::with_capacity(count);
    for ((id, crc), offset) in ids.zip(crcs).zip(rest.chunks_exact(4)) {
        let crc = u32::from_be_bytes(crc.try_into().ok()?);
        begins.push((number(offset)?, Oid::from_bytes(id).ok()?, crc));
    }
    begins.sort_unstable_by_key(|(from, ..)| *from);
    let ends = begins.iter().skip(1).map(|(from, ..)| *from).chain([end]);
    let places = begins.iter().zip(ends).map(|((from, id, crc), to)| {
        let bytes = pack.get(*from..to)?;
        let whole = *from >= FRONT && libdeflater::crc32(bytes) == *crc;
        whole.then_some((*id, *crc, *from, to))
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn packs_stay_few_however_many_writes_there_are(writes in vec(200_u64..60_000, 1..3_000)) {
            let mut sizes: Vec<u64> = Vec::new();
            let mut moved = 0;
            for new in &writes {
                sizes.sort_unstable();
                let count = rolled_up(&sizes, *new);
                let rolled: u64 = sizes.drain(..count).sum();
                moved += rolled;
                sizes.push(rolled + new);
                let large = sizes.iter().filter(|size| **size > MOST / 4).count();
                prop_assert!(sizes.len() - large <= 6, "{sizes:?}");
            }
            // All small ones each time; a larger one only when it grows by half.
            let all: u64 = writes.iter().sum();
            prop_assert!(moved <= all * 16 + SMALL * writes.len() as u64, "{moved} of {all}");
        }

        #[test]
        fn whatever_the_bytes_are_nothing_panics(
            index in vec(any::<u8>(), 0..1_200),
            pack in vec(any::<u8>(), 0..100),
        ) {
            let _ = places(&index, &pack);
            let _ = places(&[b"\xfftOc\0\0\0\x02", &index[..]].concat(), &pack);
        }
    }
}
