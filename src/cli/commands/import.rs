//! `fleet import`

use std::path::Path;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::import::{
    self, Batch, Form, Format, Found, ImportRequest, Note, Options, Origin, SourceFile, Whereabouts,
};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// Take issues of another tracker in
///
/// Reads Beads (JSONL), GitHub, GitLab, Jira and Linear exports, Taskwarrior JSON, Backlog.md
/// folders, Markdown checklists and CSV, and records their issues as tasks: all in one publish, or
/// none. A second import of the same issues changes what changed there, and doubles nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet import .beads/issues.jsonl
  gh issue list --state all --limit 1000 \\
     --json number,title,body,state,labels,assignees,url,updatedAt,comments | fleet import -
  fleet import backlog/                           # a Backlog.md folder
  fleet import issues.csv --map title=Summary --map id=Key
  fleet import TODO.md --dry-run

docs/import.md tells what becomes of every field.")]
pub struct Args {
    /// File or folder; - is standard input
    file: String,
    /// Format, where it cannot be told from the input
    #[arg(long, value_name = "FORMAT", value_parser = format())]
    from: Option<Format>,
    /// Where the issues come from, such as owner/repo, if they do not say it themselves
    #[arg(long, value_name = "NAME")]
    repo: Option<String>,
    /// Column of a CSV file for a field; may be repeated
    #[arg(long = "map", value_name = "FIELD=COLUMN", value_parser = column)]
    columns: Vec<(String, String)>,
    /// Admit what outsiders wrote: agents may work on it at once
    #[arg(long)]
    admit: bool,
    /// Leave out what cannot be read, instead of importing nothing
    #[arg(long)]
    skip_bad: bool,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

fn format() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .map(|name| Format::named(&name).unwrap_or(Format::Beads))
}

/// Fields of a CSV file that can be named.
const FIELDS: &[&str] = &[
    "id",
    "title",
    "body",
    "type",
    "status",
    "priority",
    "labels",
    "assignee",
    "due",
    "updated",
    "parent",
    "blocked_by",
    "acceptance",
];

fn column(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((field, column)) if FIELDS.contains(&field) && !column.is_empty() => {
            Ok((field.to_owned(), column.to_owned()))
        }
        _ => Err(format!(
            "`{text}` is no FIELD=COLUMN; fields are {}",
            FIELDS.join(", ")
        )),
    }
}

/// Runs it.
///
/// # Errors
/// As the use-case; or the input cannot be read.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let found = session
        .files()
        .read(Path::new(&args.file))
        .map_err(TrackerError::from)?;
    let origin = origin(session, Path::new(&args.file));
    let batch = read(&args, &found, origin)?;
    let opened = session.open()?;
    let request = ImportRequest {
        batch: &batch,
        admit: args.admit,
        skip_bad: args.skip_bad,
        mode: mode(args.dry_run),
    };
    let report = import::import(opened.desk(), request)?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::imported)?;
    opened.desk().let_go((report, batch));
    Ok(Exit::Ok)
}

/// Where the input lies as far as all clones of the repository agree on that.
fn origin(session: &Session<'_>, file: &Path) -> Origin {
    let top = |session: &Session<'_>| Some(session.site().ok()?.site().facts().ok()?.top);
    match session.files().whereabouts(file) {
        Whereabouts::Pipe => Origin::Nameless,
        Whereabouts::Outside(absolute) => Origin::Elsewhere(absolute),
        // The tree may be that of another repository, or one of several of this one.
        Whereabouts::InTree {
            top: tree,
            path,
            absolute,
        } => match top(session) {
            Some(own) if top(&session.at(&tree)).as_ref() == Some(&own) => Origin::Repository(path),
            _ => Origin::Elsewhere(absolute),
        },
    }
}

fn read(args: &Args, found: &Found, origin: Origin) -> Result<Batch, CliError> {
    let files: Vec<SourceFile<'_>> = found
        .files
        .iter()
        .map(|file| SourceFile {
            name: &file.name,
            bytes: &file.bytes,
        })
        .collect();
    let told = import::detect(&files, found.folder);
    let form = match (args.from, told) {
        // A format that is named may still come as a table or as JSON.
        (Some(format), told) => Form {
            format,
            csv: told.is_some_and(|form| form.csv),
        },
        (None, Some(form)) => form,
        (None, None) => {
            let names = Format::ALL.map(Format::name).join(", ");
            return Err(CliError::new(
                Exit::Usage,
                "unknown_format",
                format!("failed to tell the format of {}", args.file),
                format!("name it: `--from` takes {names}"),
            ));
        }
    };
    let options = Options {
        repo: args.repo.clone(),
        columns: args.columns.clone(),
        folder: found.folder,
        origin,
    };
    let mut batch = import::read(&files, form, &options);
    for (name, why) in &found.left_out {
        batch.remarks.push(Note {
            place: import::Place::default(),
            about: String::new(),
            what: format!("{name} was left out: {why}"),
        });
    }
    Ok(batch)
}
