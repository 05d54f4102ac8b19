//! The work of a pull request that somebody else's service opened: fetched as data, read as a patch.

use git2::{DiffFormat, DiffOptions};

use crate::domain::ids::Oid;
use crate::domain::time::DurationMs;
use crate::git::code_repo::diff::from_oid;
use crate::git::code_repo::{GitCodeRepo, tree};
use crate::git::remote::Fetched;

/// Longest wait for the remote.
const FETCH_LIMIT: DurationMs = DurationMs::secs(60);

fn text(error: impl ToString) -> String {
    error.to_string()
}

impl GitCodeRepo {
    /// Fetches `refs/pull/<number>/head` under a name of fleet's own, and removes that name again.
    pub(super) fn pull(&self, number: u64, onto: &Oid, max: usize) -> Result<String, String> {
        let remote = self.remote.as_ref().ok_or("there is no remote")?;
        let name = format!("refs/fleet/pull/{number}");
        let wanted = format!("+refs/pull/{number}/head:{name}");
        match remote.fetch(&[wanted], FETCH_LIMIT).map_err(text)? {
            Fetched::Fresh { .. } => {}
            Fetched::Failed { cause } => return Err(cause),
        }
        let repo = self.open().map_err(text)?;
        let patch = self.patch_of(&repo, &name, onto, max);
        // A name that stays is overwritten by the next fetch, and nobody reads it.
        let _ = repo.find_reference(&name).and_then(|mut r| r.delete());
        patch
    }

    fn patch_of(
        &self,
        repo: &git2::Repository,
        name: &str,
        onto: &Oid,
        max: usize,
    ) -> Result<String, String> {
        let head = repo
            .find_reference(name)
            .and_then(|found| found.peel_to_commit())
            .map_err(|error| format!("it has no head: {}", error.message()))?;
        let onto = from_oid(onto).map_err(text)?;
        let fork = repo.merge_base(onto, head.id()).map_err(text)?;
        let fork = tree(repo, &crate::git::code_repo::diff::to_oid(fork)).map_err(text)?;
        let mut options = DiffOptions::new();
        options.show_binary(true).id_abbrev(40);
        let diff = repo
            .diff_tree_to_tree(
                Some(&fork),
                Some(&head.tree().map_err(text)?),
                Some(&mut options),
            )
            .map_err(text)?;
        let mut patch = Vec::new();
        let whole = diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                patch.push(line.origin() as u8);
            }
            patch.extend_from_slice(line.content());
            patch.len() <= max
        });
        if patch.len() > max {
            return Err(format!("its patch is larger than {max} bytes"));
        }
        whole.map_err(text)?;
        String::from_utf8(patch).map_err(|_| "its patch is not UTF-8".to_owned())
    }
}
