//! `fleet undo`

use crate::app::tracker::undo::{self, What};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// Take back what your last command recorded
///
/// Nothing is deleted: records are added that give every field, edge, gate and query the value it had
/// before, unless somebody changed it again since. A task that was added is closed as wontdo, as its
/// number is never given again. What cannot be taken back (remarks, answers, work of agents) is
/// refused with the reason, and then nothing is done. Undoing an undo does it again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet undo --dry-run
  fleet undo
  fleet undo --record 01a1fd92-f7ff        # one record, as `fleet log T-7 --json` names it
  fleet undo --commit 4f2a91c0 --dry-run   # all that a commit of `git log fleet/state` added")]
pub struct Args {
    /// One record instead, by its id or the beginning of it
    #[arg(long, value_name = "ID")]
    record: Option<String>,
    /// Everything that one commit of the state branch added, by its id or the beginning of it
    #[arg(long, value_name = "ID", conflicts_with = "record")]
    commit: Option<String>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let commit = args.commit.map(What::Commit);
    let what = commit.or(args.record.map(What::Record)).unwrap_or_default();
    let opened = session.open()?;
    let report = undo::undo(opened.desk(), &what, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::undone)?;
    Ok(Exit::Ok)
}
