//! What people tell fleet on issues: heard once, and followed only if they may write to the
//! repository.

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
/// Most comments that are heard about one task, ever.
const HEARD_MAX: usize = 200;
/// People whose rights are asked for, for one issue in one run.
const ASKED_MAX: usize = 5;
/// Most bytes of a person's name.
const NAME_BYTES: usize = 64;

/// A comment that speaks to fleet about a task, and whether its author may.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) task: TaskUid,
    key: String,
    who: String,
    may: bool,
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
    let mut asked: Vec<&str> = Vec::new();
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
        if !asked.contains(&remark.by.as_str()) {
            if asked.len() == ASKED_MAX {
                continue;
            }
            asked.push(&remark.by);
        }
        match intake.tickets.may_write(&remark.by) {
            Ok(may) => found.push(Answer {
                task,
                key: remark.key.clone(),
                who: truncated(&one_line(&remark.by), NAME_BYTES).into_owned(),
                may,
                at: remark.at,
                command,
            }),
            Err(error) => {
                let name = &ticket.reference;
                notes.push(format!("what was said on {name} waits: {error}"));
                break;
            }
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
    let words = if answer.may {
        let (index, task) = (state.index(), answer.task);
        match reconcile::obey(
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
        }
    } else {
        format!("{who} said {verb} and may not write to the repository: nothing follows")
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
