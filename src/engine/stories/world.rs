//! A small world: a clock that is set by hand, records that are numbered, and a policy.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::domain::dep::DepKind;
use crate::domain::escalation::Trigger;
use crate::domain::ids::{
    EscalationUid, Oid, RecordId, ReviewUid, SessionUid, TaskNumber, TaskUid,
};
use crate::domain::policy::*;
use crate::domain::record::*;
use crate::domain::session::{FailureClass, Outcome, RunnerIdentity};
use crate::domain::state::{Index, State};
use crate::domain::time::{DurationMs, Hlc, Timestamp};
use crate::engine::facts::Facts;
use crate::engine::plan::{ClaimPlan, Limits, Plan, plan, settle};
use crate::engine::ready::Board;
use crate::engine::why::Why;

/// 2026-11-21T08:00:00Z
pub(super) const START: Timestamp = Timestamp(1_795_248_000_000);

pub(super) fn oid(n: u8) -> Oid {
    format!("{n:02x}").repeat(20).parse().unwrap()
}

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) state: State,
    pub(super) policy: Policy,
    pub(super) facts: Facts,
    pub(super) limits: Limits,
    made: u128,
    numbers: u32,
}

pub(super) fn agent(name: &str) -> AgentSpec {
    AgentSpec {
        model: Some(format!("{name}-model")),
        max_parallel: 8,
        sandbox: SandboxMode::Off,
        ..AgentSpec::usual(name, AgentKind::Demo)
    }
}

pub(super) fn policy() -> Policy {
    Policy {
        state: StatePolicy {
            branch: "fleet/state".into(),
            push: PushMode::Auto,
            push_timeout: DurationMs::secs(3),
        },
        base_branch: "main".into(),
        remote: "origin".into(),
        forge: ForgePolicy {
            kind: ForgeKind::Local,
            base_url: String::new(),
            repo: None,
            token_env: "GITHUB_TOKEN".into(),
            draft: true,
            labels: Vec::new(),
            reviewers: Vec::new(),
            app: None,
            max_calls: 10,
        },
        agents: BTreeMap::from([("ann".to_owned(), agent("ann"))]),
        roles: BTreeMap::new(),
        routes: vec![Route::default()],
        weights: Weights::default(),
        tick: TickPolicy {
            max_parallel: 8,
            max_claims: 8,
            time_budget: DurationMs::mins(30),
        },
        leases: LeasePolicy {
            lease: DurationMs::mins(30),
            lock: DurationMs::mins(30),
            skew_allowance: DurationMs::mins(2),
        },
        retry: RetryPolicy {
            max_attempts: 3,
            backoff: [1, 5, 15].map(DurationMs::mins).to_vec(),
            max_escalations: 3,
            max_review_rounds: 3,
        },
        review: ReviewPolicy::default(),
        budget: BudgetPolicy::default(),
        prices: Default::default(),
        diff: DiffPolicy {
            protected: Vec::new(),
            max_files: 100,
            max_bytes: 4 << 20,
        },
        verify: Vec::new(),
        sandbox: SandboxPolicy::default(),
        unblock_on: UnblockOn::Merge,
        admit_subtasks: false,
        sparse_workspaces: false,
        intake: crate::domain::policy::IntakePolicy::default(),
        archive: crate::domain::policy::ArchivePolicy::default(),
        providers: ProviderSpec::known(),
        secret_env: Vec::new(),
    }
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: START,
            state: State::default(),
            policy: policy(),
            facts: Facts {
                base: Some(oid(0xba)),
                ..Facts::default()
            },
            limits: Limits::default(),
            made: 0,
            numbers: 0,
        }
    }
}

pub(super) fn record_of(made: &mut u128, state_clock: Hlc, now: Timestamp, op: Op) -> Record {
    *made += 1;
    Record {
        v: RECORD_VERSION,
        // As a UUIDv7: the time, then what tells records of one moment apart.
        id: RecordId(Uuid::from_u128((u128::from(now.0) << 80) | *made)),
        ts: state_clock.next(now),
        by: "human:zoe".into(),
        run: "test".into(),
        op,
    }
}

