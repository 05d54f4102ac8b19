//! `fleet gate`

use clap::builder::PossibleValuesParser;

use crate::app::tracker::deps;
use crate::app::tracker::gates::{self, NewGate};
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskSelector;
use crate::domain::tracking::{GateKind, GateState};

/// Hold a task back until something else has happened
///
/// A gate waits for a human, a time, a pull request, a run of CI, or a task. A timer opens by
/// itself; so does a pull request that fleet opened, once its merge is on record. All others open
/// with `fleet gate pass`, which a CI job or a script can run. Only a human opens a human gate.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet gate add T-7 human --note \"legal has to agree\"
  fleet gate add T-7 timer \"monday 9am\"
  fleet gate add T-7 pr 12
  fleet gate add T-7 ci nightly
  fleet gate add T-7 task T-5 --on failure     # T-7 is the plan B of T-5
  fleet gate list
  fleet gate pass T-7 2 --note \"run 4711 was green\"")]
pub struct Args {
    #[command(subcommand)]
    verb: GateVerb,
}

#[derive(Debug, clap::Subcommand)]
enum GateVerb {
    /// Put a gate before a task
    Add(Add),
    /// Open a gate
    Pass(Set),
    /// Take a gate away that was a mistake
    #[command(visible_alias = "remove")]
    Rm(Set),
    /// Shut a gate again
    Reset(Set),
    /// List gates that are shut
    List {
        /// Of this task only
        task: Option<TaskSelector>,
        /// Those too that are open or were taken away
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, clap::Args)]
struct Add {
    /// Task that waits
    task: TaskSelector,
    /// For what
    #[arg(value_parser = PossibleValuesParser::new(["human", "timer", "pr", "ci", "task"]))]
    kind: String,
    /// The time, pull request, run or task that it waits for
    subject: Option<String>,
    /// With task: after which outcome
    #[arg(long, value_parser = PossibleValuesParser::new(["success", "failure", "any"]), default_value = "success")]
    on: String,
    /// Why, in a line
    #[arg(long, default_value = "")]
    note: String,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
struct Set {
    /// Task that waits
    task: TaskSelector,
    /// Which of its gates, counted from 1; may be left out if it has one
    number: Option<usize>,
    /// Why, in a line
    #[arg(long, default_value = "")]
    note: String,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    match args.verb {
        GateVerb::Add(args) => add(args, session)?,
        GateVerb::Pass(args) => set(args, GateState::Passed, session)?,
        GateVerb::Rm(args) => set(args, GateState::Removed, session)?,
        GateVerb::Reset(args) => set(args, GateState::Waiting, session)?,
        GateVerb::List { task, all } => {
            let opened = session.open()?;
            let report = gates::list(opened.desk(), task.as_ref(), all)?;
            session.answer(&report, human::gates)?;
        }
    }
    Ok(Exit::Ok)
}

fn wrong(what: String) -> CliError {
    CliError::new(
        Exit::Usage,
        "invalid_value",
        what,
        "`fleet gate add --help` shows a gate of each kind",
    )
}

fn add(args: Add, session: &Session<'_>) -> Result<(), CliError> {
    if args.kind == "task" {
        return add_task(args, session);
    }
    let kind = GateKind::ALL.into_iter().find(|k| k.name() == args.kind);
    let kind = kind.unwrap_or(GateKind::Human);
    let (until, subject) = match (kind, args.subject) {
        (GateKind::Timer, Some(text)) => (Some(args::when(&text).map_err(wrong)?), None),
        (GateKind::Human, Some(text)) => {
            let what = format!("a human gate takes no `{text}`; a reason goes into --note");
            return Err(wrong(what));
        }
        (_, subject) => (None, subject),
    };
    let new = NewGate {
        kind,
        until,
        subject,
        note: args.note,
    };
    let opened = session.open()?;
    let report = gates::add(opened.desk(), &args.task, &new, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::gate)
}

/// A gate that waits for a task is an edge.
fn add_task(args: Add, session: &Session<'_>) -> Result<(), CliError> {
    let on = args.subject.unwrap_or_default();
    let on: TaskSelector = on
        .parse()
        .map_err(|e| wrong(format!("the task that is waited for: {e}")))?;
    let kind = match args.on.as_str() {
        "failure" => DepKind::OnFailure,
        "any" => DepKind::OnClose,
        _ => DepKind::Blocks,
    };
    let opened = session.open()?;
    let report = deps::add(opened.desk(), &args.task, &on, kind, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::dep)
}

fn set(args: Set, state: GateState, session: &Session<'_>) -> Result<(), CliError> {
    let opened = session.open()?;
    let word = (state, args.note.as_str());
    let report = gates::set(
        opened.desk(),
        &args.task,
        args.number,
        word,
        mode(args.dry_run),
    )?;
    session.note_delivery(&report.delivery);
    session.answer(&report, human::gate)
}
