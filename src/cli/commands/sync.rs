//! `fleet sync`

use crate::app::tracker::sync;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Fetch the state, and publish what is kept locally
///
/// Tasks that were added while the remote did not answer get their numbers now; their handles keep
/// working.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet sync
  fleet sync --dry-run")]
pub struct Args {
    /// Say what would be published, and publish nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = sync::sync(opened.desk(), crate::cli::session::mode(args.dry_run))?;
    session.answer(&report, human::sync)?;
    Ok(Exit::Ok)
}
