//! `fleet orphans`

use crate::app::tracker::hygiene;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Find tasks that were forgotten
///
/// Open tasks that commits of the base branch name (`T-7`), edges to tasks that are not known, and
/// open parts of closed wholes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet orphans
  fleet orphans --commits 5000 --json")]
pub struct Args {
    /// How many of the newest commits are read
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    commits: usize,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let code = opened.code()?;
    let report = hygiene::orphans(opened.desk(), &*code, args.commits)?;
    session.answer(&report, human::orphans)?;
    if report.total == 0 {
        session.note(&format!(
            "nothing was forgotten, by {} commits",
            report.commits
        ));
    }
    Ok(Exit::Ok)
}
