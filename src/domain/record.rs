//! Records: the immutable facts that the log consists of.
//!
//! One line of a log segment is one record: the envelope `{v, id, ts, by, run, op}` with the
//! payload's fields beside it (docs/formats.md). Payloads are self-contained: applying them needs
//! no other record, so that the fold is order-free. The codec lives in `store`.
//!
//! Longer than 400 lines because the payloads are one closed list, read beside the enum of them.

mod sessions;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::dep::DepKind;
use crate::domain::escalation::Trigger;
use crate::domain::ids::{EscalationUid, RecordId, SessionUid, TaskNumber, TaskUid};
use crate::domain::money::MicroUsd;
pub use crate::domain::record::sessions::{
    LockAcquired, LockReleased, SessionClaimed, SessionFinished, SessionReleased, SessionRenewed,
    SessionStarted,
};
use crate::domain::register::Stamp;
use crate::domain::remote::{
    SessionRemoteBound, SessionRemoteIntended, SessionRemoteSeen, SessionRemoteTold,
};
use crate::domain::review::{ForgeSaid, ReviewApproved, ReviewCommanded};
pub use crate::domain::review::{ReviewFeedback, ReviewOpened, ReviewUpdated};
use crate::domain::task::{Acceptance, Complexity, Deliverable};
use crate::domain::time::{Hlc, Timestamp};
use crate::domain::tracking::{
    CommentEdited, GateAdded, GateSet, MilestoneSet, QuerySaved, TaskDecayed,
};

/// The record format that this build writes.
pub const RECORD_VERSION: u32 = 1;

/// One immutable fact.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Format version of the line, [`RECORD_VERSION`] when written here.
    pub v: u32,
    /// Identity; also the identity of the thing that the record creates.
    pub id: RecordId,
    /// Hybrid logical time; `(ts, id)` is the total order of the fold.
    pub ts: Hlc,
    /// Who: `human:<name>`, `agent:<name>` or `fleet`.
    pub by: String,
    /// Which process run wrote it (short random text), for the audit.
    pub run: String,
    /// What happened.
    pub op: Op,
}

impl Record {
    /// Position in the total order.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        Stamp {
            ts: self.ts,
            id: self.id,
        }
    }
}