impl World {
    pub(super) fn write(&mut self, op: Op) -> RecordId {
        let record = record_of(&mut self.made, self.state.clock, self.now, op);
        self.state.apply(&record);
        record.id
    }

    pub(super) fn pass(&mut self, minutes: u64) {
        self.now = self.now.plus(DurationMs::mins(minutes));
    }

    pub(super) fn index(&self) -> Index {
        self.state.index()
    }

    pub(super) fn add(&mut self, set: TaskAdded) -> TaskUid {
        self.numbers += 1;
        let n = TaskNumber::new(self.numbers);
        let id = self.write(Op::TaskAdded(TaskAdded {
            n: set.n.or(n),
            admitted: true,
            ..set
        }));
        TaskUid::created_by(id)
    }

    pub(super) fn task(&mut self, paths: &[&str]) -> TaskUid {
        self.add(TaskAdded {
            paths: paths.iter().map(|&p| p.to_owned()).collect(),
            ..TaskAdded::default()
        })
    }

    pub(super) fn set(&mut self, task: TaskUid, set: TaskFields) {
        self.write(Op::TaskUpdated(TaskUpdated::of(task, set)));
    }

    pub(super) fn dep(&mut self, from: TaskUid, kind: DepKind, to: TaskUid) {
        self.write(Op::DepAdded(DepEdge { from, to, kind }));
    }

    pub(super) fn close(&mut self, task: TaskUid, outcome: CloseOutcome) {
        let reason = String::new();
        self.write(Op::TaskClosed(TaskClosed {
            task,
            outcome,
            reason,
        }));
    }

    pub(super) fn whys(&self, task: TaskUid) -> Vec<Why> {
        let index = self.index();
        Board::new(&self.state, &index, &self.policy, self.now).whys(task)
    }

    pub(super) fn ready(&self) -> Vec<TaskUid> {
        let index = self.index();
        Board::new(&self.state, &index, &self.policy, self.now).ready()
    }

    /// Words of the reasons, one string.
    pub(super) fn said(&self, task: TaskUid) -> String {
        let whys: Vec<_> = self.whys(task).iter().map(Why::to_string).collect();
        whys.join("; ")
    }

    pub(super) fn plan(&self) -> Plan {
        plan(
            &self.state,
            &self.index(),
            &self.facts,
            &self.policy,
            &self.limits,
            self.now,
        )
    }

    /// Writes what the outside decided, and returns the plan with the records.
    pub(super) fn settle(&mut self) -> (Plan, Vec<Record>) {
        let mut index = self.index();
        let mut clock = self.state.clock;
        let (now, made) = (self.now, &mut self.made);
        settle(
            &mut self.state,
            &mut index,
            &self.facts,
            &self.policy,
            &self.limits,
            now,
            &mut |op, by| {
                let mut record = record_of(made, clock, now, op);
                if let Some(by) = by {
                    by.clone_into(&mut record.by);
                }
                clock = record.ts;
                record
            },
        )
    }

    /// The names of the operations that reconciling writes.
    pub(super) fn settled(&mut self) -> Vec<String> {
        let (_, records) = self.settle();
        records.iter().map(|r| r.op.name().to_owned()).collect()
    }

    /// Writes a claim as the tick does, with its lock.
    pub(super) fn claim(&mut self, plan: &ClaimPlan) -> SessionUid {
        let session = SessionUid::created_by(self.write(Op::SessionClaimed(SessionClaimed {
            task: plan.task,
            attempt: plan.attempt,
            nonce: format!("{:x}", self.made),
            agent: plan.routed.agent.clone(),
            model: plan.routed.model.clone(),
            role: plan.routed.role.clone(),
            route: plan.routed.route_name.clone(),
            provider: plan.routed.provider.clone(),
            runner: RunnerIdentity {
                host: "builder".into(),
                pid: 71,
                ..RunnerIdentity::default()
            },
            base: plan.base.clone(),
            branch: plan.branch.clone(),
            continues: plan.continues.clone(),
            lease_until: plan.lease_until,
            addresses: plan.addresses(),
            onto: None,
            merges: None,
        })));
        if !plan.globs.is_empty() {
            self.write(Op::LockAcquired(LockAcquired {
                session,
                task: plan.task,
                globs: plan.globs.clone(),
                until: plan.lock_until,
            }));
        }
        session
    }

