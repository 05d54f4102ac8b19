//! `fleet ready`

use crate::app::tracker::claim;
use crate::app::tracker::ready;
use crate::app::tracker::request::ReadyRequest;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// List what can be worked on now, best first
///
/// A task is ready when it is open, admitted, not deferred, has no open parts, every blocker is
/// done, nobody works on it and its paths are free.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet ready --limit 5
  fleet ready --explain
  fleet ready --claim --json --exit-code    # take the best one; exit 6 if there is none")]
pub struct Args {
    /// Say how the order came about, and what waits for what
    #[arg(long)]
    explain: bool,
    /// Take the best one: become its assignee, so that no agent starts it
    #[arg(long, conflicts_with_all = ["explain", "limit", "full"])]
    claim: bool,
    /// With --claim, who takes it [default: you]
    #[arg(long = "as", value_name = "NAME", requires = "claim")]
    claimant: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// With bodies and every other field (JSON)
    #[arg(long)]
    full: bool,
    /// End with code 6 if nothing is ready
    #[arg(long)]
    exit_code: bool,
    /// With --claim, say what would be recorded, and record nothing
    #[arg(long, requires = "claim")]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let opened = session.open()?;
    let found = if args.claim {
        let report = claim::claim(
            opened.desk(),
            None,
            args.claimant.as_deref(),
            mode(args.dry_run),
        )?;
        session.note_delivery(&report.delivery);
        session.answer(&report, human::claimed)?;
        report.task.is_some()
    } else {
        let request = ReadyRequest {
            explain: args.explain,
            limit: args.limit,
            full: args.full,
        };
        let report = ready::ready(opened.desk(), &request)?;
        session.answer(&report, human::ready)?;
        human::note_more(session, &report.list);
        report.list.total > 0
    };
    if !found {
        session.note("nothing is ready; `fleet blocked` says what waits for what");
    }
    Ok(if args.exit_code && !found {
        Exit::NothingReady
    } else {
        Exit::Ok
    })
}
