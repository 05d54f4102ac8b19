//! Words of the reasons that come from locks, agents, limits and budgets.

use std::fmt;

use crate::engine::why::Why;

impl Why {
    /// Words of the reasons that come from locks, agents and limits.
    pub(super) fn fmt_assignment(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked {
                glob,
                other,
                by,
                until,
            } => write!(f, "{glob} is locked by {by} ({other}) until {until}"),
            Self::OverlapsReview { glob, path, task } => {
                write!(f, "{glob} overlaps {path}, which {task} changes in review")
            }
            Self::OverlapsClaim { glob, task } => {
                write!(f, "{glob} overlaps {task}, which starts first")
            }
            Self::Unpublished => f.write_str("it has no number yet; run `fleet sync`"),
            Self::NoBase => f.write_str("there is no base branch to start from"),
            Self::NoAgents => f.write_str(
                "no agents are configured; add an [agents.<name>] table to .orchestra/config.toml",
            ),
            Self::NoRoute { kind } => write!(
                f,
                "no route takes type {kind}; add a [[routes]] entry to .orchestra/config.toml"
            ),
            Self::UnknownAgent { agent } => {
                write!(f, "agent {agent} is not in .orchestra/config.toml")
            }
            Self::AgentUnavailable { agent, cause } => {
                write!(f, "agent {agent} cannot start here: {cause}")
            }
            Self::AgentPaused {
                agent,
                provider: Some(provider),
                until,
                cause,
            } => write!(
                f,
                "agent {agent} pauses with its provider {provider} until {until}: {cause}"
            ),
            Self::AgentPaused {
                agent,
                provider: None,
                until,
                cause,
            } => write!(f, "agent {agent} pauses until {until}: {cause}"),
            Self::AgentBusy { agent, max } => {
                write!(f, "agent {agent} already runs {max} (its max_parallel)")
            }
            Self::AllBusy { max } => write!(f, "{max} sessions run already (tick.max_parallel)"),
            Self::TickFull { max } => write!(f, "this tick starts at most {max}"),
            Self::NotSelected => f.write_str("not selected in this tick"),
            Self::Budget {
                account,
                spent,
                cap,
                resets,
            } => {
                write!(f, "the budget {account} is used up ({spent} of {cap}; ")?;
                match resets {
                    Some(at) => write!(f, "it starts anew {at})"),
                    None => write!(f, "raise {} to go on)", account.setting()),
                }
            }
            Self::SessionsPerDay { max, resets } => write!(
                f,
                "{max} sessions started today (budget.sessions_per_day; it starts anew {resets})"
            ),
            // Every other reason has its words in `Display`.
            other => f.write_str(other.code()),
        }
    }
}
