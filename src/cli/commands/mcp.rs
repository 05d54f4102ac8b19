//! `fleet mcp`

use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// Serve the backlog to an agent program, by the Model Context Protocol
///
/// Speaks JSON-RPC on stdin and stdout until the client closes stdin. Tools: ready, search, show,
/// claim, add, update, comment, close. The state is read anew at every call. What a client writes is
/// recorded as `agent:` with the client's name and letters of this server's own, so new tasks wait
/// for `fleet admit`, and two servers never pass for one holder; set FLEET_ACTOR for another name.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  claude mcp add fleet -- fleet mcp
  codex mcp add fleet -- fleet mcp
  fleet mcp -C ~/project")]
pub struct Args {}

/// Runs it.
///
/// # Errors
/// The client does not speak the protocol, or the streams cannot be used.
pub fn run(_: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    session.mcp().map_err(|why| {
        CliError::new(
            Exit::Internal,
            "protocol",
            why,
            "this command is started by an agent program; `fleet mcp --help` shows how",
        )
    })?;
    Ok(Exit::Ok)
}
