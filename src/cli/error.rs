//! The one conversion of errors to user words, codes and exit codes.

use serde_json::{Value, json};

use crate::app::tracker::error::TrackerError;
use crate::cli::exit::Exit;

/// An error, ready to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct CliError {
    /// How the program ends.
    pub exit: Exit,
    /// Stable name for programs.
    pub code: &'static str,
    /// What was tried, on what, why it failed.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
    /// True if the same command may work later.
    pub retryable: bool,
    /// More, for programs; `null` or an object.
    pub details: Value,
}

impl CliError {
    /// An error without details that will fail again.
    pub fn new(
        exit: Exit,
        code: &'static str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            exit,
            code,
            message: message.into(),
            hint: hint.into(),
            retryable: false,
            details: Value::Null,
        }
    }

    /// The same, with details.
    #[must_use]
    pub fn with(mut self, details: Value) -> Self {
        self.details = details;
        self
    }

    const fn again(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Reading a file or stream that was named failed.
    #[must_use]
    pub fn input(what: &str, error: &std::io::Error) -> Self {
        let message = format!("failed to read {what}: {error}");
        Self::new(Exit::Usage, "unreadable_input", message, "")
    }

    /// Writing to stdout failed.
    #[must_use]
    pub fn output(error: &std::io::Error) -> Self {
        let message = format!("failed to write to stdout: {error}");
        Self::new(Exit::Internal, "output", message, "")
    }
}

impl From<serde_json::Error> for CliError {
    fn from(error: serde_json::Error) -> Self {
        let message = format!("failed to write the answer as JSON: {error}");
        Self::new(
            Exit::Internal,
            "internal",
            message,
            "this is a bug in fleet",
        )
    }
}

impl From<TrackerError> for CliError {
    fn from(error: TrackerError) -> Self {
        use TrackerError as E;
        let exit = match &error {
            E::UnknownTask { .. }
            | E::AmbiguousTask { .. }
            | E::UnknownEscalation { .. }
            | E::AmbiguousEscalation { .. }
            | E::NotThere { .. }
            | E::NoRepository { .. } => Exit::NotFound,
            E::Invalid { .. } | E::Input { .. } => Exit::Usage,
            E::Cycle { .. } | E::SelfDependency { .. } => Exit::Dependency,
            E::Claimed { .. } | E::HeldUnderName { .. } | E::NotReady { .. } | E::Lost { .. } => {
                Exit::LostRace
            }
            E::Denied { .. } => Exit::Denied,
            E::Unreachable { .. } => Exit::Unreachable,
            E::NotInitialised { .. } | E::Config { .. } => Exit::Config,
            E::TooNew(_) | E::State(_) => Exit::State,
            E::Write(_) => Exit::Internal,
        };
        let details = match &error {
            E::UnknownTask { near, .. } => json!({ "near": near }),
            E::AmbiguousTask { candidates, .. } | E::AmbiguousEscalation { candidates, .. } => {
                json!({ "candidates": candidates })
            }
            E::UnknownEscalation { open, .. } => json!({ "open": open }),
            E::Input { problems, .. } => json!({ "problems": problems }),
            E::Cycle { path } => json!({ "cycle": path }),
            E::HeldUnderName { holder, since, .. } => json!({ "holder": holder, "since": since }),
            E::Lost { tries, .. } => json!({ "tries": tries }),
            _ => Value::Null,
        };
        let again = matches!(error, E::Lost { .. } | E::Unreachable { .. });
        let refusal = Self::new(exit, error.code(), error.to_string(), error.hint()).with(details);
        if again { refusal.again() } else { refusal }
    }
}
