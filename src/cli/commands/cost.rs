//! `fleet cost` and what it shares with `fleet usage`.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::app::tracker::cost::{self, BY, By};
use crate::app::tracker::request::When;
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Show what was spent, and what budgets are left
///
/// Money is what agents report; where they do not, it is reckoned by the price table, and marked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet cost
  fleet cost --by agent --since 7d
  fleet cost --by task --since 2026-11-01 --json")]
pub struct Args {
    #[command(flatten)]
    what: What,
}

/// Which sums.
#[derive(Debug, clap::Args)]
pub struct What {
    /// What the sums are by
    #[arg(long, value_name = "WHAT", default_value = "day", value_parser = by())]
    pub by: By,
    /// Only what was booked since a time, a day, or a span ago such as 7d
    #[arg(long, value_name = "WHEN", value_parser = args::since)]
    pub since: Option<When>,
}

fn by() -> impl TypedValueParser<Value = By> {
    PossibleValuesParser::new(BY.map(|(name, _)| name)).map(|text| {
        BY.iter()
            .find(|(name, _)| *name == text)
            .map_or(By::Day, |(_, by)| *by)
    })
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = cost::cost(opened.desk(), args.what.by, args.what.since)?;
    session.answer(&report, human::cost)?;
    Ok(Exit::Ok)
}
