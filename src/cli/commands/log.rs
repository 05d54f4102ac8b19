//! `fleet log`

use crate::app::tracker::history;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Show the history of a task, record by record
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet log T-7
  fleet log T-7 --limit 5 --json")]
pub struct Args {
    /// Which task
    task: TaskSelector,
    /// Only the latest so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = history::log(opened.desk(), &args.task, args.limit)?;
    session.answer(&report, human::log)?;
    Ok(Exit::Ok)
}
