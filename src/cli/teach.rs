//! From a wrong call to the right one, in a line. Nothing is guessed and done: it is only said.

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::tree::Cli;
use crate::domain::ids::TaskSelector;

/// Words that stand for a command elsewhere, and the command here.
const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["done", "finish", "complete", "resolve", "end"],
        "fleet close TASK --reason TEXT",
    ),
    (
        &["start", "take", "begin", "pick", "checkout", "work"],
        "fleet claim TASK",
    ),
    (&["next"], "fleet ready --limit 1"),
    (
        &["new", "task", "issue", "bug", "insert"],
        "fleet add TITLE",
    ),
    (
        &["view", "get", "info", "describe", "cat", "details"],
        "fleet show TASK",
    ),
    (
        &["find", "grep", "search", "query"],
        "fleet list --search TEXT",
    ),
    (
        &["tasks", "issues", "status", "all", "backlog"],
        "fleet list",
    ),
    (&["set", "modify", "change", "edit"], "fleet update TASK"),
    (
        &["delete", "rm", "remove", "cancel", "wontfix"],
        "fleet close TASK --outcome wontdo",
    ),
    (
        &["duplicate", "dup"],
        "fleet close TASK --outcome duplicate",
    ),
    (&["assign", "own"], "fleet update TASK -a NAME"),
    (
        &["unclaim", "release", "unassign", "drop"],
        "fleet update TASK --clear assignee",
    ),
    (&["label", "tag"], "fleet update TASK -l LABEL"),
    (
        &["block", "link", "depend", "depends", "needs"],
        "fleet dep add TASK ON",
    ),
    (&["unblock", "unlink"], "fleet dep rm TASK ON"),
    (
        &["note", "say", "remark", "discuss"],
        "fleet comment TASK TEXT",
    ),
    (&["run"], "fleet tick"),
    (&["questions", "escalations"], "fleet inbox"),
    (
        &["onboard", "context", "instructions", "quickstart"],
        "fleet prime",
    ),
    (&["setup", "install"], "fleet init"),
    (&["serve"], "fleet mcp"),
];

/// Flags that are guessed, by command (`*` is any), and what is meant.
const FLAGS: &[(&str, &[&str], &str)] = &[
    ("update", &["--claim"], "`fleet claim TASK`"),
    (
        "update",
        &["--status", "-s", "--state"],
        "`fleet close TASK`, `fleet reopen TASK` or `fleet claim TASK`",
    ),
    (
        "update",
        &["--note", "--notes", "--comment"],
        "`fleet comment TASK TEXT`",
    ),
    (
        "update",
        &[
            "--dep",
            "--deps",
            "--depends-on",
            "--blocked-by",
            "--parent",
        ],
        "`fleet dep add TASK ON [--kind parent-child]`",
    ),
    ("update", &["--done", "--close"], "`fleet close TASK`"),
    (
        "close",
        &["-m", "--message", "--comment", "--note", "--notes"],
        "`fleet close TASK --reason TEXT`",
    ),
    (
        "close",
        &["--wontfix", "--wontdo"],
        "`fleet close TASK --outcome wontdo`",
    ),
    (
        "comment",
        &["-m", "--message", "--body", "--text", "-d"],
        "`fleet comment TASK TEXT`",
    ),
    ("list", &["--ready"], "`fleet ready`"),
    ("list", &["--blocked"], "`fleet blocked`"),
    (
        "list",
        &["--query", "-q", "--text", "--filter", "--title", "--grep"],
        "`fleet list --search TEXT`",
    ),
    ("list", &["--closed"], "`fleet list --status closed`"),
    (
        "list",
        &["--tag", "--tags", "--labels"],
        "`fleet list -l LABEL`",
    ),
    (
        "ready",
        &["-n", "--count", "--max"],
        "`fleet ready --limit N`",
    ),
    (
        "show",
        &["--comments", "--deps", "--full", "--history"],
        "`fleet show TASK` shows all of it, `fleet log TASK` its history",
    ),
    (
        "claim",
        &["-a", "--assignee", "--user"],
        "`fleet claim TASK --as NAME`",
    ),
    (
        "*",
        &[
            "--desc",
            "--text",
            "-m",
            "--message",
            "--details",
            "--design",
            "--notes",
        ],
        "`-d TEXT`, or `--body-file FILE`",
    ),
    (
        "*",
        &[
            "--depends-on",
            "--depends",
            "--blocked-by",
            "--after",
            "--needs",
            "--blocks",
        ],
        "`--dep TASK`",
    ),
    (
        "*",
        &["--prio", "--severity", "-P"],
        "`-p 0` (most urgent) to `-p 4`",
    ),
    ("*", &["--tag", "--tags", "--labels"], "`-l LABEL`"),
    ("*", &["--owner", "--assign", "--user"], "`-a NAME`"),
    ("*", &["--epic", "--part-of"], "`--parent TASK`"),
    (
        "*",
        &["--criteria", "--accept", "--acceptance-criteria", "--ac"],
        "`--acceptance TEXT`, once for each point",
    ),
    (
        "*",
        &["--file", "--files", "--paths", "--scope"],
        "`--path GLOB`, once for each; `--body-file FILE` reads the body",
    ),
    (
        "*",
        &["--kind", "--issue-type", "--issue_type"],
        "`-t TYPE`",
    ),
    ("*", &["--format", "--output", "-o", "-j"], "`--json`"),
    ("*", &["--repo", "--cwd", "--dir", "--db"], "`-C DIR`"),
    (
        "*",
        &["--yes", "-y", "--force", "-f"],
        "nothing asks back here: leave it away",
    ),
];

