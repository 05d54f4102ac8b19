//! `fleet comment`

use crate::app::tracker::change;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Remark on a task
///
/// Agents see the comments of the task that they work on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet comment T-7 \"the parser of T-3 may help\"
  fleet comment T-7 --file notes.md")]
pub struct Args {
    /// Which task
    task: TaskSelector,
    /// The remark, in Markdown
    #[arg(required_unless_present = "file")]
    text: Option<String>,
    /// Read the remark from a file, or from stdin with -
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    file: Option<String>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let text = match (args.text, args.file) {
        (None, Some(file)) => session.read_input(&file)?,
        (text, _) => text.unwrap_or_default(),
    };
    let opened = session.open()?;
    let report = change::comment(opened.desk(), &args.task, &text, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
