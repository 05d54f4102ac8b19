//! `fleet init`

use crate::app::tracker::init;
use crate::app::tracker::request::{InitRequest, JobProgram, JobRelease};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// The action of the release that this program is of; its build says so.
const OWN_ACTION: Option<&str> = option_env!("FLEET_ACTION");

/// Set up fleet in this repository
///
/// Writes .orchestra/config.toml if it is not there, and creates the branch that carries the
/// records. Running it again changes nothing. Hooks and git's configuration are left alone.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet init
  fleet init --in-tree    # keep the records on the current branch
  fleet init --github --action OWNER/fleet@<commit>

--github writes .github/workflows/fleet.yml: ticks in GitHub Actions, in three jobs that keep the write
token away from agents. It follows the agents of .orchestra/config.toml; run it again when those change.
A file that you edited is left alone, and how it differs is told.")]
pub struct Args {
    /// Keep the records on the current branch instead of fleet/state
    #[arg(long)]
    in_tree: bool,
    /// Write the role prompts to .orchestra/roles/, to be edited
    #[arg(long)]
    roles: bool,
    /// Write the workflow that runs ticks in GitHub Actions
    #[arg(long)]
    github: bool,
    /// The action that installs fleet: OWNER/NAME@COMMIT, or ./PATH of this repository
    #[arg(long, value_name = "STEP", requires = "github")]
    action: Option<String>,
    /// Install this release instead of building from source
    #[arg(long, value_name = "VERSION", requires_all = ["github", "sha256"])]
    release: Option<String>,
    /// SHA-256 of the release's archive
    #[arg(long, value_name = "HEX", requires = "release")]
    sha256: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let release = args.release.zip(args.sha256);
    let jobs = if args.github {
        let step = args.action.or_else(|| OWN_ACTION.map(str::to_owned));
        let step = step.ok_or_else(no_action)?;
        let release = release.map(|(version, sha256)| JobRelease { version, sha256 });
        Some(JobProgram { step, release })
    } else {
        None
    };
    let request = InitRequest {
        in_tree: args.in_tree,
        roles: args.roles,
        jobs,
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

fn no_action() -> CliError {
    CliError::new(
        Exit::Usage,
        "no_action",
        "this build does not know where fleet's own repository is, and the workflow has to install fleet from there",
        "name it, pinned: `fleet init --github --action OWNER/NAME@COMMIT`",
    )
}
