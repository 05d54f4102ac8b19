//! `fleet prime`

use crate::app::tracker::prime::{self, PrimeRequest};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Tell an agent what it must know, in at most 1,000 tokens
///
/// The rules of working with this backlog, and one task: what is wanted, what it waits for, what
/// humans answered, what earlier attempts ran into. Without a task, what is ready now. An agent that
/// a tick started is told how to use its outbox ($FLEET_OUTBOX) instead.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet prime            At the start of an agent's session
  fleet prime T-7        With the context of a task
  fleet prime T-7 --json")]
pub struct Args {
    /// The task to work on [default: that of the tick, if one started this]
    task: Option<TaskSelector>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let tick = session.tick_around();
    let own = tick.as_ref().and_then(|tick| tick.task.clone());
    let request = PrimeRequest {
        under_tick: tick.is_some(),
        task: args.task.or_else(|| own?.parse().ok()),
    };
    let read = session
        .open()
        .and_then(|opened| prime::prime(opened.desk(), &request));
    let report = match read {
        Ok(report) => report,
        // The clone of an agent holds no state: its prompt has the task.
        Err(_) if request.under_tick => prime::without_state(&request),
        Err(error) => return Err(error.into()),
    };
    session.answer(&report, |report, page| page.block(&report.text, 0))?;
    Ok(Exit::Ok)
}
