//! The forge: where humans review.

use crate::domain::ids::Oid;
use crate::domain::review::FeedbackKind;
use crate::domain::time::Timestamp;
use crate::domain::tracking::GateKind;

/// A review that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewWatch {
    /// Number at the forge.
    pub number: Option<u64>,
    /// Branch under review.
    pub branch: String,
    /// Base branch.
    pub base_branch: String,
    /// Head as recorded.
    pub head: Oid,
    /// Keys of feedback and remarks that are on record: what costs calls to tell again is left out.
    pub known: Vec<String>,
}

/// What the forge says about a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewFacts {
    /// Number at the forge.
    pub number: Option<u64>,
    /// Branch under review.
    pub branch: String,
    /// Head that the forge shows.
    pub head: Option<Oid>,
    /// Open, merged or closed.
    pub state: ForgeState,
    /// Feedback that asks for another attempt.
    pub feedback: Vec<ForgeFeedback>,
    /// Branch that it is to be merged into, as the forge shows it; a human may have changed it.
    /// `None` = not looked at.
    pub base_branch: Option<String>,
    /// What people who may write to the repository said to fleet, oldest first.
    pub remarks: Vec<ForgeRemark>,
}

impl ReviewFacts {
    /// Nothing is known but where it should be. `number: None` = the forge has none.
    #[must_use]
    pub fn unknown(number: Option<u64>, branch: &str) -> Self {
        Self {
            number,
            branch: branch.to_owned(),
            head: None,
            state: ForgeState::Open,
            feedback: Vec::new(),
            base_branch: None,
            remarks: Vec::new(),
        }
    }
}

/// A comment that speaks to fleet (its first word is `/fleet`), by a person who may write to the
/// repository: the forge was asked. Told again on every look; its key is what makes it new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeRemark {
    /// Stable name at the forge.
    pub key: String,
    /// Who said it, by the forge's name of the person.
    pub by: String,
    /// The whole comment, bounded.
    pub text: String,
    /// When it was said, by the forge's clock.
    pub at: Timestamp,
}

/// Open, merged or closed, at the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ForgeState {
    Open,
    Merged { commit: Option<Oid> },
    Closed,
}

/// One piece of feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeFeedback {
    /// What kind.
    pub kind: FeedbackKind,
    /// Head it speaks of.
    pub head: Oid,
    /// Comments or the log's end, bounded.
    pub text: String,
    /// Stable name at the forge.
    pub key: String,
}

/// A review to open or bring up to date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewDraft {
    /// Title, already neutralised for display.
    pub title: String,
    /// Body, already neutralised (R7), at most 60,000 bytes.
    pub body: String,
    /// Branch under review; pushed already.
    pub branch: String,
    /// Base branch of a new one.
    pub base_branch: String,
    /// Whether an open one goes on to that base branch, too; otherwise it stays on its own, which a
    /// human may have chosen.
    pub rebase: bool,
    /// Head.
    pub head: Oid,
    /// Number of a review known to exist, to update instead.
    pub number: Option<u64>,
    /// How finished it is shown.
    pub stage: ReviewStage,
}

/// How finished a review is shown. A review is never taken back to a draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReviewStage {
    /// A new one opens as the configuration says; an open one stays what it is.
    #[default]
    AsConfigured,
    /// A human may merge it now: a draft is made ready.
    Ready,
}

/// Something that fleet says at the forge: on a review, or on a ticket. Said once for each `key`,
/// however often it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForgeSaying {
    /// Number of the review or ticket.
    pub number: u64,
    /// Key of the feedback or remark that it answers. Where the forge has threads, those of that
    /// feedback are answered in place.
    pub in_answer_to: Option<String>,
    /// Stable id of this effect; hidden in the text, and found again. `[a-z0-9:.-]{1,100}`.
    pub key: String,
    /// Markdown, already neutralised (R7), at most 60,000 bytes.
    pub text: String,
}

/// A review that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewHandle {
    /// Number at the forge, if it numbers.
    pub number: Option<u64>,
    /// Where a human looks.
    pub url: Option<String>,
    /// True if it was there already.
    pub adopted: bool,
}

/// A gate whose event happens at the forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateWatch {
    /// `Pr` or `Ci`; of other kinds a forge knows nothing.
    pub kind: GateKind,
    /// Which, as a person wrote it: `12`, `#12`, an address, the name or file of a workflow.
    pub subject: String,
    /// When the gate was put up: a run that began before does not count.
    pub since: Timestamp,
}

/// A forge call failed. `Display` is a sentence with the setting to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForgeError {
    /// It refuses and will refuse again.
    #[error("{what}: {cause}")]
    Denied {
        /// What was tried, on what.
        what: String,
        /// Why, and the setting to change.
        cause: String,
    },
    /// It limits; come back at `retry_at_ms` (milliseconds since the epoch), if said.
    #[error("{what}: the forge limits requests; {cause}")]
    RateLimited {
        /// What was tried.
        what: String,
        /// What it said.
        cause: String,
        /// When to come back.
        retry_at_ms: Option<u64>,
    },
    /// No answer, or a broken one. The effect may or may not have happened.
    #[error("{what}: {cause}")]
    Unreachable {
        /// What was tried, on what.
        what: String,
        /// What was seen.
        cause: String,
    },
}

/// The forge.
pub trait Forge: Send + Sync {
    /// Its short name; `local` is the one without a place of its own.
    fn kind(&self) -> &'static str;

    /// One batched read for work in flight (step 1). Facts are in the order of `watch`.
    ///
    /// # Errors
    /// The forge refuses, limits or does not answer.
    fn observe(&self, watch: &[ReviewWatch]) -> Result<Vec<ReviewFacts>, ForgeError>;

    /// Which of these gates' events have happened, each as a line that says so; `None` for one that
    /// has not, or of which the forge knows nothing, as one without a place of its own. In the order
    /// of `gates`; runs are those of the branch `base`.
    ///
    /// # Errors
    /// As above.
    fn passed(&self, gates: &[GateWatch], base: &str) -> Result<Vec<Option<String>>, ForgeError> {
        let _ = base;
        Ok(vec![None; gates.len()])
    }

    /// Opens a review, or adopts and updates the open one of that branch (I4). If the review with
    /// the draft's number is closed or merged, and no other one is open, nothing is opened: a human
    /// decided, which the next look shows.
    ///
    /// # Errors
    /// As above. Safe to call again after any error.
    fn open_or_adopt(&self, draft: &ReviewDraft) -> Result<ReviewHandle, ForgeError>;

    /// Says something once; where it stands, if the forge has a place for words. One without gives
    /// `None`: what was to be said is in the records.
    ///
    /// # Errors
    /// As above. Safe to call again after any error.
    fn say(&self, saying: &ForgeSaying) -> Result<Option<String>, ForgeError>;
}
