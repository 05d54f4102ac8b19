//! Commands: what a person says to fleet at the forge.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::money::MicroUsd;

/// What a command is called. On the wire it is the name; one that this build does not know is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Verb {
    /// Another attempt.
    Retry,
    /// An answer to the open question.
    Answer,
    /// Nothing more is started.
    Stop,
    /// The next attempt proposes parts instead of working.
    Split,
    /// How does it stand?
    Status,
    /// What may it cost?
    Budget,
    /// The text may be worked on.
    Admit,
    /// What can be said?
    Help,
    /// It spoke to fleet, and was not understood.
    Wrong,
    /// A word of a newer version.
    Unknown(String),
}

impl Verb {
    /// Those that a person can say, in the order of the help.
    pub const ALL: [Self; 8] = [
        Self::Retry,
        Self::Answer,
        Self::Stop,
        Self::Split,
        Self::Status,
        Self::Budget,
        Self::Admit,
        Self::Help,
    ];

    /// The word, as it is said and on the wire.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Retry => "retry",
            Self::Answer => "answer",
            Self::Stop => "stop",
            Self::Split => "split",
            Self::Status => "status",
            Self::Budget => "budget",
            Self::Admit => "admit",
            Self::Help => "help",
            Self::Wrong => "wrong",
            Self::Unknown(name) => name,
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<String> for Verb {
    fn from(name: String) -> Self {
        let known = Self::ALL.into_iter().chain([Self::Wrong]);
        let mut known = known.filter(|verb| verb.name() == name);
        known.next().unwrap_or(Self::Unknown(name))
    }
}

impl From<Verb> for String {
    fn from(verb: Verb) -> Self {
        verb.name().to_owned()
    }
}

/// A command, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// What is to be done.
    pub command: Verb,
    /// The agent asked for, of `retry`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// The amount, of `budget`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<MicroUsd>,
    /// The rest of the comment: the answer, or what the next attempt should know; of a wrong
    /// command, what is wrong with it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl Command {
    /// A command without anything beside it.
    #[must_use]
    pub const fn plain(command: Verb) -> Self {
        Self {
            command,
            agent: None,
            amount: None,
            text: String::new(),
        }
    }
}