macro_rules! ops {
    ($( $(#[$doc:meta])* $variant:ident($payload:ty) = $name:literal ),+ $(,)?) => {
        /// What a record says. The set is closed; a name that this build does not know is
        /// [`Op::Unknown`], kept and never applied.
        #[derive(Debug, Clone, PartialEq)]
        pub enum Op {
            $( $(#[$doc])* $variant($payload), )+
            /// An operation of a newer version: its wire name. The raw line is kept by the store.
            Unknown(String),
        }

        impl Op {
            /// The name on the wire.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $( Self::$variant(_) => $name, )+
                    Self::Unknown(name) => name,
                }
            }

            /// Every name that this build knows.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Reads the payload of the operation `name` from a whole record line.
            ///
            /// # Errors
            /// The line lacks a field of that operation, or has one of a wrong type.
            pub fn from_line(name: &str, line: &str) -> Result<Self, serde_json::Error> {
                Ok(match name {
                    $( $name => Self::$variant(serde_json::from_str(line)?), )+
                    other => Self::Unknown(other.to_owned()),
                })
            }

            /// Serialises the payload's fields alone, as a JSON object.
            ///
            /// # Errors
            /// [`Op::Unknown`] has no payload here; its raw line is what is kept.
            pub fn payload_json(&self) -> Result<String, serde_json::Error> {
                match self {
                    $( Self::$variant(payload) => serde_json::to_string(payload), )+
                    Self::Unknown(name) => Err(serde::ser::Error::custom(
                        format!("cannot write the unknown operation {name}"),
                    )),
                }
            }
        }
    };
}

ops! {
    /// A task came to be; its identity is this record's id.
    TaskAdded(TaskAdded) = "task.added",
    /// A task got its number, or another one after a collision.
    TaskNumbered(TaskNumbered) = "task.numbered",
    /// Fields of a task changed.
    TaskUpdated(TaskUpdated) = "task.updated",
    /// A task ended.
    TaskClosed(TaskClosed) = "task.closed",
    /// A closed task is open again.
    TaskReopened(TaskReopened) = "task.reopened",
    /// A human admitted exactly these bytes of an outsider's or agent's text (R4).
    TaskAdmitted(TaskAdmitted) = "task.admitted",
    /// An edge between tasks.
    DepAdded(DepEdge) = "dep.added",
    /// An edge was taken away.
    DepRemoved(DepEdge) = "dep.removed",
    /// A remark on a task.
    CommentAdded(CommentAdded) = "comment.added",
    /// A remark has another text.
    CommentEdited(CommentEdited) = "comment.edited",
    /// A task waits for something that is no task.
    GateAdded(GateAdded) = "gate.added",
    /// What a task waited for is there, or not after all.
    GateSet(GateSet) = "gate.set",
    /// The text of old work became a summary.
    TaskDecayed(TaskDecayed) = "task.decayed",
    /// A query got a name that everybody can use.
    QuerySaved(QuerySaved) = "query.saved",
    /// Something is known of a milestone.
    MilestoneSet(MilestoneSet) = "milestone.set",
    /// An attempt at a task was claimed: lease, nonce, base.
    SessionClaimed(SessionClaimed) = "session.claimed",
    /// The agent was started (logged before it acts).
    SessionStarted(SessionStarted) = "session.started",
    /// The lease was extended.
    SessionRenewed(SessionRenewed) = "session.renewed",
    /// The attempt ended, with what it cost.
    SessionFinished(SessionFinished) = "session.finished",
    /// The lease was given up or taken back, with the proof that nothing runs.
    SessionReleased(SessionReleased) = "session.released",
    /// The right to create a session at a service (logged before the request).
    SessionRemoteIntended(SessionRemoteIntended) = "session.remote_intended",
    /// The id of that session at the service.
    SessionRemoteBound(SessionRemoteBound) = "session.remote_bound",
    /// One look at it; renews the lease.
    SessionRemoteSeen(SessionRemoteSeen) = "session.remote_seen",
    /// The right to say one thing to it (logged before it is said).
    SessionRemoteTold(SessionRemoteTold) = "session.remote_told",
    /// Path globs are held by a session.
    LockAcquired(LockAcquired) = "lock.acquired",
    /// A session's lock was given back.
    LockReleased(LockReleased) = "lock.released",
    /// A review (pull request, or local review record) was opened or adopted.
    ReviewOpened(ReviewOpened) = "review.opened",
    /// A review changed: new head, merged, closed.
    ReviewUpdated(ReviewUpdated) = "review.updated",
    /// Feedback on a review that asks for another attempt.
    ReviewFeedback(ReviewFeedback) = "review.feedback",
    /// A person approved a head; the merge itself is that person's, too.
    ReviewApproved(ReviewApproved) = "review.approved",
    /// A person told fleet something on a review.
    ReviewCommanded(ReviewCommanded) = "review.commanded",
    /// Fleet said something at the forge about a task; it is not said again.
    ForgeSaid(ForgeSaid) = "forge.said",
    /// A question to a human.
    EscalationOpened(EscalationOpened) = "escalation.opened",
    /// A human's answer.
    EscalationAnswered(EscalationAnswered) = "escalation.answered",
    /// Something an agent noticed that is not its task.
    FindingAdded(FindingAdded) = "finding.added",
    /// An agent (its provider) is not to be used until a time.
    AgentPaused(AgentPaused) = "agent.paused",
}

/// Fields of a task that may be written together. Absent = untouched; `null` clears where it may.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TaskFields {
    /// One line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// `architecture`, `implementation`, `review`, `testing`, `documentation`, `bug`, … free.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// 0 (most urgent) to 4.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
    /// How hard it is thought to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complexity: Option<Complexity>,
    /// What the work hands over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deliverable: Option<Deliverable>,
    /// Acceptance points, in order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub acceptance: Option<Vec<Acceptance>>,
    /// Who holds it, if a human does; such a task is not run by agents.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub assignee: Option<Option<String>>,
    /// Wanted by.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub due: Option<Option<Timestamp>>,
    /// Not ready before.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub defer_until: Option<Option<Timestamp>>,
    /// The same thing elsewhere, such as `gh-9` or a URL.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub external_ref: Option<Option<String>>,
    /// Route to this agent whatever the routes say.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub agent: Option<Option<String>>,
    /// Who said stop; nothing is started until it is taken back.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub held_by: Option<Option<String>>,
    /// What all attempts together may cost, instead of `budget.per_task`; micro-dollars.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub budget: Option<Option<MicroUsd>>,
    /// What it is to be ready for.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub milestone: Option<Option<String>>,
    /// How long it is thought to take a person, in minutes.
    #[serde(skip_serializing_if = "Option::is_none", with = "clearable")]
    pub estimate_minutes: Option<Option<u64>>,
    /// Fields of newer versions, kept as they are.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Value>,
}

/// `null` is a value (clear the field), absence is none.
pub(in crate::domain) mod clearable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::domain) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<Option<T>>,
        s: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(s)
    }

    pub(in crate::domain) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::<T>::deserialize(d).map(Some)
    }
}

