//! `fleet agents`

use crate::app::tick::report::AgentEvent;
use crate::app::tracker::agents;
use crate::app::tracker::agents::{AgentChange, AgentVerb};
use crate::cli::commands::tick::span;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::host::Between;
use crate::cli::render::human;
use crate::cli::session::Session;
use crate::domain::session::FailureClass;
use crate::domain::time::DurationMs;

/// Look at the configured agents, try them out, and change them
///
/// Changes are made in .orchestra/config.toml; its comments and order stay as they are. A change after
/// which the configuration would not hold is refused.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet agents list
  fleet agents test claude
  fleet agents add fast kind=cli cli=codex model=gpt-5-mini fits=low,medium max_parallel=4
  fleet agents edit fast total_timeout=20m --unset model
  fleet agents rm fast

Settings are those of [agents.<name>] in docs/config.md. A value is TOML where it reads as TOML
(4, true, [\"a\", \"b\"]), a list where the setting takes one (a,b), and text otherwise;
set_env.NAME=value reaches into a table.")]
pub struct Args {
    #[command(subcommand)]
    verb: AgentsVerb,
}

#[derive(Debug, clap::Subcommand)]
enum AgentsVerb {
    /// List the agents: whether they can start here, rest, or work
    #[command(visible_alias = "ls")]
    List,
    /// Show one agent in full
    Show {
        /// Which agent
        name: String,
    },
    /// Ask an agent one question, and say how long it took and what it cost
    ///
    /// It runs as it would for a task, with its environment, model and limits, in an empty repository
    /// of its own; a program of kind command in a workspace with the base commit. This spends a little of its quota. An agent at a service (kind session) is not put
    /// to work: its service is asked whether it answers, takes the key, and knows the repository or
    /// the model, which costs nothing. Ends with 7 if it does not work, and with 10 if
    /// it may work later (rate limit, no answer in time).
    Test {
        /// Which agent
        name: String,
        /// Give up after this time
        #[arg(long, value_name = "SPAN", value_parser = span, default_value = "2m")]
        timeout: DurationMs,
    },
    /// Add an agent
    Add {
        /// Its name
        name: String,
        /// Settings, such as kind=api provider=anthropic model=claude-sonnet-4-5
        #[arg(value_name = "KEY=VALUE", value_parser = setting, required = true)]
        set: Vec<(String, String)>,
    },
    /// Change an agent
    Edit {
        /// Which agent
        name: String,
        /// Settings
        #[arg(value_name = "KEY=VALUE", value_parser = setting, required_unless_present = "unset")]
        set: Vec<(String, String)>,
        /// Go back to the default of this setting (repeatable)
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
    },
    /// Remove an agent; refused while a route names it
    #[command(visible_alias = "remove")]
    Rm {
        /// Which agent
        name: String,
    },
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write it as KEY=VALUE, such as model=gpt-5".to_owned()),
    }
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    match args.verb {
        AgentsVerb::List => {
            let report = agents::list(session.site()?.as_ref())?;
            session.answer(&report, human::agents)?;
        }
        AgentsVerb::Show { name } => {
            let report = agents::show(session.site()?.as_ref(), &name)?;
            session.answer(&report, human::agent)?;
        }
        AgentsVerb::Test { name, timeout } => return test(session, &name, timeout),
        AgentsVerb::Add { name, set } => {
            change(session, AgentVerb::Add, name, set, Vec::new())?;
        }
        AgentsVerb::Edit { name, set, unset } => {
            change(session, AgentVerb::Edit, name, set, unset)?;
        }
        AgentsVerb::Rm { name } => {
            change(session, AgentVerb::Remove, name, Vec::new(), Vec::new())?;
        }
    }
    Ok(Exit::Ok)
}

fn change(
    session: &Session<'_>,
    verb: AgentVerb,
    name: String,
    set: Vec<(String, String)>,
    unset: Vec<String>,
) -> Result<(), CliError> {
    let change = AgentChange {
        verb,
        name,
        set,
        unset,
    };
    let report = agents::change(session.site()?.as_ref(), &change)?;
    session.answer(&report, human::agent_changed)
}

fn test(session: &Session<'_>, name: &str, limit: DurationMs) -> Result<Exit, CliError> {
    let works = session.works(Between::default())?;
    let mut tell = |event: AgentEvent| {
        if let AgentEvent::Error { text } | AgentEvent::Status { text } = event {
            session.note(&text);
        }
    };
    let report = works.try_agent(name, limit, &mut tell)?;
    session.answer(&report, human::trial)?;
    Ok(match report.failure {
        None => Exit::Ok,
        Some(FailureClass::RateLimited | FailureClass::Timeout | FailureClass::Cancelled) => {
            Exit::Unreachable
        }
        Some(_) => Exit::Config,
    })
}
