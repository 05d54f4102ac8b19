//! What an agent said: the journal of a session, from this machine, once or as it grows.

use serde::Serialize;

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve, title};
use crate::domain::ids::{SessionUid, TaskSelector, TaskUid};
use crate::domain::session::{RunnerIdentity, Session};
use crate::domain::state::State;
use crate::domain::time::DurationMs;
use crate::ports::host::{Host, Life};
use crate::ports::journal::{JournalError, Journals};
pub use crate::ports::runner::{AgentEvent, Told};
use crate::store::Bodies;

/// How long a quiet journal is waited for before the run behind it is looked at.
const QUIET: DurationMs = DurationMs::secs(1);
/// Fewest characters by which a session may be named.
const MIN_PREFIX: usize = 4;

/// Which journal, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsRequest {
    /// Whose.
    pub task: TaskSelector,
    /// Session by id, the beginning of one, or attempt number; the latest if none.
    pub session: Option<String>,
    /// Go on until the session ends.
    pub follow: bool,
    /// Only a session that runs now.
    pub running: bool,
}

/// Whose journal is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogsHead {
    /// `T-7`.
    pub id: String,
    /// Title of the task.
    pub title: String,
    /// The session.
    pub session: String,
    /// 1, 2, 3 ….
    pub attempt: u32,
    /// Who works.
    pub agent: String,
    /// Where it ran, or runs.
    pub host: String,
}

/// What is shown while a journal is read.
#[derive(Debug, Clone, PartialEq)]
pub enum LogsItem {
    /// Comes first.
    Head(LogsHead),
    /// An event.
    Event(Told),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogsReport {
    /// Events shown.
    pub events: u64,
    /// Lines that could not be read.
    pub broken: u64,
    /// Whether the session's own end is in the journal.
    pub finished: bool,
    /// Why nothing more is to be expected, if the end is not there.
    pub note: Option<String>,
}

/// A session that runs, by its own record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningSession {
    /// `T-7`.
    pub id: String,
    /// The session.
    pub session: String,
}

/// The machine, as far as journals are concerned.
#[derive(Clone, Copy)]
pub struct Shelf<'a> {
    /// The journals.
    pub journals: &'a dyn Journals,
    /// This machine.
    pub host: &'a dyn Host,
}

/// Shows a journal. `show` answers whether anybody still looks.
///
/// # Errors
/// An unknown task or session, a journal that is not here or cannot be read, or unreadable state.
pub fn logs(
    desk: Desk<'_>,
    shelf: Shelf<'_>,
    request: &LogsRequest,
    show: &mut dyn FnMut(LogsItem) -> bool,
) -> Result<LogsReport, TrackerError> {
    let (reading, task) =
        desk.read_until(Bodies::MayBeMissing, |state| resolve(state, &request.task))?;
    let state = &reading.loaded.state;
    let (uid, session) = choose(state, task, request)?;
    let head = head(state, task, uid, session);
    let runner = runner(session).cloned();
    let ended = !runs(session);
    // Between ticks no fleet runs it, and its journal grows all the same.
    let elsewhere = session.remote.is_intended();
    drop(reading);
    let mut report = LogsReport {
        events: 0,
        broken: 0,
        finished: false,
        note: None,
    };
    let mut from = 0;
    let mut begun = false;
    loop {
        let before = from;
        if let Some(chunk) = shelf.journals.read(uid, from)? {
            if !std::mem::replace(&mut begun, true) && !show(LogsItem::Head(head.clone())) {
                return Ok(report);
            }
            from = chunk.next;
            if !events(&chunk.text, &mut report, show) {
                return Ok(report);
            }
        }
        if from > before {
            continue;
        }
        let over = report.finished || ended;
        let gone = if over || elsewhere {
            None
        } else {
            gone(shelf.host, runner.as_ref())
        };
        if !begun && (!request.follow || over || gone.is_some()) {
            return Err(not_here(&head, runner.as_ref(), shelf.host));
        }
        if !request.follow || over {
            return Ok(report);
        }
        if gone.is_some() {
            report.note = gone;
            return Ok(report);
        }
        shelf.journals.wait(uid, from, QUIET);
    }
}

/// Sessions that run now, by the records.
///
/// # Errors
/// Unreadable state.
pub fn running(
    desk: Desk<'_>,
    task: Option<&TaskSelector>,
) -> Result<Vec<RunningSession>, TrackerError> {
    let reading = desk.skim(crate::store::Scope::Live)?;
    let state = &reading.loaded.state;
    let only = task.map(|task| resolve(state, task)).transpose()?;
    let all = state.sessions.iter().filter(|(_, s)| runs(s));
    let named = all.filter_map(|(uid, s)| Some((uid, s.task()?)));
    Ok(named
        .filter(|(_, task)| only.is_none_or(|only| only == *task))
        .map(|(uid, task)| RunningSession {
            id: name(state, task),
            session: uid.to_string(),
        })
        .collect())
}

