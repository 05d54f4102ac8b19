//! `fleet list`

use clap::builder::PossibleValuesParser;

use crate::app::tracker::list::{self, PHASES};
use crate::app::tracker::request::Filter;
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::{human, json};
use crate::cli::session::Session;

/// List tasks
///
/// Open tasks unless told otherwise, most urgent first. Different filters must all hold; a filter
/// given several times holds if one of its values does, except --label and --search, whose values
/// must all be there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet list --type bug --type testing -p 0 -p 1
  fleet list --phase in_review
  fleet list -l api -l 'ui|cli' -l 'area:*' --without-label later
  fleet list --all --search parser --json")]
pub struct Args {
    /// Open or closed ones
    #[arg(short, long, value_parser = ["open", "closed"], value_delimiter = ',')]
    status: Vec<String>,
    /// Of this type
    #[arg(short = 't', long = "type", value_name = "TYPE", value_delimiter = ',')]
    kinds: Vec<String>,
    /// With this label; `a|b` is either, `*` and `?` stand for letters
    #[arg(short, long = "label", value_name = "LABEL", value_delimiter = ',')]
    labels: Vec<String>,
    /// Without this label; patterns as above
    #[arg(long = "without-label", value_name = "LABEL", value_delimiter = ',')]
    without_labels: Vec<String>,
    /// Of this milestone
    #[arg(long = "milestone", value_name = "NAME")]
    milestones: Vec<String>,
    /// Of this priority
    #[arg(short, long = "priority", value_name = "PRIORITY", value_parser = args::priority, value_delimiter = ',')]
    priorities: Vec<u8>,
    /// Held by this person
    #[arg(short, long = "assignee", value_name = "NAME")]
    assignees: Vec<String>,
    /// In this phase
    #[arg(long = "phase", value_name = "PHASE", value_delimiter = ',', value_parser = PossibleValuesParser::new(PHASES))]
    phases: Vec<String>,
    /// With this text in title or body
    #[arg(long, value_name = "TEXT")]
    search: Vec<String>,
    /// Closed ones too
    #[arg(long)]
    all: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// With bodies and every other field (JSON)
    #[arg(long)]
    full: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let filter = Filter {
        status: args.status,
        kinds: args.kinds,
        labels: args.labels,
        without_labels: args.without_labels,
        milestones: args.milestones,
        priorities: args.priorities,
        assignees: args.assignees,
        phases: args.phases,
        search: args.search,
        all: args.all,
        limit: args.limit,
        full: args.full,
    };
    let opened = session.open()?;
    if session.is_json() {
        let taken = list::list_as(opened.desk(), &filter, json::rows)?;
        let (shown, total) = (taken.shown, taken.total);
        session.pieces(&json::list(taken)?)?;
        human::note_shown(session, shown, total);
    } else {
        let report = list::list(opened.desk(), &filter)?;
        session.answer(&report, human::list)?;
        human::note_more(session, &report);
    }
    Ok(Exit::Ok)
}
