//! Retry classes: how many attempts, when the next one, when a human.

use crate::domain::policy::{Policy, RetryPolicy};
use crate::domain::record::{AgentPaused, SessionClaimed};
use crate::domain::review::FeedbackKind;
use crate::domain::session::FailureClass;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::history::History;

/// Failures in a row that are not the agent's fault (machine, network, limits, stops) before a
/// human is asked: such attempts are free, but not for ever.
pub const MAX_FREE_FAILURES: u32 = 5;

/// How long a provider, or an agent, rests after a rate limit that names no time.
pub const DEFAULT_PAUSE: DurationMs = DurationMs::mins(15);

/// Whether another attempt may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Now.
    Go,
    /// Not before.
    Later {
        /// When.
        until: Timestamp,
        /// Failures in a row.
        failures: u32,
    },
    /// A human must decide: attempts are used up.
    Exhausted {
        /// Failures that count.
        failures: u32,
    },
    /// A human must decide: it keeps failing for reasons that are not the agent's.
    Unlucky {
        /// Failures that do not count.
        failures: u32,
    },
    /// A human must decide: it asks too often.
    AsksTooOften {
        /// Questions.
        questions: u32,
    },
    /// A human must decide: rounds of review are used up.
    TooManyRounds {
        /// Rounds.
        rounds: u32,
    },
    /// A human must decide: the checks still fail after attempts at mending them.
    ChecksKeepFailing {
        /// Attempts.
        repairs: u32,
    },
}

/// Judges the history of a task by the policy.
#[must_use]
pub fn verdict(history: &History<'_>, all: &Policy, now: Timestamp) -> Verdict {
    let policy = &all.retry;
    let counted = history.failures.iter().filter(|f| f.counts()).count() as u32;
    let free = history
        .failures
        .iter()
        .rev()
        .take_while(|f| !f.counts())
        .count() as u32;
    if counted >= policy.max_attempts.max(1) {
        return Verdict::Exhausted { failures: counted };
    }
    if free >= MAX_FREE_FAILURES {
        return Verdict::Unlucky { failures: free };
    }
    if history.questions > policy.max_escalations {
        return Verdict::AsksTooOften {
            questions: history.questions,
        };
    }
    if !history.feedback.is_empty() && history.rounds >= policy.max_review_rounds {
        return Verdict::TooManyRounds {
            rounds: history.rounds,
        };
    }
    let only_checks = history.asked.is_empty()
        && !history.feedback.is_empty()
        && history
            .feedback
            .iter()
            .all(|(_, feedback)| feedback.kind == FeedbackKind::ChecksFailed);
    if only_checks && history.repairs >= all.review.max_check_repairs {
        return Verdict::ChecksKeepFailing {
            repairs: history.repairs,
        };
    }
    let Some(last) = history.failures.last() else {
        return Verdict::Go;
    };
    // A stop by a human or a rate limit needs no rest here: the first is no fault, and the second
    // pauses the provider, so that an agent of another one may take over at once.
    let rests = !matches!(
        last.class,
        Some(FailureClass::Cancelled | FailureClass::RateLimited) | None
    );
    let in_row = if last.counts() { counted } else { free };
    // A rest that began at no known time is over: it would else last until that time has come.
    let began = last.at.written(now).unwrap_or_default();
    let until = began.plus(back_off(policy, in_row));
    if rests && until > now {
        Verdict::Later {
            until,
            failures: in_row,
        }
    } else {
        Verdict::Go
    }
}

/// Rest after `failures` failures in a row (1 = the first).
#[must_use]
pub fn back_off(policy: &RetryPolicy, failures: u32) -> DurationMs {
    let at = (failures.max(1) - 1) as usize;
    policy
        .backoff
        .get(at)
        .or(policy.backoff.last())
        .copied()
        .unwrap_or_default()
}

/// The pause after a rate limit that the session of `claim` met: of its provider with all agents,
/// or of the agent alone where nobody knows whose model it is. `retry_at` is what the provider said.
#[must_use]
pub fn pause(
    claim: &SessionClaimed,
    retry_at: Option<Timestamp>,
    cause: &str,
    now: Timestamp,
) -> AgentPaused {
    AgentPaused {
        agent: claim.agent.clone(),
        until: retry_at
            .filter(|at| *at > now)
            .unwrap_or_else(|| now.plus(DEFAULT_PAUSE)),
        reason: cause.to_owned(),
        provider: claim.provider.clone(),
    }
}
