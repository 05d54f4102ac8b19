//! What a tick tells: events while it goes on, and the report at its end.

use serde::Serialize;

use crate::app::intake::report::IntakeReport;
use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::money::{CostSource, MicroUsd, Usage};
use crate::domain::time::Timestamp;
pub use crate::ports::runner::AgentEvent;

/// Something happened; for whoever watches.
#[derive(Debug, Clone, PartialEq)]
pub enum TickEvent {
    /// A step of the tick began.
    Step(&'static str),
    /// A task was claimed: name, title, attempt, agent.
    #[expect(missing_docs, reason = "the names say it")]
    Claimed {
        session: SessionUid,
        task: String,
        title: String,
        attempt: u32,
        agent: String,
    },
    /// A running agent said something.
    #[expect(missing_docs, reason = "the names say it")]
    Agent {
        session: SessionUid,
        task: String,
        at: Timestamp,
        event: AgentEvent,
    },
    /// A session ended.
    #[expect(missing_docs, reason = "the names say it")]
    Ended {
        session: SessionUid,
        task: String,
        ended: Ended,
    },
    /// Something a human should know.
    Note(String),
    /// Time passes while work goes on; for displays of elapsed time. Told each time before the tick
    /// waits for what runs.
    Pulse {
        /// Now.
        at: Timestamp,
    },
}

/// How a session of this tick ended, for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// Its work is in review.
    InReview,
    /// Its text was handed over and the task is closed.
    Reported,
    /// It asked a human.
    AskedHuman,
    /// A rule holds its work back until a human decides.
    Held,
    /// It failed and will be tried again.
    Failed,
    /// It was stopped.
    Stopped,
    /// It was stopped because a budget was used up; what it had done is on its branch.
    OverBudget,
    /// Its right to run had passed to another attempt; nothing was published.
    Superseded,
    /// Its branch is pushed; the review could not be opened and is tried by the next tick.
    Pushed,
    /// It was handed to the next phase.
    HandedOver,
}

/// One session of a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionReport {
    /// The session.
    pub session: SessionUid,
    /// `T-7`.
    pub task: String,
    /// One line.
    pub title: String,
    /// 1, 2, 3 ….
    pub attempt: u32,
    /// Who worked.
    pub agent: String,
    /// Model that answered.
    pub model: Option<String>,
    /// How it ended.
    pub ended: Ended,
    /// What was done, or why not.
    pub summary: String,
    /// Branch, if one was pushed.
    pub branch: Option<String>,
    /// Where a human looks.
    pub review: Option<String>,
    /// Tokens.
    pub usage: Usage,
    /// Money, in micro-dollars; none when unknown.
    pub cost: Option<MicroUsd>,
    /// Where that figure comes from.
    pub cost_source: CostSource,
    /// Wall time.
    pub duration_ms: u64,
}

/// A task that does not start now, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// The task.
    #[serde(skip)]
    pub uid: TaskUid,
    /// `T-7`.
    pub task: String,
    /// One line.
    pub title: String,
    /// Reasons in words.
    pub why: Vec<String>,
    /// The same reasons as stable names.
    pub codes: Vec<&'static str>,
}

/// A claim that was made, or would be made by a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimReport {
    /// `T-7`.
    pub task: String,
    /// One line.
    pub title: String,
    /// 1, 2, 3 ….
    pub attempt: u32,
    /// Who is to work.
    pub agent: String,
    /// Role prompt.
    pub role: String,
    /// Model asked for.
    pub model: Option<String>,
    /// Branch.
    pub branch: Option<String>,
    /// Path globs that are locked.
    pub locks: Vec<String>,
    /// Why this agent and this place in the order.
    pub because: Vec<String>,
}

/// What a claim phase hands to the run phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandedOver {
    /// One job for each claim, at most [`MOST_JOBS`], in the order of the claims.
    pub jobs: Vec<HandedJob>,
    /// SHA-256 of `claims.json`, in hex: what the later phases hold it against.
    pub claims_sha256: String,
}

/// Most jobs that one claim phase hands out: no CI starts more of one matrix (security.md §1.9).
pub const MOST_JOBS: usize = 256;

/// One claim, as a job of the run phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandedJob {
    /// `T-7`.
    pub task: String,
    /// Its session, which is also the name of the folder with its result.
    pub session: SessionUid,
}

/// The end of a tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TickReport {
    /// What was taken in from issues, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intake: Option<IntakeReport>,
    /// What was, or would be, changed in the records before anything ran.
    pub reconciled: Vec<String>,
    /// Claims made (or that would be made).
    pub claimed: Vec<ClaimReport>,
    /// Sessions that ended in this tick.
    pub sessions: Vec<SessionReport>,
    /// Tasks that wait, and why.
    pub waiting: Vec<Waiting>,
    /// Things a human should know.
    pub notes: Vec<String>,
    /// Money spent by the sessions of this tick.
    pub cost: MicroUsd,
    /// Questions that wait for a human.
    pub open_questions: usize,
    /// True if nothing was written.
    pub dry_run: bool,
    /// True if the tick ended because it was told to stop or its time was up.
    pub stopped: bool,
    /// True if budgets held work back.
    pub budget_stop: bool,
    /// What the run phase has to do; of a claim phase only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub handed: Option<HandedOver>,
    /// Wall time of the tick.
    pub duration_ms: u64,
}

impl TickReport {
    /// Takes in the end of a session, and tells it to whoever watches.
    pub(super) fn end(&mut self, line: SessionReport, on: &mut dyn FnMut(TickEvent)) {
        self.cost = self.cost.plus(line.cost.unwrap_or_default());
        self.budget_stop |= line.ended == Ended::OverBudget;
        on(TickEvent::Ended {
            session: line.session,
            task: line.task.clone(),
            ended: line.ended,
        });
        self.sessions.push(line);
    }
}
