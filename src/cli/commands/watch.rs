//! `fleet watch`

use crate::app::tracker::request::When;
use crate::app::tracker::watch::{self, WatchRequest};
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::render::json;
use crate::cli::session::Session;
use crate::domain::time::DurationMs;

/// Tell changes as they arrive
///
/// The remote is asked every few seconds until Ctrl-C, or once. With --json, one object a line.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet watch
  fleet watch --since 1d --once
  fleet watch --every 30 --json")]
pub struct Args {
    /// Tell what changed since then first: a date, a time, or a span back from now
    #[arg(long, value_name = "WHEN", value_parser = args::since)]
    since: Option<When>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    every: u32,
    /// Look once and end
    #[arg(long)]
    once: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let request = WatchRequest {
        since: args.since,
        every: DurationMs::secs(u64::from(args.every)),
        once: args.once,
    };
    let opened = session.open()?;
    let mut failed = None;
    watch::watch(opened.desk(), request, &mut |row| {
        let told = if session.json() {
            json::line(row).and_then(|line| session.text(&line))
        } else {
            session.page(|page| human::change(row, page))
        };
        // Whoever reads along may stop at any time.
        failed = told.err();
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(Exit::Ok),
    }
}
