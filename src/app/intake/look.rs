//! The look at the forge: what each issue says, and who handed it over.

use std::collections::BTreeSet;

use crate::app::intake::answers::{self, Answer};
use crate::app::intake::{Intake, tell};
use crate::domain::policy::IntakePolicy;
use crate::domain::state::State;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::engine::admission::is_admitted;
use crate::engine::intake::{self, Handing, LabelAct, Reading, Since, Word};
use crate::ports::forge::ForgeError;
use crate::ports::tickets::{TextAge, Ticket, TicketQuery, TicketState};

/// People whose rights are asked for, for one issue.
const ASKED_MAX: usize = 5;

/// What was seen.
#[derive(Debug)]
pub(super) struct Look {
    /// Issues, by number.
    pub(super) seen: Vec<Seen>,
    /// Numbers of issues of open tasks that are not there any more.
    pub(super) gone: Vec<u64>,
    /// What references begin with, up to the `#`.
    pub(super) place: String,
    /// The label that hands issues over.
    pub(super) label: String,
    /// Keys of issues whose tasks are archived.
    pub(super) archived: BTreeSet<String>,
    /// The forge tells when texts were edited.
    pub(super) ages_are_told: bool,
    /// Answers to open questions, proven.
    pub(super) answers: Vec<Answer>,
    pub(super) notes: Vec<String>,
}

/// One issue, read.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) ticket: Ticket,
    pub(super) reading: Reading,
    /// sha256 of what it says now.
    pub(super) hash: String,
    /// It carries the label.
    pub(super) labelled: bool,
    /// When the label was taken off, if it is off.
    pub(super) taken_off: Option<Timestamp>,
    /// Who handed over what it says now, proven.
    pub(super) handed: Option<Handing>,
    /// Who closed it may write; `None` if that was not asked, or is not known.
    pub(super) closer_may: Option<bool>,
}

impl Look {
    /// Keys of issues that no live task has.
    pub(super) fn unknown_keys<'a>(&'a self, state: &'a State) -> impl Iterator<Item = &'a str> {
        let keys = self.seen.iter().map(|seen| seen.ticket.key.as_str());
        keys.filter(|key| state.by_key(key).is_none())
    }
}

/// The number of an issue of this place that a task refers to.
pub(super) fn number_of(task: &Task, place: &str) -> Option<u64> {
    let reference = task.details.external_ref.value.as_deref()?;
    let (at, number) = reference.rsplit_once('#')?;
    (at == place).then(|| number.parse().ok()).flatten()
}

/// Looks once. Rights are asked for only where the answer decides something, and for at most
/// `limit` issues.
pub(super) fn at(intake: &Intake<'_>, state: &State, limit: usize) -> Result<Look, ForgeError> {
    let policy = &intake.policy.intake;
    let place = intake.tickets.place();
    let open = state.tasks.values().filter(|task| task.is_open());
    let questions = tell::questions(state);
    let mut also: Vec<u64> = open.filter_map(|task| number_of(task, &place)).collect();
    also.extend(questions.iter().map(|(number, ..)| *number));
    let query = TicketQuery {
        label: policy.label.clone(),
        also,
    };
    let found = intake.tickets.tickets(&query)?;
    let mut look = Look {
        seen: Vec::new(),
        gone: found.gone,
        place,
        label: policy.label.clone(),
        archived: BTreeSet::new(),
        ages_are_told: found.tickets.iter().all(|t| t.text != TextAge::Unknown),
        answers: Vec::new(),
        notes: found.cut.into_iter().collect(),
    };
    let mut asked = 0;
    for ticket in found.tickets {
        let apart = questions
            .iter()
            .find(|(number, ..)| *number == ticket.number);
        let task = apart
            .map(|(_, task, _)| *task)
            .or_else(|| state.by_key(&ticket.key));
        let is_open = task.is_some_and(|uid| state.tasks.get(&uid).is_some_and(Task::is_open));
        if let Some(task) = task {
            let given = answers::on(intake, state, task, &ticket, &mut look.notes);
            look.answers.extend(given);
        }
        if apart.is_some() {
            continue;
        }
        let mut seen = read(ticket, policy);
        if asked < limit && decides(&seen, state) {
            asked += 1;
            seen.handed = prove(intake, &seen, &mut look.notes);
        }
        if seen.ticket.state == TicketState::Done && asked < limit && is_open {
            asked += 1;
            seen.closer_may = closer(intake, &seen.ticket, &mut look.notes);
        }
        look.seen.push(seen);
    }
    look.seen.sort_by_key(|seen| seen.ticket.number);
    look.seen.dedup_by_key(|seen| seen.ticket.number);
    Ok(look)
}

fn read(ticket: Ticket, policy: &IntakePolicy) -> Seen {
    let reading = intake::read(&ticket.title, &ticket.body, &ticket.labels, policy);
    let ours = policy.label.to_lowercase();
    Seen {
        hash: reading.hash(),
        labelled: ticket.labels.iter().any(|l| l.to_lowercase() == ours),
        taken_off: intake::taken_off(&acts(&ticket), &ticket.labels, policy, ticket.updated),
        handed: None,
        closer_may: None,
        reading,
        ticket,
    }
}

fn acts(ticket: &Ticket) -> Vec<LabelAct<'_>> {
    let acts = ticket.acts.iter();
    acts.map(|act| LabelAct {
        by: act.by.as_deref(),
        at: act.at,
        label: &act.label,
        put: act.put,
    })
    .collect()
}

/// Whether it matters who handed the issue over: it is new, or nobody admitted what it says now.
fn decides(seen: &Seen, state: &State) -> bool {
    if !seen.labelled || seen.ticket.state != TicketState::Open {
        return false;
    }
    let Some(task) = state
        .by_key(&seen.ticket.key)
        .and_then(|uid| state.tasks.get(&uid))
    else {
        return true;
    };
    let pinned = task.details.admitted_sha256.value.as_deref();
    task.is_open() && !(is_admitted(task) && pinned == Some(&seen.hash))
}

/// Whether who closed an issue may write to the repository; `None` if that cannot be asked now.
fn closer(intake: &Intake<'_>, ticket: &Ticket, notes: &mut Vec<String>) -> Option<bool> {
    let Some(by) = &ticket.closed_by else {
        return Some(false);
    };
    let may = intake.tickets.may_write(by);
    may.map_err(|error| {
        let name = &ticket.reference;
        notes.push(format!("that {name} was closed waits: {error}"));
    })
    .ok()
}

/// The newest handing by somebody who may. Where that cannot be asked, nothing is handed over.
fn prove(intake: &Intake<'_>, seen: &Seen, notes: &mut Vec<String>) -> Option<Handing> {
    let ticket = &seen.ticket;
    let since = match ticket.text {
        TextAge::Unedited(at) => Since::Unedited(at),
        TextAge::Edited(at) => Since::Edited(at),
        TextAge::Unknown => Since::Unknown,
    };
    let words: Vec<Word<'_>> = ticket
        .said
        .iter()
        .map(|said| Word {
            by: &said.by,
            at: said.at,
            text: &said.text,
        })
        .collect();
    let policy = &intake.policy.intake;
    let handings = intake::handings(since, &acts(ticket), &words, &ticket.labels, policy);
    for handing in handings.into_iter().take(ASKED_MAX) {
        match intake.tickets.may_write(&handing.by) {
            Ok(true) => return Some(handing),
            Ok(false) => {}
            Err(error) => {
                let note = format!("not everything could be admitted: {error}");
                if !notes.contains(&note) {
                    notes.push(note);
                }
                return None;
            }
        }
    }
    None
}
