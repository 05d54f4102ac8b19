//! What people tell fleet on issues: heard once, and followed only if they may write to the
//! repository.

use std::collections::BTreeMap;

use crate::app::context::Minter;
use crate::app::intake::Intake;
use crate::domain::command::{Command, Verb};
use crate::domain::ids::TaskUid;
use crate::domain::policy::Policy;
use crate::domain::record::Op;
use crate::domain::review::ForgeSaid;
use crate::domain::state::State;
use crate::domain::time::Timestamp;
use crate::engine::text::{one_line, truncated};
use crate::engine::{commands, reconcile};
use crate::ports::forge::ForgeRemark;
use crate::ports::tickets::Ticket;

/// Beginning of the key that remembers that a comment was heard.
pub(super) const HEARD: &str = "heard:";
/// Most comments of people who may write that are heard about one task, ever.
const HEARD_MAX: usize = 200;
/// Outsiders whose rights are asked for, for one issue in one run.
const ASKED_MAX: usize = 5;
/// Most bytes of a person's name.
const NAME_BYTES: usize = 64;

/// A comment that speaks to fleet about a task, by somebody who may write to the repository.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) task: TaskUid,
    key: String,
    who: String,
    at: Timestamp,
    command: Command,
}

/// What was said on the issue of an open task and not heard yet. Who may admit a text is asked apart
/// from this, and to what asks for nothing nothing is to be said.
pub(super) fn on(
    intake: &Intake<'_>,
    state: &State,
    task: TaskUid,
    ticket: &Ticket,
    notes: &mut Vec<String>,
) -> Vec<Answer> {
    let Some(known) = state.tasks.get(&task).filter(|task| task.is_open()) else {
        return Vec::new();
    };
    let said = &known.details.said;
    let heard = said.iter().filter(|key| key.starts_with(HEARD)).count();
    let unheard = |remark: &&ForgeRemark| !said.contains(&format!("{HEARD}{}", remark.key));
    let mut found = Vec::new();
    // What nobody may, or what could not be asked, is on no record: the next look asks again.
    let mut rights: BTreeMap<&str, bool> = BTreeMap::new();
    for remark in ticket.said.iter().filter(unheard) {
        let Some(command) = commands::parse(&remark.text) else {
            continue;
        };
        let asks = !matches!(
            command.command,
            Verb::Admit | Verb::Status | Verb::Help | Verb::Wrong | Verb::Unknown(_)
        );
        if !asks || heard + found.len() >= HEARD_MAX {
            continue;
        }
        let by = remark.by.as_str();
        if !rights.contains_key(by) {
            // Outsiders do not keep those from being asked about who belong to the repository.
            let outsider = |by: &str| !ticket.insiders.iter().any(|known| known == by);
            let outsiders = rights.keys().filter(|by| outsider(by)).count();
            if outsider(by) && outsiders == ASKED_MAX {
                continue;
            }
            let may = intake.tickets.may_write(by).unwrap_or_else(|error| {
                let name = &ticket.reference;
                notes.push(format!("what {by} said on {name} waits: {error}"));
                false
            });
            rights.insert(by, may);
        }
        if rights.get(by) == Some(&true) {
            found.push(Answer {
                task,
                key: remark.key.clone(),
                who: truncated(&one_line(by), NAME_BYTES).into_owned(),
                at: remark.at,
                command,
            });
        }
    }
    found
}

/// Records that a comment was heard, with what follows from it. Gives that in words.
pub(super) fn mint(
    answer: &Answer,
    state: &mut State,
    policy: &Policy,
    minter: &mut Minter<'_>,
) -> Option<String> {
    let key = format!("{HEARD}{}", answer.key);
    if state.tasks.get(&answer.task)?.details.said.contains(&key) {
        return None;
    }
    let before = minter.records().len();
    let (who, verb) = (&answer.who, &answer.command.command);
    let (index, task) = (state.index(), answer.task);
    let words = match reconcile::obey(
        state,
        &index,
        policy,
        task,
        (&answer.command, answer.at),
        who,
    ) {
        Ok(ops) => {
            minter.act_as(format!("human:{who}"));
            for op in ops {
                minter.add(op);
            }
            format!("{who} said {verb}")
        }
        Err(sentence) => format!("{who} said {verb}, and nothing follows: {sentence}"),
    };
    minter.act_as("fleet");
    minter.add(Op::ForgeSaid(ForgeSaid {
        task: answer.task,
        key,
        url: None,
    }));
    // What one comment changes, the next one meets.
    for record in &minter.records()[before..] {
        state.apply(record);
    }
    Some(words)
}
