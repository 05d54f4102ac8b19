//! `fleet comment`

use crate::app::tracker::comments;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Remark on a task, edit a remark, or see how it changed
///
/// Agents see the comments of the task that they work on; one that another program wrote only when a
/// human has taken it over, by an edit (its own text will do). An edit adds a record: every older text
/// stays in the history.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet comment T-7 \"the parser of T-3 may help\"
  fleet comment T-7 --file notes.md
  fleet comment T-7 --edit 2 \"the parser of T-4 may help\"
  fleet comment T-7 --versions 2")]
pub struct Args {
    /// Which task
    task: TaskSelector,
    /// The remark, in Markdown
    #[arg(required_unless_present_any = ["file", "versions"])]
    text: Option<String>,
    /// Read the remark from a file, or from stdin with -
    #[arg(short, long, value_name = "FILE", conflicts_with = "text")]
    file: Option<String>,
    /// Give this remark another text; remarks are counted from 1, as `fleet show` does
    #[arg(long, value_name = "N")]
    edit: Option<usize>,
    /// Show every text that this remark ever had
    #[arg(long, value_name = "N", conflicts_with_all = ["text", "file", "edit", "dry_run"])]
    versions: Option<usize>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    if let Some(number) = args.versions {
        let opened = session.open()?;
        let report = comments::versions(opened.desk(), &args.task, number)?;
        session.answer(&report, human::comment_versions)?;
        return Ok(Exit::Ok);
    }
    let text = match (args.text, args.file) {
        (None, Some(file)) => session.read_input(&file)?,
        (text, _) => text.unwrap_or_default(),
    };
    let opened = session.open()?;
    let (desk, mode) = (opened.desk(), mode(args.dry_run));
    let report = match args.edit {
        Some(number) => comments::edit(desk, &args.task, number, &text, mode)?,
        None => comments::add(desk, &args.task, &text, mode)?,
    };
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
