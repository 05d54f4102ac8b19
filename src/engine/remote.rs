//! Sessions at services: what follows from one look at each. Pure; the acts are done by the caller
//! after the records that allow them are published.
//!
//! - A session is created by the process that published the right to, and by nobody else. If its
//!   answer was lost, the session is looked for by its mark; only when the service has not shown it
//!   for its settling time is the right published anew.
//! - Whatever is said has a record before it. It is said again only after the settling time, and only
//!   if the service has not shown it.
//! - A lease ends with the session's end at the service, with its stop by us, or with a human's word.

mod limits;
mod talk;

use crate::domain::ids::{SessionUid, TaskUid};
use crate::domain::policy::{AgentSpec, Policy, RemoteService};
use crate::domain::record::{LockAcquired, Op};
use crate::domain::remote::{
    RemotePhase, RemoteSaid, RemoteSight, RemoteView, RemoteWord, SessionRemoteBound,
    SessionRemoteIntended, SessionRemoteSeen,
};
use crate::domain::session::{FailureClass, Session};
use crate::domain::state::{Index, State};
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::budget::{Gauge, Ledger};
use crate::engine::facts::Facts;
use crate::engine::retry;

/// Most bytes of a line about a look.
const DETAIL_BYTES: usize = 300;

/// What is to be done at a service, once the records beside it are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteAct {
    /// Pass on what was said there.
    Hear {
        /// In its order.
        said: Vec<RemoteSaid>,
    },
    /// Create the session.
    Create,
    /// Give it its prompt.
    Begin,
    /// Approve its plan.
    Approve {
        /// Its id.
        plan: String,
    },
    /// Say something.
    Tell {
        /// What it is about.
        about: String,
        /// The words.
        text: String,
    },
    /// Take over what it made; it ended.
    Collect,
    /// Stop it; the attempt ends so.
    Stop {
        /// In which way.
        class: FailureClass,
        /// Why, in a sentence.
        reason: String,
    },
    /// Stop a further session with the same mark.
    Drop {
        /// Its id.
        id: String,
    },
    /// The attempt ends: there is no session at the service, and none can come.
    Give {
        /// In which way.
        class: FailureClass,
        /// Why, in a sentence.
        reason: String,
    },
}

/// An act and the session that it is about.
pub type RemoteStep = (SessionUid, RemoteAct);

/// What follows from the looks of this tick.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RemotePlan {
    /// Records to publish first.
    pub ops: Vec<Op>,
    /// Then these.
    pub steps: Vec<RemoteStep>,
}

/// True if the session may be looked at now: the rate is kept by its own records.
#[must_use]
pub fn is_due(session: &Session, service: &RemoteService, now: Timestamp) -> bool {
    session.holds_lease()
        && session
            .remote
            .touched()
            .is_some_and(|at| at.ts.wall().plus(service.poll) <= now)
}

/// Whose limit a limit of the service is: that of all agents at it, or, where the service is a server
/// of the owner's with models of others, that of its agent alone.
#[must_use]
pub fn limiter(service: &RemoteService, provider: Option<String>) -> Option<String> {
    provider.filter(|_| !service.kind.is_local())
}

/// What was told and has not been seen to have arrived.
#[must_use]
pub fn unheard(session: &Session) -> Vec<String> {
    let told = session.remote.told.iter();
    told.filter(|(about, (word, _))| {
        *word == RemoteWord::Message && !session.remote.heard.contains(*about)
    })
    .map(|(about, _)| about.clone())
    .collect()
}

/// Decides about every session that was looked at.
#[must_use]
pub fn decide(
    state: &State,
    index: &Index,
    facts: &Facts,
    policy: &Policy,
    now: Timestamp,
) -> RemotePlan {
    let mut plan = RemotePlan::default();
    if facts.remotes.is_empty() {
        return plan;
    }
    let looked: Vec<SessionUid> = facts.remotes.keys().copied().collect();
    let mut gauge = Ledger::of(state, policy, now).gauge(policy, &looked);
    for (uid, sight) in &facts.remotes {
        let Some(session) = state.sessions.get(uid) else {
            continue;
        };
        let Some((claim, _)) = &session.claim else {
            continue;
        };
        let Some(agent) = policy.agents.get(&claim.agent) else {
            continue;
        };
        let Some(service) = agent.kind.service() else {
            continue;
        };
        // Another tick looked meanwhile: what follows from its look is in the records.
        if !is_due(session, service, now) || index.lease_holder(state, claim.task) != Some(*uid) {
            continue;
        }
        let mut case = Case {
            state,
            index,
            policy,
            now,
            uid: *uid,
            task: claim.task,
            session,
            agent,
            service,
            gauge: &mut gauge,
            plan: &mut plan,
        };
        case.follow(sight);
    }
    plan
}

