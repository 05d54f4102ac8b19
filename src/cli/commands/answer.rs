//! `fleet answer`

use crate::app::tracker::inbox;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// Answer a question from the inbox
///
/// The next attempt at the task gets the answer.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet answer E-k3f9q \"use the second option\"
  fleet answer T-7 --file answer.md    # if T-7 has one open question")]
pub struct Args {
    /// The question's short id, or its task if that has only one
    #[arg(value_name = "QUESTION|TASK")]
    question: String,
    /// The answer
    #[arg(required_unless_present = "file")]
    text: Option<String>,
    /// Read the answer from a file, or from stdin with -
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
    let report = inbox::answer(opened.desk(), &args.question, &text, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::answered)?;
    Ok(Exit::Ok)
}
