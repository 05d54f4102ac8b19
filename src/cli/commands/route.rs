//! `fleet route`

use crate::app::tracker::route;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Show which agent would take a task
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet route T-7 --explain")]
pub struct Args {
    /// Which task
    task: TaskSelector,
    /// Show every candidate with its factors
    #[arg(long)]
    explain: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = route::route(opened.desk(), &args.task)?;
    session.answer(&report, |r, page| human::route(r, args.explain, page))?;
    Ok(Exit::Ok)
}
