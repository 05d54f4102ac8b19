//! The history of a task, from the records themselves.

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, resolve, title};
use crate::app::tracker::report::{LogEntry, LogReport};
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::record::{Op, Record, TaskFields};
use crate::domain::review::ReviewState;
use crate::domain::session::Outcome;
use crate::domain::state::State;
use crate::store::{self, Bodies, HistoryOf};

/// Records about a task in their order; with a limit, the latest.
///
/// # Errors
/// An unknown or ambiguous task, or unreadable state.
pub fn log(
    desk: Desk<'_>,
    task: &TaskSelector,
    limit: Option<usize>,
) -> Result<LogReport, TrackerError> {
    let (reading, uid) = desk.read_until(Bodies::MayBeMissing, |state| resolve(state, task))?;
    let records = store::history(&reading.view, HistoryOf::Task(uid))?;
    let state = &reading.loaded.state;
    let total = records.len();
    let skip = total.saturating_sub(limit.unwrap_or(usize::MAX));
    Ok(LogReport {
        id: name(state, uid),
        title: title(state, uid),
        entries: records
            .iter()
            .skip(skip)
            .map(|r| entry(state, uid, r))
            .collect(),
        total,
        has_more: skip > 0,
    })
}

fn entry(state: &State, task: TaskUid, record: &Record) -> LogEntry {
    let payload = record.op.payload_json().ok();
    LogEntry {
        ts: record.ts.wall(),
        by: record.by.clone(),
        op: record.op.name().to_owned(),
        record: record.id.to_string(),
        what: words(state, task, &record.op),
        payload: payload
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or(serde_json::Value::Null),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or("")
}

/// What a record says of a task, in a line.
pub(in crate::app::tracker) fn words_of(state: &State, task: TaskUid, op: &Op) -> String {
    words(state, task, op)
}

/// What a record says, in a line.
fn words(state: &State, task: TaskUid, op: &Op) -> String {
    let other = |from: TaskUid, to: TaskUid| {
        if from == task {
            format!("on {}", name(state, to))
        } else {
            format!("of {} on this", name(state, from))
        }
    };
    match op {
        Op::TaskAdded(p) => p.set.title.clone().unwrap_or_default(),
        Op::TaskNumbered(p) => p.n.to_string(),
        Op::TaskUpdated(p) => {
            let mut parts = vec![field_words(&p.set)];
            let lists = [
                ("+label ", &p.add_labels),
                ("-label ", &p.rm_labels),
                ("+path ", &p.add_paths),
                ("-path ", &p.rm_paths),
                ("met: ", &p.check),
                ("not met: ", &p.uncheck),
            ];
            for (sign, list) in lists {
                parts.extend(list.iter().map(|element| format!("{sign}{element}")));
            }
            parts.retain(|part| !part.is_empty());
            parts.join(", ")
        }
        Op::TaskClosed(p) if p.reason.is_empty() => p.outcome.name().to_owned(),
        Op::TaskClosed(p) => {
            format!("{}: {}", p.outcome.name(), first_line(&p.reason))
        }
        Op::TaskReopened(p) => first_line(&p.reason).to_owned(),
        Op::TaskAdmitted(p) => format!("text {}", p.sha256.get(..12).unwrap_or(&p.sha256)),
        Op::DepAdded(p) | Op::DepRemoved(p) => {
            format!("{} {}", p.kind, other(p.from, p.to))
        }
        Op::CommentAdded(p) => first_line(&p.text).to_owned(),
        Op::CommentEdited(p) => first_line(&p.text).to_owned(),
        Op::GateAdded(p) => {
            let subject = p.subject.clone().or(p.until.map(|at| at.to_string()));
            let words = [
                p.kind.name(),
                subject.as_deref().unwrap_or(""),
                first_line(&p.note),
            ];
            words.join(" ").trim_end().to_owned()
        }
        Op::GateSet(p) => {
            let text = format!("{} {}", p.state.name(), first_line(&p.note));
            text.trim_end().to_owned()
        }
        Op::TaskDecayed(p) => first_line(&p.summary).to_owned(),
        _ => work_words(op),
    }
}

/// The values of fields, in a line.
fn field_words(set: &TaskFields) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(set) else {
        return String::new();
    };
    let parts: Vec<_> = fields
        .iter()
        .map(|(field, value)| match value {
            serde_json::Value::Null => format!("{field} cleared"),
            serde_json::Value::String(text) => {
                let text = first_line(text);
                format!("{field} = {text}")
            }
            serde_json::Value::Array(list) => format!("{field} = {} points", list.len()),
            other => format!("{field} = {other}"),
        })
        .collect();
    parts.join(", ")
}

