//! `fleet milestone`

use crate::app::tracker::request::When;
use crate::app::tracker::rollup::{self, MilestoneEdits};
use crate::cli::args;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// List milestones with how far they are, or describe one
///
/// A task belongs to a milestone by naming it: `fleet update T-7 --milestone v1.0`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet milestone list
  fleet milestone set v1.0 --due \"end of month\" --note \"first release\"
  fleet milestone set v0.9 --close
  fleet list --milestone v1.0")]
pub struct Args {
    #[command(subcommand)]
    verb: MilestoneVerb,
}

#[derive(Debug, clap::Subcommand)]
enum MilestoneVerb {
    /// List those that are not over
    List {
        /// Those that are over too
        #[arg(long)]
        all: bool,
    },
    /// Say when one is due, what it is about, or that it is over
    Set(Set),
}

#[derive(Debug, clap::Args)]
struct Set {
    /// As tasks name it
    name: String,
    /// Wanted by: `friday`, `end of month`, `2026-12-01`, …
    #[arg(long, value_name = "TIME", value_parser = args::when)]
    due: Option<When>,
    /// It has no date any more
    #[arg(long, conflicts_with = "due")]
    clear_due: bool,
    /// What it is about
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// It is over
    #[arg(long)]
    close: bool,
    /// It is not over after all
    #[arg(long, conflicts_with = "close")]
    reopen: bool,
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
    match args.verb {
        MilestoneVerb::List { all } => {
            let report = rollup::milestones(opened.desk(), all)?;
            session.answer(&report, human::milestones)?;
        }
        MilestoneVerb::Set(args) => {
            let edits = MilestoneEdits {
                due: if args.clear_due {
                    Some(None)
                } else {
                    args.due.map(Some)
                },
                closed: match (args.close, args.reopen) {
                    (true, _) => Some(true),
                    (_, true) => Some(false),
                    _ => None,
                },
                note: args.note,
            };
            let mode = mode(args.dry_run);
            let report = rollup::set_milestone(opened.desk(), &args.name, &edits, mode)?;
            session.note_delivery(&report.delivery);
            session.answer(&report, human::milestone)?;
        }
    }
    Ok(Exit::Ok)
}
