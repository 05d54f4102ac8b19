//! `fleet export`

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::app::tracker::export::{self, ExportRequest, Target};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Write the tasks down for another tracker
///
/// Closed tasks are written, too. Without -o the text goes to standard output. The same tasks give
/// the same bytes; a file is replaced whole or not at all, and not by one that holds less.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet export --to beads -o .beads/issues.jsonl
  fleet export --to csv --open > backlog.csv
  fleet export --to markdown -o TODO.md")]
pub struct Args {
    /// Form to write
    #[arg(long, value_name = "FORMAT", value_parser = target())]
    to: Target,
    /// File to write
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Open tasks alone
    #[arg(long)]
    open: bool,
    /// Replace a file even if it holds tasks that are not written now
    #[arg(long, requires = "output")]
    overwrite: bool,
    /// Say what would be written, and write nothing
    #[arg(long, requires = "output")]
    dry_run: bool,
}

fn target() -> impl TypedValueParser<Value = Target> {
    PossibleValuesParser::new(Target::ALL.map(Target::name))
        .map(|name| Target::named(&name).unwrap_or(Target::Beads))
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let files = session.files();
    let request = ExportRequest {
        target: args.to,
        file: args.output.as_deref(),
        open_only: args.open,
        overwrite: args.overwrite,
        dry_run: args.dry_run,
    };
    let report = export::export(opened.desk(), &*files, request)?;
    match &report.content {
        // Text for a pipe: nothing is added to it.
        Some(content) if !session.json() => session.text(content)?,
        _ => session.answer(&report, human::exported)?,
    }
    Ok(Exit::Ok)
}
