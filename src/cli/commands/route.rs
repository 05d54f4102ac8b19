//! `fleet route`

use crate::app::tracker::{cost, route};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Show which agent would take a task, or what routes are worth
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet route T-7 --explain
  fleet route --stats")]
pub struct Args {
    /// Which task
    #[arg(required_unless_present = "stats")]
    task: Option<TaskSelector>,
    /// Show every candidate with its factors
    #[arg(long)]
    explain: bool,
    /// Show what became of the attempts of every route, and what a merged task costs by it
    #[arg(long, conflicts_with_all = ["task", "explain"])]
    stats: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let Some(task) = &args.task else {
        let report = cost::route_stats(opened.desk())?;
        session.answer(&report, human::route_stats)?;
        return Ok(Exit::Ok);
    };
    let report = route::route(opened.desk(), task)?;
    session.answer(&report, |r, page| human::route(r, args.explain, page))?;
    Ok(Exit::Ok)
}
