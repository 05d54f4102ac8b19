//! One session: workspace, agent, import, gates, checks, commit. Runs in a thread of its own.
//!
//! Nothing here moves a ref or writes a record: what comes out is a document.

mod failure;
mod handing;
mod merging;
mod taking;
mod watch;

use crate::app::tick::checks::{self, Verdict};
use crate::app::tick::claims::Claimed;
use crate::app::tick::documents::{ClaimDoc, CutShort, Held, ResultDoc};
use crate::app::tick::till::Till;
use crate::app::tick::work::failure::{Failure, ensure_not_stopped};
use crate::app::tick::work::handing::limit;
use crate::app::tick::work::watch::Watch;
use crate::app::tick::{World, prompt};
use crate::domain::ids::Oid;
use crate::domain::money::{CostSource, Usage};
use crate::domain::policy::AgentSpec;
use crate::domain::record::SessionFinished;
use crate::domain::session::{FailureClass, Outcome, VerifyResult};
use crate::domain::task::Deliverable;
use crate::domain::time::Timestamp;
use crate::engine::outbox::{self, Saying};
use crate::ports::lease::Lease;
use crate::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest};
use crate::ports::workspaces::{Imported, Workspace, WorkspaceError, WorkspaceRequest};

pub(super) use handing::lost_in_handover;
pub(super) use taking::{failed, take_over};

/// Most bytes of a summary in a record.
const SUMMARY_BYTES: usize = 4_000;
/// Most paths in a record.
const RECORD_PATHS: usize = 1_000;

/// Runs one claimed session to its end. Always comes back with a result.
pub(super) fn run_session(
    world: &World<'_>,
    till: &Till,
    claimed: &Claimed,
    cancel: &Cancel,
    events: &mut dyn FnMut(AgentEvent),
) -> ResultDoc {
    let started_at = world.context.clock.now();
    let mut session = Session::new(world, till, claimed, started_at);
    let done = session
        .go_on_from_notes()
        .and_then(|()| session.go(cancel, events));
    if let Err(failure) = done {
        session.fail(failure);
    }
    let ok = !matches!(session.finished.outcome, Outcome::Failed { .. });
    session.tell(
        AgentEvent::finished(session.finished.summary.clone(), ok),
        events,
    );
    if let Some(workspace) = &session.workspace {
        world.workspaces.discard(workspace);
    }
    session.into_result()
}

/// A session on its way.
struct Session<'a> {
    world: &'a World<'a>,
    till: &'a Till,
    lease: &'a Lease,
    doc: &'a ClaimDoc,
    workspace: Option<Workspace>,
    finished: SessionFinished,
    final_message: String,
    outbox: Vec<u8>,
    held: Option<Held>,
    retry_at: Option<Timestamp>,
    started_at: Timestamp,
    storage: Option<String>,
    unstarted: bool,
    /// Why the agent was stopped whose work is kept all the same: a budget was used up, say.
    cut_short: Option<CutShort>,
    /// Files in which the last import found marks of a conflict.
    left_marked: Vec<String>,
}

impl<'a> Session<'a> {
    fn new(
        world: &'a World<'a>,
        till: &'a Till,
        claimed: &'a Claimed,
        started_at: Timestamp,
    ) -> Self {
        let (lease, doc) = (&claimed.lease, &claimed.doc);
        let finished = SessionFinished {
            session: lease.session(),
            outcome: Outcome::Succeeded,
            summary: String::new(),
            head: None,
            paths: Vec::new(),
            verify: Vec::new(),
            agent_session: None,
            model: doc.claim.model.clone(),
            usage: Usage::default(),
            cost: None,
            cost_source: CostSource::Unknown,
            duration_ms: 0,
            sandbox: String::new(),
            journal: None,
        };
        Self {
            world,
            till,
            lease,
            doc,
            workspace: None,
            finished,
            final_message: String::new(),
            outbox: Vec::new(),
            held: None,
            retry_at: None,
            started_at,
            storage: None,
            unstarted: false,
            cut_short: None,
            left_marked: Vec::new(),
        }
    }

    /// A disk that takes nothing is told apart: it would fail every other task the same way.
    fn trouble(&mut self, error: &WorkspaceError) -> Failure {
        let failure = Failure::infrastructure(error);
        if error.storage {
            self.storage = Some(failure.reason.clone());
        }
        failure
    }

