//! The forge of a repository without one: reviews are branches and review records only.
//!
//! A human merges with git; the use-case sees the merge through `CodeRepo::merge_facts`, so this
//! forge has nothing to find out and nothing to open.

use crate::ports::forge::{
    Forge, ForgeError, ForgeSaying, ReviewDraft, ReviewFacts, ReviewHandle, ReviewWatch,
};

/// Reviews as branches and records. Every answer is the same on every call.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalForge;

impl Forge for LocalForge {
    fn kind(&self) -> &'static str {
        "local"
    }

    fn observe(&self, watch: &[ReviewWatch]) -> Result<Vec<ReviewFacts>, ForgeError> {
        let open = |watch: &ReviewWatch| ReviewFacts::unknown(None, &watch.branch);
        Ok(watch.iter().map(open).collect())
    }

    fn open_or_adopt(&self, _draft: &ReviewDraft) -> Result<ReviewHandle, ForgeError> {
        Ok(ReviewHandle {
            number: None,
            url: None,
            adopted: false,
        })
    }

    fn say(&self, _saying: &ForgeSaying) -> Result<Option<String>, ForgeError> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::LocalForge;
    use crate::ports::forge::{Forge as _, ForgeState, ReviewDraft, ReviewStage, ReviewWatch};

    #[test]
    fn a_local_review_is_open_has_no_number_and_no_page() {
        let head = "a".repeat(40).parse().unwrap();
        let watch = ReviewWatch {
            number: None,
            branch: "agent/T-7".into(),
            base_branch: "main".into(),
            head,
            known: Vec::new(),
        };
        let facts = LocalForge.observe(std::slice::from_ref(&watch)).unwrap();
        assert_eq!(facts.len(), 1);
        assert_eq!(facts[0].branch, "agent/T-7");
        assert_eq!(facts[0].state, ForgeState::Open);
        assert!(facts[0].feedback.is_empty());
        let draft = ReviewDraft {
            title: "T-7: x".into(),
            body: String::new(),
            branch: watch.branch,
            base_branch: watch.base_branch,
            rebase: false,
            head: watch.head,
            number: None,
            stage: ReviewStage::AsConfigured,
        };
        let handle = LocalForge.open_or_adopt(&draft).unwrap();
        assert_eq!((handle.number, handle.url), (None, None));
    }
}