struct Case<'a> {
    state: &'a State,
    index: &'a Index,
    policy: &'a Policy,
    now: Timestamp,
    uid: SessionUid,
    task: TaskUid,
    session: &'a Session,
    agent: &'a AgentSpec,
    service: &'a RemoteService,
    gauge: &'a mut Gauge,
    plan: &'a mut RemotePlan,
}

impl Case<'_> {
    fn follow(&mut self, sight: &RemoteSight) {
        match sight {
            RemoteSight::Blind { .. } => {}
            RemoteSight::Trouble { cause, until } => self.trouble(cause, *until),
            RemoteSight::Missing => self.missing(),
            RemoteSight::Seen(view) => self.seen(view),
        }
    }

    /// After this long, what the service does not show is not there, whoever's clock is asked.
    fn wait(&self) -> DurationMs {
        DurationMs(self.service.settle.0 + self.policy.leases.skew_allowance.0)
    }

    fn act(&mut self, act: RemoteAct) {
        self.plan.steps.push((self.uid, act));
    }

    fn note(&mut self, phase: RemotePhase, detail: &str, view: Option<&RemoteView>) {
        self.hear(phase, detail, view);
        let last = self.session.remote.seen.as_ref().map(|(seen, _)| seen);
        let same = last.filter(|seen| seen.phase == phase);
        let since = same.and_then(|seen| seen.phase_since);
        let upto = view.and_then(|view| view.upto.clone());
        let upto = upto.or_else(|| last.and_then(|seen| seen.upto.clone()));
        self.plan.ops.push(Op::SessionRemoteSeen(SessionRemoteSeen {
            session: self.uid,
            phase,
            phase_since: Some(since.unwrap_or(self.now)),
            detail: line(detail),
            spent: view.and_then(|view| self.spent(view)),
            lease_until: view.map(|_| self.now.plus(self.policy.leases.lease)),
            heard: view
                .map(|v| v.heard.clone())
                .unwrap_or_default()
                .into_iter()
                .filter(|about| !self.session.remote.heard.contains(about))
                .collect(),
            upto,
        }));
        let lock = self.state.locks.get(&self.uid);
        if view.is_some()
            && let Some(lock) = lock.filter(|l| l.released.is_none() && l.task.is_some())
        {
            self.plan.ops.push(Op::LockAcquired(LockAcquired {
                session: self.uid,
                task: self.task,
                globs: lock.globs.clone(),
                until: self.now.plus(self.policy.leases.lock),
            }));
        }
    }

    /// What is new goes into its journal, once the record of the look is published.
    fn hear(&mut self, phase: RemotePhase, detail: &str, view: Option<&RemoteView>) {
        let mut said = view.map(|view| view.said.clone()).unwrap_or_default();
        let last = self
            .session
            .remote
            .seen
            .as_ref()
            .map(|(seen, _)| seen.phase);
        if last != Some(phase) {
            let text = format!("{}: {}", phase.name().replace('_', " "), line(detail));
            said.push(RemoteSaid::Status(text));
        }
        let spent = view.and_then(|view| self.spent(view));
        if spent.is_some() && spent != self.session.spent.value {
            said.extend(spent.map(RemoteSaid::Spent));
        }
        if !said.is_empty() {
            self.act(RemoteAct::Hear { said });
        }
    }

    /// The service does not answer: nothing is concluded, the lease runs on to its end.
    fn trouble(&mut self, cause: &str, until: Option<Timestamp>) {
        self.note(RemotePhase::Unreachable, cause, None);
        let Some((claim, _)) = &self.session.claim else {
            return;
        };
        let mut claim = claim.clone();
        claim.provider = limiter(self.service, claim.provider);
        let paused = self.state.pause_of(&claim.agent, claim.provider.as_deref());
        let known = paused.is_some_and(|(p, _)| Some(p.until) >= until && p.until > self.now);
        if until.is_some() && !known {
            let pause = retry::pause(&claim, until, "its service limits it", self.now);
            self.plan.ops.push(Op::AgentPaused(pause));
        }
    }

    /// The service shows no such session. Services show new ones late, so this counts only after
    /// their settling time; a clock that is ahead by what is allowed changes nothing.
    fn missing(&mut self) {
        let remote = &self.session.remote;
        let wait = self.wait();
        let newest = match (&remote.bound, &remote.intended) {
            (Some((_, at)), _) | (None, Some((_, at))) => *at,
            (None, None) => return,
        };
        if newest.ts.wall().plus(wait) > self.now {
            self.note(
                RemotePhase::Missing,
                "the service does not show it yet",
                None,
            );
        } else if remote.bound.is_some() {
            let id = remote.id().unwrap_or_default().to_owned();
            let reason =
                format!("the service shows session {id} no more: somebody removed it there");
            // A clock that is further ahead than is allowed sees it as gone before it is shown: then
            // it must not go on there alone. One that is gone says so, and that changes nothing.
            self.act(RemoteAct::Drop { id });
            self.act(RemoteAct::Give {
                class: FailureClass::AgentError,
                reason,
            });
        } else if let Some((class, reason)) = self.unwanted() {
            self.act(RemoteAct::Give { class, reason });
        } else if let Some((intended, _)) = &remote.intended {
            // The fence: whoever publishes this first creates it, and nobody else.
            self.plan
                .ops
                .push(Op::SessionRemoteIntended(SessionRemoteIntended {
                    session: self.uid,
                    ..intended.clone()
                }));
            self.act(RemoteAct::Create);
        }
    }

    fn seen(&mut self, view: &RemoteView) {
        if self.session.remote.bound.is_none() {
            self.plan
                .ops
                .push(Op::SessionRemoteBound(SessionRemoteBound {
                    session: self.uid,
                    id: view.id.clone(),
                    url: view.url.clone(),
                }));
        }
        for id in &view.spare {
            self.act(RemoteAct::Drop { id: id.clone() });
        }
        self.note(view.phase, &view.detail, Some(view));
        // Work that is done is taken over whatever the clock or the budget says: it is paid for.
        let closed = self.closed();
        if view.phase == RemotePhase::Succeeded && closed.is_none() {
            self.act(RemoteAct::Collect);
            return;
        }
        // One that failed may have been stopped by a tick that died then: what it had done is kept.
        if let Some((class, reason)) = closed.or_else(|| self.over(view)) {
            self.act(RemoteAct::Stop { class, reason });
            return;
        }
        if view.phase.is_end() {
            self.act(RemoteAct::Collect);
            return;
        }
        if view.phase == RemotePhase::Empty {
            // Who created it may still be about to.
            let given = self.session.remote.intended.as_ref().map(|(_, at)| *at);
            let over = given.is_none_or(|at| at.ts.wall().plus(self.wait()) <= self.now);
            if over && self.may_tell("begin", view) {
                self.tell("begin", RemoteWord::Begin, RemoteAct::Begin);
            }
            return;
        }
        match (&view.asking, view.phase) {
            (Some(plan), RemotePhase::AwaitingApproval) => self.plan_waits(plan, view),
            (Some(question), RemotePhase::AwaitingAnswer) => self.asks(question),
            _ => {}
        }
        self.pass_on(view);
    }

    fn closed(&self) -> Option<(FailureClass, String)> {
        let open = self
            .state
            .tasks
            .get(&self.task)
            .is_some_and(|t| t.is_open());
        (!open).then(|| {
            (
                FailureClass::Cancelled,
                "the task was closed while this attempt ran".to_owned(),
            )
        })
    }
}

fn line(text: &str) -> String {
    let one = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut end = one.len().min(DETAIL_BYTES);
    while !one.is_char_boundary(end) {
        end -= 1;
    }
    one[..end].to_owned()
}

/// How long after its publish a right to create may be used: a new one is never given while an old
/// one still can be.
#[must_use]
pub const fn create_within(service: &RemoteService) -> DurationMs {
    DurationMs(service.settle.0 / 2)
}
