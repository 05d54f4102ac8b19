//! `fleet inbox`

use crate::app::tracker::inbox;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// List the questions that wait for a human
///
/// The most urgent first: by priority of the task, then by waiting time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet inbox
  fleet inbox --exit-code    # exit 12 if somebody waits")]
pub struct Args {
    /// End with code 12 if a question waits
    #[arg(long)]
    exit_code: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = inbox::inbox(opened.desk())?;
    session.answer(&report, human::inbox)?;
    Ok(if args.exit_code && report.total > 0 {
        Exit::NeedsHuman
    } else {
        Exit::Ok
    })
}
