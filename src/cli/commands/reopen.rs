//! `fleet reopen`

use crate::app::tracker::change;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Open closed tasks again
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet reopen T-7 --reason \"still fails on leap years\"")]
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
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = change::reopen(opened.desk(), &args.tasks, &args.reason, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
