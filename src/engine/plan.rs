//! The plan of a tick: what the outside decided, who starts what, which reviews are opened, and
//! why the rest waits.

use std::collections::BTreeMap;

use crate::domain::ids::{Oid, RecordId, TaskNumber, TaskUid};
use crate::domain::policy::Policy;
use crate::domain::record::{Op, Record};
use crate::domain::review::FeedbackKind;
use crate::domain::state::{Index, State};
use crate::domain::task::Deliverable;
use crate::domain::time::Timestamp;
use crate::engine::branch::branch_stand;
use crate::engine::budget::{Bearer, Ledger};
use crate::engine::facts::Facts;
use crate::engine::history::{Answer, Failure, History};
use crate::engine::overlap::{Pattern, first_overlap, patterns_of};
use crate::engine::ready::Board;
use crate::engine::reconcile::{ReviewPlan, reconcile};
use crate::engine::routing::{Load, Routed, Router};
use crate::engine::stack::{Target, target};
use crate::engine::why::Why;

/// Limits of this tick, from the command line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Limits {
    /// Most claims; the policy's `tick.max_claims` if absent or greater.
    pub max: Option<u32>,
    /// Only these tasks may start; empty = all.
    pub only: Vec<TaskUid>,
}

/// Feedback that an attempt takes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// Its record, for `session.claimed.addresses`.
    pub record: RecordId,
    /// What kind.
    pub kind: FeedbackKind,
    /// Comments or log, from outside: data, not instructions.
    pub text: String,
}

/// An attempt to claim. The claimer adds nonce, runner and ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPlan {
    /// Which task.
    pub task: TaskUid,
    /// Its number.
    pub number: TaskNumber,
    /// Number of the attempt.
    pub attempt: u32,
    /// Agent, model, role, and the score with its parts.
    pub routed: Routed,
    /// Head of the base branch.
    pub base: Oid,
    /// Branch to push, for a deliverable that has one.
    pub branch: Option<String>,
    /// Recorded head that the attempt continues from; none = the branch must not exist.
    pub continues: Option<Oid>,
    /// Branch that the work is to be merged into, if not the configured base branch.
    pub onto: Option<String>,
    /// Commit of that branch which is merged into the task's own before the agent begins.
    pub merges: Option<Oid>,
    /// Globs to lock: the task's paths.
    pub globs: Vec<String>,
    /// End of the lease.
    pub lease_until: Timestamp,
    /// End of the lock.
    pub lock_until: Timestamp,
    /// Feedback to work in.
    pub feedback: Vec<Feedback>,
    /// Commands that asked for it.
    pub asked: Vec<RecordId>,
    /// Answers to work in.
    pub answers: Vec<Answer>,
    /// Failures so far, oldest first, for the prompt.
    pub failures: Vec<Failure>,
}

impl ClaimPlan {
    /// Records of feedback, commands and answers that it takes up.
    #[must_use]
    pub fn addresses(&self) -> Vec<RecordId> {
        let feedback = self.feedback.iter().map(|f| f.record);
        feedback
            .chain(self.asked.iter().copied())
            .chain(self.answers.iter().map(|a| a.record))
            .collect()
    }

    /// Commit that the workspace starts from.
    #[must_use]
    pub const fn start(&self) -> &Oid {
        match &self.continues {
            Some(head) => head,
            None => &self.base,
        }
    }
}

/// Everything that a tick is to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Records that write down what the outside decided. While there are any, `claims` is empty:
    /// claims are decided on the state that holds them (see [`settle`]).
    pub ops: Vec<Op>,
    /// Who said it, for operations that write down what a person said, by their place in `ops`.
    pub authors: BTreeMap<usize, String>,
    /// Attempts to claim, best first.
    pub claims: Vec<ClaimPlan>,
    /// Reviews to open or bring up to date.
    pub reviews: Vec<ReviewPlan>,
    /// Open tasks that do not start, with the reasons (at least the first one).
    pub waits: Vec<(TaskUid, Vec<Why>)>,
    /// Sentences for the report.
    pub notes: Vec<String>,
}

