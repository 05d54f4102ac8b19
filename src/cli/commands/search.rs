//! `fleet search`

use crate::app::tracker::find;
use crate::app::tracker::request::SearchRequest;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Search the text of tasks
///
/// Title, labels, body and comments; all words must be there, the last may be a beginning. What fits
/// best comes first: words of the title count most, and rare ones more than common ones.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet search parse dates
  fleet search --all leap year --json --limit 5")]
pub struct Args {
    /// Words
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,
    /// Closed tasks too
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let request = SearchRequest {
        words: args.words.join(" "),
        all: args.all,
        limit: args.limit,
    };
    let opened = session.open()?;
    let report = find::search(opened.desk(), &request)?;
    session.answer(&report, human::search)?;
    if report.has_more {
        session.note(&format!("{} of {} shown", report.hits.len(), report.total));
    }
    Ok(Exit::Ok)
}