/// What a record about work says, in a line.
fn work_words(op: &Op) -> String {
    match op {
        Op::SessionClaimed(p) => {
            let base = p.base.short();
            format!(
                "attempt {} by {} as {} from {base}",
                p.attempt, p.agent, p.role
            )
        }
        Op::SessionStarted(p) => format!("on {} (pid {})", p.runner.host, p.runner.pid),
        Op::SessionRenewed(p) => format!("until {}", p.lease_until),
        Op::SessionFinished(p) => {
            let outcome = match &p.outcome {
                Outcome::Succeeded => "succeeded".to_owned(),
                Outcome::Escalated => "escalated".to_owned(),
                Outcome::Failed { class } => format!("failed ({class})"),
            };
            let cost = p.cost.map_or_else(String::new, |cost| format!(", {cost}"));
            format!("{outcome}{cost}: {}", first_line(&p.summary))
        }
        Op::SessionRemoteIntended(p) => format!("a session at {} is to be made", p.service),
        Op::SessionRemoteBound(p) => match &p.url {
            Some(url) => format!("it is {} ({url})", p.id),
            None => format!("it is {}", p.id),
        },
        Op::SessionRemoteSeen(p) => format!("{} {}", p.phase.name(), first_line(&p.detail)),
        Op::SessionRemoteTold(p) => format!("{:?} about {}", p.word, p.about).to_lowercase(),
        Op::SessionReleased(p) => first_line(&p.proof).to_owned(),
        Op::LockAcquired(p) => format!("{} until {}", p.globs.join(" "), p.until),
        Op::ReviewOpened(p) => match (&p.url, p.number) {
            (Some(url), _) => url.clone(),
            (None, Some(n)) => format!("{} #{n}", p.forge),
            (None, None) => format!("{} {} at {}", p.forge, p.branch, p.head.short()),
        },
        Op::ReviewUpdated(p) => {
            let state = p.state.as_ref().map(|state| match state {
                ReviewState::Open => "open".to_owned(),
                ReviewState::Merged { .. } => "merged".to_owned(),
                ReviewState::Closed => "closed".to_owned(),
            });
            let head = p.head.as_ref().map(|head| format!("head {}", head.short()));
            let parts: Vec<_> = state.into_iter().chain(head).collect();
            parts.join(", ")
        }
        Op::ReviewFeedback(p) => first_line(&p.text).to_owned(),
        Op::ReviewApproved(p) => format!("at {}", p.head.short()),
        Op::ReviewCommanded(p) => {
            format!(
                "{} by {}: {}",
                p.what.command,
                p.who,
                first_line(&p.what.text)
            )
        }
        Op::ForgeSaid(p) => p.url.clone().unwrap_or_else(|| p.key.clone()),
        Op::EscalationOpened(p) => {
            format!("{}: {}", p.trigger.name(), first_line(&p.context))
        }
        Op::EscalationAnswered(p) => first_line(&p.answer).to_owned(),
        Op::FindingAdded(p) => first_line(&p.text).to_owned(),
        Op::AgentPaused(p) => match &p.provider {
            Some(provider) => format!("provider {provider} (met by {}) until {}", p.agent, p.until),
            None => format!("{} until {}", p.agent, p.until),
        },
        _ => String::new(),
    }
}