    /// Claims the one task that must be claimable.
    pub(super) fn start(&mut self, task: TaskUid) -> SessionUid {
        let (plan, _) = self.settle();
        let claim = plan.claims.iter().find(|c| c.task == task);
        let claim = claim
            .unwrap_or_else(|| panic!("waits: {}", self.said(task)))
            .clone();
        self.claim(&claim)
    }

    pub(super) fn finish(
        &mut self,
        session: SessionUid,
        outcome: Outcome,
        head: Option<Oid>,
        paths: &[&str],
    ) {
        if let Some(head) = &head {
            let (claim, _) = self.state.sessions[&session].claim.clone().unwrap();
            let branch = claim.branch.unwrap();
            self.facts.branches.insert(branch, Some(head.clone()));
        }
        self.write(Op::SessionFinished(SessionFinished {
            session,
            outcome,
            summary: "what was seen".into(),
            head,
            paths: paths.iter().map(|&p| p.to_owned()).collect(),
            verify: Vec::new(),
            agent_session: None,
            model: None,
            usage: crate::domain::money::Usage::default(),
            cost: None,
            cost_source: Default::default(),
            duration_ms: 1,
            sandbox: String::new(),
            journal: None,
        }));
        self.write(Op::LockReleased(LockReleased { session }));
    }

    pub(super) fn fail(&mut self, task: TaskUid, class: FailureClass) {
        let session = self.start(task);
        self.finish(session, Outcome::Failed { class }, None, &[]);
    }

    /// Runs a task to an open review of `head`.
    pub(super) fn in_review(
        &mut self,
        task: TaskUid,
        head: u8,
        paths: &[&str],
    ) -> (SessionUid, ReviewUid) {
        let session = self.start(task);
        self.finish(session, Outcome::Succeeded, Some(oid(head)), paths);
        (session, self.open_review(task, session, head))
    }

    pub(super) fn open_review(
        &mut self,
        task: TaskUid,
        session: SessionUid,
        head: u8,
    ) -> ReviewUid {
        let branch = format!("agent/{}", self.state.name_of(task));
        ReviewUid::created_by(self.write(Op::ReviewOpened(ReviewOpened {
            task,
            session,
            forge: "local".into(),
            number: Some(9),
            url: None,
            branch,
            base_branch: "main".into(),
            head: oid(head),
        })))
    }

    pub(super) fn ask(&mut self, task: TaskUid, trigger: Trigger) -> EscalationUid {
        EscalationUid::created_by(self.write(Op::EscalationOpened(EscalationOpened {
            task,
            session: None,
            agent: None,
            trigger,
            context: "which colour?".into(),
            options: Vec::new(),
        })))
    }

    pub(super) fn answer(&mut self, escalation: EscalationUid, answer: &str) -> RecordId {
        self.write(Op::EscalationAnswered(EscalationAnswered {
            escalation,
            answer: answer.to_owned(),
        }))
    }

    /// Open questions of a task, by trigger.
    pub(super) fn open_questions(&self, task: TaskUid) -> Vec<(EscalationUid, Trigger)> {
        self.state
            .escalations
            .iter()
            .filter(|(_, e)| e.is_open())
            .filter_map(|(uid, e)| Some((*uid, &e.opened.as_ref()?.0)))
            .filter(|(_, o)| o.task == task)
            .map(|(uid, o)| (uid, o.trigger))
            .collect()
    }
}
