//! Money and tokens. Money is integer micro-dollars; tokens are what the provider reported.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Micro-dollars (1 USD = 1,000,000).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

impl MicroUsd {
    /// Saturating sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it after `other`, at least nothing.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// From a float of dollars as agents report it; negative, NaN and infinite become zero.
    #[must_use]
    pub fn from_usd(usd: f64) -> Self {
        if usd.is_finite() && usd > 0.0 {
            Self((usd * 1e6).round() as u64)
        } else {
            Self(0)
        }
    }
}

impl fmt::Display for MicroUsd {
    /// `$1.25`, and four decimals below ten cents: `$0.0042`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usd = self.0 as f64 / 1e6;
        if self.0 == 0 || self.0 >= 100_000 {
            write!(f, "${usd:.2}")
        } else {
            write!(f, "${usd:.4}")
        }
    }
}

/// Where a figure of money comes from.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CostSource {
    /// The agent, or the API that it talked to, said what it cost.
    Reported,
    /// Reckoned: tokens times the price table, or the agent's configured `cost_estimate`.
    Estimated,
    /// Nobody said: records of before this field, and what a newer version calls otherwise.
    #[default]
    #[serde(other)]
    Unknown,
}

impl CostSource {
    /// The source of a sum: reported only if both parts are.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Reported, Self::Reported) => Self::Reported,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Estimated, _) | (_, Self::Estimated) => Self::Estimated,
        }
    }

    /// True if it is not worth writing down.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown)
    }
}

/// What a run has spent: written down while it goes on, so that a crash forgets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Spent {
    /// Tokens.
    #[serde(default)]
    pub usage: Usage,
    /// Money, in micro-dollars.
    #[serde(default)]
    pub cost: MicroUsd,
    /// Where `cost` comes from.
    #[serde(default, skip_serializing_if = "CostSource::is_unknown")]
    pub source: CostSource,
}

/// Tokens of one session. `input` excludes what was read from or written to a cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Usage {
    /// Uncached prompt tokens.
    #[serde(default)]
    pub input: u64,
    /// Produced tokens, reasoning included.
    #[serde(default)]
    pub output: u64,
    /// Prompt tokens served from a cache.
    #[serde(default)]
    pub cache_read: u64,
    /// Prompt tokens written to a cache.
    #[serde(default)]
    pub cache_write: u64,
    /// Of `output`, what was spent on reasoning; a part of it, never added to it. Zero where the
    /// agent does not tell.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reasoning: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands a reference to the function of `skip_serializing_if`"
)]
const fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Usage {
    /// All tokens, saturating: the figures come from outside. `reasoning` is in `output` already.
    #[must_use]
    pub const fn total(&self) -> u64 {
        let prompt = self.input.saturating_add(self.cache_read);
        prompt
            .saturating_add(self.cache_write)
            .saturating_add(self.output)
    }

    /// Sum of two, saturating.
    #[must_use]
    pub const fn plus(self, o: Self) -> Self {
        Self {
            input: self.input.saturating_add(o.input),
            output: self.output.saturating_add(o.output),
            cache_read: self.cache_read.saturating_add(o.cache_read),
            cache_write: self.cache_write.saturating_add(o.cache_write),
            reasoning: self.reasoning.saturating_add(o.reasoning),
        }
    }

    /// The greater of both in each part: totals that are told again do not shrink.
    #[must_use]
    pub fn at_least(self, o: Self) -> Self {
        Self {
            input: self.input.max(o.input),
            output: self.output.max(o.output),
            cache_read: self.cache_read.max(o.cache_read),
            cache_write: self.cache_write.max(o.cache_write),
            reasoning: self.reasoning.max(o.reasoning),
        }
    }

    /// What was added since `before`, each part at least nothing.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            input: self.input.saturating_sub(before.input),
            output: self.output.saturating_sub(before.output),
            cache_read: self.cache_read.saturating_sub(before.cache_read),
            cache_write: self.cache_write.saturating_sub(before.cache_write),
            reasoning: self.reasoning.saturating_sub(before.reasoning),
        }
    }
}