fn runs(session: &Session) -> bool {
    session.claim.is_some() && session.finished.is_none() && session.released.is_none()
}

/// Who runs it: a later phase may run elsewhere than the claim.
fn runner(session: &Session) -> Option<&RunnerIdentity> {
    let claimed = session.claim.as_ref().map(|(claim, _)| &claim.runner);
    session
        .started
        .as_ref()
        .map(|(runner, _)| runner)
        .or(claimed)
}

fn choose<'s>(
    state: &'s State,
    task: TaskUid,
    request: &LogsRequest,
) -> Result<(SessionUid, &'s Session), TrackerError> {
    let index = state.index();
    let id = name(state, task);
    let all: Vec<(SessionUid, &Session)> = index
        .sessions_of(task)
        .iter()
        .filter_map(|uid| Some((*uid, state.sessions.get(uid)?)))
        .filter(|(_, session)| session.claim.is_some())
        .collect();
    let there = |what: String, hint: String| TrackerError::NotThere { what, hint };
    if all.is_empty() {
        let hint = format!("`fleet show {id}` says what it waits for");
        return Err(there(format!("{id} has no session yet"), hint));
    }
    if let Some(given) = &request.session {
        let found: Vec<_> = all
            .iter()
            .filter(|(uid, s)| is_called(*uid, s, given))
            .collect();
        return match found[..] {
            [one] => Ok(*one),
            _ => Err(there(
                format!("{id} has no session that only `{given}` names"),
                format!("`fleet show {id}` lists its sessions; name one by its attempt or id"),
            )),
        };
    }
    let of = |running: bool| all.iter().rev().find(|(_, s)| !running || runs(s));
    of(request.running).copied().ok_or_else(|| {
        let hint = format!("`fleet logs {id}` shows the latest one");
        there(format!("no session of {id} runs now"), hint)
    })
}

fn is_called(uid: SessionUid, session: &Session, given: &str) -> bool {
    let attempt = given.parse() == Ok(session.attempt());
    attempt || (given.len() >= MIN_PREFIX && uid.to_string().starts_with(given))
}

fn head(state: &State, task: TaskUid, uid: SessionUid, session: &Session) -> LogsHead {
    let claim = session.claim.as_ref();
    LogsHead {
        id: name(state, task),
        title: title(state, task),
        session: uid.to_string(),
        attempt: session.attempt(),
        agent: claim.map_or_else(String::new, |(c, _)| c.agent.clone()),
        host: runner(session).map_or_else(String::new, |r| r.host.clone()),
    }
}

/// Shows the events of a piece; false if nobody looks any more.
fn events(text: &str, report: &mut LogsReport, show: &mut dyn FnMut(LogsItem) -> bool) -> bool {
    for line in text.lines().filter(|line| !line.is_empty()) {
        let Ok(told) = serde_json::from_str::<Told>(line) else {
            report.broken += 1;
            continue;
        };
        report.events += 1;
        report.finished = matches!(told.event, AgentEvent::SessionFinished { .. });
        if !show(LogsItem::Event(told)) {
            return false;
        }
    }
    true
}

/// Why nothing more will come, if nothing will.
fn gone(host: &dyn Host, runner: Option<&RunnerIdentity>) -> Option<String> {
    match host.life(runner?) {
        Life::Alive => None,
        Life::Dead { proof } => Some(format!(
            "the fleet that ran it is gone ({proof}); the next `fleet tick` decides what becomes of it"
        )),
        Life::Unknown { why } => Some(format!(
            "whether it still runs cannot be told from here: {why}"
        )),
    }
}

fn not_here(head: &LogsHead, runner: Option<&RunnerIdentity>, host: &dyn Host) -> TrackerError {
    let (id, session, attempt) = (&head.id, &head.session, head.attempt);
    let ci = runner.and_then(|r| r.ci.as_ref());
    let hint = match (ci, host.identity().host == head.host) {
        (Some(ci), _) => {
            format!("it ran in CI ({ci}); journals stay on the machine that ran the agent")
        }
        (None, true) => {
            "it ran on this machine, from another clone or before its journals were cleared"
                .to_owned()
        }
        (None, false) => format!(
            "it ran on host {}; journals stay there: run `fleet logs {id} --session {attempt}` on it",
            head.host
        ),
    };
    TrackerError::NotThere {
        what: format!(
            "the journal of {id}, attempt {attempt} (session {session}), is not on this machine"
        ),
        hint,
    }
}

impl From<JournalError> for TrackerError {
    fn from(error: JournalError) -> Self {
        Self::Write(error.to_string())
    }
}
