//! `fleet schema`

use serde::Serialize;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::schema::{ERROR, RECORD, Schemas};
use crate::cli::session::Session;

/// Print the JSON Schema of a command's answer, of errors, or of records
///
/// JSON Schema 2020-12. Fields may be added to an answer without notice; one that goes away or
/// changes its meaning raises `schema_version`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet schema                What there is
  fleet schema ready
  fleet schema dep tree
  fleet schema error
  fleet schema record         A line of the state")]
pub struct Args {
    /// A command, `error` or `record`
    name: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    name: &'static str,
    of: &'static str,
}

#[derive(Serialize)]
struct List {
    schemas: Vec<Row>,
    total: usize,
    has_more: bool,
}

/// Runs it.
///
/// # Errors
/// There is no such schema.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let schemas = Schemas::read();
    if args.name.is_empty() {
        let answers = schemas.commands().map(|name| Row { name, of: "answer" });
        let rest = [(ERROR, "error"), (RECORD, "record")].map(|(name, of)| Row { name, of });
        let schemas: Vec<_> = answers.chain(rest).collect();
        let list = List {
            total: schemas.len(),
            schemas,
            has_more: false,
        };
        session.answer(&list, |list, page| {
            list.schemas.iter().for_each(|row| page.line(row.name));
        })?;
        return Ok(Exit::Ok);
    }
    let name = args.name.join(" ");
    let schema = schemas.schema(&name).ok_or_else(|| {
        CliError::new(
            Exit::NotFound,
            "no_schema",
            format!("there is no schema `{name}`"),
            "`fleet schema` lists them",
        )
    })?;
    // A schema is JSON already: it stands alone, with and without --json.
    session.text(&(serde_json::to_string_pretty(&schema)? + "\n"))?;
    Ok(Exit::Ok)
}
