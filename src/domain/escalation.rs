//! Escalations: questions to a human. The human queue is the open ones.

use serde::{Deserialize, Serialize};

use crate::domain::record::EscalationOpened;
use crate::domain::register::Stamp;

/// Why a human is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The agent asks.
    Question,
    /// All attempts failed.
    AgentFailed,
    /// The agent asks more often than allowed.
    EscalatesTooOften,
    /// The work touches paths that need a human (R3).
    ProtectedPaths,
    /// Another rule was broken (size, secret, symlink).
    Policy,
    /// A human committed to the agent's branch.
    HumanCommit,
    /// A review was closed without a merge.
    ReviewRejected,
    /// A lease ended and nobody can prove that its run is dead.
    LeaseUnresolved,
    /// A budget is used up.
    Budget,
    /// Text of an agent or outsider waits to be admitted.
    Admission,
    /// A remote agent's plan waits to be approved.
    PlanApproval,
}

impl Trigger {
    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Question => "question",
            Self::AgentFailed => "agent_failed",
            Self::EscalatesTooOften => "escalates_too_often",
            Self::ProtectedPaths => "protected_paths",
            Self::Policy => "policy",
            Self::HumanCommit => "human_commit",
            Self::ReviewRejected => "review_rejected",
            Self::LeaseUnresolved => "lease_unresolved",
            Self::Budget => "budget",
            Self::Admission => "admission",
            Self::PlanApproval => "plan_approval",
        }
    }
}

/// An escalation, folded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Escalation {
    /// The question; `None` while only the answer is known.
    pub opened: Option<(EscalationOpened, Stamp)>,
    /// The answer, who gave it, when. The earliest answer counts.
    pub answer: Option<(String, String, Stamp)>,
}

impl Escalation {
    /// Takes an answer in: the earliest counts.
    pub(in crate::domain) fn take_answer(&mut self, answer: &str, by: &str, at: Stamp) {
        if self.answer.as_ref().is_none_or(|(_, _, old)| at < *old) {
            self.answer = Some((answer.to_owned(), by.to_owned(), at));
        }
    }

    /// True while a human's answer is awaited; such a task is not ready.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.opened.is_some() && self.answer.is_none()
    }
}
