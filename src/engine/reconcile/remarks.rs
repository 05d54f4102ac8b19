//! What people said to fleet on a review: recorded once per key, together with what follows from
//! it. The parser says what was meant; here it meets the state.

use std::collections::BTreeSet;

use crate::domain::command::{Command, Verb};
use crate::domain::escalation::Trigger;
use crate::domain::ids::{EscalationUid, ReviewUid, TaskUid};
use crate::domain::money::MicroUsd;
use crate::domain::record::{EscalationAnswered, Op, TaskFields, TaskUpdated};
use crate::domain::review::ReviewCommanded;
use crate::domain::task::{Deliverable, Task};
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::commands;
use crate::engine::facts::ReviewSeen;
use crate::engine::reconcile::{Reconciler, said_before};
use crate::engine::text::{one_line, truncated};

/// Most commands that are taken in on the reviews of one task; a stop is taken always.
const MAX_COMMANDS: usize = 200;
/// Most bytes of a person's name.
const MAX_NAME: usize = 64;

impl Reconciler<'_> {
    /// Records commands once per key, with their effects.
    pub(super) fn remarks(&mut self, uid: ReviewUid, seen: &ReviewSeen, task: TaskUid) {
        let mut keys = said_before(self.state, self.index, task);
        let reviews = self.index.reviews_of(task).iter();
        let commands = reviews.filter_map(|uid| Some(self.state.reviews.get(uid)?.commands.len()));
        let mut taken: usize = commands.sum();
        let mut answered = BTreeSet::new();
        for remark in &seen.remarks {
            let Some(said) = commands::parse(&remark.text) else {
                continue;
            };
            let full = taken >= MAX_COMMANDS && said.command != Verb::Stop;
            if full || !keys.insert(&remark.key) {
                continue;
            }
            taken += 1;
            let who = truncated(&one_line(&remark.who), MAX_NAME).into_owned();
            let (what, effects) = match self.effects(task, (&said, remark.at), &who, &mut answered)
            {
                Ok(effects) => (said, effects),
                Err(sentence) => {
                    let wrong = Command {
                        text: sentence,
                        ..Command::plain(Verb::Wrong)
                    };
                    (wrong, Vec::new())
                }
            };
            let by = format!("human:{who}");
            let recorded = Op::ReviewCommanded(ReviewCommanded {
                review: uid,
                key: remark.key.clone(),
                who,
                what,
            });
            for op in std::iter::once(recorded).chain(effects) {
                self.out.authors.insert(self.out.ops.len(), by.clone());
                self.out.ops.push(op);
            }
        }
    }

    /// What follows from a command, or a sentence that says why nothing does.
    pub(super) fn effects(
        &self,
        uid: TaskUid,
        (said, at): (&Command, Timestamp),
        who: &str,
        answered: &mut BTreeSet<EscalationUid>,
    ) -> Result<Vec<Op>, String> {
        let Some(task) = self.state.tasks.get(&uid) else {
            return Ok(Vec::new());
        };
        match &said.command {
            Verb::Retry => {
                self.knows(said.agent.as_deref())?;
                Ok(self.go_on(uid, task, said, answered))
            }
            Verb::Split if task.details.deliverable.value != Deliverable::Pr => {
                Err("only work that ends in a review can be split".to_owned())
            }
            Verb::Split => Ok(self.go_on(uid, task, said, answered)),
            Verb::Answer => self.answer(uid, (said, at), answered).map(|op| vec![op]),
            Verb::Stop => Ok(vec![set(
                uid,
                TaskFields {
                    held_by: Some(Some(who.to_owned())),
                    ..TaskFields::default()
                },
            )]),
            Verb::Budget => self.budget(uid, task, said.amount),
            Verb::Admit => {
                let name = self.state.name_of(uid);
                Err(format!(
                    "a text is admitted where it stands: on its issue, or by `fleet admit` \
                     (`fleet show {name}` names what was proposed here)"
                ))
            }
            Verb::Status | Verb::Help | Verb::Wrong | Verb::Unknown(_) => Ok(Vec::new()),
        }
    }

    fn knows(&self, agent: Option<&str>) -> Result<(), String> {
        let agents = &self.policy.agents;
        match agent.filter(|name| !agents.contains_key(*name)) {
            None => Ok(()),
            Some(name) => {
                let names: Vec<String> = agents.keys().map(|n| format!("`{n}`")).collect();
                Err(format!(
                    "no agent `{name}` is configured; there are {}",
                    names.join(", ")
                ))
            }
        }
    }

    /// Another attempt: a stop is taken back, an agent chosen, and the questions are answered that
    /// ask for nothing else.
    fn go_on(
        &self,
        uid: TaskUid,
        task: &Task,
        said: &Command,
        answered: &mut BTreeSet<EscalationUid>,
    ) -> Vec<Op> {
        let mut ops = Vec::new();
        let fields = TaskFields {
            held_by: task.details.held_by.value.is_some().then_some(None),
            agent: said.agent.clone().map(Some),
            ..TaskFields::default()
        };
        if fields != TaskFields::default() {
            ops.push(set(uid, fields));
        }
        for (escalation, trigger) in self.open_questions(uid) {
            let asks_that = matches!(
                trigger,
                Trigger::AgentFailed | Trigger::EscalatesTooOften | Trigger::Policy
            );
            if asks_that && answered.insert(escalation) {
                ops.push(Op::EscalationAnswered(EscalationAnswered {
                    escalation,
                    answer: if said.text.is_empty() {
                        said.command.name().to_owned()
                    } else {
                        format!("{}: {}", said.command, said.text)
                    },
                }));
            }
        }
        ops
    }

    /// The answer to the oldest open question, by somebody who could have seen that; a number chooses
    /// an option.
    fn answer(
        &self,
        uid: TaskUid,
        (said, at): (&Command, Timestamp),
        answered: &mut BTreeSet<EscalationUid>,
    ) -> Result<Op, String> {
        let open = self.open_questions(uid);
        let next = open.iter().find(|(uid, _)| !answered.contains(uid));
        let Some((escalation, trigger)) = next else {
            return Err(
                "no question is open here; `/fleet retry` starts another attempt".to_owned(),
            );
        };
        let asked = self.state.escalations[escalation].opened.as_ref();
        // The forge's clock against that of the machine which asked. What lets an agent touch protected
        // paths gets no allowance: an answer to another question must not be taken for it (R3).
        let skew = match trigger {
            Trigger::ProtectedPaths => DurationMs(0),
            _ => self.policy.leases.skew_allowance,
        };
        let heard = at.plus(skew);
        if asked.is_some_and(|(_, asked)| heard < asked.id.time().min(asked.ts.wall())) {
            return Err(
                "the question that is open now was asked after this was said; read it, and \
                 answer again"
                    .to_owned(),
            );
        }
        if *trigger == Trigger::ProtectedPaths && open.len() > 1 {
            let name = self.state.name_of(uid);
            return Err(format!(
                "{} questions are open, and one of them is about protected paths: answer that one \
                 where it cannot be taken for another (`fleet show {name}` names them)",
                open.len()
            ));
        }
        let options = asked.map_or(&[][..], |(opened, _)| opened.options.as_slice());
        let answer = match said.text.parse::<usize>() {
            Ok(n) if !options.is_empty() => {
                let chosen = n.checked_sub(1).and_then(|at| options.get(at));
                chosen.cloned().ok_or_else(|| {
                    format!("there are {} options, and no number {n}", options.len())
                })?
            }
            Ok(_) | Err(_) => said.text.clone(),
        };
        answered.insert(*escalation);
        Ok(Op::EscalationAnswered(EscalationAnswered {
            escalation: *escalation,
            answer,
        }))
    }

    /// Open questions about a task, oldest first.
    fn open_questions(&self, uid: TaskUid) -> Vec<(EscalationUid, Trigger)> {
        let all = self.index.escalations_of(uid).iter();
        let mut open: Vec<_> = all
            .filter_map(|uid| Some((*uid, self.state.escalations.get(uid)?)))
            .filter(|(_, escalation)| escalation.is_open())
            .filter_map(|(uid, escalation)| {
                let (opened, at) = escalation.opened.as_ref()?;
                Some((*at, uid, opened.trigger))
            })
            .collect();
        open.sort_by_key(|(at, ..)| *at);
        open.into_iter()
            .map(|(_, uid, trigger)| (uid, trigger))
            .collect()
    }

    /// A new limit on what the task may cost. Lowering is free; raising goes as far as the
    /// configuration lets it.
    fn budget(
        &self,
        uid: TaskUid,
        task: &Task,
        amount: Option<MicroUsd>,
    ) -> Result<Vec<Op>, String> {
        let Some(amount) = amount else {
            return Ok(Vec::new());
        };
        let (usual, raised) = (
            self.policy.budget.per_task,
            self.policy.review.max_task_budget,
        );
        let now = task.details.budget.value.or(usual);
        let highest = usual.max(raised);
        let lowers = now.is_none_or(|now| amount <= now);
        if !lowers && highest.is_none_or(|highest| amount > highest) {
            return Err(match raised {
                Some(most) => format!(
                    "a comment can raise what a task may cost to {most} at most \
                     (`review.max_task_budget`)"
                ),
                None => "a comment cannot raise what a task may cost here; \
                         `review.max_task_budget` in the configuration says how far it could"
                    .to_owned(),
            });
        }
        Ok(vec![set(
            uid,
            TaskFields {
                budget: Some(Some(amount)),
                ..TaskFields::default()
            },
        )])
    }
}

fn set(task: TaskUid, set: TaskFields) -> Op {
    Op::TaskUpdated(TaskUpdated::of(task, set))
}
