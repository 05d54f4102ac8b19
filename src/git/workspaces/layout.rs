//! The two git dirs of a workspace, written by hand: fleet's beside the working directory, and the
//! agent's own inside it. Both borrow the objects of the repository through `alternates`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::cone;
use super::remove::remove;

/// What the agent's commits carry as author. They are never published; the tree is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentIdentity {
    /// `user.name`
    pub name: String,
    /// `user.email`
    pub email: String,
}

impl Default for AgentIdentity {
    fn default() -> Self {
        Self {
            name: "fleet agent".to_owned(),
            email: "agent@fleet.invalid".to_owned(),
        }
    }
}

/// Longest chain of repositories that borrow from one another, as in git (`alternates.c`).
const MAX_BORROWING: usize = 5;

/// An object store and those that it borrows from itself, which a reader of it needs as well.
pub(super) fn stores(objects: &Path) -> Vec<PathBuf> {
    let mut found = vec![objects.to_owned()];
    let mut next = 0;
    while next < found.len() && next < MAX_BORROWING {
        let list = fs::read_to_string(found[next].join("info/alternates")).unwrap_or_default();
        let lines = list
            .lines()
            .filter(|l| !l.is_empty() && !l.starts_with('#'));
        // A relative one is relative to the store that names it.
        let more: Vec<_> = lines.map(|line| found[next].join(line)).collect();
        for store in more {
            if !found.contains(&store) {
                found.push(store);
            }
        }
        next += 1;
    }
    found
}

/// Writes fleet's own git dir anew, but for its index. Called before every use: whatever an
/// unconfined agent wrote there is gone.
pub(super) fn write_side(
    side: &Path,
    objects: &Path,
    sparse: Option<&BTreeSet<String>>,
) -> io::Result<()> {
    // Objects of an earlier import are rubbish now, or already in the repository.
    for part in [
        "objects",
        "info",
        "refs",
        "config",
        "HEAD",
        "packed-refs",
        "commondir",
        "config.worktree",
    ] {
        remove(&side.join(part))?;
    }
    bare(side, objects, "refs/heads/none")?;
    let mut config = String::from(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfilemode = true\n\tautocrlf = false\n\
         \tsafecrlf = false\n\thooksPath = /dev/null\n\tfsmonitor = false\n\tattributesFile = /dev/null\n\
         \texcludesFile = /dev/null\n\tlogAllRefUpdates = false\n",
    );
    if let Some(folders) = sparse {
        config.push_str("\tsparseCheckout = true\n\tsparseCheckoutCone = true\n");
        fs::create_dir(side.join("info"))?;
        fs::write(side.join("info/sparse-checkout"), cone::patterns(folders))?;
    }
    fs::write(side.join("config"), config)
}

/// The least that git takes for a git dir: `HEAD`, `refs`, and objects borrowed from `objects`.
pub(in crate::git) fn bare(dir: &Path, objects: &Path, head: &str) -> io::Result<()> {
    fs::create_dir_all(dir.join("objects/info"))?;
    fs::create_dir_all(dir.join("objects/pack"))?;
    fs::create_dir_all(dir.join("refs/heads"))?;
    fs::write(dir.join("HEAD"), format!("ref: {head}\n"))?;
    let mut line = objects.as_os_str().as_encoded_bytes().to_vec();
    line.push(b'\n');
    fs::write(dir.join("objects/info/alternates"), line)
}

/// Writes the agent's repository: branch `work` at `start`, no remote, no hook, no credential.
pub(super) fn write_agents(
    work: &Path,
    objects: &Path,
    shallow: &Path,
    side: &Path,
    start: &str,
    identity: &AgentIdentity,
) -> io::Result<()> {
    let dir = work.join(".git");
    remove(&dir)?;
    bare(&dir, objects, "refs/heads/work")?;
    fs::write(dir.join("refs/heads/work"), format!("{start}\n"))?;
    let mut config = format!(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tfilemode = true\n\tautocrlf = false\n\
         \tlogAllRefUpdates = true\n[user]\n\tname = {}\n\temail = {}\n[commit]\n\tgpgSign = false\n\
         [gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n",
        quoted(&identity.name),
        quoted(&identity.email),
    );
    fs::create_dir(dir.join("info"))?;
    let patterns = side.join("info/sparse-checkout");
    if patterns.exists() {
        fs::copy(&patterns, dir.join("info/sparse-checkout"))?;
        config.push_str("[core]\n\tsparseCheckout = true\n\tsparseCheckoutCone = true\n");
    }
    fs::write(dir.join("config"), config)?;
    // History ends where that of the repository ends.
    if shallow.exists() {
        fs::copy(shallow, dir.join("shallow"))?;
    }
    fs::copy(side.join("index"), dir.join("index")).map(drop)
}

/// A value of a git configuration file in quotes.
fn quoted(value: &str) -> String {
    let plain: String = value.chars().filter(|c| !c.is_control()).collect();
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}
