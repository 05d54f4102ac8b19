//! `fleet update`

use clap::builder::PossibleValuesParser;

use crate::app::tracker::change;
use crate::app::tracker::editing;
use crate::app::tracker::request::TakeOver;
use crate::cli::commands::fields::Fields;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Change fields of tasks
///
/// Labels and paths are added; --rm-label and --rm-path take them away. --acceptance replaces all
/// acceptance points; --met marks one of them. --assignee takes the task for somebody as `claim` does:
/// decided on what the remote says now, and refused if somebody else holds it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet update T-7 -p 0 -l urgent --rm-label later
  fleet update T-7 T-8 --clear assignee
  fleet update T-7 --met 1 --met 2
  fleet update --where 'label:api prio>2' -p 2 --milestone v1 --dry-run")]
pub struct Args {
    /// Which tasks
    #[arg(required_unless_present = "query", value_name = "TASK")]
    tasks: Vec<TaskSelector>,
    /// All tasks that this query means, all of them or none; see `fleet query --help`
    #[arg(long = "where", value_name = "QUERY", conflicts_with = "tasks")]
    query: Option<String>,
    /// New title, one line
    #[arg(long, value_name = "TITLE", help_heading = "Fields")]
    title: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Label to take away; may be repeated
    #[arg(long = "rm-label", value_name = "LABEL", value_delimiter = ',')]
    rm_labels: Vec<String>,
    /// Path glob to take away; may be repeated
    #[arg(long = "rm-path", value_name = "GLOB")]
    rm_paths: Vec<String>,
    /// Acceptance point that is met, counted from 1; may be repeated
    #[arg(long, value_name = "N")]
    met: Vec<usize>,
    /// Acceptance point that is not met after all, counted from 1; may be repeated
    #[arg(long, value_name = "N")]
    unmet: Vec<usize>,
    /// With --assignee: also from somebody who holds the task
    #[arg(long, requires = "assignee")]
    take_over: bool,
    /// Field to clear; may be repeated
    #[arg(long, value_name = "FIELD", value_delimiter = ',',
          value_parser = PossibleValuesParser::new(["assignee", "due", "defer", "external-ref", "agent", "milestone", "estimate", "body", "acceptance"]))]
    clear: Vec<String>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let mut edits = args.fields.edits(session)?;
    edits.title = args.title;
    edits.rm_labels = args.rm_labels;
    edits.rm_paths = args.rm_paths;
    edits.meet = args.met;
    edits.unmeet = args.unmet;
    if args.take_over {
        edits.take_over = TakeOver::Anybody;
    }
    for field in &args.clear {
        match field.as_str() {
            "assignee" => edits.assignee = Some(None),
            "due" => edits.due = Some(None),
            "defer" => edits.defer_until = Some(None),
            "external-ref" => edits.external_ref = Some(None),
            "agent" => edits.agent = Some(None),
            "milestone" => edits.milestone = Some(None),
            "estimate" => edits.estimate = Some(None),
            "body" => edits.body = Some(String::new()),
            _ => edits.acceptance = Some(Vec::new()),
        }
    }
    let opened = session.open()?;
    let (desk, mode) = (opened.desk(), mode(args.dry_run));
    let report = match &args.query {
        Some(query) => editing::update_where(desk, query, &edits, mode)?,
        None => change::update(desk, &args.tasks, &edits, mode)?,
    };
    if report.total == 0 {
        session.note("the query means no task");
    }
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
