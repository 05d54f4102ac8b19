//! `fleet close`

use crate::app::tracker::change;
use crate::app::tracker::request::CloseRequest;
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;
use crate::domain::record::CloseOutcome;

/// Close tasks
///
/// All outcomes but `failed` unblock what depends on the task. Closing again with the same outcome
/// and reason changes nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet close T-7 --reason \"merged by hand\"
  fleet close T-8 T-9 --outcome wontdo")]
pub struct Args {
    /// Which tasks
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<TaskSelector>,
    /// Why
    #[arg(
        short,
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    reason: String,
    /// How it ended
    #[arg(short, long, value_name = "OUTCOME", default_value = "done", value_parser = args::outcome())]
    outcome: CloseOutcome,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let request = CloseRequest {
        tasks: args.tasks,
        outcome: args.outcome,
        reason: args.reason,
    };
    let opened = session.open()?;
    let report = change::close(opened.desk(), &request, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
