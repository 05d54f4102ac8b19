//! The lines of all tables but the tasks', as types.

use serde::{Deserialize, Serialize};

use crate::domain::dep::DepKind;
use crate::domain::ids::{EscalationUid, Oid, RecordId, ReviewUid, SessionUid, TaskUid};
use crate::domain::money::Spent;
use crate::domain::record::{
    EscalationOpened, ReviewFeedback, ReviewOpened, SessionClaimed, SessionFinished,
};
use crate::domain::register::{Reg, Stamp};
use crate::domain::remote::Remote;
use crate::domain::review::{ReviewCommanded, ReviewState};
use crate::domain::session::RunnerIdentity;
use crate::domain::state::DepKey;
use crate::domain::time::Timestamp;

/// A register with its stamp; absent = never written.
pub(crate) type Slot<T> = Option<(T, Stamp)>;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DepRow {
    #[serde(default)]
    pub(crate) n: u32,
    pub(crate) from: TaskUid,
    pub(crate) to: TaskUid,
    pub(crate) kind: DepKind,
    pub(crate) present: bool,
    pub(crate) at: Stamp,
}

impl DepRow {
    /// The edge as the state has it.
    pub(crate) const fn edge(&self) -> (DepKey, Reg<bool>) {
        let key = DepKey {
            from: self.from,
            to: self.to,
            kind: self.kind,
        };
        let reg = Reg {
            value: self.present,
            at: self.at,
        };
        (key, reg)
    }
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SessionRow {
    #[serde(default)]
    pub(crate) n: u32,
    pub(crate) id: SessionUid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) claim: Slot<SessionClaimed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) started: Slot<RunnerIdentity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) lease_until: Slot<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) agent_session: Slot<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) finished: Slot<SessionFinished>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) released: Slot<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unstarted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) spent: Slot<Option<Spent>>,
    #[serde(default, skip_serializing_if = "Remote::is_empty")]
    pub(crate) remote: Remote,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LockRow {
    #[serde(default)]
    pub(crate) n: u32,
    pub(crate) id: SessionUid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) task: Option<TaskUid>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) globs: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Slot<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) released: Option<Stamp>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ReviewRow {
    #[serde(default)]
    pub(crate) n: u32,
    pub(crate) id: ReviewUid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) opened: Slot<ReviewOpened>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) head: Slot<Option<Oid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) state: Slot<ReviewState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) feedback: Vec<(ReviewFeedback, Stamp)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Slot<Option<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) approved: Slot<Option<(Oid, String)>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) commands: Vec<(ReviewCommanded, Stamp)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct EscalationRow {
    #[serde(default)]
    pub(crate) n: u32,
    pub(crate) id: EscalationUid,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) opened: Slot<EscalationOpened>,
    /// Text, by whom, when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<(String, String, Stamp)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FindingRow {
    #[serde(default)]
    pub(crate) n: u32,
    pub(crate) at: Stamp,
    pub(crate) task: TaskUid,
    pub(crate) session: SessionUid,
    pub(crate) text: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PauseRow {
    pub(crate) agent: String,
    pub(crate) until: Timestamp,
    pub(crate) reason: String,
    pub(crate) at: Stamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct QueryRow {
    pub(crate) name: String,
    /// Absent: taken away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) query: Option<String>,
    pub(crate) at: Stamp,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MilestoneRow {
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Slot<Option<Timestamp>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Slot<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) note: Slot<String>,
}

/// A line of the log that a newer version can read better: byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Kept {
    #[serde(default)]
    pub(crate) n: u32,
    pub(crate) id: RecordId,
    pub(crate) raw: String,
}
