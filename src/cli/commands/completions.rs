//! `fleet completions`

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::tree::Cli;

/// Print completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet completions bash > ~/.local/share/bash-completion/completions/fleet
  fleet completions fish > ~/.config/fish/completions/fleet.fish")]
pub struct Args {
    /// Which shell
    shell: Shell,
}

/// Runs it.
///
/// # Errors
/// Stdout refuses.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fleet", &mut script);
    session.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
