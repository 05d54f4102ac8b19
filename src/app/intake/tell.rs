//! Telling: what becomes of an issue is said on it, and open questions where a human reads them.
//!
//! What is due follows from the records alone: nothing is remembered between two ticks but what was
//! said (`forge.said`). Each thing has a key, so that it is said once, however often it is tried.

use std::convert::Infallible;

use crate::app::context::Context;
use crate::app::end::End;
use crate::app::intake::answers::HEARD;
use crate::app::intake::look::number_of;
use crate::app::intake::words;
use crate::app::publish::{self, ChangeError, Decision, How, Terms};
use crate::domain::escalation::Escalation;
use crate::domain::ids::{EscalationUid, TaskUid};
use crate::domain::policy::Policy;
use crate::domain::record::{CloseOutcome, Op};
use crate::domain::review::ForgeSaid;
use crate::domain::state::{Index, State};
use crate::domain::task::{Status, Task};
use crate::domain::time::Moment;
use crate::engine::admission::{admission_hash, is_admitted};
use crate::engine::secrets::Scanner;
use crate::ports::forge::{Forge, ForgeError, ForgeSaying};
use crate::ports::state_repo::Freshness;
use crate::ports::tickets::Tickets;
use crate::store::{Checkpoint, Scope, StoreError};

/// Most things that are said about one task, ever.
const OF_A_TASK_MAX: usize = 40;
/// Most texts of one task of which it is said that they wait.
const WAITING_MAX: usize = 3;
/// Most things that are said in one tick; the next one goes on.
const AT_ONCE_MAX: usize = 20;
/// Refusals after which a tick says no more.
const REFUSALS_MAX: usize = 3;
/// Beginning of the key of a question; its escalation follows.
const ASK: &str = "ask:";
/// Beginning of the key that remembers in which issue a question is asked.
const ASKED_IN: &str = "asked-in:";

/// What telling works with.
#[derive(Clone, Copy)]
pub(in crate::app) struct Telling<'a> {
    pub(in crate::app) context: Context<'a>,
    pub(in crate::app) policy: &'a Policy,
    pub(in crate::app) tickets: &'a dyn Tickets,
    pub(in crate::app) forge: &'a dyn Forge,
    pub(in crate::app) secrets: &'a Scanner,
    /// Nothing more is said after that: a tick ends in time (I9).
    pub(in crate::app) until: Moment,
    /// Until when what was said may be recorded.
    pub(in crate::app) end: End,
}

