//! A service whose sessions outlive the tick: it shows them late, loses answers, limits, lies, and
//! sessions die there.

use fleet::domain::ids::{Oid, SessionUid};
use fleet::domain::money::Usage;
use fleet::domain::policy::AgentSpec;
use fleet::domain::remote::{Asking, RemotePhase, RemoteSight, RemoteView};
use fleet::domain::session::FailureClass;
use fleet::domain::time::{DurationMs, Timestamp};
use fleet::ports::lease::Lease;
use fleet::ports::remote_session::{
    Collected, Fate, RemoteAt, RemoteCreated, RemoteError, RemoteRequest, RemoteSessions,
    RemoteWork,
};

use crate::sim::policies::SLICE_COST;
use crate::sim::process::Process;
use crate::sim::rng::keyed;

/// One session at the service.
#[derive(Debug, Clone)]
pub(crate) struct AtService {
    id: String,
    mark: String,
    session: SessionUid,
    task: String,
    prompt: String,
    /// What it works on.
    start: Oid,
    shown_from: Timestamp,
    ends: Timestamp,
    /// Somebody removed it there.
    gone_from: Option<Timestamp>,
    told: Vec<String>,
    stopped: bool,
    /// What it waits for, and how long it works then.
    waits: Waits,
    span: DurationMs,
}

/// The service ends a session that nobody answers for so long.
const PATIENCE: DurationMs = DurationMs::mins(150);

/// What a session at the service waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waits {
    Nothing,
    Approval,
    Answer,
}

impl AtService {
    /// Whether it works still.
    pub(crate) fn works(&self, now: Timestamp) -> bool {
        let until = match self.waits {
            Waits::Nothing => self.ends,
            Waits::Approval | Waits::Answer => self.shown_from.plus(PATIENCE),
        };
        let goes_on = now < until;
        !self.stopped && goes_on && self.gone_from.is_none_or(|gone| now < gone)
    }

    /// What it waited for has come.
    fn goes_on(&mut self, now: Timestamp) {
        self.waits = Waits::Nothing;
        self.ends = now.plus(self.span);
    }

    /// What it asks.
    fn asks(&self) -> Option<(RemotePhase, Asking)> {
        let (phase, text) = match self.waits {
            Waits::Nothing => return None,
            Waits::Approval => (RemotePhase::AwaitingApproval, "1. Do it."),
            Waits::Answer => (RemotePhase::AwaitingAnswer, "Which one?"),
        };
        let asking = Asking {
            key: format!("{}-asks", self.id),
            text: text.to_owned(),
        };
        Some((phase, asking))
    }
}

fn error(what: &str, fate: Fate) -> RemoteError {
    RemoteError {
        what: what.to_owned(),
        service: "jules".to_owned(),
        cause: "it did not answer".to_owned(),
        fate,
    }
}

