//! The objects of a repository, read without libgit2: zlib's share of reading them through it was a third,
//! and a loose object whose end is missing keeps libgit2 busy for ever.
//!
//! Formats: gitformat-pack(5), packs of version 2 with an index of version 2; gitformat-loose(5);
//! trees and commits as git-mktree(1) and git-commit-tree(1) make them. Whatever is not a whole object there (a
//! delta, one from another store, a pack that has gone) is not found here, and libgit2 is asked. As by
//! libgit2 here, an object's checksum is looked at and its name is not hashed again.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use git2::Oid;

use super::packs::{ID, Pack, Packs};
use super::zlib::{self, Unpacked};

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

/// One object store.
pub(super) struct ObjectStore {
    objects: PathBuf,
    packs: Packs,
    /// Neighbours are of an age: where the last one was found is where the next one is.
    in_packs: AtomicBool,
}

/// Memory that is used again for each object.
#[derive(Default)]
pub(super) struct Room {
    pub(super) names: Vec<u8>,
    pub(super) stream: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

/// An object that is looked for: of this kind, and of at most so many bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) id: Oid,
    pub(super) kind: Kind,
    pub(super) most: usize,
}

impl Wanted {
    const fn damaged(self, place: &'static str) -> Damaged {
        Damaged { id: self.id, place }
    }
}

/// Where the bytes of an object are in [`Room::bytes`].
pub(super) type Found = std::ops::Range<usize>;

impl ObjectStore {
    /// Of the git dir `common`. What cannot be read is left to libgit2.
    pub(super) fn of(common: &Path) -> Self {
        Self {
            objects: common.join("objects"),
            packs: Packs::of(common.join("objects").join("pack")),
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
        // Another process may have stored it, and rolled up packs that were here (`rollup`).
        let found = match self.packs.newer() {
            Some(packs) => self.in_these(&packs, wanted, room)?,
            None => None,
        };
        Ok(found.map(|place| &room.bytes[place]))
    }

    /// The tree of a commit, if it is found.
    pub(super) fn root_of(&self, id: Oid, most: usize) -> Result<Option<Oid>, Damaged> {
        let mut room = Room::default();
        let found = self.read(id, Kind::Commit, most, &mut room)?;
        Ok(found.and_then(tree_of_commit))
    }

    /// Name, mode and id of each entry of a tree, if it is found.
    pub(super) fn entries_of(
        &self,
        id: Oid,
        most: usize,
    ) -> Result<Option<Vec<NamedEntry>>, Damaged> {
        let mut room = Room::default();
        let found = self.read(id, Kind::Tree, most, &mut room)?;
        let named = |(mode, name, id): TreeItem<'_>| (name.to_vec(), (mode, id));
        Ok(found.and_then(|bytes| tree_items(bytes).map(|item| item.map(named)).collect()))
    }

    fn packed(&self, wanted: Wanted, room: &mut Room) -> Result<Option<Found>, Damaged> {
        self.in_these(&self.packs.known(), wanted, room)
    }

    fn in_these(
        &self,
        packs: &[Pack],
        wanted: Wanted,
        room: &mut Room,
    ) -> Result<Option<Found>, Damaged> {
        let found = self.packs.first_of(packs, |pack| {
            let offset = pack.offset(wanted.id.as_bytes(), &mut room.names)?;
            Some(pack.read(offset, wanted, room))
        });
        let found = found.unwrap_or(Ok(None));
        found.map_err(|()| wanted.damaged("packed"))
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

/// One entry of a tree: mode, name, id.
type TreeItem<'a> = (u32, &'a [u8], Oid);

/// An entry of a tree by its name: mode and id.
pub(super) type NamedEntry = (Vec<u8>, (u32, Oid));

/// The entries of a tree; ends with `None` where it is no tree.
fn tree_items(bytes: &[u8]) -> impl Iterator<Item = Option<TreeItem<'_>>> {
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
fn tree_of_commit(bytes: &[u8]) -> Option<Oid> {
    let digits = bytes.strip_prefix(b"tree ")?.get(..2 * ID)?;
    Oid::from_str(std::str::from_utf8(digits).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
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
            let _ = header(&bytes);
            let _ = tree_of_commit(&bytes);
            let _ = tree_items(&bytes).count();
        }
    }
}
