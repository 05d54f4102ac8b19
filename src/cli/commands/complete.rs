//! `fleet complete`, which the scripts of `fleet completions` call

use crate::app::tracker::list;
use crate::app::tracker::request::Filter;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// List what can stand at a place of the command line, a line each
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet complete tasks T-1
  fleet complete queries")]
pub struct Args {
    /// Of what kind
    #[arg(value_parser = ["tasks", "queries"])]
    kind: String,
    /// What has been typed of it
    #[arg(default_value = "")]
    typed: String,
}

/// More are of no use to somebody who presses Tab.
const MOST: usize = 200;

/// Runs it. Whatever goes wrong, a shell is told nothing.
///
/// # Errors
/// Stdout refuses.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let Ok(opened) = session.open() else {
        return Ok(Exit::Ok);
    };
    let mut lines = Vec::new();
    if args.kind == "queries" {
        if let Ok(saved) = crate::app::tracker::find::saved(opened.desk()) {
            lines.extend(
                saved
                    .queries
                    .into_iter()
                    .map(|row| (format!("@{}", row.name), row.query)),
            );
        }
    } else if let Ok(found) = list::list(opened.desk(), &Filter::default()) {
        lines.extend(found.tasks.into_iter().map(|row| (row.id, row.title)));
    }
    let text: String = lines
        .into_iter()
        .filter(|(name, _)| name.starts_with(&args.typed))
        .take(MOST)
        .map(|(name, what)| {
            // A tab and a line break have a meaning to the shells.
            let what: String = what.chars().filter(|c| !c.is_control()).collect();
            let what = crate::app::tracker::text::display_safe(&what);
            format!("{name}\t{what}\n")
        })
        .collect();
    session.text(&text)?;
    Ok(Exit::Ok)
}
