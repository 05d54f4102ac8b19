//! The objects of one commit, made in memory: files go over the tree of a commit without an index,
//! a work tree or a write. What comes out is only what is new; `durable` stores it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use git2::{ErrorClass, ErrorCode, ObjectType, Oid, Repository, Signature};

use super::durable::side_by_side;
use super::held::Held;
use crate::ports::state_repo::FileChange;

/// A commit to make.
pub(super) struct NewCommit<'a> {
    /// Commit whose tree the files go over.
    pub(super) base: Option<Oid>,
    pub(super) files: &'a [FileChange],
    pub(super) parents: &'a [Oid],
    pub(super) message: &'a str,
}

/// An object that is not stored yet.
pub(super) struct Object<'a> {
    pub(super) id: Oid,
    pub(super) kind: ObjectType,
    /// Its content, without git's header.
    pub(super) bytes: Cow<'a, [u8]>,
}

impl Object<'_> {
    fn new(kind: ObjectType, bytes: Vec<u8>) -> Result<Self, git2::Error> {
        let id = Oid::hash_object(kind, &bytes)?;
        let bytes = Cow::Owned(bytes);
        Ok(Self { id, kind, bytes })
    }
}

/// Content of a file with the id that it has as an object.
type Hashed<'a> = (&'a [u8], Oid);

const FILE: u32 = 0o100_644;
const FOLDER: u32 = 0o040_000;

/// Changes below one folder.
#[derive(Default)]
struct Changes<'a> {
    /// By name; nothing means that the file goes.
    files: BTreeMap<&'a str, Option<Hashed<'a>>>,
    folders: BTreeMap<&'a str, Self>,
}

/// Mode and id of a tree's entries, in git's order: as if names of folders ended in a slash.
type Entries = BTreeMap<Vec<u8>, (u32, Oid)>;

fn sort_key(mut name: Vec<u8>, mode: u32) -> Vec<u8> {
    if mode == FOLDER {
        name.push(b'/');
    }
    name
}

/// Makes the commit; its objects, the commit last.
pub(super) fn commit<'a>(
    repo: &Held<'_>,
    new: &NewCommit<'a>,
) -> Result<(Oid, Vec<Object<'a>>), git2::Error> {
    let base = match new.base {
        Some(commit) => Some(repo.root_of(commit)?),
        None => None,
    };
    let mut changes = Changes::default();
    // The last change of a path counts.
    for (file, hashed) in new.files.iter().zip(hashed(new.files)) {
        changes.add(&file.path, hashed?)?;
    }
    let mut made = Vec::new();
    let tree = match changes.over(repo, base, &mut made)? {
        Some(tree) => tree,
        None => kept(ObjectType::Tree, Vec::new(), &mut made)?,
    };
    let text = commit_text(repo, tree, new)?;
    let id = kept(ObjectType::Commit, text, &mut made)?;
    Ok((id, made))
}

/// Each file with its id; the hash of many is worth a second processor, of few not a thread.
fn hashed(files: &[FileChange]) -> Vec<Result<Option<Hashed<'_>>, git2::Error>> {
    let contents: Vec<Option<&[u8]>> = files.iter().map(|file| file.bytes.as_deref()).collect();
    if files.len() < 16 {
        return contents.iter().map(hashed_one).collect();
    }
    side_by_side(&contents, hashed_one)
}

fn hashed_one<'a>(bytes: &Option<&'a [u8]>) -> Result<Option<Hashed<'a>>, git2::Error> {
    let with_id = |bytes: &'a [u8]| Ok((bytes, Oid::hash_object(ObjectType::Blob, bytes)?));
    bytes.map(with_id).transpose()
}

fn kept(kind: ObjectType, bytes: Vec<u8>, made: &mut Vec<Object<'_>>) -> Result<Oid, git2::Error> {
    let object = Object::new(kind, bytes)?;
    let id = object.id;
    made.push(object);
    Ok(id)
}

fn refused(path: &str, why: &str) -> git2::Error {
    let text = format!("{path} cannot be written: {why}");
    git2::Error::new(ErrorCode::Invalid, ErrorClass::Tree, text)
}