impl Plan {
    /// True if there is nothing to write, to start or to open.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.ops.is_empty() && self.claims.is_empty() && self.reviews.is_empty()
    }

    /// True if a budget is what keeps tasks back (exit code 11).
    #[must_use]
    pub fn stopped_by_budget(&self) -> bool {
        self.waits
            .iter()
            .any(|(_, whys)| whys.iter().any(Why::is_budget))
    }
}

/// Plans a tick on one state.
#[must_use]
pub fn plan(
    state: &State,
    index: &Index,
    facts: &Facts,
    policy: &Policy,
    limits: &Limits,
    now: Timestamp,
) -> Plan {
    let seen = reconcile(state, index, facts, policy, now);
    let mut plan = Plan {
        ops: seen.ops,
        authors: seen.authors,
        reviews: seen.reviews,
        notes: seen.notes,
        ..Plan::default()
    };
    if plan.ops.is_empty() {
        let board = Board::new(state, index, policy, now);
        Claimer::new(&board, facts, limits).fill(&mut plan);
    }
    plan
}

/// Rounds after which reconciling must have come to rest.
const MAX_ROUNDS: usize = 8;

/// Applies what the outside decided until nothing is left, then plans the rest on that state.
///
/// `make` turns an operation into a record (ids, stamps and authors are the caller's; it is told
/// the person, where one said it). The records
/// are returned to be published together with the claims; `state` and `index` hold them already.
pub fn settle(
    state: &mut State,
    index: &mut Index,
    facts: &Facts,
    policy: &Policy,
    limits: &Limits,
    now: Timestamp,
    make: &mut dyn FnMut(Op, Option<&str>) -> Record,
) -> (Plan, Vec<Record>) {
    let mut records = Vec::new();
    for _ in 0..MAX_ROUNDS {
        let mut plan = plan(state, index, facts, policy, limits, now);
        if plan.ops.is_empty() {
            return (plan, records);
        }
        for (at, op) in std::mem::take(&mut plan.ops).into_iter().enumerate() {
            let record = make(op, plan.authors.get(&at).map(String::as_str));
            state.apply(&record);
            records.push(record);
        }
        *index = state.index();
    }
    let mut last = plan(state, index, facts, policy, limits, now);
    last.ops.clear();
    last.authors.clear();
    last.notes.push(
        "the facts and the records do not agree after 8 rounds; nothing was started. \
         Run `fleet doctor`"
            .to_owned(),
    );
    (last, records)
}

struct Claimer<'a> {
    board: &'a Board<'a>,
    facts: &'a Facts,
    limits: &'a Limits,
    ledger: Ledger,
    load: Load,
    /// Paths of the claims made so far.
    taken: Vec<(TaskUid, Vec<Pattern>)>,
}

impl<'a> Claimer<'a> {
    fn new(board: &'a Board<'a>, facts: &'a Facts, limits: &'a Limits) -> Self {
        Self {
            board,
            facts,
            limits,
            ledger: Ledger::of(board.state, board.policy, board.now),
            load: Load::of(board, facts),
            taken: Vec::new(),
        }
    }

    fn fill(mut self, plan: &mut Plan) {
        let (ready, held) = self.board.sort_out();
        plan.waits = held
            .into_iter()
            .map(|(uid, why)| (uid, vec![why]))
            .collect();
        let router = Router::new(self.board, &ready);
        for uid in router.order(&ready) {
            match self.claim(&router, uid, plan.claims.len() as u32) {
                Ok(claim) => plan.claims.push(claim),
                Err(whys) => plan.waits.push((uid, whys)),
            }
        }
    }

