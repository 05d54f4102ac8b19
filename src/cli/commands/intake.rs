//! `fleet intake`

use crate::app::intake::IntakeError;
use crate::app::publish::ChangeError;
use crate::app::tracker::error::TrackerError;
use crate::cli::commands::tick::retry;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::host::Between;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Make tasks of the issues that were handed to fleet
///
/// Open issues with the label of `intake.label` become tasks: title, text, checklist, type and
/// priority from their labels. A task follows its issue. It starts only when somebody who may write to
/// the repository handed over exactly the text that stands there: by putting the label on, or with a
/// comment `/fleet admit`, after the last edit. `fleet admit` works too. With `intake.enabled = true`
/// every tick does this by itself.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet intake --dry-run     Show what would be taken in
  fleet intake --limit 10")]
pub struct Args {
    /// Say what would be done, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Add or change at most so many tasks
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let works = session.works(Between::default())?;
    let report = works.intake(args.dry_run, args.limit)?;
    report.notes.iter().for_each(|note| session.note(note));
    session.answer(&report, human::intake)?;
    Ok(Exit::Ok)
}

impl From<IntakeError> for CliError {
    fn from(error: IntakeError) -> Self {
        let message = error.to_string();
        let new = |exit, code, hint: &str| Self::new(exit, code, message.clone(), hint);
        match error {
            IntakeError::Change(change) => match change {
                ChangeError::Refused(never) => match never {},
                ChangeError::Store(inner) => TrackerError::from(inner).into(),
                ChangeError::Repo(inner) => TrackerError::from(inner).into(),
                ChangeError::Lost { .. } => {
                    retry(new(Exit::LostRace, "lost_race", "run `fleet intake` again"))
                }
                ChangeError::Denied { .. } => new(
                    Exit::Denied,
                    "denied",
                    "check the rights to push and the remote's rules for the state branch; nothing was recorded",
                ),
                ChangeError::Unreachable { .. } => {
                    retry(new(Exit::Unreachable, "unreachable", AGAIN))
                }
            },
            IntakeError::Store(inner) => TrackerError::from(inner).into(),
            IntakeError::Repo(inner) => TrackerError::from(inner).into(),
            IntakeError::Unreachable { .. } => retry(new(Exit::Unreachable, "unreachable", AGAIN)),
            IntakeError::NotInitialised { branch } => TrackerError::NotInitialised {
                branch,
                unasked: None,
            }
            .into(),
            IntakeError::ForgeDenied(_) => new(
                Exit::Denied,
                "denied",
                "reading issues needs issues: read, commenting and closing issues: write; nothing was recorded",
            ),
            IntakeError::ForgeLater(_) => retry(new(Exit::Unreachable, "unreachable", AGAIN)),
            IntakeError::NoTickets => new(
                Exit::Config,
                "no_issues",
                "set forge.kind = \"github\" in .orchestra/config.toml; `fleet add` makes tasks without a forge",
            ),
        }
    }
}

const AGAIN: &str = "nothing was recorded; run `fleet intake` again later";
