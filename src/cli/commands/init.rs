//! `fleet init`

use crate::app::tracker::init;
use crate::app::tracker::request::InitRequest;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// Set up fleet in this repository
///
/// Writes .orchestra/config.toml if it is not there, and creates the branch that carries the
/// records. Running it again changes nothing. Hooks and git's configuration are left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet init
  fleet init --in-tree    # keep the records on the current branch")]
pub struct Args {
    /// Keep the records on the current branch instead of fleet/state
    #[arg(long)]
    in_tree: bool,
    /// Write the role prompts to .orchestra/roles/, to be edited
    #[arg(long)]
    roles: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let request = InitRequest {
        in_tree: args.in_tree,
        roles: args.roles,
    };
    let site = session.site()?;
    let report = init::init(site.as_ref(), &request, mode(args.dry_run))?;
    session.note_delivery(&report.delivery);
    report
        .remarks
        .iter()
        .for_each(|remark| session.note(remark));
    session.answer(&report, human::init)?;
    Ok(Exit::Ok)
}
