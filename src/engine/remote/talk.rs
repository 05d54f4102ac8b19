//! What is said to a session, and what it asks: each once.

use crate::domain::escalation::Trigger;
use crate::domain::policy::PlanApproval;
use crate::domain::record::{EscalationOpened, Op};
use crate::domain::register::Stamp;
use crate::domain::remote::{Asking, RemoteView, RemoteWord, SessionRemoteTold};
use crate::engine::remote::{Case, RemoteAct};

impl Case<'_> {
    fn told_at(&self, about: &str) -> Option<Stamp> {
        self.session.remote.told.get(about).map(|(_, at)| *at)
    }

    /// Not told yet; or told so long ago, without a trace at the service, that it was lost.
    pub(super) fn may_tell(&self, about: &str, view: &RemoteView) -> bool {
        let heard = self.session.remote.heard.contains(about)
            || view.heard.iter().any(|known| known == about);
        let wait = self.wait();
        !heard
            && self
                .told_at(about)
                .is_none_or(|at| at.ts.wall().plus(wait) <= self.now)
    }

    pub(super) fn tell(&mut self, about: &str, word: RemoteWord, act: RemoteAct) {
        self.plan.ops.push(Op::SessionRemoteTold(SessionRemoteTold {
            session: self.uid,
            word,
            about: about.to_owned(),
        }));
        self.act(act);
    }

    pub(super) fn plan_waits(&mut self, plan: &Asking, view: &RemoteView) {
        let about = format!("plan:{}", plan.key);
        let approved = self.service.plans == PlanApproval::Auto
            || planted!("plan-approves-itself")
            || self
                .answers()
                .iter()
                .any(|(context, answer, _)| context.contains(&about) && says_yes(answer));
        if approved {
            if self.may_tell(&about, view) {
                let plan = plan.key.clone();
                self.tell(&about, RemoteWord::Approve, RemoteAct::Approve { plan });
            }
        } else {
            self.ask(
                Trigger::PlanApproval,
                &about,
                &plan.text,
                &["approve", "change it as I say here"],
            );
        }
    }

    pub(super) fn asks(&mut self, question: &Asking) {
        let about = format!("question:{}", question.key);
        self.ask(Trigger::Question, &about, &question.text, &[]);
    }

    /// Asks a human, once for each key.
    fn ask(&mut self, trigger: Trigger, about: &str, text: &str, options: &[&str]) {
        let asked = format!("asked:{about}");
        if self.told_at(&asked).is_some() {
            return;
        }
        self.plan.ops.push(Op::SessionRemoteTold(SessionRemoteTold {
            session: self.uid,
            word: RemoteWord::Asked,
            about: asked,
        }));
        self.plan.ops.push(Op::EscalationOpened(EscalationOpened {
            task: self.task,
            session: Some(self.uid),
            agent: Some(self.agent.name.clone()),
            trigger,
            context: format!("{text}\n\n({about}; the session waits for the answer)"),
            options: options.iter().map(|&o| o.to_owned()).collect(),
        }));
    }

    /// Questions of this very session that a human answered: context, answer, the answer's record.
    fn answers(&self) -> Vec<(String, String, String)> {
        self.index
            .escalations_of(self.task)
            .iter()
            .filter_map(|uid| self.state.escalations.get(uid))
            .filter_map(|e| e.opened.as_ref().zip(e.answer.as_ref()))
            .filter(|((opened, _), _)| {
                opened.session == Some(self.uid)
                    && matches!(opened.trigger, Trigger::Question | Trigger::PlanApproval)
            })
            .map(|((opened, _), (answer, _, at))| {
                (opened.context.clone(), answer.clone(), at.id.to_string())
            })
            .collect()
    }

    /// Answers and feedback that came while it runs.
    pub(super) fn pass_on(&mut self, view: &RemoteView) {
        let mut news: Vec<(String, String)> = Vec::new();
        for (context, answer, record) in self.answers() {
            let yes_to_plan = context.contains("(plan:") && says_yes(&answer);
            // A yes is an approval, not a message.
            if !yes_to_plan {
                news.push((record, answer));
            }
        }
        news.extend(self.feedback());
        for (about, text) in news {
            if self.may_tell(&about, view) {
                let act = RemoteAct::Tell {
                    about: about.clone(),
                    text,
                };
                self.tell(&about, RemoteWord::Message, act);
            }
        }
    }

    /// Feedback on the open review that is younger than the claim: the prompt does not have it.
    fn feedback(&self) -> Vec<(String, String)> {
        let Some((claim, claimed)) = &self.session.claim else {
            return Vec::new();
        };
        self.index
            .reviews_of(self.task)
            .iter()
            .filter_map(|uid| self.state.reviews.get(uid))
            .filter(|review| review.is_open())
            .flat_map(|review| review.feedback.iter())
            .filter(|(id, (_, at))| at > claimed && !claim.addresses.contains(id))
            .map(|(id, (feedback, _))| {
                let text = format!("There is feedback on your branch:\n\n{}", feedback.text);
                (id.to_string(), text)
            })
            .collect()
    }
}

/// A yes and nothing but a yes: "yes, but …" and "go back" are messages to the agent.
fn says_yes(answer: &str) -> bool {
    let answer = answer.trim().trim_end_matches(['.', '!']).to_lowercase();
    let yes = ["approve", "approved", "yes", "ok", "okay", "go", "go ahead"];
    yes.contains(&answer.as_str())
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_a_yes_without_more_approves_a_plan() {
        for yes in ["approve", " Yes. ", "OK!", "go ahead", "Approved"] {
            assert!(super::says_yes(yes), "{yes}");
        }
        for no in [
            "Go back, this deletes the tests",
            "Good idea, but do not touch the API",
            "yes, but rename foo",
            "okay with me once the tests stay",
            "no",
            "",
        ] {
            assert!(!super::says_yes(no), "{no}");
        }
    }
}
