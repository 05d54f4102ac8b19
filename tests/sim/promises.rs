//! What must hold, at once and after each step.

use std::collections::BTreeMap;

use fleet::domain::dep::DepKind;
use fleet::domain::escalation::Trigger;
use fleet::domain::ids::{Oid, SessionUid, TaskUid};
use fleet::domain::money::MicroUsd;
use fleet::domain::policy::UnblockOn;
use fleet::domain::record::CloseOutcome;
use fleet::domain::session::Outcome;
use fleet::domain::state::State;
use fleet::domain::time::DurationMs;
use fleet::engine::overlap::Pattern;
use fleet::ports::code_repo::MergeFacts;
use fleet::ports::forge::ForgeState;
use fleet::ports::lease::Lease;
use fleet::ports::state_repo::RefChange;

use crate::sim::agent::PART;
use crate::sim::code::{Code, Commit, HUGE, LEAK, MARKS};
use crate::sim::policies::{PER_SESSION, SLICE_COST, TOTAL};
use crate::sim::process::Process;
use crate::sim::world::Sim;

impl Sim {
    pub(crate) fn agent_branches(&self) -> BTreeMap<String, Oid> {
        let names = self.branches.lock().unwrap();
        let at = |name: &String| {
            let oid = self.remote.ref_at(&format!("refs/heads/{name}"))?;
            Some((name.clone(), oid))
        };
        names.iter().filter_map(at).collect()
    }

    /// A branch of an agent moved, together with the state; `before` is the state that the push was
    /// decided on, because it named that one's tip.
    pub(crate) fn branch_moved(&self, before: &State, moved: &RefChange) {
        let name = moved.name.trim_start_matches("refs/heads/").to_owned();
        if self.remote.ref_at(&moved.name).as_ref() != Some(&moved.new) {
            return;
        }
        self.branches.lock().unwrap().insert(name.clone());
        self.pulls.lock().unwrap().follow(&name, &moved.new);
        let code = self.code.lock().unwrap();
        if let Some(old) = &moved.expected
            && !code.contains(&moved.new, old)
        {
            self.breaks(format!(
                "r10: {name} was rewritten: {} is lost",
                old.short()
            ));
        }
        self.may_be_pushed(&code.commits[&moved.new], &code, &name);
        drop(code);
        let state = self.state();
        let pushed = state
            .sessions
            .iter()
            .find(|(_, s)| s.head() == Some(&moved.new));
        if let Some((session, known)) = pushed
            && let Some((claim, _)) = &known.claim
            && before.index().lease_holder(before, claim.task) != Some(*session)
        {
            self.breaks(format!(
                "i2: {name} was pushed by an attempt that was superseded"
            ));
        }
    }

    /// The work itself: that there is any, and that it keeps the rules of diffs.
    fn may_be_pushed(&self, commit: &Commit, code: &Code, name: &str) {
        let [parent] = commit.parents.as_slice() else {
            return;
        };
        let before = code.files(parent);
        if before == commit.files {
            self.breaks(format!("r9: {name} was pushed without any change"));
        }
        let came = |content: u64| {
            let mut files = commit.files.iter();
            files.any(|(path, has)| *has == content && before.get(path) != Some(has))
        };
        self.goes_out("a commit", &commit.message);
        if came(LEAK) {
            self.breaks(format!("i11: {name} was pushed with a known secret"));
        }
        if came(HUGE) {
            self.breaks(format!("r3: {name} was pushed with a huge file"));
        }
        if came(MARKS) {
            self.breaks(format!("r3: {name} was pushed with marks of a conflict"));
        }
    }

