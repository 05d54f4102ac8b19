//! Growing a tree from another one: only the folders that change are written, so everything that
//! was never checked out (a sparse workspace) stays as it was.

use std::collections::{BTreeMap, HashMap};

use git2::{ObjectType, Oid, Repository, Tree};

use crate::git::import::names::one_spelling;

/// One leaf that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaf {
    /// It becomes this blob with this mode.
    Put(Oid, u32),
    /// It goes.
    Remove,
}

/// Leaves and folders below one folder.
#[derive(Debug, Default)]
pub(super) struct Branch {
    leaves: BTreeMap<Vec<u8>, Leaf>,
    folders: BTreeMap<Vec<u8>, Self>,
}

impl Branch {
    /// Adds a change at a repository path.
    pub(super) fn set(&mut self, path: &[u8], leaf: Leaf) {
        match path.iter().position(|byte| *byte == b'/') {
            Some(at) => self
                .folders
                .entry(path[..at].to_vec())
                .or_default()
                .set(&path[at + 1..], leaf),
            None => {
                self.leaves.insert(path.to_vec(), leaf);
            }
        }
    }

    /// Writes `base` with the changes; `None` if nothing is left in it. The ids of written trees
    /// are added to `written`, children first.
    pub(super) fn write(
        &self,
        repo: &Repository,
        base: Option<&Tree<'_>>,
        written: &mut Vec<Oid>,
    ) -> Result<Option<Oid>, git2::Error> {
        let mut builder = repo.treebuilder(base)?;
        // Removals first: a file may have become a folder, or the other way round.
        for (name, leaf) in &self.leaves {
            if *leaf == Leaf::Remove
                && builder
                    .get(name.as_slice())?
                    .is_some_and(|entry| entry.kind() != Some(ObjectType::Tree))
            {
                builder.remove(name.as_slice())?;
            }
        }
        for (name, folder) in &self.folders {
            let old = builder.get(name.as_slice())?.map(|entry| entry.id());
            let old = old.and_then(|id| repo.find_tree(id).ok());
            match folder.write(repo, old.as_ref(), written)? {
                Some(id) => {
                    builder.insert(name.as_slice(), id, 0o040_000)?;
                }
                None if old.is_some() => builder.remove(name.as_slice())?,
                None => {}
            }
        }
        for (name, leaf) in &self.leaves {
            if let Leaf::Put(id, mode) = leaf {
                let mode =
                    i32::try_from(*mode).map_err(|_| git2::Error::from_str("mode out of range"))?;
                builder.insert(name.as_slice(), *id, mode)?;
            }
        }
        if builder.is_empty() {
            return Ok(None);
        }
        let id = builder.write()?;
        written.push(id);
        Ok(Some(id))
    }
}

/// Paths among `added` that stand beside another name which some file systems take for the same,
/// or complete a bare repository inside the tree; each with the rule.
pub(super) fn refuse_siblings(
    repo: &Repository,
    tree: &Tree<'_>,
    added: &[&str],
) -> Result<Vec<(String, String)>, git2::Error> {
    let mut folders: HashMap<String, Folder> = HashMap::new();
    let mut refused = Vec::new();
    for path in added {
        let mut dir = String::new();
        for name in path.split('/') {
            if !folders.contains_key(&dir) {
                folders.insert(dir.clone(), Folder::of(repo, tree, &dir)?);
            }
            let folder = &folders[&dir];
            if let Some(other) = folder.namesake(name) {
                let slash = if dir.is_empty() { "" } else { "/" };
                refused.push((
                    (*path).to_owned(),
                    format!("case-clash with {dir}{slash}{other}"),
                ));
                break;
            }
            if folder.is_repository {
                refused.push(((*path).to_owned(), "nested-repository".to_owned()));
                break;
            }
            if !dir.is_empty() {
                dir.push('/');
            }
            dir.push_str(name);
        }
    }
    Ok(refused)
}

/// The names in one folder of a tree, by what a forgiving file system makes of them: a folder may
/// hold a hundred thousand, each of them new.
struct Folder {
    /// The first two names of each kind; more would say nothing new.
    alike: HashMap<String, Vec<String>>,
    /// It looks like a bare repository.
    is_repository: bool,
}

impl Folder {
    fn of(repo: &Repository, tree: &Tree<'_>, dir: &str) -> Result<Self, git2::Error> {
        let names = list(repo, tree, dir)?;
        let parts = ["HEAD", "objects", "refs"];
        let is_repository = parts
            .iter()
            .all(|part| names.iter().any(|name| name == part));
        let mut alike: HashMap<String, Vec<String>> = HashMap::new();
        for name in names {
            let same = alike.entry(one_spelling(&name)).or_default();
            if same.len() < 2 {
                same.push(name);
            }
        }
        Ok(Self {
            alike,
            is_repository,
        })
    }

    /// Another name that some file systems take for `name`.
    fn namesake(&self, name: &str) -> Option<&String> {
        let same = self.alike.get(&one_spelling(name))?;
        same.iter().find(|other| *other != name)
    }
}

fn list(repo: &Repository, tree: &Tree<'_>, dir: &str) -> Result<Vec<String>, git2::Error> {
    let folder = if dir.is_empty() {
        tree.clone()
    } else {
        let id = tree.get_path(std::path::Path::new(dir))?.id();
        repo.find_tree(id)?
    };
    let names = folder
        .iter()
        .map(|entry| String::from_utf8_lossy(entry.name_bytes()).into_owned());
    Ok(names.collect())
}

/// Copies objects from one repository's store to another's, each checked against its id.
/// Children must come before their parents, so that an interruption leaves nothing dangling.
pub(super) fn carry_over(
    from: &Repository,
    to: &Repository,
    ids: &[Oid],
) -> Result<(), git2::Error> {
    let (source, target) = (from.odb()?, to.odb()?);
    for id in ids {
        if target.exists(*id) {
            continue;
        }
        let object = source.read(*id)?;
        if target.write(object.kind(), object.data())? != *id {
            return Err(git2::Error::from_str(&format!("object {id} is damaged")));
        }
    }
    Ok(())
}
