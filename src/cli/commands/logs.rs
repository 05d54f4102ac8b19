//! `fleet logs`

use serde::Serialize;

use crate::app::tracker::logs::{LogsHead, LogsItem, LogsReport, LogsRequest, Told};
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::render::logs;
use crate::cli::render::page::Page;
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;

/// Show what an agent said and did on a task
///
/// Reads the journal of a session: the agent's events, fleet's checks, tokens so far. Journals are
/// files of the machine that ran the agent; secrets are taken out of them and they are bounded.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet logs T-7
  fleet logs T-7 --session 1              The first attempt
  fleet logs T-7 -f                       Go on until the session ends
  fleet logs T-7 -f --json | jq .event    One event a line")]
pub struct Args {
    /// Which task
    task: TaskSelector,
    /// Go on until the session ends; with --json, one event a line
    #[arg(short, long)]
    follow: bool,
    /// Attempt number, or (the beginning of) a session id; the latest if absent
    #[arg(long, value_name = "S")]
    session: Option<String>,
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let request = LogsRequest {
        task: args.task,
        session: args.session,
        follow: args.follow,
        running: false,
    };
    show(&request, session)
}

/// The answer in JSON.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    head: Option<LogsHead>,
    finished: bool,
    events: Vec<Told>,
    total: usize,
    has_more: bool,
}

/// Shows a journal.
///
/// # Errors
/// As the use-case.
pub fn show(request: &LogsRequest, session: &Session<'_>) -> Result<Exit, CliError> {
    if session.json() && !request.follow {
        return once(request, session);
    }
    let (sink, json) = (session.sink(), session.json());
    let mut refused = None;
    let mut show = |item: LogsItem| {
        let mut page = Page::new(sink.width());
        let text = match item {
            LogsItem::Head(_) if json => return true,
            LogsItem::Event(told) if json => match serde_json::to_string(&told) {
                Ok(line) => line + "\n",
                Err(_) => return true,
            },
            LogsItem::Head(head) => {
                logs::head(&head, &mut page);
                page.into_text()
            }
            LogsItem::Event(told) => {
                logs::event(&told, &mut page);
                page.into_text()
            }
        };
        sink.live(&text).unwrap_or_else(|error| {
            refused = Some(error);
            false
        })
    };
    let report = session.logs(request, &mut show)?;
    if let Some(error) = refused {
        return Err(CliError::output(&error));
    }
    remarks(&report, session);
    Ok(Exit::Ok)
}

fn once(request: &LogsRequest, session: &Session<'_>) -> Result<Exit, CliError> {
    let (mut head, mut events) = (None, Vec::new());
    let report = session.logs(request, &mut |item| {
        match item {
            LogsItem::Head(one) => head = Some(one),
            LogsItem::Event(told) => events.push(told),
        }
        true
    })?;
    let answer = Answer {
        head,
        finished: report.finished,
        total: events.len(),
        has_more: false,
        events,
    };
    session.answer(&answer, |_, _| {})?;
    remarks(&report, session);
    Ok(Exit::Ok)
}

fn remarks(report: &LogsReport, session: &Session<'_>) {
    if let Some(note) = &report.note {
        session.note(note);
    }
    if report.broken > 0 {
        let n = report.broken;
        session.note(&format!(
            "{n} lines of the journal cannot be read and are left out"
        ));
    }
}
