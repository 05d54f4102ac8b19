//! The command line: parses arguments, calls a use-case, renders its report.
//!
//! Contracts (DESIGN §8): stdout is data, stderr is words; `--json` is one envelope; exit codes are
//! those of [`exit`]. Text of records is escaped before it reaches a terminal (R7).
//!
//! Invariants: no git, no store, no clock; nothing is decided here; the outside is touched only to
//! read a file or stream that an argument names, and to write to the two output streams.
//!
//! May import: domain, app.

pub mod args;
pub mod codes;
pub mod commands;
pub mod error;
pub mod exit;
pub mod host;
pub mod render;
pub mod schema;
pub mod session;
mod teach;
pub mod tree;

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};

use crate::app::tracker::text::display_safe;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::host::Host;
use crate::cli::render::json;
use crate::cli::render::sink::{Color, Sink};
use crate::cli::session::Session;
use crate::cli::tree::Cli;

/// What clap answers to `--version`. Scripts ask for it often, and to make the whole tree of commands
/// for it would take longer than all else.
const VERSION: &str = concat!("fleet ", env!("CARGO_PKG_VERSION"), "\n");

/// As `Cli::try_parse_from`. Of the tree of commands only the one that is called is made, unless the
/// line is wrong or asks for help: what is said then needs all of it. No tree is taken apart again,
/// thing by thing.
fn parsed(args: Vec<OsString>) -> Result<Cli, clap::Error> {
    if let Some(tree) = args
        .iter()
        .skip(1)
        .find_map(|arg| tree::alone(arg.to_str()?))
    {
        let mut tree = std::mem::ManuallyDrop::new(tree);
        if let Ok(cli) = read(&mut tree, args.clone()) {
            return Ok(cli);
        }
    }
    read(&mut std::mem::ManuallyDrop::new(Cli::command()), args)
}

fn read(tree: &mut clap::Command, args: Vec<OsString>) -> Result<Cli, clap::Error> {
    let mut matches = tree.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(tree))
}

fn told(done: std::io::Result<()>) -> Exit {
    match done {
        Ok(()) => Exit::Ok,
        Err(_) => Exit::Internal,
    }
}

/// Runs one command line, program name included, to its exit code.
#[must_use]
pub fn run(args: Vec<OsString>, host: &dyn Host) -> Exit {
    let wants_json = args
        .iter()
        .skip(1)
        .take_while(|a| *a != "--")
        .any(|a| a == "--json");
    let typed: Vec<String> = args
        .iter()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    if let [_, only] = &args[..]
        && (only == "--version" || only == "-V")
    {
        return told(Sink::new(Color::Auto).data(VERSION));
    }
    let cli = match parsed(args) {
        Ok(cli) => cli,
        Err(error) => return refuse_arguments(&error, &typed, wants_json),
    };
    let sink = Sink::new(cli.global.color);
    let mut session = Session::new(host, cli.global, sink);
    let ended = cli.verb.run(&mut session);
    session.close();
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            show_error(sink, session.json(), &error);
            error.exit
        }
    }
}

fn show_error(sink: Sink, as_json: bool, error: &CliError) {
    if as_json {
        // If even this cannot be written, the exit code still tells.
        drop(sink.data(&json::refusal(error)));
    } else {
        sink.words(&render::human::error(error));
    }
}

/// Says what is wrong with the arguments. Where one of them deceives a terminal, what repeats it is
/// shown escaped, and without colours, since an escape of ours cannot be told from one of theirs.
fn refuse_arguments(error: &clap::Error, typed: &[String], wants_json: bool) -> Exit {
    let deceives = typed.iter().any(|text| display_safe(text) != *text);
    let sink = Sink::new(Color::Auto);
    let asked = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let text = error.render();
    if asked {
        return told(sink.data(&text.ansi().to_string()));
    }
    let right = teach::right_call(typed, error);
    if wants_json {
        let plain = text.to_string();
        let message = plain
            .lines()
            .next()
            .unwrap_or("")
            .trim_start_matches("error: ");
        let refusal = CliError::new(
            Exit::Usage,
            "usage",
            message,
            right
                .as_deref()
                .unwrap_or("`fleet help` shows every command"),
        )
        .with(serde_json::json!({ "text": plain }));
        show_error(sink, true, &refusal);
    } else {
        sink.words(&if deceives {
            display_safe(&text.to_string())
        } else {
            text.ansi().to_string()
        });
        if let Some(right) = right {
            sink.words(&render::human::hint(&display_safe(&right)));
        }
    }
    Exit::Usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_what_the_tree_of_commands_says() {
        assert_eq!(VERSION, Cli::command().render_version());
    }

    #[test]
    fn each_command_alone_takes_what_it_takes_among_all() {
        let ids = |command: &clap::Command| -> Vec<String> {
            let all = command.get_arguments();
            all.map(|arg| arg.get_id().to_string()).collect()
        };
        let whole = Cli::command();
        for command in whole.get_subcommands() {
            let name = command.get_name();
            let tree = tree::alone(name).unwrap_or_else(|| panic!("{name} is made nowhere"));
            assert_eq!(ids(&tree), ids(&whole));
            let own = tree.find_subcommand(name).unwrap();
            assert_eq!(ids(own), ids(command), "{name}");
            let below = |c: &clap::Command| c.get_subcommands().map(ids).collect::<Vec<_>>();
            assert_eq!(below(own), below(command), "{name}");
        }
    }
}
