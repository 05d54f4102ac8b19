//! `fleet review`

use crate::app::tracker::review::{self, Verdict};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Look at what is in review, and say what you think of it
///
/// Without a task: the open reviews, with advice on the order of merging. With one: what its branch
/// changes, the checks, the cost and what the agent says. Verdicts are for reviews that are decided
/// here (forge `local`); a pull request is reviewed at its forge. fleet never merges.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet review                     What is in review
  fleet review T-7                 One, with its patch
  fleet review T-7 --stat          The same with lines by file
  fleet review T-7 --approve
  fleet review T-7 --request-changes \"use a map, not a list\"
  fleet review T-7 --request-changes --file notes.md")]
pub struct Args {
    /// Which task
    task: Option<TaskSelector>,
    /// Show lines by file, not the patch
    #[arg(long, requires = "task")]
    stat: bool,
    /// Record that the head may be merged; merging is up to you
    #[arg(long, requires = "task", conflicts_with_all = ["stat", "request_changes"])]
    approve: bool,
    /// Have the next attempt deal with this
    #[arg(long, value_name = "TEXT", requires = "task", num_args = 0..=1, conflicts_with = "stat")]
    request_changes: Option<Option<String>>,
    /// Read the text from a file, or from stdin with -
    #[arg(short, long, value_name = "FILE", requires = "request_changes")]
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
    let verdict = match (args.approve, args.request_changes) {
        (true, _) => Some(Verdict::Approve),
        (false, Some(text)) => {
            let text = match (text, args.file) {
                (None, Some(file)) => session.read_input(&file)?,
                (text, _) => text.unwrap_or_default(),
            };
            Some(Verdict::RequestChanges(text))
        }
        (false, None) => None,
    };
    let opened = session.open()?;
    let Some(task) = &args.task else {
        session.answer(&review::list(&*opened)?, human::reviews)?;
        return Ok(Exit::Ok);
    };
    match verdict {
        None => session.answer(&review::show(&*opened, task, args.stat)?, human::review)?,
        Some(verdict) => {
            let report = review::judge(opened.desk(), task, &verdict, mode(args.dry_run))?;
            session.note_delivery(&report.delivery);
            session.answer(&report, human::verdict)?;
        }
    }
    Ok(Exit::Ok)
}
