//! Readiness: which tasks may start, and every reason of those that may not (DESIGN §5).
//!
//! Agents, budgets and limits of a tick are not looked at here; `plan` adds them.

mod blockers;
mod holds;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::domain::dep::DepKind;
use crate::domain::halves::{WORTH, side_by_side};
use crate::domain::ids::TaskUid;
use crate::domain::policy::Policy;
use crate::domain::state::{DepKey, Index, State};
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::engine::admission::admission_hash;
use crate::engine::history::History;
use crate::engine::holdings::Holdings;
use crate::engine::retry::{self, Verdict};
use crate::engine::why::Why;

pub use blockers::gate_state;

/// How many reasons are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Whether there is one, and which.
    First,
    /// All, but of several blockers the first: enough to tell the phase.
    Kinds,
    /// All.
    All,
}

/// Tasks from this identity on, up to another.
pub(super) type Part = (TaskUid, Bound<TaskUid>);

/// All of them.
const ALL: Part = (TaskUid::LEAST, Bound::Unbounded);

/// One reading of the state at one time, prepared so that every question costs little.
#[derive(Debug)]
pub struct Board<'a> {
    /// The state.
    pub state: &'a State,
    /// Its reverse lookups.
    pub index: &'a Index,
    /// The policy.
    pub policy: &'a Policy,
    /// The time of the reading.
    pub now: Timestamp,
    /// What locks and reviews hold.
    pub holdings: Holdings,
    /// Open parts of a task: the first, and how many.
    children: BTreeMap<TaskUid, (TaskUid, usize)>,
    /// Parents of a task.
    parents: BTreeMap<TaskUid, Vec<TaskUid>>,
    /// Parents that hold their parts back: who really is held, and why.
    held: BTreeMap<TaskUid, (TaskUid, Why)>,
}

impl<'a> Board<'a> {
    /// Prepares a reading.
    #[must_use]
    pub fn new(state: &'a State, index: &'a Index, policy: &'a Policy, now: Timestamp) -> Self {
        let mut board = Self {
            state,
            index,
            policy,
            now,
            holdings: Holdings::at(state, index, now),
            children: BTreeMap::new(),
            parents: BTreeMap::new(),
            held: BTreeMap::new(),
        };
        for key in state.live_deps() {
            if key.kind != DepKind::ParentChild {
                continue;
            }
            board.parents.entry(key.from).or_default().push(key.to);
            if state.tasks.get(&key.from).is_some_and(Task::is_open) {
                board.children.entry(key.to).or_insert((key.from, 0)).1 += 1;
            }
        }
        board.hold_parents();
        board
    }

    /// Spreads the hold of a parent over its whole family, each edge once.
    fn hold_parents(&mut self) {
        let parents: BTreeSet<TaskUid> = self.parents.values().flatten().copied().collect();
        let mut todo = Vec::new();
        for uid in parents {
            if let Some(why) = self.own_hold(uid) {
                self.held.insert(uid, (uid, why.clone()));
                todo.push((uid, uid, why));
            }
        }
        let index = self.index;
        while let Some((parent, source, why)) = todo.pop() {
            let parts = index.deps_to(parent);
            for key in parts.filter(|key| key.kind == DepKind::ParentChild) {
                if self.children.contains_key(&key.from) && !self.held.contains_key(&key.from) {
                    self.held.insert(key.from, (source, why.clone()));
                    todo.push((key.from, source, why.clone()));
                }
            }
        }
    }

    /// Why a parent holds its parts back by itself: blocked or deferred.
    fn own_hold(&self, uid: TaskUid) -> Option<Why> {
        let task = self.state.tasks.get(&uid).filter(|task| task.is_open())?;
        if let Some(until) = self.deferred(task) {
            return Some(Why::Deferred { until });
        }
        let deps: Vec<_> = self.state.deps_from(uid).collect();
        let mut whys = Vec::new();
        self.add_blockers(&deps, true, &mut whys);
        whys.pop()
    }

    fn deferred(&self, task: &Task) -> Option<Timestamp> {
        let until = task.details.defer_until.value;
        until.filter(|until| *until > self.now)
    }

    /// Tasks that may start now, by identity.
    #[must_use]
    pub fn ready(&self) -> Vec<TaskUid> {
        let parts = self.in_parts(|part| {
            let mut ready = Vec::new();
            self.walk(part, |uid, task, deps| {
                // Most that are not ready are blocked: seen without making words for it.
                let blocked = deps.iter().any(|key| self.blocks(key).is_some());
                if !blocked && self.reasons(uid, task, deps, Depth::First).is_empty() {
                    ready.push(uid);
                }
            });
            ready
        });
        parts.concat()
    }

    /// All open tasks in one pass: those that may start, and the others with their first reason.
    #[must_use]
    pub fn sort_out(&self) -> (Vec<TaskUid>, Vec<(TaskUid, Why)>) {
        let (mut ready, mut held) = (Vec::new(), Vec::new());
        self.walk(ALL, |uid, task, deps| {
            let whys = self.reasons(uid, task, deps, Depth::First);
            match whys.into_iter().next() {
                None => ready.push(uid),
                Some(why) => held.push((uid, why)),
            }
        });
        (ready, held)
    }

    /// What is to be said of all tasks, in one part or, where there are many, in two at the same time.
    pub(super) fn in_parts<R: Send>(&self, work: impl Fn(Part) -> R + Sync) -> Vec<R> {
        let tasks = &self.state.tasks;
        let middle = tasks.keys().nth(tasks.len() / 2);
        match middle.filter(|_| tasks.len() >= WORTH) {
            None => vec![work(ALL)],
            Some(middle) => {
                let first = (TaskUid::LEAST, Bound::Excluded(*middle));
                let second = (*middle, Bound::Unbounded);
                let (first, second) = side_by_side(|| work(first), || work(second));
                vec![first, second]
            }
        }
    }

