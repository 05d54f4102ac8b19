//! `fleet show`

use crate::app::tracker::show;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Show everything about tasks
///
/// Fields, edges, sessions, locks, reviews, questions and comments, and why a task is in the phase
/// it is in.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet show T-7
  fleet show T-7 T-8 --json")]
pub struct Args {
    /// Which tasks
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<TaskSelector>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = show::show(opened.desk(), &args.tasks)?;
    session.answer(&report, human::show)?;
    Ok(Exit::Ok)
}
