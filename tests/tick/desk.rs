//! A forge in memory, with numbers, comments and people: what the loop of reviews talks to. The
//! real one is tested by the forge's own stories; here the tick is what is told of.

use std::sync::{Arc, Mutex};

use fleet::domain::ids::Oid;
use fleet::domain::review::FeedbackKind;
use fleet::machine::clock::SystemClock;
use fleet::ports::clock::Clock as _;
use fleet::ports::forge::{
    Forge, ForgeError, ForgeFeedback, ForgeRemark, ForgeSaying, ForgeState, ReviewDraft,
    ReviewFacts, ReviewHandle, ReviewWatch,
};

/// One review at the forge.
#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) draft: ReviewDraft,
    pub(crate) state: ForgeState,
    pub(crate) feedback: Vec<ForgeFeedback>,
    pub(crate) remarks: Vec<ForgeRemark>,
    /// Set when a human chose another base branch.
    pub(crate) base_branch: Option<String>,
}

#[derive(Debug, Default)]
struct Inner {
    pulls: Vec<Pull>,
    said: Vec<ForgeSaying>,
    calls: u32,
    /// The next saying has its effect, and its answer is lost.
    lose_next: bool,
    /// A review on which nobody may say anything.
    locked: Option<u64>,
}

/// A shared handle on it; pull request `n` is the `n`th that was opened.
#[derive(Debug, Clone, Default)]
pub(crate) struct Desk(Arc<Mutex<Inner>>);

impl Desk {
    pub(crate) fn pull(&self, number: u64) -> Pull {
        self.0.lock().unwrap().pulls[number as usize - 1].clone()
    }

    pub(crate) fn change(&self, number: u64, change: impl FnOnce(&mut Pull)) {
        change(&mut self.0.lock().unwrap().pulls[number as usize - 1]);
    }

    /// Somebody who may write says something.
    pub(crate) fn hears(&self, number: u64, key: &str, text: &str) {
        self.change(number, |pull| {
            pull.remarks.push(ForgeRemark {
                key: key.to_owned(),
                by: "octo".to_owned(),
                text: text.to_owned(),
                at: SystemClock.now(),
            });
        });
    }

    /// A reviewer, or a check, speaks of a head.
    pub(crate) fn feedback(
        &self,
        number: u64,
        (kind, key): (FeedbackKind, &str),
        head: &Oid,
        text: &str,
    ) {
        self.change(number, |pull| {
            pull.feedback.push(ForgeFeedback {
                kind,
                head: head.clone(),
                text: text.to_owned(),
                key: key.to_owned(),
            });
        });
    }

    /// Everything that fleet said, each once.
    pub(crate) fn said(&self) -> Vec<ForgeSaying> {
        self.0.lock().unwrap().said.clone()
    }

    pub(crate) fn lose_next(&self) {
        self.0.lock().unwrap().lose_next = true;
    }

    pub(crate) fn lock(&self, number: u64) {
        self.0.lock().unwrap().locked = Some(number);
    }

    pub(crate) fn calls(&self) -> u32 {
        self.0.lock().unwrap().calls
    }
}

impl Forge for Desk {
    fn kind(&self) -> &'static str {
        "desk"
    }

    fn observe(&self, watch: &[ReviewWatch]) -> Result<Vec<ReviewFacts>, ForgeError> {
        let inner = self.0.lock().unwrap();
        let seen = |watch: &ReviewWatch| {
            let number = watch.number.expect("this forge numbers");
            let pull = &inner.pulls[number as usize - 1];
            ReviewFacts {
                number: watch.number,
                branch: watch.branch.clone(),
                head: Some(watch.head.clone()),
                state: pull.state.clone(),
                feedback: pull.feedback.clone(),
                base_branch: pull.base_branch.clone(),
                remarks: pull.remarks.clone(),
            }
        };
        Ok(watch.iter().map(seen).collect())
    }

    fn open_or_adopt(&self, draft: &ReviewDraft) -> Result<ReviewHandle, ForgeError> {
        let mut inner = self.0.lock().unwrap();
        inner.calls += 1;
        let same =
            |pull: &Pull| pull.draft.branch == draft.branch && pull.state == ForgeState::Open;
        let found = inner.pulls.iter().position(same);
        let adopted = found.is_some();
        let at = found.unwrap_or(inner.pulls.len());
        if let Some(pull) = inner.pulls.get_mut(at) {
            pull.draft = draft.clone();
        } else {
            inner.pulls.push(Pull {
                draft: draft.clone(),
                state: ForgeState::Open,
                feedback: Vec::new(),
                remarks: Vec::new(),
                base_branch: None,
            });
        }
        let number = at as u64 + 1;
        Ok(ReviewHandle {
            number: Some(number),
            url: Some(format!("https://forge.example/pull/{number}")),
            adopted,
        })
    }

    fn say(&self, saying: &ForgeSaying) -> Result<Option<String>, ForgeError> {
        let mut inner = self.0.lock().unwrap();
        inner.calls += 1;
        if inner.locked == Some(saying.number) {
            return Err(ForgeError::Denied {
                what: format!("comment on #{}", saying.number),
                cause: "it is locked".to_owned(),
            });
        }
        if !inner.said.iter().any(|old| old.key == saying.key) {
            inner.said.push(saying.clone());
        }
        if std::mem::take(&mut inner.lose_next) {
            return Err(ForgeError::Unreachable {
                what: format!("comment on #{}", saying.number),
                cause: "the answer was lost".to_owned(),
            });
        }
        Ok(Some(format!("https://forge.example/said/{}", saying.key)))
    }
}