impl<'a> Changes<'a> {
    fn add(&mut self, path: &'a str, content: Option<Hashed<'a>>) -> Result<(), git2::Error> {
        let odd = |part: &str| {
            matches!(part, "" | "." | "..")
                || part.eq_ignore_ascii_case(".git")
                || part.contains('\0')
        };
        if path.split('/').any(odd) {
            return Err(refused(path, "it is no path of a file in a tree"));
        }
        let mut at = self;
        let mut rest = path;
        while let Some((folder, below)) = rest.split_once('/') {
            at = at.folders.entry(folder).or_default();
            rest = below;
        }
        at.files.insert(rest, content);
        Ok(())
    }

    /// The tree after these changes; nothing if it is empty. New objects are added to `made`.
    fn over(
        &self,
        repo: &Held<'_>,
        old: Option<Oid>,
        made: &mut Vec<Object<'a>>,
    ) -> Result<Option<Oid>, git2::Error> {
        let old_entries = match old {
            Some(old) => repo.entries_of(old)?,
            None => Vec::new(),
        };
        let keyed = |(name, (mode, id))| (sort_key(name, mode), (mode, id));
        let mut entries: Entries = old_entries.into_iter().map(keyed).collect();
        for (name, content) in &self.files {
            if entries.contains_key(&sort_key(name.as_bytes().to_vec(), FOLDER)) {
                return Err(refused(name, "there is a folder of that name"));
            }
            let key = name.as_bytes().to_vec();
            let Some((bytes, id)) = *content else {
                entries.remove(&key);
                continue;
            };
            let blob = Object {
                id,
                kind: ObjectType::Blob,
                bytes: Cow::Borrowed(bytes),
            };
            let before = entries.insert(key, (FILE, blob.id));
            if before.is_none_or(|(_, id)| id != blob.id) {
                made.push(blob);
            }
        }
        for (name, below) in &self.folders {
            if entries.contains_key(name.as_bytes()) {
                return Err(refused(name, "there is a file of that name"));
            }
            let key = sort_key(name.as_bytes().to_vec(), FOLDER);
            let old = entries.get(&key).map(|(_, id)| *id);
            match below.over(repo, old, made)? {
                Some(new) => entries.insert(key, (FOLDER, new)),
                None => entries.remove(&key),
            };
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let tree = Object::new(ObjectType::Tree, tree_bytes(&entries))?;
        let id = tree.id;
        if old != Some(id) {
            made.push(tree);
        }
        Ok(Some(id))
    }
}

/// A tree as git stores it: `<octal mode> <name>\0<20 bytes of id>` for each entry.
fn tree_bytes(entries: &Entries) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, (mode, id)) in entries {
        let (mode, name) = match *mode {
            FOLDER => (Cow::Borrowed("40000 "), &key[..key.len() - 1]),
            FILE => (Cow::Borrowed("100644 "), &key[..]),
            other => (Cow::Owned(format!("{other:o} ")), &key[..]),
        };
        bytes.extend_from_slice(mode.as_bytes());
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
    }
    bytes
}

/// Who changes things here: the user's name as git itself would use it. A machine without one is no
/// reason to fail.
pub(super) fn author(repo: &Repository) -> Result<Signature<'static>, git2::Error> {
    repo.signature()
        .or_else(|_| Signature::now("fleet", "fleet@localhost"))
}

/// A name, a mail address and a time as git writes them.
pub(super) fn signed(who: &Signature<'_>) -> Vec<u8> {
    let when = who.when();
    let minutes = when.offset_minutes().unsigned_abs();
    let time = format!(
        "> {} {}{:02}{:02}",
        when.seconds(),
        if when.offset_minutes() < 0 { '-' } else { '+' },
        minutes / 60,
        minutes % 60,
    );
    [who.name_bytes(), b" <", who.email_bytes(), time.as_bytes()].concat()
}

fn commit_text(repo: &Repository, tree: Oid, new: &NewCommit<'_>) -> Result<Vec<u8>, git2::Error> {
    let who = signed(&author(repo)?);
    let mut text = format!("tree {tree}\n").into_bytes();
    for parent in new.parents {
        text.extend_from_slice(format!("parent {parent}\n").as_bytes());
    }
    for role in ["author ", "committer "] {
        text.extend_from_slice(role.as_bytes());
        text.extend_from_slice(&who);
        text.push(b'\n');
    }
    text.push(b'\n');
    text.extend_from_slice(new.message.as_bytes());
    Ok(text)
}
