//! `fleet duplicates`

use crate::app::tracker::hygiene;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Find open tasks that say nearly the same
///
/// By the words of titles and bodies, most alike first. Tasks that have an edge between them are left
/// out. `fleet merge` makes one of two.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet duplicates
  fleet duplicates --least 80 --json
  fleet merge T-3 T-9")]
pub struct Args {
    /// How much they must have in common, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 50, value_parser = clap::value_parser!(u8).range(10..=100))]
    least: u8,
    /// At most so many pairs
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = hygiene::duplicates(opened.desk(), usize::from(args.least), args.limit)?;
    session.answer(&report, human::duplicates)?;
    Ok(Exit::Ok)
}
