//! `fleet claim`

use crate::app::tracker::claim;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Take a task, or the best one that is ready
///
/// You become its assignee, so that no agent starts it. With a remote the claim is decided on what
/// the remote says now, and reaches it or fails. A task that is not ready, or that somebody else
/// holds, is refused (exit 4). So is taking again what your name holds, as any program of your user
/// may have taken it; with FLEET_ACTOR=agent:NAME, a name for each, it is answered with
/// `already_held`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet claim T-7
  fleet claim --json --exit-code    # the best one; exit 6 if there is none
  fleet update T-7 --clear assignee # give it back")]
pub struct Args {
    /// Which task [default: the best that is ready]
    task: Option<TaskSelector>,
    /// Who takes it [default: you]
    #[arg(long = "as", value_name = "NAME")]
    claimant: Option<String>,
    /// End with code 6 if nothing is ready
    #[arg(long)]
    exit_code: bool,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let (task, who) = (args.task.as_ref(), args.claimant.as_deref());
    let report = claim::claim(opened.desk(), task, who, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::claimed)?;
    if report.task.is_none() {
        session.note("nothing is ready; `fleet blocked` says what waits for what");
        if args.exit_code {
            return Ok(Exit::NothingReady);
        }
    }
    Ok(Exit::Ok)
}
