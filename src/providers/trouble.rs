//! What went wrong with one try, before it is decided whether there is another.

use crate::domain::money::Usage;
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::model::{ModelError, ModelTrouble};

/// Longest text of a provider that is quoted.
const QUOTE_MAX: usize = 300;

/// What one try met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) class: ModelTrouble,
    /// A fragment without key material.
    pub(super) message: String,
    /// What the owner can do, or empty.
    pub(super) hint: String,
    /// How long the provider asks to wait.
    pub(super) wait: Option<DurationMs>,
    /// The same request may well succeed later.
    pub(super) passes: bool,
}

impl Trouble {
    pub(super) fn new(class: ModelTrouble, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            hint: String::new(),
            wait: None,
            passes: matches!(
                class,
                ModelTrouble::RateLimited
                    | ModelTrouble::Overloaded
                    | ModelTrouble::Network
                    | ModelTrouble::Protocol
            ),
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The answer is not what the API promises.
    pub(super) fn protocol(message: impl Into<String>) -> Self {
        Self::new(ModelTrouble::Protocol, message)
    }

    /// Asking again would give the same.
    pub(super) fn lasting(mut self) -> Self {
        self.passes = false;
        self
    }

    pub(super) fn into_error(self, provider: &str, now: Timestamp, usage: Usage) -> ModelError {
        ModelError {
            provider: provider.to_owned(),
            class: self.class,
            message: self.message,
            retry_at: self.wait.map(|wait| now.plus(wait)),
            hint: self.hint,
            usage,
        }
    }
}

/// A text from outside as a short fragment: one line, no control characters.
pub(super) fn quote(text: &str) -> String {
    let mut short: String = text
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(QUOTE_MAX)
        .collect();
    if text.chars().count() > QUOTE_MAX {
        short.push('…');
    }
    short
}
