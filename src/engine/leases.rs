//! Leases, locks and pauses: taken back with proof only. Time alone frees nothing.

use std::collections::BTreeMap;

use crate::domain::escalation::Trigger;
use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::record::{LockReleased, Op, SessionClaimed, SessionReleased};
use crate::domain::register::Stamp;
use crate::domain::session::{FailureClass, Outcome, Session};
use crate::domain::state::State;
use crate::engine::facts::RunLife;
use crate::engine::reconcile::Reconciler;
use crate::engine::retry;

impl Reconciler<'_> {
    pub(super) fn leases(&mut self) {
        for (uid, session) in &self.state.sessions {
            let Some(task) = session.task().filter(|_| session.holds_lease()) else {
                continue;
            };
            let holder = self.index.lease_holder(self.state, task);
            if holder != Some(*uid) {
                let by = holder.map_or_else(String::new, |h| h.to_string());
                self.free(*uid, format!("superseded by session {by}"));
                continue;
            }
            match self.facts.runs.get(uid) {
                Some(RunLife::Dead { proof }) => self.free(*uid, proof.clone()),
                Some(RunLife::Unbegun { proof }) => self.give_back(*uid, proof.clone(), true),
                Some(_) if planted!("time-frees-lease") && session.lease_until.value < self.now => {
                    self.free(*uid, "its time is over".to_owned());
                }
                Some(RunLife::Unknown { why }) => self.unresolved(*uid, task, session, why),
                // Alive keeps it, however late; not looked at concludes nothing.
                Some(RunLife::Alive) | None => {}
            }
        }
    }

    fn free(&mut self, session: SessionUid, proof: String) {
        self.give_back(session, proof, false);
    }

    fn give_back(&mut self, session: SessionUid, proof: String, unstarted: bool) {
        self.freed.insert(session);
        self.out.ops.push(Op::SessionReleased(SessionReleased {
            session,
            proof,
            unstarted,
            spent: self.facts.spent.get(&session).copied(),
        }));
    }

    /// A lease that ended, of a run that nobody can see: asked once, freed by a human's word only.
    fn unresolved(&mut self, uid: SessionUid, task: TaskUid, session: &Session, why: &str) {
        let leases = &self.policy.leases;
        let until = session.lease_until.value;
        if until.plus(leases.skew_allowance) >= self.now {
            return;
        }
        let newest = self
            .index
            .escalations_of(task)
            .iter()
            .filter_map(|e| self.state.escalations.get(e))
            .filter(|e| {
                e.opened.as_ref().is_some_and(|(o, _)| {
                    o.trigger == Trigger::LeaseUnresolved && o.session == Some(uid)
                })
            })
            .max_by_key(|e| e.opened.as_ref().map(|(_, at)| *at));
        if let Some(asked) = newest {
            let Some((answer, by, at)) = &asked.answer else {
                return;
            };
            if says_dead(answer) {
                self.free(uid, format!("{by} says that it is dead: {answer}"));
                return;
            }
            if at.written_by(self.now).plus(leases.lease) >= self.now {
                return;
            }
        }
        let runner = session
            .started
            .as_ref()
            .map(|(runner, _)| runner)
            .or_else(|| session.claim.as_ref().map(|(claim, _)| &claim.runner));
        let place = runner.map_or_else(String::new, |runner| match &runner.ci {
            Some(run) => format!("in the CI run {run}"),
            None => format!("on host {}", runner.host),
        });
        let name = self.state.name_of(task);
        self.ask(
            task,
            Some(uid),
            Trigger::LeaseUnresolved,
            format!(
                "The lease of attempt {} at {name} {place} ended {until}, and nobody here can tell \
                 whether it still runs: {why}. {name} waits for your word: look there, and if that \
                 run has ended, `fleet answer {name} \"it is dead\"` frees the task for the next \
                 attempt.",
                session.attempt()
            ),
            &["it is dead", "it still runs"],
        );
    }

    pub(super) fn locks(&mut self) {
        for (uid, lock) in &self.state.locks {
            if lock.task.is_none() || lock.released.is_some() {
                continue;
            }
            let session = self.state.sessions.get(uid);
            let held = match session.filter(|s| s.claim.is_some()) {
                Some(session) => session.holds_lease() && !self.freed.contains(uid),
                None => lock.is_live(self.now),
            };
            if !held && !planted!("lock-never-released") {
                self.out
                    .ops
                    .push(Op::LockReleased(LockReleased { session: *uid }));
            }
        }
    }

    /// A rate limit whose pause was not written (the run died between the two) is made up for.
    pub(super) fn pauses(&mut self) {
        // By where the pause stands: agents of one provider meet its limit one after another.
        let mut newest: BTreeMap<String, (Stamp, &SessionClaimed)> = BTreeMap::new();
        for session in self.state.sessions.values() {
            let (Some((claim, _)), Some((finished, at))) = (&session.claim, &session.finished)
            else {
                continue;
            };
            let class = FailureClass::RateLimited;
            if finished.outcome == (Outcome::Failed { class }) {
                let key = State::pause_key(&claim.agent, claim.provider.as_deref());
                let seen = newest.entry(key).or_insert((*at, claim));
                if *at > seen.0 {
                    *seen = (*at, claim);
                }
            }
        }
        for (key, (at, claim)) in newest {
            // A reader that does not know of providers wrote it down for the agent alone.
            let written = [&key, &claim.agent]
                .into_iter()
                .filter_map(|key| self.state.pauses.get(key))
                .map(|p| p.at)
                .max();
            let until = at.written_by(self.now).plus(retry::DEFAULT_PAUSE);
            // A pause is written in the same publish as the failure, on either side of it.
            let known =
                written.is_some_and(|w| w.ts.wall().plus(retry::DEFAULT_PAUSE) >= at.ts.wall());
            if !known && until > self.now {
                let cause = "its provider limits it";
                let pause = retry::pause(claim, Some(until), cause, self.now);
                self.out.ops.push(Op::AgentPaused(pause));
            }
        }
    }
}

/// True if a human's answer about a lease says that the run is dead.
fn says_dead(answer: &str) -> bool {
    let answer = answer.to_lowercase();
    let negated = ["not dead", "n't dead", "never dead"];
    answer.contains("dead") && !negated.iter().any(|no| answer.contains(no))
}
