//! The human queue: open questions, and answers to them.

use crate::app::publish::Decision;
use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{self, resolve};
use crate::app::tracker::report::{AnswerReport, EscalationRow, InboxReport};
use crate::app::tracker::request::Mode;
use crate::app::tracker::values;
use crate::app::tracker::views::escalation_row;
use crate::domain::ids::{EscalationUid, HANDLE_MIN_LEN, TaskSelector, TaskUid};
use crate::domain::record::{EscalationAnswered, Op};
use crate::domain::state::State;
use crate::store::Scope;

/// Open questions: by priority of the task, then by waiting time.
///
/// # Errors
/// Unreadable state.
pub fn inbox(desk: Desk<'_>) -> Result<InboxReport, TrackerError> {
    let reading = desk.glance(Scope::Live)?;
    let state = &reading.loaded.state;
    let mut escalations: Vec<EscalationRow> = open(state)
        .filter_map(|(uid, _)| escalation_row(state, uid))
        .collect();
    escalations.sort_by_key(|row| (row.priority, row.opened_at));
    Ok(InboxReport {
        total: escalations.len(),
        escalations,
        has_more: false,
    })
}

fn open(state: &State) -> impl Iterator<Item = (EscalationUid, TaskUid)> {
    state.escalations.iter().filter_map(|(uid, escalation)| {
        let (opened, _) = escalation.opened.as_ref()?;
        escalation.is_open().then_some((*uid, opened.task))
    })
}

/// Answers a question, named by its short id, its identity, or its task if that has only one.
///
/// # Errors
/// No such open question, several, an empty answer, or a failed publish.
pub fn answer(
    desk: Desk<'_>,
    given: &str,
    text: &str,
    mode: Mode,
) -> Result<AnswerReport, TrackerError> {
    let text = values::said("answer", text)?;
    let done = desk.change("record the answer", Scope::Live, mode, |loaded, minter| {
        let uid = find(&loaded.state, given)?;
        minter.add(Op::EscalationAnswered(EscalationAnswered {
            escalation: uid,
            answer: text.clone(),
        }));
        let subject = format!("answer {}", names::escalation(&loaded.state, uid));
        Ok(Decision::write(uid, subject))
    })?;
    let row = escalation_row(&done.state, done.value);
    Ok(AnswerReport {
        escalation: row.ok_or_else(|| unknown(&done.state, given))?,
        delivery: done.delivery,
    })
}

fn unknown(state: &State, given: &str) -> TrackerError {
    TrackerError::UnknownEscalation {
        given: given.to_owned(),
        open: open(state)
            .map(|(uid, _)| names::escalation(state, uid))
            .collect(),
    }
}

fn find(state: &State, given: &str) -> Result<EscalationUid, TrackerError> {
    let hits: Vec<EscalationUid> = if let Ok(uid) = given.parse::<EscalationUid>() {
        open(state).map(|(e, _)| e).filter(|e| *e == uid).collect()
    } else if let Some(letters) = given.strip_prefix("E-") {
        let wanted = letters.to_ascii_lowercase();
        open(state)
            .map(|(e, _)| e)
            .filter(|e| wanted.len() >= HANDLE_MIN_LEN && names::letters(*e).starts_with(&wanted))
            .collect()
    } else {
        let selector: TaskSelector = given.parse().map_err(|_| unknown(state, given))?;
        let task = resolve(state, &selector)?;
        open(state)
            .filter(|(_, of)| *of == task)
            .map(|(e, _)| e)
            .collect()
    };
    match hits.as_slice() {
        [] => Err(unknown(state, given)),
        [one] => Ok(*one),
        several => Err(TrackerError::AmbiguousEscalation {
            given: given.to_owned(),
            // The whole identities: short ids may be what is ambiguous.
            candidates: several
                .iter()
                .map(|uid| format!("{} ({uid})", names::escalation(state, *uid)))
                .collect(),
        }),
    }
}
