//! `fleet epics`

use crate::app::tracker::rollup;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// List tasks that have parts, with how far they are
///
/// Parts of parts count too. What has all its parts closed can be closed itself; an agent would be
/// given it then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet epics
  fleet epics --all --json
  fleet add \"Parse dates\" --parent T-1       # make it a part of T-1")]
pub struct Args {
    /// Closed ones too
    #[arg(long)]
    all: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = rollup::epics(opened.desk(), args.all)?;
    session.answer(&report, human::epics)?;
    Ok(Exit::Ok)
}
