//! `fleet hooks`

use crate::app::tracker::hooks::{self, HookCall, HookSaid, NAMES};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::human;
use crate::cli::session::{Session, mode};

/// Hooks for git: put in, look at, take away
///
/// pre-commit lets no edited records through, prepare-commit-msg adds `Task: T-7` on a branch that
/// is named after a task, commit-msg checks that trailer, pre-push keeps people from pushing the
/// state branch or changed records. Nothing is put in unless you ask. Hooks that are there go on
/// working: they run first, and removing puts them back as they were.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet hooks install
  fleet hooks status --json
  fleet hooks remove")]
pub struct Args {
    #[command(subcommand)]
    verb: HooksVerb,
}

#[derive(Debug, clap::Subcommand)]
enum HooksVerb {
    /// Put the hooks in, for this clone and all its work trees
    Install {
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Which hooks are there
    Status,
    /// Take the hooks away, and put back what was there before
    Remove {
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Do what a hook does; git's hooks call this
    Run {
        /// Which hook
        #[arg(value_parser = NAMES)]
        name: String,
        /// What git gives the hook
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

/// Runs it.
///
/// # Errors
/// As the use-case; a hook's refusal.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let (git, policy) = session.hooks()?;
    let report = match args.verb {
        HooksVerb::Install { dry_run } => hooks::install(&*git, mode(dry_run))?,
        HooksVerb::Status => hooks::status(&*git)?,
        HooksVerb::Remove { dry_run } => hooks::remove(&*git, mode(dry_run))?,
        HooksVerb::Run { name, arguments } => {
            let input = if name == "pre-push" {
                session.read_input("-")?
            } else {
                String::new()
            };
            let tick = session.tick_around();
            let call = HookCall {
                name: &name,
                arguments: &arguments,
                input: &input,
                task: tick.as_ref().and_then(|tick| tick.task.as_deref()),
            };
            let said = hooks::judge(&*git, &policy, &call).map_err(|why| {
                let what = format!("{name}: {why}");
                CliError::new(
                    Exit::Internal,
                    "hook",
                    what,
                    "`fleet hooks status` shows what is installed",
                )
            })?;
            return match said {
                HookSaid::Good => Ok(Exit::Ok),
                HookSaid::Refused { what, hint } => {
                    let what = format!("{name}: {what}");
                    Err(CliError::new(Exit::Denied, "hook_refused", what, hint))
                }
            };
        }
    };
    session.answer(&report, human::hooks)?;
    Ok(Exit::Ok)
}