    /// What a push that claims says must be true of the state that it makes.
    pub(crate) fn claims_made(&self, before: &State) {
        let state = self.state();
        let claims = state.sessions.iter().filter_map(|(uid, session)| {
            let known = before.sessions.get(uid).is_some_and(|s| s.claim.is_some());
            let (claim, _) = session.claim.as_ref().filter(|_| !known)?;
            Some((*uid, claim.task))
        });
        for (session, task) in claims {
            let name = state.name_of(task);
            if !state.tasks.get(&task).is_some_and(|t| t.is_open()) {
                self.breaks(format!("i2: {name} is closed and was claimed"));
            }
            if self.is_unproven(&state, task) && self.has_faults() {
                self.breaks(format!(
                    "r4: {name} was claimed and nobody who may admitted it"
                ));
            }
            if let Some(blocker) = self.blocker(&state, task) {
                let on = state.name_of(blocker);
                self.breaks(format!("i2: {name} was claimed while {on} blocks it"));
            }
            if let Some(part) = open_part(&state, task) {
                let part = state.name_of(part);
                self.breaks(format!(
                    "i2: {name} was claimed while its part {part} is open"
                ));
            }
            if let Some(other) = self.in_the_way(&state, session, task) {
                let by = state.name_of(other);
                self.breaks(format!("i2: {name} was claimed on paths that {by} holds"));
            }
        }
    }

    fn blocker(&self, state: &State, task: TaskUid) -> Option<TaskUid> {
        let stacked = self.policy().unblock_on == UnblockOn::Review;
        let index = state.index();
        let blocks = state
            .deps_from(task)
            .filter(|key| matches!(key.kind, DepKind::Blocks | DepKind::WaitsFor));
        let mut blocks = blocks.filter(|key| {
            // Of a task that was split, its parts are waited for, and not itself.
            let split = index.deps_to(key.to);
            let split = split.filter(|part| part.kind == DepKind::ParentChild);
            let open = if key.kind == DepKind::WaitsFor && split.count() > 0 {
                open_part(state, key.to).is_some()
            } else {
                state.tasks.get(&key.to).is_none_or(|t| t.is_open())
            };
            let mut reviews = index.reviews_of(key.to).iter();
            let shown = reviews.any(|uid| state.reviews[uid].is_open());
            open && !(stacked && shown && key.kind == DepKind::Blocks)
        });
        blocks.next().map(|key| key.to)
    }

    /// The task whose lock, or whose work in review, is on the paths of a new claim.
    fn in_the_way(&self, state: &State, session: SessionUid, task: TaskUid) -> Option<TaskUid> {
        let own: Vec<_> = state.tasks[&task].paths.iter().map(Pattern::glob).collect();
        // Clocks may be off by so much; a lock that ends soon says nothing.
        let sure = self.now().plus(DurationMs::mins(31));
        let locks = state.locks.iter().filter(|(uid, lock)| {
            let holds = state.sessions.get(uid).is_some_and(|s| s.holds_lease());
            **uid != session && lock.is_live(sure) && holds
        });
        let locked = locks.filter_map(|(_, lock)| Some((lock.task?, &lock.globs)));
        for (other, globs) in locked.filter(|(other, _)| *other != task) {
            let theirs = globs.iter().map(|glob| Pattern::glob(glob));
            if theirs
                .into_iter()
                .any(|theirs| own.iter().any(|glob| glob.overlaps(&theirs)))
            {
                return Some(other);
            }
        }
        // Stacked work is on the paths of what it stands on.
        let stacked = state.deps_from(task).next().is_some();
        let reviews = state.reviews.values().filter(|r| r.is_open() && !stacked);
        let index = state.index();
        for (opened, _) in reviews.filter_map(|review| review.opened.as_ref()) {
            let mut sessions = index.sessions_of(opened.task).iter().rev();
            let newest = sessions.find_map(|uid| {
                let (finished, _) = state.sessions[uid].finished.as_ref()?;
                finished.head.as_ref().map(|_| &finished.paths)
            });
            let mut paths = newest.into_iter().flatten();
            let meets = |path: &String| own.iter().any(|glob| glob.matches(path));
            if opened.task != task && paths.any(meets) {
                return Some(opened.task);
            }
        }
        None
    }

