//! `fleet attach`

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::logs::LogsRequest;
use crate::cli::commands::logs;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Watch a running session until it ends
///
/// Shows what the agent of a task says and does, from the beginning and then as it happens. Leaving
/// (Ctrl-C) does not touch the agent. With --tmux every running session of this repository gets a
/// window of a tmux server of fleet's own, which reads none of your tmux configuration.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet attach T-7
  fleet attach --tmux            All running sessions, a window each
  fleet tick --tmux              The same, opened by the tick itself")]
pub struct Args {
    /// Which task
    #[arg(required_unless_present = "tmux")]
    task: Option<TaskSelector>,
    /// Attempt number, or (the beginning of) a session id
    #[arg(long, value_name = "S", conflicts_with = "tmux")]
    session: Option<String>,
    /// Open a tmux window for each running session, and go there
    #[arg(long)]
    tmux: bool,
}

/// Runs it.
///
/// # Errors
/// As the use-case; tmux is missing or refuses.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    if args.tmux {
        return windows(args.task.as_ref(), session);
    }
    let Some(task) = args.task else {
        return Err(nothing_runs().into());
    };
    let request = LogsRequest {
        task,
        // A named session may have ended between its start and this look.
        running: args.session.is_none(),
        session: args.session,
        follow: true,
    };
    logs::show(&request, session)
}

fn nothing_runs() -> TrackerError {
    TrackerError::NotThere {
        what: "no session runs now".to_owned(),
        hint: "`fleet tick --tmux` opens a window for each session that it starts".to_owned(),
    }
}

fn windows(task: Option<&TaskSelector>, session: &Session<'_>) -> Result<Exit, CliError> {
    let running = session.running(task)?;
    if running.is_empty() {
        return Err(nothing_runs().into());
    }
    let windows = session.windows().map_err(refused)?;
    for one in &running {
        windows.open(&one.id, &one.session).map_err(refused)?;
    }
    if !session.sink().is_interactive() {
        session.text(&format!("{}\n", windows.invitation()))?;
        return Ok(Exit::Ok);
    }
    windows.enter().map_err(refused)?;
    Ok(Exit::Ok)
}

/// tmux is missing or refuses.
pub fn refused(message: String) -> CliError {
    CliError::new(
        Exit::Usage,
        "tmux",
        message,
        "`fleet attach <TASK>` and `fleet logs <TASK> -f` need no tmux",
    )
}