/// Payload of `task.added`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TaskAdded {
    /// The number, present only when the record was made for a publish that grants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<TaskNumber>,
    /// Idempotency key of `add --key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// First values.
    pub set: TaskFields,
    /// First labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// First path globs it expects to touch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// False when the text comes from an agent or outsider and waits for `task.admitted`.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub admitted: bool,
}

const fn yes() -> bool {
    true
}

/// Payload of `task.numbered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct TaskNumbered {
    pub task: TaskUid,
    pub n: TaskNumber,
}

/// Payload of `task.updated`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskUpdated {
    /// Which task.
    pub task: TaskUid,
    /// New values.
    #[serde(default)]
    pub set: TaskFields,
    /// Labels to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_labels: Vec<String>,
    /// Labels to take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rm_labels: Vec<String>,
    /// Path globs to add.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_paths: Vec<String>,
    /// Path globs to take away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rm_paths: Vec<String>,
    /// Texts of acceptance points that are met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub check: Vec<String>,
    /// Texts of acceptance points that are not met after all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uncheck: Vec<String>,
}

impl TaskUpdated {
    /// New values for some fields; no label, path or point changes.
    #[must_use]
    pub const fn of(task: TaskUid, set: TaskFields) -> Self {
        Self {
            task,
            set,
            add_labels: Vec::new(),
            rm_labels: Vec::new(),
            add_paths: Vec::new(),
            rm_paths: Vec::new(),
            check: Vec::new(),
            uncheck: Vec::new(),
        }
    }

    /// True if it has no new value and changes no list.
    #[must_use]
    pub fn changes_nothing(&self) -> bool {
        *self == Self::of(self.task, TaskFields::default())
    }
}

/// How a task ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseOutcome {
    /// The work is in: merged, or reported. Unblocks dependents.
    Done,
    /// Decided against. Unblocks dependents.
    Wontdo,
    /// The same as another. Unblocks dependents.
    Duplicate,
    /// Tried and given up. Dependents stay blocked.
    Failed,
}

impl CloseOutcome {
    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Wontdo => "wontdo",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
        }
    }
}

/// Payload of `task.closed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct TaskClosed {
    pub task: TaskUid,
    pub outcome: CloseOutcome,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Payload of `task.reopened`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct TaskReopened {
    pub task: TaskUid,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Payload of `task.admitted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskAdmitted {
    /// Which task.
    pub task: TaskUid,
    /// sha256 (hex) over title, NUL, body, NUL, acceptance texts joined by NUL, of what was admitted;
    /// empty takes back what was admitted before.
    pub sha256: String,
}

/// Payload of `dep.added` and `dep.removed`: `from` depends on `to`
/// (for `parent-child`, `from` is the child).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct DepEdge {
    pub from: TaskUid,
    pub to: TaskUid,
    pub kind: DepKind,
}

/// Payload of `comment.added`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct CommentAdded {
    pub task: TaskUid,
    pub text: String,
}

/// Payload of `escalation.opened` (DESIGN §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EscalationOpened {
    /// Which task.
    pub task: TaskUid,
    /// During which attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionUid>,
    /// Which agent asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Why.
    pub trigger: Trigger,
    /// What a human must know to answer.
    pub context: String,
    /// Offered answers; free text is always possible.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<String>,
}

/// Payload of `escalation.answered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct EscalationAnswered {
    pub escalation: EscalationUid,
    pub answer: String,
}

/// Payload of `finding.added`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct FindingAdded {
    pub task: TaskUid,
    pub session: SessionUid,
    pub text: String,
}

/// Payload of `agent.paused`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the wire names say it")]
pub struct AgentPaused {
    pub agent: String,
    pub until: Timestamp,
    pub reason: String,
    /// The provider that limits it: all agents of that provider rest, not this one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}
