//! When no further attempt may start by itself: a human is asked, once.

use crate::domain::escalation::Trigger;
use crate::domain::ids::TaskUid;
use crate::engine::history::History;
use crate::engine::reconcile::Reconciler;
use crate::engine::retry::{self, Verdict};
use crate::engine::text::tail;

/// Most bytes of a log in a question.
const LOG_BYTES: usize = 2_000;

impl Reconciler<'_> {
    /// Asks a human when the records say that no further attempt may start by itself.
    pub(super) fn exhausted(&mut self, task: TaskUid, history: &History<'_>) {
        if history.holder.is_some_and(|uid| !self.freed.contains(&uid))
            || self.asked.contains(&task)
        {
            return;
        }
        let name = self.state.name_of(task);
        let last = history.failures.last();
        let said = last.map_or_else(String::new, |f| format!(" The last one: {}", f.summary));
        let (trigger, context) = match retry::verdict(history, self.policy, self.now) {
            Verdict::Go | Verdict::Later { .. } => return,
            Verdict::Exhausted { failures } => (
                Trigger::AgentFailed,
                format!("{failures} attempts at {name} failed.{said}"),
            ),
            Verdict::Unlucky { failures } => (
                Trigger::AgentFailed,
                format!(
                    "{failures} runs of {name} in a row ended for reasons that are not the agent's \
                     (machine, network, limits, stops).{said}"
                ),
            ),
            Verdict::AsksTooOften { questions } => (
                Trigger::EscalatesTooOften,
                format!(
                    "{name} has asked {questions} questions; it may ask {}. Say more in its text, \
                     and answer here when an agent should go on.",
                    self.policy.retry.max_escalations
                ),
            ),
            Verdict::TooManyRounds { rounds } => (
                Trigger::AgentFailed,
                format!(
                    "{name} went through {rounds} rounds of review and there is more feedback. \
                     Finish it by hand, or answer to let an agent go on."
                ),
            ),
            Verdict::ChecksKeepFailing { repairs } => {
                (Trigger::AgentFailed, checks_fail(&name, repairs, history))
            }
        };
        let piled = history
            .open
            .iter()
            .any(|(_, t)| *t == trigger || trigger == Trigger::AgentFailed);
        if !piled {
            let session = self.index.sessions_of(task).last().copied();
            self.ask(task, session, trigger, context, &["try again"]);
        }
    }
}

fn checks_fail(name: &impl std::fmt::Display, repairs: u32, history: &History<'_>) -> String {
    let tried = match repairs {
        0 => "no attempt to mend them is allowed (`review.max_check_repairs`)".to_owned(),
        1 => "one attempt did not mend them".to_owned(),
        n => format!("{n} attempts did not mend them"),
    };
    let log = history.feedback.last();
    let log = log.map_or_else(String::new, |(_, feedback)| {
        format!("\n\n{}", tail(&feedback.text, LOG_BYTES))
    });
    format!(
        "The checks of {name} fail, and {tried}. Mend them by hand, or answer to let an agent try \
         again.{log}"
    )
}
