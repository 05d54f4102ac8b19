//! `fleet admit`

use crate::app::tracker::change;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Admit the text of tasks that agents or outsiders wrote
///
/// Nothing runs such a task before. Exactly the text shown by `fleet show` is admitted: if it is
/// changed later by others, it waits again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet show T-12 && fleet admit T-12")]
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
    let opened = session.open()?;
    let report = change::admit(opened.desk(), &args.tasks, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
