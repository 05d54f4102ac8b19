//! `fleet show`

use crate::app::tracker::past::{self, At};
use crate::app::tracker::show;
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Show everything about tasks
///
/// Fields, edges, sessions, locks, reviews, questions and comments, and why a task is in the phase
/// it is in.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet show T-7
  fleet show T-7 T-8 --json
  fleet show T-7 --at 2026-11-21          as it was then
  fleet show T-7 --at 4f2a91c0            as a commit of the state has it
  fleet show T-7 --full                   with texts that `fleet archive` summarised")]
pub struct Args {
    /// Which tasks
    #[arg(required = true, value_name = "TASK")]
    tasks: Vec<TaskSelector>,
    /// As it was: a date, a time, a span back from now, or a commit of the state
    #[arg(long, value_name = "WHEN|COMMIT", conflicts_with = "full")]
    at: Option<String>,
    /// With the texts that were summarised
    #[arg(long)]
    full: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let at = match (&args.at, args.full) {
        (Some(text), _) => Some(moment(text)?),
        (None, true) => Some(At::Full),
        (None, false) => None,
    };
    let opened = session.open()?;
    let report = match at {
        Some(at) => past::show(opened.desk(), &args.tasks, &at)?,
        None => show::show(opened.desk(), &args.tasks)?,
    };
    session.answer(&report, human::show)?;
    Ok(Exit::Ok)
}

/// Letters and digits alone are a commit; all times have something else, or end in their unit.
fn moment(text: &str) -> Result<At, CliError> {
    let hex = (4..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if hex && args::since(text).is_err() {
        return Ok(At::Commit(text.to_owned()));
    }
    args::since(text)
        .or_else(|_| args::when(text))
        .map(At::Time)
        .map_err(|what| {
            CliError::new(
                Exit::Usage,
                "invalid_value",
                what,
                "--at takes a date, a time, a span back from now such as 7d, or a commit of the state",
            )
        })
}
