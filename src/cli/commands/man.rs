//! `fleet man`

use std::path::PathBuf;

use clap::CommandFactory as _;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::tree::Cli;

/// Print a man page, or write one for each command
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet man | man -l -
  fleet man query | man -l -
  fleet man --dir ~/.local/share/man/man1")]
pub struct Args {
    /// Of this command; without it, of fleet itself
    #[arg(conflicts_with = "dir")]
    command: Option<String>,
    /// Write fleet.1, fleet-add.1, … into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Runs it.
///
/// # Errors
/// No such command, or the pages cannot be written.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let pages = pages();
    if let Some(dir) = &args.dir {
        for (name, page) in &pages {
            put(&dir.join(format!("{name}.1")), page)?;
        }
        session.note(&format!("{} pages in {}", pages.len(), dir.display()));
        return Ok(Exit::Ok);
    }
    let wanted = args
        .command
        .as_ref()
        .map_or_else(|| "fleet".to_owned(), |command| format!("fleet-{command}"));
    let Some((_, page)) = pages.iter().find(|(name, _)| *name == wanted) else {
        return Err(CliError::new(
            Exit::NotFound,
            "not_found",
            format!("there is no page {wanted}"),
            "`fleet help` lists the commands; of those in two words, write `fleet man gate-add`",
        ));
    };
    session.text(page)?;
    Ok(Exit::Ok)
}

/// Name and text of every page.
fn pages() -> Vec<(String, String)> {
    let mut root = Cli::command();
    root.build();
    let mut pages = Vec::new();
    let mut todo = vec![("fleet".to_owned(), root)];
    while let Some((name, command)) = todo.pop() {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            if sub.get_name() != "help" {
                todo.push((format!("{name}-{}", sub.get_name()), sub.clone()));
            }
        }
        let mut page = Vec::new();
        if clap_mangen::Man::new(command).render(&mut page).is_ok() {
            pages.push((name, String::from_utf8_lossy(&page).into_owned()));
        }
    }
    pages.sort();
    pages
}

#[expect(
    clippy::disallowed_methods,
    reason = "writes into the directory that an argument names"
)]
fn put(file: &std::path::Path, text: &str) -> Result<(), CliError> {
    let dir = file.parent().unwrap_or_else(|| std::path::Path::new("."));
    std::fs::create_dir_all(dir)
        .and_then(|()| std::fs::write(file, text))
        .map_err(|error| {
            let message = format!("failed to write {}: {error}", file.display());
            CliError::new(Exit::Usage, "unwritable", message, "name another directory")
        })
}
