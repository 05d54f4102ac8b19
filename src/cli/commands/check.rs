//! `fleet check`

use crate::app::tracker::change;
use crate::app::tracker::request::Edits;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Mark acceptance points as met
///
/// Points are marked one by one: what two people check at the same time is both kept.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet check T-7 1
  fleet check T-7 1 3 --json
  fleet uncheck T-7 1")]
pub struct Args {
    #[command(flatten)]
    marked: Marked,
}

/// Points of a task, for `check` and `uncheck`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Marked {
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
    args.marked.mark(true, session)
}

impl Marked {
    /// Marks the points as met, or as not met.
    pub(in crate::cli) fn mark(self, met: bool, session: &Session<'_>) -> Result<Exit, CliError> {
        let (meet, unmeet) = if met {
            (self.points, Vec::new())
        } else {
            (Vec::new(), self.points)
        };
        let edits = Edits {
            meet,
            unmeet,
            ..Edits::default()
        };
        let opened = session.open()?;
        let tasks = std::slice::from_ref(&self.task);
        let report = change::update(opened.desk(), tasks, &edits, mode(self.dry_run))?;
        session.note_delivery(&report.delivery);
        session.answer(&report, human::changed)?;
        Ok(Exit::Ok)
    }
}
