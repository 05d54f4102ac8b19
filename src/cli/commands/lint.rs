//! `fleet lint`

use crate::app::tracker::hygiene;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Find open tasks that say too little to be worked on well
///
/// Vague or long titles, no type, no body, no acceptance points, epics without parts or with all of
/// them done, dates that have passed, closed milestones, edges to unknown tasks.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet lint
  fleet lint --limit 20 --json")]
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
    let report = hygiene::lint(opened.desk(), args.limit)?;
    session.answer(&report, human::lint)?;
    if report.total == 0 {
        session.note(&format!("nothing is odd about {} open tasks", report.tasks));
    }
    Ok(Exit::Ok)
}
