//! `fleet q`

use crate::app::tracker::add;
use crate::app::tracker::request::Mode;
use crate::cli::commands::add::new_task;
use crate::cli::commands::fields::Fields;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// Add a task quickly and print only its id
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  id=$(fleet q \"Parse dates\" -p 1)")]
pub struct Args {
    /// Title, one line
    title: String,
    #[command(flatten)]
    fields: Fields,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let task = new_task(Some(args.title), args.fields, session)?;
    let opened = session.open()?;
    let report = add::add(opened.desk(), &task, Mode::Do)?;
    session.note_delivery(&report.delivery);
    session.answer(&report, |r, page| page.line(&r.id))?;
    Ok(Exit::Ok)
}
