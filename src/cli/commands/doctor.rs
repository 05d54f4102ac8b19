//! `fleet doctor`

use crate::app::tracker::doctor;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Look for what is wrong, and say what to do about it
///
/// Repairs only add records: nothing is rewritten or taken away.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet doctor
  fleet doctor --verify    # read every record again and compare with the checkpoint
  fleet doctor --fix       # give tasks that share a number new ones
  fleet doctor --github    # ask GitHub about rights, settings, rules and the schedule, and say what to click")]
pub struct Args {
    /// Fold every record again and compare the result with the checkpoint
    #[arg(long)]
    verify: bool,
    /// Record what mends the findings that can be mended
    #[arg(long)]
    fix: bool,
    /// Ask GitHub, too: token, settings, rules, labels, the scheduled workflow (at most ten calls)
    #[arg(long)]
    github: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let site = session.site()?;
    let report = doctor::doctor(
        site.as_ref(),
        doctor::Examination {
            verify: args.verify,
            fix: args.fix,
            forge: args.github,
        },
    )?;
    session.answer(&report, human::doctor)?;
    Ok(
        doctor::exit_class(&report).map_or(Exit::Ok, |class| match class {
            doctor::Illness::Config => Exit::Config,
            doctor::Illness::State => Exit::State,
        }),
    )
}
