//! Why a task does not start now: typed reasons, with words for people and codes for programs.

mod assignment;

use std::fmt;

use crate::domain::escalation::Trigger;
use crate::domain::ids::{EscalationUid, ReviewUid, SessionUid};
use crate::domain::money::MicroUsd;
use crate::domain::record::CloseOutcome;
use crate::domain::task::TaskName;
use crate::domain::time::Timestamp;
use crate::domain::tracking::GateKind;
use crate::engine::budget::Account;

/// One reason why a task does not start now. `Display` is plain English that fits after
/// "T-7 waits: "; [`Why::code`] is stable for JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Only records about it are known, not the record that adds it.
    NotAdded,
    /// It ended.
    Closed {
        /// How.
        outcome: CloseOutcome,
    },
    /// Its text waits for a human (R4).
    NotAdmitted,
    /// Its text is not the text that was admitted (R4).
    AdmittedTextChanged,
    /// Not before a time.
    Deferred {
        /// When.
        until: Timestamp,
    },
    /// Somebody said stop.
    Held {
        /// Who.
        by: String,
    },
    /// A human holds it.
    AssignedToHuman {
        /// Who.
        who: String,
    },
    /// It has open parts.
    OpenChildren {
        /// The first of them.
        first: TaskName,
        /// How many.
        count: usize,
    },
    /// A blocker is not done.
    Blocked {
        /// Which.
        by: TaskName,
        /// What that one does.
        state: BlockerState,
    },
    /// It waits for another, or for a part of one, to be closed; by the kind of the edge, in any
    /// way or as failed.
    WaitsFor {
        /// Which.
        on: TaskName,
        /// What that one does.
        state: BlockerState,
    },
    /// A gate is shut.
    Gate {
        /// What it waits for.
        kind: GateKind,
        /// Which, as it was named: a time, a pull request, a run.
        subject: Option<String>,
        /// Why, in a line.
        note: String,
    },
    /// An ancestor is held back.
    ParentHeld {
        /// Which.
        parent: TaskName,
        /// Why that one is.
        why: Box<Self>,
    },
    /// An attempt holds its lease.
    Running {
        /// Which attempt.
        session: SessionUid,
        /// Its number.
        attempt: u32,
        /// Who works.
        agent: String,
        /// End of the lease.
        lease_until: Timestamp,
        /// The lease ended, and nobody has proved that the run did.
        expired: bool,
    },
    /// A human is asked.
    NeedsAnswer {
        /// Which question.
        escalation: EscalationUid,
        /// Why it is asked.
        trigger: Trigger,
    },
    /// A human looks at it.
    InReview {
        /// Which review.
        review: ReviewUid,
        /// Number at the forge.
        number: Option<u64>,
    },
    /// Its work is pushed, and the review is to be opened by the next tick.
    ReviewPending {
        /// Which attempt.
        session: SessionUid,
    },
    /// It failed a moment ago.
    BackOff {
        /// When it may start again.
        until: Timestamp,
        /// How many failures in a row.
        failures: u32,
    },
    /// All attempts are used up; the next tick asks a human.
    OutOfAttempts {
        /// How many failed.
        failures: u32,
    },
    /// A live lock covers one of its paths.
    Locked {
        /// Its own glob.
        glob: String,
        /// The other's glob.
        other: String,
        /// Whose lock.
        by: TaskName,
        /// End of the lock.
        until: Timestamp,
    },
    /// Work in review changes one of its paths.
    OverlapsReview {
        /// Its own glob.
        glob: String,
        /// The path that the work changes.
        path: String,
        /// Whose work.
        task: TaskName,
    },
    /// A task that starts in the same tick touches the same paths.
    OverlapsClaim {
        /// Its own glob.
        glob: String,
        /// Which task goes first.
        task: TaskName,
    },
    /// It has no number yet.
    Unpublished,
    /// No base branch to start from.
    NoBase,
    /// No agents are configured.
    NoAgents,
    /// No route fits.
    NoRoute {
        /// Its type.
        kind: String,
    },
    /// An agent asked for is not configured.
    UnknownAgent {
        /// Which.
        agent: String,
    },
    /// An agent cannot be started here.
    AgentUnavailable {
        /// Which.
        agent: String,
        /// What is missing.
        cause: String,
    },
    /// An agent is not to be used for a while.
    AgentPaused {
        /// Which.
        agent: String,
        /// Its provider, where that pauses with all its agents.
        provider: Option<String>,
        /// Until when.
        until: Timestamp,
        /// Why.
        cause: String,
    },
    /// An agent has as many sessions as it may have.
    AgentBusy {
        /// Which.
        agent: String,
        /// How many it may have.
        max: u32,
    },
    /// As many sessions run as may run.
    AllBusy {
        /// How many.
        max: u32,
    },
    /// This tick claimed as many as it may.
    TickFull {
        /// How many.
        max: u32,
    },
    /// Another task was asked for with `--only`.
    NotSelected,
    /// A budget of money is used up.
    Budget {
        /// On what.
        account: Account,
        /// Spent and reserved.
        spent: MicroUsd,
        /// The cap.
        cap: MicroUsd,
        /// When it starts anew, if it does.
        resets: Option<Timestamp>,
    },
    /// As many sessions started today as may.
    SessionsPerDay {
        /// How many.
        max: u32,
        /// When the next day begins.
        resets: Timestamp,
    },
}