    fn go(&mut self, cancel: &Cancel, events: &mut dyn FnMut(AgentEvent)) -> Result<(), Failure> {
        let agent = self.agent()?;
        let want = WorkspaceRequest {
            start: self.ground()?,
            paths: self.doc.paths.clone(),
            // What is merged may lie anywhere.
            sparse: self.world.policy.sparse_workspaces && self.doc.claim.merges.is_none(),
        };
        let prepared = self.world.workspaces.prepare(self.lease, &want);
        let workspace = prepared.map_err(|error| {
            self.unstarted = error.storage;
            self.trouble(&error)
        })?;
        self.workspace = Some(workspace.clone());
        let begins = AgentEvent::SessionStarted {
            agent_session: None,
            model: self.doc.claim.model.clone().or_else(|| agent.model.clone()),
        };
        self.tell(begins, events);
        let mut request = self.request(&agent, &workspace);
        let first = if self.merges_by_itself() {
            self.tell_of_merge();
            None
        } else {
            self.run(&request, cancel, events)?.agent_session
        };
        if self.asks_a_human() {
            self.finished.outcome = Outcome::Escalated;
            self.finished.summary = self.bounded("asked a human and stopped");
            return Ok(());
        }
        if self.cut_short.is_some() {
            return self.keep_unfinished(&workspace, &request, cancel, events);
        }
        if self.doc.deliverable != Deliverable::Pr {
            return self.hand_over_text();
        }
        let (mut imported, mut verdict) = self.import(&workspace)?;
        if let Verdict::Pass = verdict
            && let Some(failed) = self.verify(&request, cancel, events)
        {
            self.second_chance(&mut request, &failed, first, cancel, events)?;
            if self.cut_short.is_some() {
                return self.keep_unfinished(&workspace, &request, cancel, events);
            }
            (imported, verdict) = self.import(&workspace)?;
            if let Verdict::Pass = verdict
                && let Some(failed) = self.verify(&request, cancel, events)
            {
                ensure_not_stopped(cancel)?;
                return Err(Failure {
                    class: FailureClass::VerifyFailed,
                    reason: format!(
                        "the check `{}` still fails after a second chance",
                        failed.first().map_or("", |(command, _)| command.as_str())
                    ),
                });
            }
        }
        self.hand_over_work(&imported, verdict)
    }

    /// Something that fleet itself has to say: into the journal, and to whoever looks on.
    fn tell(&self, event: AgentEvent, events: &mut dyn FnMut(AgentEvent)) {
        let now = self.world.context.clock.now();
        let (session, task) = (self.lease.session(), self.doc.task.as_str());
        self.world.journals.append(session, task, now, &event);
        events(event);
    }

    fn agent(&self) -> Result<AgentSpec, Failure> {
        let name = &self.doc.claim.agent;
        self.world
            .policy
            .agents
            .get(name)
            .cloned()
            .ok_or_else(|| Failure {
                class: FailureClass::Infrastructure,
                reason: format!("agent `{name}` was claimed for but is not configured here"),
            })
    }

    fn start(&self) -> Oid {
        self.doc.start()
    }

    fn request(&self, agent: &AgentSpec, workspace: &Workspace) -> RunRequest {
        RunRequest {
            task: self.doc.task.clone(),
            agent: agent.clone(),
            model: self.doc.claim.model.clone().or_else(|| agent.model.clone()),
            prompt: self.doc.prompt.clone(),
            workdir: workspace.dir.clone(),
            readable: workspace.borrowed.clone(),
            home: workspace.home.clone(),
            tmp: workspace.tmp.clone(),
            outbox: workspace.outbox.clone(),
            prompt_file: workspace.prompt_file.clone(),
            journal: self.world.journal_of(self.lease.session()),
            resume: None,
        }
    }

