//! `fleet count`

use clap::builder::PossibleValuesParser;

use crate::app::tracker::figures::{self, BY};
use crate::app::tracker::request::CountRequest;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Count tasks by a field
///
/// Open ones, unless the field or the query is about closed ones. A task with several labels counts
/// under each of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet count --by type
  fleet count --by assignee --where 'prio<=1'
  fleet count --by month --all --json")]
pub struct Args {
    /// By which field
    #[arg(long, value_name = "FIELD", default_value = "phase", value_parser = PossibleValuesParser::new(BY))]
    by: String,
    /// Only tasks that this query means
    #[arg(long = "where", value_name = "QUERY")]
    query: Option<String>,
    /// Closed ones too
    #[arg(long)]
    all: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let request = CountRequest {
        by: BY.into_iter().find(|by| *by == args.by).unwrap_or("phase"),
        query: args.query,
        all: args.all,
    };
    let opened = session.open()?;
    let report = figures::count(opened.desk(), &request)?;
    session.answer(&report, human::count)?;
    Ok(Exit::Ok)
}
