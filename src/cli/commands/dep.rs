//! `fleet dep`

use crate::app::tracker::deps;
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};
use crate::domain::dep::DepKind;
use crate::domain::ids::TaskSelector;

/// Add, remove and look at dependencies
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet dep add T-8 T-7                   T-8 is not ready before T-7 is done
  fleet dep add T-8 T-1 --kind parent-child
  fleet dep tree T-8")]
pub struct Args {
    #[command(subcommand)]
    verb: DepVerb,
}

#[derive(Debug, clap::Subcommand)]
enum DepVerb {
    /// Make a task depend on another
    ///
    /// An edge that would close a cycle is refused.
    Add(Edge),
    /// Take a dependency away
    #[command(visible_alias = "remove")]
    Rm(Edge),
    /// Show what a task depends on, and what that depends on
    Tree {
        /// Which task
        task: TaskSelector,
    },
    /// List cycles, which a forced merge can leave behind
    Cycles,
}

#[derive(Debug, clap::Args)]
struct Edge {
    /// Task that depends; with parent-child, the part
    #[arg(value_name = "TASK")]
    from: TaskSelector,
    /// Task that it depends on; with parent-child, the whole
    #[arg(value_name = "ON")]
    to: TaskSelector,
    /// Kind of dependency
    #[arg(short, long, value_name = "KIND", default_value = "blocks", value_parser = args::dep_kind())]
    kind: DepKind,
    /// Say what would be recorded, and record nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let desk = opened.desk();
    match args.verb {
        DepVerb::Add(e) => {
            let report = deps::add(desk, &e.from, &e.to, e.kind, mode(e.dry_run))?;
            session.note_delivery(&report.delivery);
            session.answer(&report, human::dep)?;
        }
        DepVerb::Rm(e) => {
            let report = deps::remove(desk, &e.from, &e.to, e.kind, mode(e.dry_run))?;
            session.note_delivery(&report.delivery);
            session.answer(&report, human::dep)?;
        }
        DepVerb::Tree { task } => session.answer(&deps::tree(desk, &task)?, human::tree)?,
        DepVerb::Cycles => session.answer(&deps::cycles(desk)?, human::cycles)?,
    }
    Ok(Exit::Ok)
}
