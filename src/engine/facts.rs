//! Facts: what was seen outside the records, as plain values that the use-case fills in.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::ids::{Oid, RecordId, ReviewUid, SessionUid, TaskUid};
use crate::domain::money::Spent;
use crate::domain::remote::RemoteSight;
use crate::domain::review::FeedbackKind;
use crate::domain::time::Timestamp;

/// Everything seen outside the records in step 1 of a tick. The default is "nothing was looked at",
/// which is what commands without network use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Head of the base branch; without one nothing is claimed.
    pub base: Option<Oid>,
    /// Paths of that commit, in git's order, to give overlaps an example; may be empty or cut.
    pub base_paths: Vec<String>,
    /// Heads of agent branches as fetched, by branch name; `None` = looked for and not there.
    /// A branch that is not in the map was not looked at.
    pub branches: BTreeMap<String, Option<Oid>>,
    /// Heads of finished attempts that were on record when it was looked, and whose branch was not
    /// there: somebody deleted it.
    pub gone: BTreeSet<Oid>,
    /// Of these heads, those that are a recorded head with its base merged in and nothing else: a
    /// human brought the branch up to date, by the forge's button or by hand.
    pub updates: BTreeSet<Oid>,
    /// What the forge says of reviews that are open by the records, or closed with a question about it.
    pub reviews: BTreeMap<ReviewUid, ReviewSeen>,
    /// Gates whose event has happened at the forge, by task and gate, with a line that says so.
    pub gates: BTreeMap<(TaskUid, RecordId), String>,
    /// Whether sessions that hold a lease still run.
    pub runs: BTreeMap<SessionUid, RunLife>,
    /// What runs that are dead had spent, by the notes that they left on this machine.
    pub spent: BTreeMap<SessionUid, Spent>,
    /// Agents that can be started here; `Err` says in a sentence what is missing. An agent that is
    /// not in the map is taken to be available.
    pub agents: BTreeMap<String, Result<(), String>>,
    /// Why the forge could not be read; its facts are then missing, and nothing is concluded.
    pub forge_trouble: Option<String>,
    /// What services show of the sessions that were looked at now; a session that is not in the map
    /// was not looked at.
    pub remotes: BTreeMap<SessionUid, RemoteSight>,
}

/// Whether a session still runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunLife {
    /// It runs.
    Alive,
    /// Nothing of it runs, and no later phase will carry it on.
    Dead {
        /// The evidence: `pid 71 of boot 5f… is gone`, `CI run 123 concluded`.
        proof: String,
    },
    /// It was claimed for another phase, and that never came to know of it: no agent was started.
    Unbegun {
        /// The evidence.
        proof: String,
    },
    /// Nobody can say from here.
    Unknown {
        /// Why not.
        why: String,
    },
}

/// What the forge says of a review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewSeen {
    /// Open, merged or closed.
    pub state: SeenState,
    /// Head that it shows.
    pub head: Option<Oid>,
    /// Feedback that asks for another attempt.
    pub feedback: Vec<FeedbackSeen>,
    /// The branch does not merge with its base.
    pub conflict: bool,
    /// Branch that it is to be merged into, if that was looked at.
    pub base_branch: Option<String>,
    /// What people who may write to the repository said to fleet, oldest first.
    pub remarks: Vec<RemarkSeen>,
}

/// A comment that speaks to fleet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemarkSeen {
    /// Stable name at the forge; recorded once.
    pub key: String,
    /// Who, by the forge's name of the person.
    pub who: String,
    /// The whole comment, bounded.
    pub text: String,
    /// When it was said, by the forge's clock.
    pub at: Timestamp,
}

/// Open, merged or closed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum SeenState {
    Open,
    Merged {
        commit: Option<Oid>,
    },
    Closed,
    /// Open again, looked at when it was closed by the records.
    Reopened,
}

/// One piece of feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedbackSeen {
    /// What kind.
    pub kind: FeedbackKind,
    /// Head that it speaks of.
    pub head: Oid,
    /// Comments, or the end of a failing check's log, bounded.
    pub text: String,
    /// Stable name at the forge; recorded once.
    pub key: String,
}
