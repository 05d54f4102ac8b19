//! The forge as values. It answers late, not at all, or after the effect, as chance has it.

use fleet::domain::ids::Oid;
use fleet::ports::forge::{
    ForgeError, ForgeFeedback, ForgeRemark, ForgeState, ReviewDraft, ReviewFacts, ReviewHandle,
    ReviewWatch,
};

#[derive(Debug, Clone)]
pub(crate) struct Pull {
    pub(crate) number: u64,
    pub(crate) branch: String,
    pub(crate) base: String,
    pub(crate) head: Oid,
    pub(crate) state: ForgeState,
    pub(crate) feedback: Vec<ForgeFeedback>,
    pub(crate) remarks: Vec<ForgeRemark>,
}

#[derive(Debug, Default)]
pub(crate) struct Pulls {
    pub(crate) all: Vec<Pull>,
    /// What readers are shown; it lags behind.
    shown: Vec<Pull>,
    /// What was said, by number and key.
    pub(crate) said: Vec<(u64, String)>,
}

impl Pulls {
    pub(crate) fn open_of(&self, branch: &str) -> Vec<&Pull> {
        let open = |pull: &&Pull| pull.branch == branch && pull.state == ForgeState::Open;
        self.all.iter().filter(open).collect()
    }

    pub(crate) fn open(&self) -> impl Iterator<Item = &Pull> {
        self.all
            .iter()
            .filter(|pull| pull.state == ForgeState::Open)
    }

    pub(crate) fn get(&mut self, number: u64) -> Option<&mut Pull> {
        self.all.iter_mut().find(|pull| pull.number == number)
    }

    /// The forge follows a push.
    pub(crate) fn follow(&mut self, branch: &str, head: &Oid) {
        let open = |pull: &&mut Pull| pull.branch == branch && pull.state == ForgeState::Open;
        for pull in self.all.iter_mut().filter(open) {
            pull.head = head.clone();
        }
    }

    /// A forge closes the review of a branch that is gone.
    pub(crate) fn close_of(&mut self, branch: &str) {
        let open = |pull: &&mut Pull| pull.branch == branch && pull.state == ForgeState::Open;
        for pull in self.all.iter_mut().filter(open) {
            pull.state = ForgeState::Closed;
        }
    }

    pub(crate) fn catch_up(&mut self) {
        self.shown.clone_from(&self.all);
    }

    pub(crate) fn observe(&self, watch: &[ReviewWatch]) -> Vec<ReviewFacts> {
        watch.iter().map(|watch| self.look(watch)).collect()
    }

    fn look(&self, watch: &ReviewWatch) -> ReviewFacts {
        let by_number = |pull: &&Pull| Some(pull.number) == watch.number;
        let by_head = |pull: &&Pull| pull.branch == watch.branch && pull.head == watch.head;
        let pull = self.shown.iter().find(by_number);
        let pull = pull.or_else(|| self.shown.iter().find(by_head));
        ReviewFacts {
            number: pull.map(|pull| pull.number),
            branch: watch.branch.clone(),
            head: pull.map(|pull| pull.head.clone()),
            state: pull.map_or(ForgeState::Open, |pull| pull.state.clone()),
            feedback: pull.map(|pull| pull.feedback.clone()).unwrap_or_default(),
            base_branch: pull.map(|pull| pull.base.clone()),
            remarks: pull.map(|pull| pull.remarks.clone()).unwrap_or_default(),
        }
    }

    /// As the port promises: creates, or adopts what is there.
    pub(crate) fn open_or_adopt(
        &mut self,
        draft: &ReviewDraft,
        branch: Option<&Oid>,
    ) -> Result<ReviewHandle, ForgeError> {
        if branch != Some(&draft.head) {
            return Err(ForgeError::Unreachable {
                what: format!("cannot open a pull request for {}", draft.branch),
                cause: "the forge shows another head".to_owned(),
            });
        }
        let known = self
            .all
            .iter_mut()
            .find(|pull| pull.branch == draft.branch && pull.state == ForgeState::Open);
        let (number, adopted) = match known {
            Some(pull) => {
                pull.base.clone_from(&draft.base_branch);
                (pull.number, true)
            }
            None => {
                let merged = self.all.iter().find(|pull| {
                    pull.head == draft.head && matches!(pull.state, ForgeState::Merged { .. })
                });
                let known = self
                    .all
                    .iter()
                    .find(|pull| Some(pull.number) == draft.number);
                match merged.or(known) {
                    Some(pull) => (pull.number, true),
                    None => (self.create(draft), false),
                }
            }
        };
        Ok(ReviewHandle {
            number: Some(number),
            url: Some(format!("https://forge.example/{number}")),
            adopted,
        })
    }

    fn create(&mut self, draft: &ReviewDraft) -> u64 {
        let number = self.all.len() as u64 + 1;
        self.all.push(Pull {
            number,
            branch: draft.branch.clone(),
            base: draft.base_branch.clone(),
            head: draft.head.clone(),
            state: ForgeState::Open,
            feedback: Vec::new(),
            remarks: Vec::new(),
        });
        number
    }
}