    fn claim(
        &mut self,
        router: &Router<'_>,
        uid: TaskUid,
        made: u32,
    ) -> Result<ClaimPlan, Vec<Why>> {
        let (state, policy) = (self.board.state, self.board.policy);
        self.limit(uid, made)?;
        let number = state.number_of(uid).ok_or_else(|| vec![Why::Unpublished])?;
        let base = self.facts.base.clone().ok_or_else(|| vec![Why::NoBase])?;
        let target = target(state, self.board.index, self.facts, policy, uid);
        let target = target.map_err(|why| vec![why])?;
        let history = History::of(state, self.board.index, uid);
        self.load.look_at_budgets(self.board, &self.ledger);
        let routed = router.route(uid, history.next_attempt, &self.load)?;
        let bearer = Bearer {
            task: uid,
            agent: &routed.agent,
            provider: routed.provider.as_deref(),
            route: routed.route_name.as_deref(),
        };
        if let Some(why) = self.ledger.stops_with(policy, bearer) {
            return Err(vec![why]);
        }
        let patterns = patterns_of(state, uid);
        for (other, theirs) in &self.taken {
            if let Some((ours, _)) = first_overlap(&patterns, theirs) {
                return Err(vec![Why::OverlapsClaim {
                    glob: ours.text.clone(),
                    task: state.name_of(*other),
                }]);
            }
        }
        let stand = branch_stand(state, self.board.index, self.facts, uid);
        let delivers = state.tasks[&uid].details.deliverable.value;
        let wants_branch = delivers == Deliverable::Pr && !history.wants_parts();
        let continues = stand.filter(|_| wants_branch).and_then(|s| s.continues());
        let merges = self.merges(&history, &routed, &target);
        let now = self.board.now;
        self.ledger.reserve(policy, bearer);
        *self.load.running.entry(routed.agent.clone()).or_default() += 1;
        self.taken.push((uid, patterns));
        Ok(ClaimPlan {
            task: uid,
            number,
            attempt: history.next_attempt,
            routed,
            base: target.head.unwrap_or(base),
            onto: target.onto.filter(|_| wants_branch),
            merges: merges.filter(|_| continues.is_some()),
            branch: wants_branch.then(|| format!("agent/{number}")),
            continues,
            globs: state.tasks[&uid].paths.iter().map(str::to_owned).collect(),
            lease_until: now.plus(policy.leases.lease),
            lock_until: now.plus(policy.leases.lock),
            // Who proposes parts changes nothing: what is asked of the work stays open.
            feedback: history
                .feedback
                .iter()
                .filter(|_| !history.wants_parts())
                .map(|(record, feedback)| Feedback {
                    record: *record,
                    kind: feedback.kind,
                    text: feedback.text.clone(),
                })
                .collect(),
            asked: history.asked.iter().map(|(record, _)| *record).collect(),
            answers: history.answers,
            failures: history.failures,
        })
    }

    /// What is merged into the branch before the agent begins, where it no longer merges by itself.
    /// A service works in a place of its own, and is told instead.
    fn merges(&self, history: &History<'_>, routed: &Routed, target: &Target) -> Option<Oid> {
        let mut feedback = history.feedback.iter();
        let conflict = feedback.any(|(_, f)| f.kind == FeedbackKind::Conflict);
        let agent = self.board.policy.agents.get(&routed.agent);
        let elsewhere = agent.is_some_and(|agent| agent.kind.service().is_some());
        target.head.clone().filter(|_| conflict && !elsewhere)
    }

    /// Limits of the tick and the budgets.
    fn limit(&self, uid: TaskUid, made: u32) -> Result<(), Vec<Why>> {
        if !self.limits.only.is_empty() && !self.limits.only.contains(&uid) {
            return Err(vec![Why::NotSelected]);
        }
        let policy = self.board.policy;
        let max = policy
            .tick
            .max_claims
            .min(self.limits.max.unwrap_or(u32::MAX));
        if made >= max {
            return Err(vec![Why::TickFull { max }]);
        }
        let max = policy.tick.max_parallel;
        if self.load.total() >= max {
            return Err(vec![Why::AllBusy { max }]);
        }
        match self.ledger.stops(policy, uid) {
            Some(why) => Err(vec![why]),
            None => Ok(()),
        }
    }
}