/// Why what was said is not on record; it is found there and recorded by a later tick.
#[derive(Debug, thiserror::Error)]
pub(in crate::app) enum TellError {
    #[error(transparent)]
    Change(#[from] ChangeError<Infallible>),
    #[error("failed to {0}")]
    Store(#[from] StoreError),
    #[error("failed to {0}")]
    Repo(#[from] crate::ports::state_repo::StateRepoError),
}

/// One thing to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Due {
    task: TaskUid,
    key: String,
    text: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// On an issue or review.
    On(u64),
    /// As the last word on an issue.
    LastOn(u64),
    /// In an issue of its own, with this title.
    Apart {
        title: String,
        escalation: EscalationUid,
    },
}

/// Numbers of the issues in which open questions are asked, with task and question.
pub(super) fn questions(state: &State) -> Vec<(u64, TaskUid, EscalationUid)> {
    let mut found = Vec::new();
    for (uid, task) in &state.tasks {
        for key in &task.details.said {
            if let Some((escalation, number)) = asked_in(key)
                && state
                    .escalations
                    .get(&escalation)
                    .is_some_and(Escalation::is_open)
            {
                found.push((number, *uid, escalation));
            }
        }
    }
    found
}

fn asked_in(key: &str) -> Option<(EscalationUid, u64)> {
    let (escalation, number) = key.strip_prefix(ASKED_IN)?.split_once(':')?;
    Some((escalation.parse().ok()?, number.parse().ok()?))
}

/// Says what is due, and records that it was said. Trouble with the forge is a note.
///
/// # Errors
/// The records cannot be read or published.
pub(in crate::app) fn tell(telling: &Telling<'_>) -> Result<Vec<String>, TellError> {
    let mut notes = Vec::new();
    if !telling.policy.intake.comment {
        return Ok(notes);
    }
    let view = telling.context.repo.view(Freshness::Local)?;
    let loaded = telling.context.load(&view, Scope::Live)?;
    let due = due(telling, &loaded.state);
    let mut said = Vec::new();
    let mut refusals = 0;
    for due in due.iter().take(AT_ONCE_MAX) {
        if telling.context.clock.moment() >= telling.until {
            break;
        }
        match say(telling, due) {
            Ok(ops) => said.extend(ops),
            Err(error) => {
                refusals += 1;
                let denied = matches!(error, ForgeError::Denied { .. });
                notes.push(format!("not everything could be said: {error}"));
                if !denied || refusals >= REFUSALS_MAX {
                    break;
                }
            }
        }
    }
    notes.dedup();
    if !said.is_empty() {
        record(telling, &said)?;
    }
    Ok(notes)
}

fn record(telling: &Telling<'_>, said: &[ForgeSaid]) -> Result<(), TellError> {
    let terms = Terms {
        scope: Scope::Live,
        freshness: Freshness::Local,
        how: How::Must(telling.end.left(telling.context)),
        checkpoint: Checkpoint::IfGrown,
    };
    publish::change(telling.context, &terms, |loaded, minter| {
        minter.act_as("fleet");
        for one in said {
            let task = loaded.state.tasks.get(&one.task);
            if task.is_some_and(|task| !task.details.said.contains(&one.key)) {
                minter.add(Op::ForgeSaid(one.clone()));
            }
        }
        Ok::<_, Infallible>(if minter.records().is_empty() {
            Decision::Nothing(())
        } else {
            Decision::write((), "what was said at the forge")
        })
    })?;
    Ok(())
}

fn say(telling: &Telling<'_>, due: &Due) -> Result<Vec<ForgeSaid>, ForgeError> {
    let of = |key: String, url: Option<String>| ForgeSaid {
        task: due.task,
        key,
        url,
    };
    let saying = |number: u64| ForgeSaying {
        number,
        in_answer_to: None,
        key: format!("{}:{}", due.task, due.key).to_ascii_lowercase(),
        text: telling.secrets.redact(&due.text),
    };
    Ok(match &due.place {
        Place::On(number) => {
            let url = telling.forge.say(&saying(*number))?;
            vec![of(due.key.clone(), url)]
        }
        Place::LastOn(number) => {
            let url = telling.tickets.settle(&saying(*number))?;
            vec![of(due.key.clone(), url)]
        }
        Place::Apart { title, escalation } => {
            let ForgeSaying { key, text, .. } = saying(0);
            let title = telling.secrets.redact(title);
            let asked = telling.tickets.ask(&title, &text, &key)?;
            let place = format!("{ASKED_IN}{escalation}:{}", asked.number);
            vec![of(due.key.clone(), asked.url.clone()), of(place, asked.url)]
        }
    })
}

/// All that is due, questions first: somebody waits for those.
fn due(telling: &Telling<'_>, state: &State) -> Vec<Due> {
    let index = state.index();
    let place = telling.tickets.place();
    let (mut asked, mut told) = (Vec::new(), Vec::new());
    for (uid, task) in &state.tasks {
        let said = &task.details.said;
        let heard = said.iter().filter(|key| key.starts_with(HEARD)).count();
        if said.len() - heard >= OF_A_TASK_MAX || state.number_of(*uid).is_none() {
            continue;
        }
        let issue = number_of(task, &place);
        let about = About {
            state,
            index: &index,
            policy: telling.policy,
            uid: *uid,
            task,
            issue,
        };
        asked.extend(about.questions());
        told.extend(issue.and_then(|issue| about.news(issue)));
        told.extend(about.settled_questions());
    }
    asked.extend(told);
    asked.retain(|due: &Due| {
        let said = state.tasks.get(&due.task).map(|task| &task.details.said);
        said.is_some_and(|said| !said.contains(&due.key))
    });
    asked
}

/// One task, looked at.
struct About<'a> {
    state: &'a State,
    index: &'a Index,
    policy: &'a Policy,
    uid: TaskUid,
    task: &'a Task,
    issue: Option<u64>,
}

impl About<'_> {
    fn name(&self) -> String {
        self.state.name_of(self.uid).to_string()
    }

