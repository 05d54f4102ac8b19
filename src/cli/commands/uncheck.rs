//! `fleet uncheck`

use crate::cli::commands::check::Marked;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// Mark acceptance points as not met after all
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet uncheck T-7 2")]
pub struct Args {
    #[command(flatten)]
    marked: Marked,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    args.marked.mark(false, session)
}
