//! `fleet merge`

use crate::app::tracker::merge;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Make one task of several that mean the same
///
/// The first one stays. It gets the labels, paths, acceptance points, edges and remarks of the
/// others, the most urgent priority, and body, milestone, reference, due date and estimate where it
/// has none. The others are closed as its duplicates. Only records are added.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet merge T-3 T-9
  fleet merge T-3 T-9 T-12 --dry-run")]
pub struct Args {
    /// Task that stays
    keep: TaskSelector,
    /// Tasks that are closed as its duplicates
    #[arg(required = true, value_name = "DUPLICATE")]
    others: Vec<TaskSelector>,
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
    let report = merge::merge(opened.desk(), &args.keep, &args.others, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::merged)?;
    Ok(Exit::Ok)
}
