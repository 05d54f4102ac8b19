//! `fleet blocked`

use crate::app::tracker::ready;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// List open tasks that cannot start, with the reasons
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet blocked
  fleet blocked --json")]
pub struct Args {
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = ready::blocked(opened.desk(), args.limit)?;
    session.answer(&report, human::blocked)?;
    human::note_more(session, &report);
    Ok(Exit::Ok)
}
