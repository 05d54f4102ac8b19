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

fn did_you_mean(near: &[String]) -> String {
    let all = "`fleet list --all` shows every task";
    if near.is_empty() {
        all.to_owned()
    } else {
        format!("did you mean {}? {all}", near.join(", "))
    }
}

/// The next command where there is no state; `unasked` says why the remote was not asked for it.
fn how_to_begin(unasked: Option<String>) -> String {
    unasked.map_or_else(
        || "run `fleet init`".to_owned(),
        |why| {
            format!(
                "{why}; if fleet was set up there, `fleet sync` brings the state here, else run \
                 `fleet init`"
            )
        },
    )
}

impl From<TrackerError> for CliError {
    fn from(error: TrackerError) -> Self {
        use TrackerError as E;
        let message = error.to_string();
        let new = |exit, code, hint: &str| Self::new(exit, code, message.clone(), hint);
        match error {
            E::UnknownTask { near, .. } => {
                let hint = did_you_mean(&near);
                new(Exit::NotFound, "task_not_found", &hint).with(json!({ "near": near }))
            }
            E::AmbiguousTask { candidates, .. } => new(
                Exit::NotFound,
                "task_ambiguous",
                "name it by one of these handles; `fleet doctor --fix` gives doubled numbers a new one",
            )
            .with(json!({ "candidates": candidates })),
            E::UnknownEscalation { open, .. } => {
                new(Exit::NotFound, "escalation_not_found", "`fleet inbox` shows the open ones")
                    .with(json!({ "open": open }))
            }
            E::AmbiguousEscalation { candidates, .. } => {
                new(Exit::NotFound, "escalation_ambiguous", "name one of them, as `fleet inbox` shows it")
                    .with(json!({ "candidates": candidates }))
            }
            E::NotThere { hint, .. } => new(Exit::NotFound, "not_found", &hint),
            E::Invalid { hint, .. } => new(Exit::Usage, "invalid_value", &hint),
            E::Input { hint, problems, .. } => new(Exit::Usage, "bad_input", &hint)
                .with(json!({ "problems": problems })),
            E::Cycle { path } => new(
                Exit::Dependency,
                "dependency_cycle",
                "take one edge of the cycle away first: `fleet dep rm <TASK> <ON>`",
            )
            .with(json!({ "cycle": path })),
            E::SelfDependency { .. } => new(Exit::Dependency, "self_dependency", "name another task"),
            E::Claimed { task, .. } => {
                let hint = format!("`fleet show {task}` says who works on it");
                new(Exit::LostRace, "already_claimed", &hint)
            }
            E::NotReady { task, .. } => {
                let hint = format!("`fleet show {task}` says what it waits for");
                new(Exit::LostRace, "not_ready", &hint)
            }
            E::Lost { tries, .. } => new(Exit::LostRace, "lost_race", "run the command again")
                .again()
                .with(json!({ "tries": tries })),
            E::Denied { .. } => new(
                Exit::Denied,
                "denied",
                "check your rights and the remote's rules for the state branch; nothing was published",
            ),
            E::Unreachable { .. } => new(
                Exit::Unreachable,
                "unreachable",
                "run the command again when the remote answers",
            )
            .again(),
            E::NotInitialised { unasked, .. } => {
                new(Exit::Config, "not_initialised", &how_to_begin(unasked))
            }
            E::TooNew(_) => new(Exit::State, "state_too_new", "install a newer fleet"),
            E::State(_) => new(Exit::State, "state_unreadable", "`fleet doctor` shows what is wrong"),
            // The cause names the next command: it differs from case to case.
            E::NoRepository { .. } => new(Exit::NotFound, "no_repository", ""),
            E::Config { hint, .. } => new(Exit::Config, "config", &hint),
            E::Write(_) => new(
                Exit::Internal,
                "write_failed",
                "check free space and rights of the repository; nothing was recorded",
            ),
        }
    }
}