impl RemoteSessions for Process<'_> {
    fn available(&self, _: &AgentSpec) -> Result<(), String> {
        Ok(())
    }

    fn health(&self, _: &AgentSpec, _: DurationMs) -> Result<String, RemoteError> {
        unreachable!("a tick does not ask")
    }

    /// Looks go on side by side, so chance depends on the session and the time alone.
    fn look(&self, at: &RemoteAt) -> RemoteSight {
        let now = self.sim.now();
        let mark = at.mark.bytes().fold(0, |n, b| keyed(&[n, u64::from(b)]));
        if self.sim.has_faults() && keyed(&[self.sim.seed, mark, now.0]).is_multiple_of(9) {
            self.sim.count("looks without answer");
            return RemoteSight::Trouble {
                cause: "no answer".to_owned(),
                until: None,
            };
        }
        let all = self.sim.service.lock().unwrap();
        let shown =
            |one: &&AtService| one.shown_from <= now && one.gone_from.is_none_or(|gone| now < gone);
        let mut known: Vec<_> = all
            .iter()
            .filter(shown)
            .filter(|one| one.mark == at.mark)
            .collect();
        if let Some(id) = &at.id {
            known.sort_by_key(|one| one.id != *id);
        }
        let Some((one, spare)) = known.split_first() else {
            return RemoteSight::Missing;
        };
        if at.id.as_ref().is_some_and(|id| *id != one.id) {
            return RemoteSight::Missing;
        }
        let failed = one.stopped || keyed(&[self.sim.keyed_by(one.session, 5)]).is_multiple_of(8);
        let asks = one.asks().filter(|_| one.works(now));
        let phase = match (one.works(now), failed && self.sim.has_faults()) {
            (true, _) => asks
                .as_ref()
                .map_or(RemotePhase::Working, |(phase, _)| *phase),
            (false, true) => RemotePhase::Failed,
            (false, false) if one.stopped || one.waits != Waits::Nothing => RemotePhase::Failed,
            (false, false) => RemotePhase::Succeeded,
        };
        let heard = at.unheard.iter().filter(|about| one.told.contains(about));
        RemoteSight::Seen(Box::new(RemoteView {
            id: one.id.clone(),
            url: None,
            phase,
            detail: "it goes on".to_owned(),
            asking: asks.map(|(_, asking)| asking),
            heard: heard.cloned().collect(),
            said: Vec::new(),
            upto: None,
            model: None,
            usage: Usage::default(),
            cost: Some(SLICE_COST),
            spare: spare
                .iter()
                .filter(|one| one.works(now))
                .map(|one| one.id.clone())
                .collect(),
        }))
    }

    fn create(
        &self,
        lease: &Lease,
        at: &RemoteAt,
        request: &RemoteRequest,
    ) -> Result<RemoteCreated, RemoteError> {
        self.uses_a_right("a session at the service");
        self.around("create at the service", || {
            if self.sim.fault(60, "refusals of the service") {
                let fate = Fate::Refused {
                    class: FailureClass::RateLimited,
                    until: Some(self.wall().plus(DurationMs::mins(9))),
                };
                return Err(error("create a session", fate));
            }
            if self.sim.fault(60, "calls of the service without answer") {
                return Err(error("create a session", Fate::Unknown));
            }
            let made = self.make(lease, at, request);
            if self.sim.fault(90, "answers of the service lost") {
                return Err(error("create a session", Fate::Unknown));
            }
            Ok(made)
        })
    }

    fn begin(&self, _: &Lease, _: &RemoteAt, _: &RemoteRequest) -> Result<(), RemoteError> {
        self.enter();
        Ok(())
    }

    fn approve(&self, lease: &Lease, at: &RemoteAt, _: &str) -> Result<(), RemoteError> {
        self.uses_a_right("an approval at the service");
        self.sim.plan_is_approved(lease.session());
        self.around("approve at the service", || {
            if self.sim.fault(60, "calls of the service without answer") {
                return Err(error("approve a plan", Fate::Unknown));
            }
            let now = self.sim.now();
            let mut all = self.sim.service.lock().unwrap();
            let waits = |one: &&mut AtService| {
                Some(&one.id) == at.id.as_ref() && one.waits == Waits::Approval
            };
            all.iter_mut()
                .filter(waits)
                .for_each(|one| one.goes_on(now));
            Ok(())
        })
    }

    fn tell(&self, _: &Lease, at: &RemoteAt, about: &str, _: &str) -> Result<(), RemoteError> {
        self.uses_a_right("a word to the service");
        self.around("tell the service", || {
            if self.sim.fault(60, "calls of the service without answer") {
                return Err(error("say something", Fate::Unknown));
            }
            let now = self.sim.now();
            let mut all = self.sim.service.lock().unwrap();
            for one in all.iter_mut().filter(|one| Some(&one.id) == at.id.as_ref()) {
                one.told.push(about.to_owned());
                if one.waits == Waits::Answer {
                    one.goes_on(now);
                }
            }
            Ok(())
        })
    }

    fn stop(&self, _: &Lease, at: &RemoteAt) -> Result<(), RemoteError> {
        self.uses_a_right("a stop at the service");
        self.around("stop at the service", || {
            if self.sim.fault(60, "calls of the service without answer") {
                return Err(error("stop a session", Fate::Unknown));
            }
            let mut all = self.sim.service.lock().unwrap();
            for one in all.iter_mut().filter(|one| Some(&one.id) == at.id.as_ref()) {
                one.stopped = true;
            }
            Ok(())
        })
    }

    fn collect(&self, at: &RemoteAt) -> Result<Collected, RemoteError> {
        self.uses_a_right("a question to the service");
        self.around("collect from the service", || {
            if self.sim.fault(60, "calls of the service without answer") {
                return Err(error("read a session", Fate::Unknown));
            }
            let all = self.sim.service.lock().unwrap();
            let one = all.iter().find(|one| Some(&one.id) == at.id.as_ref());
            let one = one.cloned();
            drop(all);
            let Some(one) = one else {
                let class = FailureClass::AgentError;
                return Err(error(
                    "read a session",
                    Fate::Refused { class, until: None },
                ));
            };
            let work = self.work_of(one.session, &one.task, &one.prompt);
            let text = work.as_patch().unwrap_or_default();
            let message = String::from_utf8_lossy(&work.outbox).into_owned();
            Ok(Collected {
                succeeded: !one.stopped && one.waits == Waits::Nothing,
                reason: "it failed there".to_owned(),
                work: if text.is_empty() {
                    RemoteWork::Nothing
                } else {
                    RemoteWork::Patch {
                        text,
                        base: Some(one.start),
                    }
                },
                final_message: format!("{}\n{message}", work.words),
                model: None,
                usage: Usage::default(),
                cost: Some(SLICE_COST),
                pull_request: None,
            })
        })
    }
}

impl Process<'_> {
    fn make(&self, lease: &Lease, at: &RemoteAt, request: &RemoteRequest) -> RemoteCreated {
        let now = self.sim.now();
        let mut all = self.sim.service.lock().unwrap();
        let id = format!("there-{}", all.len());
        let roll = keyed(&[self.sim.seed, all.len() as u64, 11]);
        let faults = self.sim.has_faults();
        let start = self.sim.agent_branches().remove(&request.branch);
        let start = start.unwrap_or_else(|| self.sim.code.lock().unwrap().base.clone());
        let late = if faults { roll % 8 } else { 0 };
        let span = DurationMs::mins(if faults { roll / 8 % 60 } else { 1 });
        let ends = now.plus(span);
        let waits = match roll / 100_000 % 8 {
            0 | 1 => Waits::Approval,
            2 => Waits::Answer,
            _ => Waits::Nothing,
        };
        if waits != Waits::Nothing {
            self.sim.count("plans and questions of theirs");
        }
        let dies = faults && (roll / 512).is_multiple_of(10);
        all.push(AtService {
            id: id.clone(),
            mark: at.mark.clone(),
            session: lease.session(),
            task: request.task.clone(),
            prompt: request.prompt.clone(),
            start,
            shown_from: now.plus(DurationMs::mins(late)),
            ends,
            gone_from: dies.then(|| now.plus(DurationMs::mins(roll / 5120 % 60))),
            told: Vec::new(),
            stopped: false,
            waits,
            span,
        });
        self.sim.count("sessions at a service");
        self.sim.spend(lease.session(), SLICE_COST);
        RemoteCreated { id, url: None }
    }
}
