//! `fleet hooks`

use crate::app::tracker::hooks::{self, AGENTS, HookCall, HookSaid, NAMES};
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
  fleet hooks install --agent claude    # fleet prime when a session starts
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
        /// The hooks of an agent program instead: it runs `fleet prime` when a session starts
        #[arg(long, value_name = "PROGRAM", value_parser = AGENTS)]
        agent: Option<String>,
        /// Say what would be done, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Which hooks are there
    Status {
        /// The hooks of an agent program instead: it runs `fleet prime` when a session starts
        #[arg(long, value_name = "PROGRAM", value_parser = AGENTS)]
        agent: Option<String>,
    },
    /// Take the hooks away, and put back what was there before
    Remove {
        /// The hooks of an agent program instead: it runs `fleet prime` when a session starts
        #[arg(long, value_name = "PROGRAM", value_parser = AGENTS)]
        agent: Option<String>,
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
        HooksVerb::Install { agent, dry_run } => match agent {
            Some(_) => hooks::agent_install(&*git, mode(dry_run))?,
            None => hooks::install(&*git, mode(dry_run))?,
        },
        HooksVerb::Status { agent: None } => hooks::status(&*git)?,
        HooksVerb::Status { agent: Some(_) } => hooks::agent_status(&*git)?,
        HooksVerb::Remove { agent, dry_run } => match agent {
            Some(_) => hooks::agent_remove(&*git, mode(dry_run))?,
            None => hooks::remove(&*git, mode(dry_run))?,
        },
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
