//! An attempt whose branch no longer merges with its base: the base is merged in before the agent
//! begins, what did not merge by itself is left to the agent with marks, and the commit that comes
//! of it is a real merge.

use crate::app::tick::work::{Failure, Session};
use crate::domain::ids::Oid;
use crate::domain::money::{CostSource, MicroUsd};
use crate::domain::session::FailureClass;
use crate::ports::code_repo::CodeError;

/// What stands for a check in words to the agent.
const MARKS: &str = "no marks of a conflict are left";

impl Session<'_> {
    /// The commit that the workspace shows: where the work starts, with the base merged in if that
    /// was claimed. It is made anew on every machine, and is the same on all.
    pub(super) fn ground(&self) -> Result<Oid, Failure> {
        let start = self.start();
        match &self.doc.claim.merges {
            None => Ok(start),
            Some(theirs) => {
                let merged = self.world.code.merge(&start, theirs);
                let merged = merged.map_err(unread)?;
                Ok(merged.commit)
            }
        }
    }

    /// Nothing but a merge is asked for, and it went without conflicts: no agent is needed.
    pub(super) fn merges_by_itself(&self) -> bool {
        self.doc.only_merge && self.doc.conflicts.is_empty()
    }

    /// What fleet says of a merge that it made itself, which cost nothing.
    pub(super) fn tell_of_merge(&mut self) {
        if let Some(theirs) = &self.doc.claim.merges {
            self.final_message = format!(
                "Merged {} into the branch. It merged by itself; no agent was needed.",
                theirs.short()
            );
        }
        self.finished.cost = Some(MicroUsd(0));
        self.finished.cost_source = CostSource::Reported;
    }

    /// Files that did not merge by themselves and still have marks in this tree.
    pub(super) fn still_marked(&self, tree: &Oid) -> Result<Vec<String>, Failure> {
        if self.doc.claim.merges.is_none() {
            return Ok(Vec::new());
        }
        let left = self.world.code.unresolved(tree, &self.doc.conflicts);
        left.map_err(unread)
    }

    /// Marks that are left, told like a check that failed.
    pub(super) fn marks_left(&self) -> Option<Vec<(String, String)>> {
        if self.left_marked.is_empty() {
            return None;
        }
        let files = self.left_marked.join("\n");
        Some(vec![(
            MARKS.to_owned(),
            format!("marks are left in:\n{files}"),
        )])
    }
}

fn unread(error: CodeError) -> Failure {
    Failure {
        class: FailureClass::Infrastructure,
        reason: format!("failed to {error}"),
    }
}
