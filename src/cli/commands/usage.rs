//! `fleet usage`

use crate::app::tracker::cost;
use crate::cli::commands::cost::What;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Show how many tokens were used
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet usage
  fleet usage --by model --since 7d")]
pub struct Args {
    #[command(flatten)]
    what: What,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = cost::cost(opened.desk(), args.what.by, args.what.since)?;
    session.answer(&report, human::usage)?;
    Ok(Exit::Ok)
}
