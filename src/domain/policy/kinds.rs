//! Particulars of single kinds of agents.

use crate::domain::money::MicroUsd;

/// How far a run of [`AgentKind::Api`](crate::domain::policy::AgentKind::Api) may go, helpers included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiBounds {
    /// Most calls of the model.
    pub max_turns: u32,
    /// Most tokens of all calls, cached ones included; `None` = unlimited.
    pub max_tokens: Option<u64>,
    /// Most money; `None` = unlimited but for the budgets.
    pub max_cost: Option<MicroUsd>,
    /// Tokens that fit into the model's window; `None` = what is known of the model.
    pub context_window: Option<u64>,
}

impl Default for ApiBounds {
    /// 100 turns.
    fn default() -> Self {
        Self {
            max_turns: 100,
            max_tokens: None,
            max_cost: None,
            context_window: None,
        }
    }
}

/// The CLIs that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CliKind {
    /// Claude Code.
    Claude,
    /// Codex.
    Codex,
    /// Gemini CLI.
    Gemini,
    /// OpenCode.
    OpenCode,
    /// Aider.
    Aider,
}

impl CliKind {
    /// Its name in the configuration, also the usual program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::OpenCode => "opencode",
            Self::Aider => "aider",
        }
    }
}
