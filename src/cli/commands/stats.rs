//! `fleet stats`

use crate::app::tracker::figures;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Sums over all tasks
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet stats
  fleet stats --json")]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let Args {} = args;
    let opened = session.open()?;
    let report = figures::stats(opened.desk())?;
    session.answer(&report, human::stats)?;
    Ok(Exit::Ok)
}