    fn due(&self, key: impl Into<String>, text: String, place: Place) -> Due {
        Due {
            task: self.uid,
            key: key.into(),
            text,
            place,
        }
    }

    /// Number and address of the open review.
    fn open_review(&self) -> Option<(u64, Option<&str>, String)> {
        let reviews = self.index.reviews_of(self.uid).iter().rev();
        reviews
            .filter_map(|uid| Some((uid, self.state.reviews.get(uid)?)))
            .filter(|(_, review)| review.is_open())
            .find_map(|(uid, review)| {
                let (opened, _) = review.opened.as_ref()?;
                Some((opened.number?, opened.url.as_deref(), uid.to_string()))
            })
    }

    /// Open questions: on the review if there is one, else on the issue, else in one of its own.
    fn questions(&self) -> Vec<Due> {
        let mut due = Vec::new();
        for uid in self.index.escalations_of(self.uid) {
            let escalation = self.state.escalations.get(uid).filter(|e| e.is_open());
            let Some((opened, _)) = escalation.and_then(|e| e.opened.as_ref()) else {
                continue;
            };
            let place = match (self.open_review(), self.issue) {
                (Some((review, ..)), _) => Place::On(review),
                (None, Some(issue)) => Place::On(issue),
                (None, None) if self.policy.intake.ask_by_issue => Place::Apart {
                    title: words::question_title(&self.name(), self.task),
                    escalation: *uid,
                },
                (None, None) => continue,
            };
            let text = words::question(&self.name(), opened);
            due.push(self.due(format!("{ASK}{uid}"), text, place));
        }
        due
    }

    /// Issues of their own whose question was answered.
    fn settled_questions(&self) -> Vec<Due> {
        let asked = self
            .task
            .details
            .said
            .iter()
            .filter_map(|key| asked_in(key));
        asked
            .filter_map(|(uid, number)| {
                let (answer, by, _) = self.state.escalations.get(&uid)?.answer.as_ref()?;
                let text = words::answered(&self.name(), answer, by);
                Some(self.due(format!("answered:{uid}"), text, Place::LastOn(number)))
            })
            .collect()
    }

    /// How its issue stands: one thing, the newest.
    fn news(&self, issue: u64) -> Option<Due> {
        let said = &self.task.details.said;
        if let Status::Closed { outcome, reason } = &self.task.status.value {
            // Nobody would read it.
            if reason == super::follow::GONE {
                return None;
            }
            let text = words::closed(&self.name(), *outcome, reason);
            let key = format!("closed:{}", self.task.status.at.id);
            let ends = *outcome == CloseOutcome::Done && self.policy.intake.close;
            let place = if ends {
                Place::LastOn(issue)
            } else {
                Place::On(issue)
            };
            return Some(self.due(key, text, place));
        }
        if let Some((_, url, uid)) = self.open_review() {
            let text = words::in_review(&self.name(), url);
            return Some(self.due(format!("in-review:{uid}"), text, Place::On(issue)));
        }
        if !is_admitted(self.task) {
            let pinned = self.task.details.admitted_sha256.value.as_deref();
            // It was taken back by a human, who knows.
            if pinned == Some("") {
                return None;
            }
            let waits = said.iter().filter(|key| key.starts_with("admit:")).count();
            let key = format!("admit:{}", &admission_hash(self.task)[..16]);
            let text = words::waits(&self.name(), pinned.is_some(), &self.policy.intake.label);
            let due = self.due(key, text, Place::On(issue));
            return (waits < WAITING_MAX).then_some(due);
        }
        // Who reads a question knows that it was taken up.
        let asks = self.index.escalations_of(self.uid).iter();
        if asks
            .filter_map(|uid| self.state.escalations.get(uid))
            .any(Escalation::is_open)
        {
            return None;
        }
        let session = *self.index.sessions_of(self.uid).first()?;
        let (claim, _) = self.state.sessions.get(&session)?.claim.as_ref()?;
        let text = words::taken_up(&self.name(), claim);
        Some(self.due("taken-up", text, Place::On(issue)))
    }
}
