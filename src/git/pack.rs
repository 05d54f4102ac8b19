//! Writing many objects as one pack with its index, durably: two files to flush in place of
//! thousands, and nothing for a later maintenance to gather.
//!
//! Formats: gitformat-pack(5), pack version 2 without deltas, index version 2.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use tempfile::NamedTempFile;

use super::draft::Object;
use super::durable::{self, side_by_side, sync_folder};
use super::zlib;

/// So many are compressed before they are written: what is in memory beside the objects themselves.
const BATCH: usize = 256;
/// Below so many, another thread costs more than it brings.
const THREAD_MIN: usize = 16;
/// Offsets of the index have 31 bits.
const MOST_BYTES: usize = 1 << 30;

/// Whether one pack holds them all.
pub(super) fn fits(objects: &[Object<'_>]) -> bool {
    // Compressed they are smaller, or larger by a thousandth.
    objects.iter().map(|o| o.bytes.len()).sum::<usize>() < MOST_BYTES
}

/// Where an object is in the pack, and the checksum of its bytes there.
struct Place {
    offset: u32,
    crc: u32,
}

/// An object as it stands in a pack already.
pub(super) struct Packed<'a> {
    pub(super) id: Oid,
    pub(super) crc: u32,
    pub(super) bytes: &'a [u8],
}

/// Writes the pack into the object store `dir`, first what other packs hold; the path of its index. Both
/// files have their names only when their bytes are on the disk, the pack first: without its index git does
/// not see it.
pub(super) fn store(
    dir: &Path,
    prefix: &str,
    earlier: &[Packed<'_>],
    objects: &[Object<'_>],
) -> std::io::Result<PathBuf> {
    let folder = dir.join("pack");
    if durable::folder(&folder)? {
        sync_folder(dir)?;
    }
    let mut pack = Summed::create(&folder, "tmp_pack_")?;
    let places = write_pack(&mut pack, earlier, objects)?;
    let (pack, sum) = pack.finish()?;
    let mut index = Summed::create(&folder, "tmp_idx_")?;
    write_index(&mut index, &places, &sum)?;
    let (index, _) = index.finish()?;
    let sum: String = sum.iter().map(|byte| format!("{byte:02x}")).collect();
    durable::flush_in_turn(&[pack.as_file(), index.as_file()])?;
    let path = |ending: &str| folder.join(format!("{prefix}{sum}.{ending}"));
    durable::name(pack, &path("pack"))?;
    durable::name(index, &path("idx"))?;
    sync_folder(&folder)?;
    Ok(path("idx"))
}

/// A file that is not named yet, whose last bytes are the SHA-1 of all others.
struct Summed {
    file: BufWriter<NamedTempFile>,
    sum: Context,
    len: usize,
}

impl Summed {
    /// Git's own prefixes: a left-over of a killed process is swept by `git gc`.
    fn create(folder: &Path, prefix: &str) -> std::io::Result<Self> {
        let file = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(fs::Permissions::from_mode(0o444))
            .tempfile_in(folder)?;
        Ok(Self {
            file: BufWriter::with_capacity(1 << 18, file),
            sum: Context::new(&SHA1_FOR_LEGACY_USE_ONLY),
            len: 0,
        })
    }

    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.sum.update(bytes);
        self.len += bytes.len();
        self.file.write_all(bytes)
    }

    fn finish(mut self) -> std::io::Result<(NamedTempFile, Vec<u8>)> {
        let sum = self.sum.finish().as_ref().to_vec();
        self.file.write_all(&sum)?;
        let file = self.file.into_inner().map_err(|error| error.into_error())?;
        Ok((file, sum))
    }
}

fn number(count: usize) -> std::io::Result<u32> {
    u32::try_from(count).map_err(std::io::Error::other)
}

/// Header, then each object once.
fn write_pack(
    pack: &mut Summed,
    earlier: &[Packed<'_>],
    objects: &[Object<'_>],
) -> std::io::Result<BTreeMap<Oid, Place>> {
    let mut seen = BTreeSet::new();
    let earlier: Vec<&Packed<'_>> = earlier.iter().filter(|o| seen.insert(o.id)).collect();
    let objects: Vec<&Object<'_>> = objects.iter().filter(|o| seen.insert(o.id)).collect();
    pack.put(b"PACK")?;
    pack.put(&2_u32.to_be_bytes())?;
    pack.put(&number(seen.len())?.to_be_bytes())?;
    let mut places = BTreeMap::new();
    let mut put = |id: Oid, crc: u32, bytes: &[u8]| {
        let offset = number(pack.len)?;
        places.insert(id, Place { offset, crc });
        pack.put(bytes)
    };
    for Packed { id, crc, bytes } in earlier {
        put(*id, *crc, bytes)?;
    }
    for batch in objects.chunks(BATCH) {
        let made = match batch.len() {
            ..THREAD_MIN => batch.iter().map(|o| entry(o)).collect(),
            _ => side_by_side(batch, |o| entry(o)),
        };
        for (object, bytes) in batch.iter().zip(made) {
            let bytes = bytes?;
            put(object.id, libdeflater::crc32(&bytes), &bytes)?;
        }
    }
    Ok(places)
}

/// An object as it is in a pack: its kind and length, then zlib of its bytes.
fn entry(object: &Object<'_>) -> std::io::Result<Vec<u8>> {
    let kind: u8 = match object.kind {
        ObjectType::Commit => 1,
        ObjectType::Tree => 2,
        ObjectType::Blob => 3,
        other => return Err(std::io::Error::other(format!("{other} is never made"))),
    };
    let mut bytes = Vec::with_capacity(object.bytes.len() / 2 + 64);
    let mut rest = object.bytes.len() >> 4;
    let mut byte = kind << 4 | low_bits(object.bytes.len(), 4);
    while rest > 0 {
        bytes.push(byte | 0x80);
        byte = low_bits(rest, 7);
        rest >>= 7;
    }
    bytes.push(byte);
    zlib::append(&mut bytes, &object.bytes)?;
    Ok(bytes)
}

fn low_bits(number: usize, bits: u32) -> u8 {
    u8::try_from(number & ((1 << bits) - 1)).unwrap_or(u8::MAX)
}

/// Ids in order with their places, behind a table of how many ids begin with at most each byte.
fn write_index(
    index: &mut Summed,
    places: &BTreeMap<Oid, Place>,
    pack: &[u8],
) -> std::io::Result<()> {
    index.put(b"\xfftOc")?;
    index.put(&2_u32.to_be_bytes())?;
    let mut below = [0_u32; 256];
    for id in places.keys() {
        below[usize::from(id.as_bytes()[0])] += 1;
    }
    let mut all = 0;
    for count in below {
        all += count;
        index.put(&all.to_be_bytes())?;
    }
    for id in places.keys() {
        index.put(id.as_bytes())?;
    }
    for place in places.values() {
        index.put(&place.crc.to_be_bytes())?;
    }
    for place in places.values() {
        index.put(&place.offset.to_be_bytes())?;
    }
    index.put(pack)
}
