//! `fleet stale`

use crate::app::tracker::figures;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;
use crate::domain::time::DurationMs;

/// List open tasks that nobody touched for long
///
/// Longest first. A record about the task touches it: a change, a remark, a finished attempt. What an
/// agent works on is not stale.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet stale
  fleet stale --days 90 --json")]
pub struct Args {
    /// For how many days
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u32,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let after = DurationMs::secs(u64::from(args.days) * 86_400);
    let opened = session.open()?;
    let report = figures::stale(opened.desk(), after, args.limit)?;
    session.answer(&report, human::stale)?;
    Ok(Exit::Ok)
}
