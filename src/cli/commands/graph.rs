//! `fleet graph`

use clap::builder::PossibleValuesParser;

use crate::app::tracker::network;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Draw what waits for what
///
/// As a tree in which a task stands below what it waits for, as DOT (Graphviz), or as Mermaid, which
/// GitHub draws in Markdown. `*` marks the critical path: the chain that takes longest by the
/// estimates, an hour for what has none. Below it stand the tasks for which most others wait.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet graph
  fleet graph T-7                         everything that hangs together with T-7
  fleet graph --format dot | dot -Tsvg > tasks.svg
  fleet graph --format mermaid")]
pub struct Args {
    /// Only what hangs together with this task
    task: Option<TaskSelector>,
    /// How to draw it
    #[arg(long, value_name = "FORMAT", default_value = "tree", value_parser = PossibleValuesParser::new(["tree", "dot", "mermaid"]))]
    format: String,
    /// Closed tasks too
    #[arg(long)]
    all: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let report = network::graph(opened.desk(), args.task.as_ref(), args.all)?;
    match args.format.as_str() {
        "dot" if !session.json() => session.text(&human::dot(&report))?,
        "mermaid" if !session.json() => session.text(&human::mermaid(&report))?,
        _ => session.answer(&report, human::network)?,
    }
    if report.total == 0 {
        session.note("no open task waits for another");
    }
    Ok(Exit::Ok)
}
