//! `fleet defer`

use crate::app::tracker::change;
use crate::app::tracker::request::Edits;
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Put a task off until a time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet defer T-7 3d
  fleet defer T-7 \"tomorrow 9am\"
  fleet defer T-7 next monday
  fleet defer T-7 2026-12-01")]
pub struct Args {
    /// Which task
    task: TaskSelector,
    /// Until when: `tomorrow 9am`, `in 3 days`, `next monday`, a date or an RFC 3339 time
    #[arg(required = true, value_name = "TIME")]
    until: Vec<String>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let until = args::when(&args.until.join(" ")).map_err(|what| {
        CliError::new(
            Exit::Usage,
            "invalid_value",
            what,
            "`fleet defer T-7 \"tomorrow 9am\"`",
        )
    })?;
    let edits = Edits {
        defer_until: Some(Some(until)),
        ..Edits::default()
    };
    let opened = session.open()?;
    let report = change::update(opened.desk(), &[args.task], &edits, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
