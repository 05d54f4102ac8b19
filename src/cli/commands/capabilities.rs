//! `fleet capabilities`

use std::collections::BTreeMap;

use clap::CommandFactory as _;
use serde::Serialize;

use crate::app::tracker::prime::MAX_TOKENS;
use crate::app::tracker::values::{TEXT_MAX_BYTES, TITLE_MAX_CHARS, WORD_MAX_CHARS};
use crate::cli::codes::CODES;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::json::SCHEMA_VERSION;
use crate::cli::schema::Schemas;
use crate::cli::session::Session;
use crate::cli::tree::Cli;
use crate::domain::record::RECORD_VERSION;
use crate::domain::task::MAX_PRIORITY;

/// Tell programs what this fleet can do
///
/// Version, commands with their flags, exit codes, error codes, formats and limits. New ones come
/// at the end; none goes away within a `schema_version`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet capabilities --json | jq '.data.commands[].name'")]
pub struct Args {}

#[derive(Serialize)]
struct Flag {
    long: Option<String>,
    short: Option<String>,
    value: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    repeats: bool,
}

#[derive(Serialize)]
struct Command {
    name: String,
    aliases: Vec<String>,
    about: String,
    arguments: Vec<String>,
    flags: Vec<Flag>,
    /// Name of the schema of its answer.
    answer: Option<String>,
}

#[derive(Serialize)]
struct ExitCode {
    code: u8,
    name: &'static str,
}

#[derive(Serialize)]
struct ErrorCode {
    code: &'static str,
    exit: u8,
    when: &'static str,
}

#[derive(Serialize)]
struct Capabilities {
    version: &'static str,
    record_version: u32,
    schema_version: u32,
    commands: Vec<Command>,
    total: usize,
    has_more: bool,
    global_flags: Vec<Flag>,
    exit_codes: Vec<ExitCode>,
    error_codes: Vec<ErrorCode>,
    formats: BTreeMap<&'static str, &'static str>,
    limits: BTreeMap<&'static str, usize>,
}

/// Runs it.
///
/// # Errors
/// Stdout refuses.
pub fn run(_: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let mut tree = Cli::command();
    tree.build();
    let schemas = Schemas::read();
    let mut commands = Vec::new();
    collect(&tree, "", &schemas, &mut commands);
    let globals = tree.get_arguments().filter(|arg| arg.is_global_set());
    let capabilities = Capabilities {
        version: env!("CARGO_PKG_VERSION"),
        record_version: RECORD_VERSION,
        schema_version: SCHEMA_VERSION,
        total: commands.len(),
        has_more: false,
        commands,
        global_flags: globals.map(flag).collect(),
        exit_codes: Exit::ALL
            .map(|(exit, name)| ExitCode {
                code: exit.code(),
                name,
            })
            .into(),
        error_codes: CODES
            .iter()
            .map(|(code, exit, when)| ErrorCode {
                code,
                exit: exit.code(),
                when,
            })
            .collect(),
        formats: BTreeMap::from([
            (
                "answer",
                "JSON, one line: {schema_version, ok, data | error}",
            ),
            ("state", "JSON Lines on a git branch, one record a line"),
            ("schema", "JSON Schema 2020-12"),
            ("time", "RFC 3339, UTC"),
            ("money", "integer micro-dollars (USD)"),
            ("mcp", "Model Context Protocol over stdio: `fleet mcp`"),
        ]),
        limits: BTreeMap::from([
            ("title_chars", TITLE_MAX_CHARS),
            ("text_bytes", TEXT_MAX_BYTES),
            ("word_chars", WORD_MAX_CHARS),
            ("priority_max", usize::from(MAX_PRIORITY)),
            ("prime_tokens", MAX_TOKENS),
        ]),
    };
    session.answer(&capabilities, |all, page| {
        for command in &all.commands {
            page.line(format!("fleet {}  {}", command.name, command.about));
        }
    })?;
    Ok(Exit::Ok)
}

/// Every command that does something, with those below it.
fn collect(at: &clap::Command, prefix: &str, schemas: &Schemas, found: &mut Vec<Command>) {
    for command in at.get_subcommands().filter(|c| c.get_name() != "help") {
        let name = format!("{prefix}{}", command.get_name());
        if command.has_subcommands() {
            collect(command, &format!("{name} "), schemas, found);
            continue;
        }
        let shown = || {
            command
                .get_arguments()
                .filter(|a| !a.is_hide_set() && !a.is_global_set())
        };
        let own = || shown().filter(|a| !matches!(a.get_id().as_str(), "help" | "version"));
        found.push(Command {
            aliases: command.get_visible_aliases().map(str::to_owned).collect(),
            about: command
                .get_about()
                .map(ToString::to_string)
                .unwrap_or_default(),
            arguments: own()
                .filter(|a| a.is_positional())
                .map(|a| a.get_id().to_string())
                .collect(),
            flags: own().filter(|a| !a.is_positional()).map(flag).collect(),
            answer: schemas.knows(&name).then(|| name.clone()),
            name,
        });
    }
}

fn flag(arg: &clap::Arg) -> Flag {
    let takes = arg.get_action().takes_values();
    let name = arg.get_value_names().and_then(|names| names.first());
    Flag {
        long: arg.get_long().map(|long| format!("--{long}")),
        short: arg.get_short().map(|short| format!("-{short}")),
        value: name.filter(|_| takes).map(ToString::to_string),
        values: if takes {
            let values = arg.get_possible_values();
            values
                .iter()
                .map(|value| value.get_name().to_owned())
                .collect()
        } else {
            Vec::new()
        },
        repeats: matches!(arg.get_action(), clap::ArgAction::Append),
    }
}