    /// Runs the agent once; its numbers are added to the record whatever comes of it.
    fn run(
        &mut self,
        request: &RunRequest,
        cancel: &Cancel,
        events: &mut dyn FnMut(AgentEvent),
    ) -> Result<RunOutcome, Failure> {
        // The agent alone is stopped for its spending: its checks still run.
        let stop = cancel.under();
        let mut watch = Watch::new(self, request);
        let mut seen = |event: AgentEvent| {
            watch.see(&event, &stop);
            events(event);
        };
        let outcome = self.world.runner.run(self.lease, request, &mut seen, &stop);
        let over = watch.over.take();
        let (cost, source) = watch.price(&outcome);
        let finished = &mut self.finished;
        finished.usage = finished.usage.plus(outcome.usage);
        finished.cost_source = match finished.cost {
            Some(_) => finished.cost_source.and(source),
            None => source,
        };
        finished.cost = match (finished.cost, cost) {
            (Some(a), Some(b)) => Some(a.plus(b)),
            (a, b) => a.or(b),
        };
        finished.duration_ms += outcome.duration_ms;
        finished.sandbox.clone_from(&outcome.sandbox);
        finished.journal = Some(World::journal_name(self.lease.session()));
        if outcome.agent_session.is_some() {
            finished.agent_session.clone_from(&outcome.agent_session);
        }
        if outcome.model.is_some() {
            finished.model.clone_from(&outcome.model);
        }
        self.outbox.clone_from(&outcome.outbox);
        self.final_message.clone_from(&outcome.final_message);
        match &outcome.end {
            RunEnd::Completed => Ok(outcome),
            // A question is an answer, even if the agent then ended in disorder.
            RunEnd::Failed { .. } if self.asks_a_human() => Ok(outcome),
            RunEnd::Failed {
                class,
                reason,
                retry_at,
            } => {
                let over = over.filter(|_| !cancel.is_asked());
                self.cut_short = limit(*class, reason, over);
                if self.cut_short.is_some() {
                    return Ok(outcome);
                }
                self.retry_at = *retry_at;
                Err(Failure {
                    class: *class,
                    reason: reason.clone(),
                })
            }
        }
    }

    fn asks_a_human(&self) -> bool {
        self.says(|saying| matches!(saying, Saying::Escalate { .. }))
    }

    fn says(&self, what: impl Fn(&Saying) -> bool) -> bool {
        outbox::parse(&self.outbox).sayings.iter().any(what)
    }

    /// Imports what lies in the workspace and judges it by the rules of diffs.
    fn import(&mut self, workspace: &Workspace) -> Result<(Imported, Verdict), Failure> {
        let max = self.world.policy.diff.max_bytes;
        let imported = self.world.workspaces.import(workspace, max);
        // A disk that is full is nobody's fault; a tree that cannot be taken in is the agent's
        // work, and the next attempt is told what was wrong with it.
        let imported = imported.map_err(|error| {
            let mut failure = self.trouble(&error);
            if !error.storage {
                failure.class = FailureClass::InvalidOutput;
            }
            failure
        })?;
        let verdict = checks::judge(&self.world.policy.diff, &imported, &self.doc.allowed);
        let verdict = match verdict {
            // A merge in which nothing was left to resolve is work, too.
            Verdict::Empty if self.doc.claim.merges.is_some() => Verdict::Pass,
            other => other,
        };
        self.left_marked = self.still_marked(&imported.tree)?;
        Ok((imported, verdict))
    }

    /// Runs the checks; gives those that failed with the end of their output, or `None`.
    fn verify(
        &mut self,
        request: &RunRequest,
        cancel: &Cancel,
        events: &mut dyn FnMut(AgentEvent),
    ) -> Option<Vec<(String, String)>> {
        if let Some(failed) = self.marks_left() {
            return Some(failed);
        }
        let mut results: Vec<VerifyResult> = Vec::new();
        for command in &self.world.policy.verify {
            let shown = command.argv.join(" ");
            let begins = AgentEvent::Verify {
                command: shown.clone(),
                passed: None,
            };
            self.tell(begins, events);
            let result = self
                .world
                .runner
                .verify(self.lease, request, command, cancel);
            let ends = AgentEvent::Verify {
                command: shown,
                passed: Some(result.passed()),
            };
            self.tell(ends, events);
            self.finished.duration_ms += result.duration_ms;
            let passed = result.passed();
            results.push(result);
            if !passed {
                break;
            }
        }
        let failed: Vec<_> = results
            .iter()
            .filter(|r| !r.passed())
            .map(|r| (r.command.clone(), r.tail.clone()))
            .collect();
        self.finished.verify = results;
        (!failed.is_empty()).then_some(failed)
    }

    /// A failed check goes back to the agent once, in its own session where it has one.
    fn second_chance(
        &mut self,
        request: &mut RunRequest,
        failed: &[(String, String)],
        first: Option<String>,
        cancel: &Cancel,
        events: &mut dyn FnMut(AgentEvent),
    ) -> Result<(), Failure> {
        ensure_not_stopped(cancel)?;
        request.resume = first;
        request.prompt = prompt::after_failed_checks(
            &self.doc.prompt,
            &self.doc.title,
            failed,
            request.resume.is_some(),
        );
        self.run(request, cancel, events).map(|_| ())
    }
}
