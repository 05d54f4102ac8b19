//! `fleet archive`

use crate::app::tracker::past::{self, Rule};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::time::DurationMs;

/// Summarise the texts of old closed tasks
///
/// Finished work leaves what readers load by itself, a week after it was closed. This makes it small,
/// too: a body becomes its first paragraph and how the task ended, and remarks keep author and time.
/// The history keeps every word: `fleet show --full` and `fleet show --at` read it there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet archive --dry-run
  fleet archive --older-than 180 --least-bytes 2000
  fleet show T-7 --full")]
pub struct Args {
    /// Closed for more than so many days
    #[arg(long, value_name = "DAYS", default_value_t = 90)]
    older_than: u32,
    /// With at least so many bytes of text
    #[arg(long, value_name = "N", default_value_t = 500)]
    least_bytes: usize,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let rule = Rule {
        older_than: DurationMs::secs(u64::from(args.older_than) * 86_400),
        least_bytes: args.least_bytes,
        limit: usize::MAX,
    };
    let opened = session.open()?;
    let report = past::decay(opened.desk(), rule, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    if report.total == 0 {
        session.note("no closed task is that old and that long");
    }
    Ok(Exit::Ok)
}
