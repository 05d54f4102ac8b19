//! Edges between tasks.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Kind of an edge. `from` depends on `to`; for `parent-child`, `from` is the child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DepKind {
    /// `from` is not ready before `to` is closed with success: as done, wontdo or duplicate.
    Blocks,
    /// `from` is part of `to`; a parent with open children is not a leaf and is not run.
    ParentChild,
    /// `from` was found while working on `to`. No effect on readiness.
    DiscoveredFrom,
    /// See also. No effect on readiness.
    Related,
    /// `from` waits for all parts of `to` to be closed, however they ended; for `to` itself while it
    /// has no parts.
    WaitsFor,
    /// `from` is the same as `to`. No effect on readiness.
    Duplicates,
    /// `from` replaces `to`. No effect on readiness.
    Supersedes,
    /// `from` may start only after `to` was closed as failed: the plan B.
    OnFailure,
    /// `from` may start once `to` is closed, however it ended.
    OnClose,
}

impl DepKind {
    /// Every kind, in the order of the help text.
    pub const ALL: [Self; 9] = [
        Self::Blocks,
        Self::ParentChild,
        Self::DiscoveredFrom,
        Self::Related,
        Self::WaitsFor,
        Self::Duplicates,
        Self::Supersedes,
        Self::OnFailure,
        Self::OnClose,
    ];

    /// The wire name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::ParentChild => "parent-child",
            Self::DiscoveredFrom => "discovered-from",
            Self::Related => "related",
            Self::WaitsFor => "waits-for",
            Self::Duplicates => "duplicates",
            Self::Supersedes => "supersedes",
            Self::OnFailure => "on-failure",
            Self::OnClose => "on-close",
        }
    }

    /// True if the edge can hold `from` back, so that a cycle of such edges would never be ready.
    #[must_use]
    pub const fn orders(self) -> bool {
        matches!(
            self,
            Self::Blocks | Self::ParentChild | Self::WaitsFor | Self::OnFailure | Self::OnClose
        )
    }
}

impl fmt::Display for DepKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DepKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|k| k.name() == text)
            .ok_or_else(|| {
                let all: Vec<_> = Self::ALL.iter().map(|k| k.name()).collect();
                format!(
                    "`{text}` is not a kind of dependency; kinds are {}",
                    all.join(", ")
                )
            })
    }
}