/// The right call for a wrong one; `args` without the program's name.
#[must_use]
pub(in crate::cli) fn right_call(args: &[String], error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            unknown_command(args, text(ContextKind::InvalidSubcommand)?)
        }
        ErrorKind::UnknownArgument => {
            let given = text(ContextKind::InvalidArg)?;
            unknown_flag(args, given).or_else(|| example(args))
        }
        // Other values say themselves what is wrong with them.
        ErrorKind::ValueValidation if text(ContextKind::InvalidArg)?.starts_with("<TASK") => {
            misplaced(args, text(ContextKind::InvalidValue)?)
        }
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => None,
        _ => example(args),
    }
}

fn unknown_command(args: &[String], word: &str) -> Option<String> {
    let at = args.iter().position(|arg| arg == word)?;
    if args[..at].last().map(String::as_str) == Some("dep")
        || is_task(word) && parent(args, at) == Some("dep")
    {
        return Some("`fleet dep add TASK ON`".to_owned());
    }
    if is_task(word) {
        // `fleet T-7 close`: the verb comes first.
        let verb = args.get(at + 1).map_or("show", String::as_str);
        return Some(format!("the command comes first: `fleet {verb} {word}`"));
    }
    let lower = word.to_lowercase();
    let known = COMMANDS
        .iter()
        .find(|(words, _)| words.contains(&lower.as_str()));
    Some(known.map_or_else(
        || "`fleet help` shows every command".to_owned(),
        |(_, call)| format!("`{}`", with_task(call, args)),
    ))
}

fn parent(args: &[String], at: usize) -> Option<&str> {
    at.checked_sub(1)
        .and_then(|before| args.get(before))
        .map(String::as_str)
}

fn unknown_flag(args: &[String], given: &str) -> Option<String> {
    let given = given.split('=').next().unwrap_or(given);
    let command = command(args)?;
    let fits = |name: &str| name == "*" || name == command;
    let found = FLAGS
        .iter()
        .find(|(name, flags, _)| fits(name) && flags.contains(&given));
    found.map(|(_, _, call)| with_task(call, args))
}

/// A task id and a text in the wrong order.
fn misplaced(args: &[String], value: &str) -> Option<String> {
    let command = command(args)?;
    if value.parse::<TaskSelector>().is_ok() {
        return None;
    }
    let id = args.iter().find(|arg| is_task(arg))?;
    (!value.starts_with('-')).then(|| format!("the task comes first: `fleet {command} {id} TEXT`"))
}

/// The first example of the command's help.
fn example(args: &[String]) -> Option<String> {
    let tree = Cli::command();
    let mut at = &tree;
    for arg in args {
        if let Some(below) = at.find_subcommand(arg) {
            at = below;
        }
    }
    let help = at.get_after_help().or_else(|| {
        let top = args.iter().find_map(|arg| tree.find_subcommand(arg))?;
        top.get_after_help()
    })?;
    let help = help.to_string();
    let line = help
        .lines()
        .skip(1)
        .map(str::trim)
        .find(|line| line.starts_with("fleet "))?;
    let call = line.split("   ").next().unwrap_or(line).trim();
    Some(format!("for example `{call}`"))
}

/// The command of a line, as it is called here.
fn command(args: &[String]) -> Option<String> {
    let tree = Cli::command();
    let found = args.iter().find_map(|arg| tree.find_subcommand(arg))?;
    Some(found.get_name().to_owned())
}

/// A call with the task that was named, if one was.
fn with_task(call: &str, args: &[String]) -> String {
    match args.iter().find(|arg| is_task(arg)) {
        Some(id) => call.replace("TASK", id),
        None => call.to_owned(),
    }
}

fn is_task(text: &str) -> bool {
    text.parse::<TaskSelector>().is_ok()
}
