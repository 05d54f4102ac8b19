//! `fleet edit`

use crate::app::tracker::editing;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::ids::TaskSelector;

/// Edit a task in your editor
///
/// Opens a Markdown file with the fields above the text, in $VISUAL, $EDITOR or vi. What was changed
/// is recorded; what was left alone stays untouched, even if somebody else changed it meanwhile. A
/// file that cannot be recorded is kept, and its path is told; `--file` takes it up, with what it was
/// when it was opened. Any other file is compared with the task as it is now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet edit T-7
  fleet edit T-7 --dry-run
  fleet edit T-7 --file .git/fleet/edit/T-7.md     # take up a file that was refused")]
pub struct Args {
    /// Which task
    task: TaskSelector,
    /// Read the edited sheet from a file, or from stdin with -, instead of opening an editor
    #[arg(long, value_name = "FILE")]
    file: Option<String>,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case, and if no editor runs.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let desk = opened.desk();
    let (label, mut before) = editing::open(desk, &args.task)?;
    let (after, kept) = match &args.file {
        Some(file) => {
            let opened = session.opened(file);
            let kept = opened.as_ref().map(|_| file.clone());
            before = opened.unwrap_or(before);
            (session.read_input(file)?, kept)
        }
        None => {
            let edited = session.edit(&label, &before).map_err(|what| {
                CliError::new(
                    Exit::Usage,
                    "no_editor",
                    what,
                    "EDITOR names the program that you edit with; `fleet update` needs none",
                )
            })?;
            (edited.text, Some(edited.path))
        }
    };
    let saved = editing::save(desk, &args.task, (&before, &after), mode(args.dry_run));
    let report = saved.map_err(|error| {
        let mut error = CliError::from(error);
        if let Some(path) = &kept {
            error.hint = format!(
                "your text is kept in {path}; correct it and run `fleet edit {label} --file {path}`. {}",
                error.hint
            );
        }
        error
    })?;
    match &kept {
        Some(path) if args.dry_run && report.tasks.iter().any(|task| task.changed) => {
            session.note(&format!(
                "your text is kept in {path}; `fleet edit {label} --file {path}` records it"
            ));
        }
        Some(path) => session.forget(path),
        None => {}
    }
    session.note_delivery(&report.delivery);
    session.answer(&report, human::changed)?;
    Ok(Exit::Ok)
}
