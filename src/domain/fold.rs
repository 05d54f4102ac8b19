//! The fold: applies one record to the state.
//!
//! Every write is a register write by stamp, a set-element write, or a "first by stamp" slot, so
//! the result depends on the set of records only, not on order or repeats (I14). A record about a
//! thing whose creation has not been seen makes a placeholder that the creation fills in later.

mod restore;
mod tracking;

use crate::domain::escalation::Escalation;
use crate::domain::ids::{EscalationUid, ReviewUid, SessionUid, TaskNumber, TaskUid};
use crate::domain::money::Spent;
use crate::domain::record::{
    AgentPaused, DepEdge, FindingAdded, LockAcquired, Op, Record, TaskAdded, TaskAdmitted,
    TaskFields, TaskUpdated,
};
use crate::domain::register::Stamp;
use crate::domain::review::Review;
use crate::domain::session::{Release, Session};
use crate::domain::state::{DepKey, Finding, Pause, State};
use crate::domain::task::{Status, Task};

/// Fills a slot that the earliest record wins.
fn first<T>(slot: &mut Option<(T, Stamp)>, value: T, at: Stamp) {
    if slot.as_ref().is_none_or(|(_, old)| at < *old) {
        *slot = Some((value, at));
    }
}

/// Fills a slot that the latest record wins.
fn last<T>(slot: &mut Option<(T, Stamp)>, value: T, at: Stamp) {
    if slot.as_ref().is_none_or(|(_, old)| at >= *old) {
        *slot = Some((value, at));
    }
}

/// The newest note counts. One that says nothing takes nothing away.
fn spent(session: &mut Session, noted: Option<Spent>, at: Stamp) {
    if noted.is_some() {
        session.spent.write(noted, at);
    }
}

/// The agent's own session id, when a record tells it.
fn agent_session(session: &mut Session, told: Option<&String>, at: Stamp) {
    if told.is_some() {
        session.agent_session.write(told.cloned(), at);
    }
}

