//! `fleet undefer`

use crate::app::tracker::change;
use crate::app::tracker::request::Edits;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Take tasks up again before their time
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet undefer T-7")]
pub struct Args {
    /// Which tasks
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<TaskSelector>,
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
        defer_until: Some(None),
        ..Edits::default()
    };
    let opened = session.open()?;
    let report = change::update(opened.desk(), &args.tasks, &edits, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