/// What a blocker does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockerState {
    /// Its `task.added` record is not known: fails closed.
    Unknown,
    /// Not finished.
    Open,
    /// In review.
    InReview,
    /// Given up: it blocks until it is reopened, or the edge is removed.
    Failed,
    /// It ended well, and was to be followed only if it had failed.
    DidNotFail,
}

impl fmt::Display for BlockerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown here",
            Self::Open => "open",
            Self::InReview => "in review",
            Self::Failed => "closed as failed",
            Self::DidNotFail => "it did not fail, so this has no turn",
        })
    }
}

impl Why {
    /// The stable code of the reason.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAdded => "not_added",
            Self::Closed { .. } => "closed",
            Self::NotAdmitted => "not_admitted",
            Self::AdmittedTextChanged => "admitted_text_changed",
            Self::Deferred { .. } => "deferred",
            Self::Held { .. } => "held",
            Self::AssignedToHuman { .. } => "assigned_to_human",
            Self::OpenChildren { .. } => "open_children",
            Self::Blocked { .. } => "blocked",
            Self::WaitsFor { .. } => "waits_for",
            Self::Gate { .. } => "gate",
            Self::ParentHeld { .. } => "parent_held",
            Self::Running { .. } => "running",
            Self::NeedsAnswer { .. } => "needs_answer",
            Self::InReview { .. } => "in_review",
            Self::ReviewPending { .. } => "review_pending",
            Self::BackOff { .. } => "back_off",
            Self::OutOfAttempts { .. } => "out_of_attempts",
            Self::Locked { .. } => "locked",
            Self::OverlapsReview { .. } => "overlaps_review",
            Self::OverlapsClaim { .. } => "overlaps_claim",
            Self::Unpublished => "unpublished",
            Self::NoBase => "no_base",
            Self::NoAgents => "no_agents",
            Self::NoRoute { .. } => "no_route",
            Self::UnknownAgent { .. } => "unknown_agent",
            Self::AgentUnavailable { .. } => "agent_unavailable",
            Self::AgentPaused { .. } => "agent_paused",
            Self::AgentBusy { .. } => "agent_busy",
            Self::AllBusy { .. } => "all_busy",
            Self::TickFull { .. } => "tick_full",
            Self::NotSelected => "not_selected",
            Self::Budget { .. } => "budget",
            Self::SessionsPerDay { .. } => "sessions_per_day",
        }
    }

    /// True if a budget stops it (exit code 11).
    #[must_use]
    pub const fn is_budget(&self) -> bool {
        matches!(self, Self::Budget { .. } | Self::SessionsPerDay { .. })
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAdded => f.write_str("the record that adds it is not here; run `fleet sync`"),
            Self::Closed { outcome } => write!(f, "closed as {}", outcome.name()),
            Self::NotAdmitted => f.write_str("its text waits for a human to admit it"),
            Self::AdmittedTextChanged => {
                f.write_str("its text changed after a human admitted it; admit it again")
            }
            Self::Deferred { until } => write!(f, "deferred until {until}"),
            Self::Held { by } => {
                write!(
                    f,
                    "{by} said stop; `/fleet retry` or `fleet undefer` goes on"
                )
            }
            Self::AssignedToHuman { who } => write!(f, "{who} works on it"),
            Self::OpenChildren { first, count: 1 } => write!(f, "its part {first} is open"),
            Self::OpenChildren { first, count } => {
                write!(f, "{count} of its parts are open, {first} first")
            }
            Self::Blocked { by, state } => write!(f, "blocked by {by} ({state})"),
            Self::WaitsFor { on, state } => write!(f, "waits for {on} ({state})"),
            Self::Gate {
                kind,
                subject,
                note,
            } => fmt_gate(*kind, subject.as_deref(), note, f),
            Self::ParentHeld { parent, why } => write!(f, "its parent {parent} is held: {why}"),
            Self::Running {
                attempt,
                agent,
                expired,
                lease_until,
                ..
            } => {
                write!(f, "{agent} works on it (attempt {attempt}")?;
                if *expired {
                    write!(
                        f,
                        "; its lease ended {lease_until} and nobody can prove that it stopped; if it has, \
                         answer \"it is dead\" to its question in `fleet inbox`"
                    )?;
                }
                f.write_str(")")
            }
            Self::NeedsAnswer { trigger, .. } => {
                write!(f, "a human is asked ({})", trigger.name().replace('_', " "))
            }
            Self::InReview { number, .. } => match number {
                Some(n) => write!(f, "in review (#{n})"),
                None => f.write_str("in review"),
            },
            Self::ReviewPending { .. } => {
                f.write_str("its work is pushed; the next tick opens the review")
            }
            Self::BackOff { until, failures } => {
                write!(f, "waits until {until} after failure {failures}")
            }
            Self::OutOfAttempts { failures } => {
                write!(f, "{failures} attempts failed; the next tick asks a human")
            }
            _ => self.fmt_assignment(f),
        }
    }
}

fn fmt_gate(
    kind: GateKind,
    subject: Option<&str>,
    note: &str,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let subject = subject.unwrap_or("?");
    match kind {
        GateKind::Human => f.write_str("a gate waits for a human")?,
        GateKind::Timer => write!(f, "a gate waits until {subject}")?,
        GateKind::Pr => write!(f, "a gate waits for pull request {subject} to be merged")?,
        GateKind::Ci => write!(f, "a gate waits for CI run {subject}")?,
    }
    if note.is_empty() {
        Ok(())
    } else {
        write!(f, ": {note}")
    }
}