impl State {
    /// Folds all of `records`.
    pub fn fold<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut state = Self::default();
        for record in records {
            state.apply(record);
        }
        state
    }

    /// Applies one record. Never fails; see the module's header.
    pub fn apply(&mut self, record: &Record) {
        let at = record.stamp();
        self.clock = self.clock.max(record.ts);
        match &record.op {
            Op::TaskAdded(added) => self.apply_task_added(record, added),
            Op::TaskNumbered(p) => self.apply_number(p.task, p.n, at),
            Op::TaskUpdated(p) => self.apply_task_updated(p, at),
            Op::TaskClosed(p) => self.apply_status(p.task, Status::of(p), at),
            Op::TaskReopened(p) => self.apply_status(p.task, Status::Open, at),
            Op::TaskAdmitted(p) => self.apply_admitted(p, at),
            Op::DepAdded(edge) => self.apply_dep(edge, true, at),
            Op::DepRemoved(edge) => self.apply_dep(edge, false, at),
            Op::CommentAdded(_)
            | Op::CommentEdited(_)
            | Op::GateAdded(_)
            | Op::GateSet(_)
            | Op::TaskDecayed(_)
            | Op::QuerySaved(_)
            | Op::MilestoneSet(_)
            | Op::ForgeSaid(_) => self.apply_tracking(record, at),
            Op::LockAcquired(p) => self.apply_lock(p, at),
            Op::LockReleased(p) => self.apply_lock_released(p.session, at),
            Op::FindingAdded(p) => self.apply_finding(p, at),
            Op::AgentPaused(p) => self.apply_pause(p, at),
            Op::SessionClaimed(p) => {
                let session = self.session_mut(SessionUid::created_by(record.id));
                first(&mut session.claim, p.clone(), at);
                session.lease_until.write(p.lease_until, at);
            }
            Op::SessionStarted(p) => {
                let session = self.session_mut(p.session);
                last(&mut session.started, p.runner.clone(), at);
                agent_session(session, p.agent_session.as_ref(), at);
            }
            Op::SessionRenewed(p) => {
                let session = self.session_mut(p.session);
                session.lease_until.write(p.lease_until, at);
                spent(session, p.spent, at);
            }
            Op::SessionFinished(p) => {
                let session = self.session_mut(p.session);
                agent_session(session, p.agent_session.as_ref(), at);
                first(&mut session.finished, p.clone(), at);
            }
            Op::SessionReleased(p) => {
                let session = self.session_mut(p.session);
                first(&mut session.released, Release::of(p), at);
                spent(session, p.spent, at);
            }
            Op::SessionRemoteIntended(_)
            | Op::SessionRemoteBound(_)
            | Op::SessionRemoteSeen(_)
            | Op::SessionRemoteTold(_) => self.apply_remote(&record.op, at),
            Op::ReviewOpened(_)
            | Op::ReviewUpdated(_)
            | Op::ReviewFeedback(_)
            | Op::ReviewApproved(_)
            | Op::ReviewCommanded(_) => self.apply_review(record, at),
            Op::EscalationOpened(p) => {
                let escalation = self.escalation_mut(EscalationUid::created_by(record.id));
                first(&mut escalation.opened, p.clone(), at);
            }
            Op::EscalationAnswered(p) => {
                let escalation = self.escalation_mut(p.escalation);
                escalation.take_answer(&p.answer, &record.by, at);
            }
            Op::Unknown(name) => {
                self.unknown.insert(record.id, name.clone());
            }
        }
    }

    /// What is recorded of a review.
    fn apply_review(&mut self, record: &Record, at: Stamp) {
        match &record.op {
            Op::ReviewOpened(p) => {
                let review = self.review_mut(ReviewUid::created_by(record.id));
                review.head.write(Some(p.head.clone()), at);
                first(&mut review.opened, p.clone(), at);
            }
            Op::ReviewUpdated(p) => self.review_mut(p.review).update(p, at),
            Op::ReviewFeedback(p) => {
                let review = self.review_mut(p.review);
                review.feedback.insert(record.id, (p.clone(), at));
            }
            Op::ReviewApproved(p) => {
                let approval = Some((p.head.clone(), record.by.clone()));
                self.review_mut(p.review).approved.write(approval, at);
            }
            Op::ReviewCommanded(p) => {
                let review = self.review_mut(p.review);
                review.commands.insert(record.id, (p.clone(), at));
            }
            _ => {}
        }
    }

    /// What is recorded of a session at a service.
    fn apply_remote(&mut self, op: &Op, at: Stamp) {
        match op {
            Op::SessionRemoteIntended(p) => self.session_mut(p.session).remote.intend(p, at),
            Op::SessionRemoteBound(p) => {
                let session = self.session_mut(p.session);
                session.remote.bind(p, at);
                session.agent_session.write(Some(p.id.clone()), at);
            }
            Op::SessionRemoteSeen(p) => {
                let session = self.session_mut(p.session);
                session.remote.see(p, at);
                spent(session, p.spent, at);
                if let Some(until) = p.lease_until {
                    session.lease_until.write(until, at);
                }
            }
            Op::SessionRemoteTold(p) => self.session_mut(p.session).remote.tell(p, at),
            _ => {}
        }
    }

    fn apply_status(&mut self, task: TaskUid, status: Status, at: Stamp) {
        self.task_mut(task, at).status.write(status, at);
    }

    fn apply_admitted(&mut self, p: &TaskAdmitted, at: Stamp) {
        let task = self.task_mut(p.task, at);
        task.admitted.write(true, at);
        task.details
            .admitted_sha256
            .write(Some(p.sha256.clone()), at);
    }

    fn apply_lock_released(&mut self, session: SessionUid, at: Stamp) {
        let lock = self.locks.entry(session).or_default();
        lock.released = Some(lock.released.map_or(at, |old| old.min(at)));
    }

    fn apply_lock(&mut self, p: &LockAcquired, at: Stamp) {
        let lock = self.locks.entry(p.session).or_default();
        if lock.until.write(p.until, at) {
            lock.task = Some(p.task);
            lock.globs.clone_from(&p.globs);
        }
    }

    fn apply_finding(&mut self, p: &FindingAdded, at: Stamp) {
        let finding = Finding {
            task: p.task,
            session: p.session,
            text: p.text.clone(),
            at,
        };
        self.findings.insert(at.id, finding);
    }

    fn apply_pause(&mut self, p: &AgentPaused, at: Stamp) {
        let pause = Pause {
            until: p.until,
            reason: p.reason.clone(),
        };
        let key = Self::pause_key(&p.agent, p.provider.as_deref());
        self.pauses.entry(key).or_default().write(pause, at);
    }

    fn apply_task_added(&mut self, record: &Record, added: &TaskAdded) {
        let uid = TaskUid::created_by(record.id);
        let at = record.stamp();
        let task = self.task_mut(uid, at);
        task.added = Some((record.by.clone(), at));
        if task.details.key != added.key {
            task.details.key.clone_from(&added.key);
        }
        task.admitted.write(added.admitted, at);
        write_fields(task, &added.set, at);
        for label in &added.labels {
            task.labels.write(label, true, at);
        }
        for path in &added.paths {
            task.paths.write(path, true, at);
        }
        if let Some(n) = added.n {
            self.apply_number(uid, n, at);
        }
        if let Some(key) = &added.key {
            self.claim_key(key, uid);
        }
    }

    /// The earliest task keeps a contested key.
    pub(in crate::domain) fn claim_key(&mut self, key: &str, uid: TaskUid) {
        let added = |s: &Self, uid: &TaskUid| {
            s.tasks
                .get(uid)
                .and_then(|t| t.added.as_ref())
                .map(|(_, at)| *at)
        };
        let keeps = match self.keys.get(key) {
            Some(old) => (added(self, old), *old) <= (added(self, &uid), uid),
            None => false,
        };
        if !keeps {
            self.keys.insert(key.to_owned(), uid);
        }
    }

    fn apply_number(&mut self, task: TaskUid, n: TaskNumber, at: Stamp) {
        self.max_number = self.max_number.max(n.get());
        let reg = &mut self.task_mut(task, at).number;
        let before = reg.value;
        if reg.write(Some(n), at) {
            self.move_number(task, before, Some(n));
        }
    }

    /// Keeps the lookup of numbers in step with a task's register.
    pub(in crate::domain) fn move_number(
        &mut self,
        task: TaskUid,
        before: Option<TaskNumber>,
        after: Option<TaskNumber>,
    ) {
        if let Some(old) = before {
            self.numbers.remove(&(old, task));
        }
        if let Some(new) = after {
            *self.numbers.get_or_default((new, task)) = ();
        }
    }

    fn apply_task_updated(&mut self, p: &TaskUpdated, at: Stamp) {
        let task = self.task_mut(p.task, at);
        write_fields(task, &p.set, at);
        let edits = [
            (&p.add_labels, true, true),
            (&p.rm_labels, true, false),
            (&p.add_paths, false, true),
            (&p.rm_paths, false, false),
        ];
        for (elements, is_label, present) in edits {
            let set = if is_label {
                &mut task.labels
            } else {
                &mut task.paths
            };
            for element in elements {
                set.write(element, present, at);
            }
        }
        for (points, met) in [(&p.check, true), (&p.uncheck, false)] {
            for point in points {
                task.details.checks.write(point, met, at);
            }
        }
    }

    fn apply_dep(&mut self, edge: &DepEdge, present: bool, at: Stamp) {
        let key = DepKey::from(edge);
        self.deps.get_or_default(key).write(present, at);
    }

    pub(in crate::domain) fn task_mut(&mut self, uid: TaskUid, at: Stamp) -> &mut Task {
        let task = self.tasks.get_or_default(uid);
        task.updated = task.updated.max(at);
        task
    }

    fn session_mut(&mut self, uid: SessionUid) -> &mut Session {
        self.sessions.entry(uid).or_default()
    }

    fn review_mut(&mut self, uid: ReviewUid) -> &mut Review {
        self.reviews.entry(uid).or_default()
    }

    fn escalation_mut(&mut self, uid: EscalationUid) -> &mut Escalation {
        self.escalations.entry(uid).or_default()
    }
}

fn write_fields(task: &mut Task, set: &TaskFields, at: Stamp) {
    macro_rules! write {
        ($to:expr; $($field:ident),+) => { $(
            if let Some(value) = &set.$field {
                $to.$field.write(value.clone(), at);
            }
        )+ };
    }
    write!(task; title, body, kind);
    write!(
        task.details;
        complexity, deliverable, acceptance, assignee, due, defer_until, external_ref, agent,
        held_by, budget, milestone, estimate_minutes
    );
    if let Some(priority) = set.priority {
        task.priority.write(Some(priority), at);
    }
    for (name, value) in &set.extra {
        task.details
            .extra
            .entry(name.clone())
            .or_default()
            .write(value.clone(), at);
    }
}