    pub(crate) fn run_begins(&self, process: &Process<'_>, lease: &Lease) {
        let state = self.state();
        let (task, session) = (lease.task(), lease.session());
        let holder = state.index().lease_holder(&state, task);
        let open = state.tasks.get(&task).is_some_and(|t| t.is_open());
        if state
            .sessions
            .get(&session)
            .is_none_or(|s| s.claim.is_none())
        {
            let name = state.name_of(task);
            self.breaks(format!("i3: {name} runs by a claim that was not published"));
        }
        if holder != Some(session) && open && holder.is_some() {
            self.breaks(format!(
                "i3: {} runs while another attempt holds the lease",
                state.name_of(task)
            ));
        }
        let mut running = self.running.lock().unwrap();
        if let Some((other, machine, pid)) = running.get(&task)
            && *other != session
            && self.lives(machine, *pid)
            && !is_said_dead(&state, *other)
        {
            self.breaks(format!(
                "i2: two agents work on {} at once",
                state.name_of(task)
            ));
        }
        running.insert(task, (session, process.machine.name.clone(), process.pid));
    }

    /// A plan at a service goes ahead: where its owner wants to see plans, somebody said yes.
    pub(crate) fn plan_is_approved(&self, session: SessionUid) {
        let state = self.state();
        let mut asked = state.escalations.values();
        let yes = asked.any(|asked| {
            let opened = asked.opened.as_ref().map(|(opened, _)| opened);
            asked.answer.is_some()
                && opened.is_some_and(|o| {
                    o.session == Some(session) && o.trigger == Trigger::PlanApproval
                })
        });
        if self.world.plans_wait && !yes {
            self.breaks(format!("r4: nobody approved the plan of session {session}"));
        }
    }

    pub(crate) fn run_ends(&self, lease: &Lease) {
        self.running.lock().unwrap().remove(&lease.task());
    }

    fn lives(&self, machine: &str, pid: u32) -> bool {
        let machine = self.machines.iter().find(|m| m.name == machine);
        machine.is_some_and(|m| m.alive.lock().unwrap().contains(&pid))
    }
    pub(crate) fn check(&self) {
        let state = self.state();
        for (task, number) in self.acknowledged.lock().unwrap().iter() {
            if !state.tasks.contains_key(task) {
                self.breaks(format!("i1: the acknowledged task {task} is lost"));
            }
            let now = state.number_of(*task).map(|n| n.to_string());
            if number.is_some() && now != *number {
                self.breaks(format!(
                    "i5: {number:?} was printed, the state says {now:?}"
                ));
            }
        }
        let mut held = BTreeMap::new();
        for (uid, session) in &state.sessions {
            if session.holds_lease()
                && let Some((claim, _)) = &session.claim
                && let Some(other) = held.insert(claim.task, uid)
            {
                self.breaks(format!("i2: {other} and {uid} hold the lease of one task"));
            }
        }
        self.check_records(&state);
        if self.has_faults() && self.world.capped {
            // A session is stopped at its next word: what it spent by then is its own excess.
            let spent = self.spent.lock().unwrap();
            let of_unit = |cost: &MicroUsd| cost.0.min(PER_SESSION.0);
            let all = MicroUsd(spent.values().map(of_unit).sum());
            let most = TOTAL.plus(PER_SESSION);
            if all > most {
                self.breaks(format!("i13: {all} was spent, the most is {most}"));
            }
            if spent
                .values()
                .any(|cost| *cost > PER_SESSION.plus(SLICE_COST).plus(SLICE_COST))
            {
                self.breaks(format!("i13: a session spent more than its cap: {spent:?}"));
            }
        }
        let pulls = self.pulls.lock().unwrap();
        for name in self.branches.lock().unwrap().iter() {
            if pulls.open_of(name).len() > 1 {
                self.breaks(format!("i4: {name} has two open reviews"));
            }
        }
    }

