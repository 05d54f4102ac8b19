//! `fleet config`

use crate::app::tracker::settings;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::Session;

/// Look at the configuration
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, clap::Subcommand)]
enum ConfigVerb {
    /// Check .orchestra/config.toml, and say what it comes to
    #[command(after_help = "Examples:
  fleet config check")]
    Check,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let ConfigVerb::Check = args.verb;
    let site = session.site()?;
    let report = settings::check_config(site.as_ref())?;
    session.answer(&report, human::config)?;
    Ok(Exit::Ok)
}
