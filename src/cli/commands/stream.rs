//! `fleet stream`

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::app::stream::{Source, StreamReport, StreamRequest};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::session::Session;

/// Turn the stream of an agent into unified events
///
/// Reads what an agent prints from standard input and writes one JSON object a line to standard
/// output, as it comes: {"at", "session", "task", "tokens", "event", ...}. Events are
/// session_started, thinking, message, tool_call, tool_result, usage, status, error, verify,
/// escalation, finding, progress and, last, session_finished. Needs no repository.
///
/// Lines that are no JSON are counted, told on standard error, and never fatal. Exit code 3 says
/// that the stream ended without its own final event (0 if the reader of the events left before); what an agent says of its own success is in
/// `ok` of session_finished.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  claude -p 'Fix the test' --output-format stream-json --verbose | fleet stream --from claude
  codex exec --json 'Fix the test' | fleet stream --from codex --task T-7 > events.jsonl
  fleet stream --from gemini < saved.jsonl | jq -r 'select(.event == \"message\").text'")]
pub struct Args {
    /// Whose stream it is; jsonl is unified events and chat logs
    #[arg(long, value_name = "AGENT", value_parser = source())]
    from: Source,
    /// Name this task on every line
    #[arg(long, value_name = "TASK")]
    task: Option<String>,
    /// Name this session on every line, instead of the agent's own
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// Count tokens until the agent tells some; such lines have "estimated": true
    #[arg(long)]
    count_tokens: bool,
}

fn source() -> impl TypedValueParser<Value = Source> {
    PossibleValuesParser::new(Source::ALL.map(Source::name)).map(|text| {
        let named = Source::ALL.into_iter().find(|s| s.name() == text);
        named.unwrap_or(Source::Jsonl)
    })
}

/// Runs it.
///
/// # Errors
/// Standard input or output fails.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let request = StreamRequest {
        from: args.from,
        session: args.session,
        task: args.task,
        count_tokens: args.count_tokens,
    };
    let report = session.stream(&request).map_err(|message| {
        CliError::new(
            Exit::Internal,
            "stream",
            message,
            "check what the two ends of the pipe are",
        )
    })?;
    if report.unread {
        return Ok(Exit::Ok);
    }
    if let Some(note) = broken(&report) {
        session.note(&note);
    }
    if report.ended {
        return Ok(Exit::Ok);
    }
    session.note(
        "the stream ended without its final event: the agent was stopped, or the stream was cut",
    );
    Ok(Exit::NotFound)
}

/// What is to be said of lines that were no events.
fn broken(report: &StreamReport) -> Option<String> {
    let (number, start) = report.first_broken.as_ref()?;
    let (n, all) = (report.broken, report.lines);
    let lines = if n == 1 { "line is" } else { "lines are" };
    Some(format!(
        "{n} of {all} {lines} no JSON object and left out, first line {number}: {start}"
    ))
}