    /// Visits every open task of a part with its edges.
    fn walk(&self, part: Part, mut visit: impl FnMut(TaskUid, &'a Task, &[DepKey])) {
        self.walk_all(part, |uid, task, deps| {
            if task.is_open() {
                visit(uid, task, deps);
            }
        });
    }

    /// Visits every task of a part with its edges.
    pub(super) fn walk_all(&self, part: Part, mut visit: impl FnMut(TaskUid, &'a Task, &[DepKey])) {
        let (first, end) = part;
        let mut deps = self.state.live_deps_since(first).peekable();
        let mut own: Vec<DepKey> = Vec::new();
        for (uid, task) in self.state.tasks.range(first, end) {
            // Tasks and edges are in the same order, so both are walked together.
            own.clear();
            while let Some(key) = deps.next_if(|key| key.from <= *uid) {
                if key.from == *uid {
                    own.push(key);
                }
            }
            visit(*uid, task, &own);
        }
    }

    /// Every reason why `uid` does not start now; empty = it may.
    #[must_use]
    pub fn whys(&self, uid: TaskUid) -> Vec<Why> {
        let Some(task) = self.state.tasks.get(&uid) else {
            return vec![Why::NotAdded];
        };
        let deps: Vec<_> = self.state.deps_from(uid).collect();
        self.reasons(uid, task, &deps, Depth::All)
    }

    /// Reasons why the task does not start, as many as are wanted.
    pub(super) fn reasons(
        &self,
        uid: TaskUid,
        task: &Task,
        deps: &[DepKey],
        depth: Depth,
    ) -> Vec<Why> {
        if let Some(outcome) = task.outcome() {
            return vec![Why::Closed { outcome }];
        }
        if task.added.is_none() {
            return vec![Why::NotAdded];
        }
        let first = depth == Depth::First;
        let mut whys = Vec::new();
        self.add_own(uid, task, &mut whys);
        if first && !whys.is_empty() {
            return whys;
        }
        self.add_blockers(deps, depth != Depth::All, &mut whys);
        self.add_parents(uid, &mut whys);
        if first && !whys.is_empty() {
            return whys;
        }
        self.add_work(uid, &mut whys);
        if first && !whys.is_empty() {
            return whys;
        }
        self.add_holds(uid, task, &mut whys);
        whys
    }

    fn add_own(&self, uid: TaskUid, task: &Task, whys: &mut Vec<Why>) {
        if !task.admitted.value {
            whys.push(Why::NotAdmitted);
        } else if let Some(admitted) = &task.details.admitted_sha256.value
            && *admitted != admission_hash(task)
        {
            // An empty one takes back what was admitted.
            whys.push(if admitted.is_empty() {
                Why::NotAdmitted
            } else {
                Why::AdmittedTextChanged
            });
        }
        if let Some(by) = &task.details.held_by.value {
            whys.push(Why::Held { by: by.clone() });
        }
        if let Some(until) = self.deferred(task) {
            whys.push(Why::Deferred { until });
        }
        self.add_gates(task, whys);
        if let Some(who) = &task.details.assignee.value {
            whys.push(Why::AssignedToHuman { who: who.clone() });
        }
        if let Some((child, count)) = self.children.get(&uid) {
            whys.push(Why::OpenChildren {
                first: self.state.name_of(*child),
                count: *count,
            });
        }
    }

    fn add_parents(&self, uid: TaskUid, whys: &mut Vec<Why>) {
        if self.held.is_empty() {
            return;
        }
        let parents = self.parents.get(&uid).into_iter().flatten();
        if let Some((source, why)) = parents.filter_map(|p| self.held.get(p)).next() {
            whys.push(Why::ParentHeld {
                parent: self.state.name_of(*source),
                why: Box::new(why.clone()),
            });
        }
    }

    /// Reasons from attempts, questions and reviews.
    fn add_work(&self, uid: TaskUid, whys: &mut Vec<Why>) {
        let history = History::of(self.state, self.index, uid);
        if let Some(session) = history.holder {
            let held = &self.state.sessions[&session];
            let until = held.lease_until.value;
            whys.push(Why::Running {
                session,
                attempt: held.attempt(),
                agent: held
                    .claim
                    .as_ref()
                    .map_or_else(String::new, |(claim, _)| claim.agent.clone()),
                lease_until: until,
                expired: until.plus(self.policy.leases.skew_allowance) < self.now,
            });
        }
        for (escalation, trigger) in &history.open {
            whys.push(Why::NeedsAnswer {
                escalation: *escalation,
                trigger: *trigger,
            });
        }
        if let Some((review, open)) = history.open_review()
            && !history.wants_work()
        {
            whys.push(Why::InReview {
                review,
                number: open.opened.as_ref().and_then(|(o, _)| o.number),
            });
        }
        if let Some((session, _)) = history.unreviewed(self.state) {
            whys.push(Why::ReviewPending { session });
        }
        match retry::verdict(&history, self.policy, self.now) {
            Verdict::Go => {}
            Verdict::Later { until, failures } => whys.push(Why::BackOff { until, failures }),
            // The next tick asks a human; until then it is simply not ready.
            Verdict::Exhausted { failures: n }
            | Verdict::Unlucky { failures: n }
            | Verdict::AsksTooOften { questions: n }
            | Verdict::TooManyRounds { rounds: n }
            | Verdict::ChecksKeepFailing { repairs: n } => {
                if history.open.is_empty() {
                    whys.push(Why::OutOfAttempts { failures: n });
                }
            }
        }
    }
}
