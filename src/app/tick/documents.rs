//! The documents of the hand-over: what one phase tells the next (docs/formats.md).

use serde::{Deserialize, Serialize};

use crate::domain::ids::{Oid, RecordId, SessionUid};
use crate::domain::money::Spent;
use crate::domain::record::{SessionClaimed, SessionFinished};
use crate::domain::session::{FailureClass, RunnerIdentity};
use crate::domain::task::Deliverable;
use crate::domain::time::Timestamp;
use crate::engine::budget::Gauge;
use crate::ports::handover::{Handover, HandoverError};
use crate::ports::remote_session::Collected;

/// Version of these documents; a phase of another version refuses them.
pub const HANDOVER_VERSION: u32 = 1;

/// `claims.json`: everything that the run phase needs, without the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimsDoc {
    /// [`HANDOVER_VERSION`].
    pub version: u32,
    /// When they were claimed.
    pub at: Timestamp,
    /// The claims.
    pub claims: Vec<ClaimDoc>,
    /// The budgets that they count on, as they stood.
    #[serde(default)]
    pub budgets: Gauge,
}

/// `<session>/spent.json`: what a run had spent when it last said so. It outlives the process that
/// wrote it, so that what a killed run cost is booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpentDoc {
    /// [`HANDOVER_VERSION`].
    pub version: u32,
    /// The session.
    pub session: SessionUid,
    /// So far.
    pub spent: Spent,
}

/// `<session>/claiming.json`, among what is fleet's own in the clone: a claim that is being published
/// for another phase. It is taken away just before the claims are written down for that phase, so while
/// it is there no run phase can know of the claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimingDoc {
    /// [`HANDOVER_VERSION`].
    pub version: u32,
    /// The session.
    pub session: SessionUid,
    /// The claim phase.
    pub runner: RunnerIdentity,
}

/// One claimed session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimDoc {
    /// The session.
    pub session: SessionUid,
    /// Its published claim.
    pub claim: SessionClaimed,
    /// `T-7`.
    pub task: String,
    /// One line.
    pub title: String,
    /// What it hands over.
    pub deliverable: Deliverable,
    /// Path globs it expects to touch.
    pub paths: Vec<String>,
    /// The whole prompt.
    pub prompt: String,
    /// Findings about protected paths that a human was shown and allowed, one line each.
    pub allowed: Vec<String>,
    /// Paths that did not merge by themselves, where the claim merges its base.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<String>,
    /// The merge is all that is asked for: without conflicts no agent is needed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_merge: bool,
}

impl ClaimDoc {
    /// The commit that its work is made on.
    #[must_use]
    pub fn start(&self) -> Oid {
        self.claim
            .continues
            .clone()
            .unwrap_or_else(|| self.claim.base.clone())
    }
}

/// `<session>/collected.json`: what a service handed over, for the phase that takes it over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectedDoc {
    /// [`HANDOVER_VERSION`].
    pub version: u32,
    /// The session.
    pub session: SessionUid,
    /// What it handed over.
    pub collected: Collected,
    /// Why it was stopped before it was done, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut_short: Option<CutShort>,
    /// When the right to make it was published: its time counts from there.
    pub since: Timestamp,
    /// What it had spent when it was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spent: Option<Spent>,
}

/// Why a session was stopped whose work is kept all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutShort {
    /// In which way.
    pub class: FailureClass,
    /// Why, in a sentence.
    pub reason: String,
}

/// `<session>/result.json`: what came out of a run. Data, never trusted: the publish phase checks
/// the commit again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResultDoc {
    /// [`HANDOVER_VERSION`].
    pub version: u32,
    /// The claim that was run.
    pub claim: ClaimDoc,
    /// How it ended; becomes the record.
    pub finished: SessionFinished,
    /// What the commit was made on.
    pub start: Oid,
    /// The agent's last words; body of a report.
    pub final_message: String,
    /// Outbox lines as the agent wrote them.
    pub outbox: String,
    /// Why a human must decide, if the work broke a rule that needs one.
    pub held: Option<Held>,
    /// True if the commit travels in `work.bundle`.
    pub bundled: bool,
    /// Until when the agent's provider asked to be left alone.
    pub retry_at: Option<Timestamp>,
    /// When the agent was started.
    pub started_at: Timestamp,
    /// What the disk under the workspaces said, if it takes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<String>,
    /// True if it ended before its agent was started. Believed where the
    /// run is no other phase.
    #[serde(default)]
    pub unstarted: bool,
}

/// Work that is not published before a human decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// True if the rule is about protected paths (R3), which a human may allow.
    pub protected: bool,
    /// Rule, path and what it means, one line each.
    pub reasons: Vec<String>,
}

/// Folder of a session in the hand-over directory.
#[must_use]
pub fn folder(session: SessionUid) -> String {
    session.to_string()
}

/// The session that a folder belongs to.
#[must_use]
pub fn session_of(folder: &str) -> Option<SessionUid> {
    folder.parse::<RecordId>().ok().map(SessionUid::created_by)
}

/// Name of a document with what a service handed over.
#[must_use]
pub fn collected_name(session: SessionUid) -> String {
    format!("{}/collected.json", folder(session))
}

/// Name of the note that a session is being claimed for another phase.
#[must_use]
pub fn claiming_name(session: SessionUid) -> String {
    format!("{}/claiming.json", folder(session))
}

/// Name of the note of what a session has spent.
#[must_use]
pub fn spent_name(session: SessionUid) -> String {
    format!("{}/spent.json", folder(session))
}

/// Name of the document with what came out of a session.
#[must_use]
pub fn result_name(session: SessionUid) -> String {
    format!("{}/result.json", folder(session))
}

/// Writes down what came out of a session.
///
/// # Errors
/// The disk refuses.
pub fn put_result(handover: &dyn Handover, result: &ResultDoc) -> Result<(), HandoverError> {
    let name = result_name(result.claim.session);
    let bytes = serde_json::to_vec_pretty(result).map_err(|cause| HandoverError {
        what: "write",
        on: name.clone(),
        cause: cause.to_string(),
    })?;
    handover.put(&name, &bytes)
}
