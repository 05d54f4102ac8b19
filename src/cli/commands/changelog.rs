//! `fleet changelog`

use crate::app::tracker::changelog;
use crate::app::tracker::request::When;
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Write release notes of what was done
///
/// Tasks closed as done, by type, in Markdown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet changelog --since 30d
  fleet changelog --since 2026-11-01 --until 2026-12-01 >> CHANGELOG.md
  fleet changelog --milestone v1 --json")]
pub struct Args {
    /// From then on: a date, a time, or a span back from now such as 30d
    #[arg(long, value_name = "WHEN", value_parser = args::since)]
    since: Option<When>,
    /// Before that: a date, a time, or a span back from now
    #[arg(long, value_name = "WHEN", value_parser = args::since)]
    until: Option<When>,
    /// Of this milestone only
    #[arg(long, value_name = "NAME")]
    milestone: Option<String>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let milestone = args.milestone.as_deref();
    let report = changelog::changelog(opened.desk(), args.since, args.until, milestone)?;
    session.answer(&report, human::changelog)?;
    if report.total == 0 {
        session.note("no task was closed as done in that time");
    }
    Ok(Exit::Ok)
}
