//! `fleet uncheck`

use crate::app::tracker::request::Edits;
use crate::cli::commands::check::mark;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Mark acceptance points as not met after all
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet uncheck T-7 2")]
pub struct Args {
    /// Which task
    task: TaskSelector,
    /// Which points, counted from 1 as `fleet show` does
    #[arg(required = true, value_name = "N")]
    points: Vec<usize>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let edits = Edits {
        unmeet: args.points,
        ..Edits::default()
    };
    mark(&args.task, &edits, args.dry_run, session)
}