    fn check_records(&self, state: &State) {
        self.check_done(state);
        let mut titles = BTreeMap::new();
        for (uid, task) in &state.tasks {
            let title = task.title.value.as_str();
            let once = ["Do it", "Please do it", PART];
            let asked = once.iter().any(|word| title.starts_with(word));
            if asked && titles.insert(title, uid).is_some() {
                self.breaks(format!("i1: `{title}` was added once and is there twice"));
            }
        }
        if let Some((number, _)) = state.collisions().next() {
            self.breaks(format!("i5: two tasks have the number {number}"));
        }
        let mut shown = BTreeMap::new();
        for review in state.reviews.values().filter(|review| review.is_open()) {
            if let Some((opened, _)) = &review.opened
                && shown.insert(opened.task, ()).is_some()
            {
                let name = state.name_of(opened.task);
                self.breaks(format!("i4: {name} has two open reviews on record"));
            }
        }
    }

    /// Done without a branch: an attempt handed over words or parts, or all parts of it have ended.
    fn is_handed_over(&self, state: &State, task: TaskUid) -> bool {
        let index = state.index();
        let mut sessions = index
            .sessions_of(task)
            .iter()
            .map(|uid| &state.sessions[uid]);
        let words = sessions.any(|session| {
            let claim = session.claim.as_ref();
            let end = session.finished.as_ref();
            claim.is_some_and(|(claim, _)| claim.branch.is_none())
                && end.is_some_and(|(end, _)| end.outcome == Outcome::Succeeded)
        });
        let parts = index.deps_to(task);
        let parts = parts.filter(|key| key.kind == DepKind::ParentChild).count();
        words || parts > 0 && open_part(state, task).is_none()
    }

    /// What counts as done is in the base branch.
    fn check_done(&self, state: &State) {
        let index = state.index();
        let (code, pulls) = (self.code.lock().unwrap(), self.pulls.lock().unwrap());
        let mut known = self.done.lock().unwrap();
        for (uid, task) in &state.tasks {
            if task.outcome() != Some(CloseOutcome::Done) || known.contains(uid) {
                continue;
            }
            let heads = index.sessions_of(*uid).iter();
            let mut heads = heads.filter_map(|session| state.sessions[session].head());
            let mut shown = index.reviews_of(*uid).iter();
            let by_forge = shown.any(|review| {
                let opened = state.reviews[review].opened.as_ref();
                let number = opened.and_then(|(opened, _)| opened.number);
                let mut all = pulls.all.iter();
                all.any(|pull| {
                    Some(pull.number) == number && matches!(pull.state, ForgeState::Merged { .. })
                })
            });
            if self.is_handed_over(state, *uid) {
                known.insert(*uid);
                continue;
            }
            if !by_forge && !heads.any(|h| code.merge_facts(&code.base, h) == MergeFacts::Merged) {
                let name = state.name_of(*uid);
                self.breaks(format!(
                    "i7: {name} counts as done, and its work is not in the base"
                ));
            }
            known.insert(*uid);
        }
    }
}

/// A part of a task that was split, and that has not ended.
fn open_part(state: &State, task: TaskUid) -> Option<TaskUid> {
    let index = state.index();
    let mut parts = index.deps_to(task).filter(|key| {
        let open = state
            .tasks
            .get(&key.from)
            .is_some_and(|part| part.is_open());
        open && key.kind == DepKind::ParentChild
    });
    parts.next().map(|key| key.from)
}

/// A person who says that a run is dead is believed: that it goes on then is not fleet's doing.
fn is_said_dead(state: &State, session: SessionUid) -> bool {
    let released = state
        .sessions
        .get(&session)
        .and_then(|s| s.released.as_ref());
    released.is_some_and(|(why, _)| why.proof.contains("says that it is dead"))
}
