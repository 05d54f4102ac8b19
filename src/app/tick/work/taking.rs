//! Taking over what an agent at a service made.

use crate::app::tick::World;
use crate::app::tick::checks::Verdict;
use crate::app::tick::claims::Claimed;
use crate::app::tick::documents::{CollectedDoc, CutShort, ResultDoc};
use crate::app::tick::till::Till;
use crate::app::tick::work::{Failure, Session};
use crate::domain::money::{CostSource, MicroUsd, Spent, Usage};
use crate::domain::prices;
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::task::Deliverable;
use crate::ports::remote_session::{Collected, RemoteWork};
use crate::ports::runner::{AgentEvent, Cancel};
use crate::ports::workspaces::{Workspace, WorkspaceRequest};

/// Takes over what a session at a service made: the same import, rules and checks as for any other
/// agent, but for the second chance, for which the service would have to be waited for. `None` if
/// the tick was stopped meanwhile: the work is still there.
pub(in crate::app::tick) fn take_over(
    world: &World<'_>,
    till: &Till,
    claimed: &Claimed,
    made: &CollectedDoc,
    cancel: &Cancel,
    events: &mut dyn FnMut(AgentEvent),
) -> Option<ResultDoc> {
    let started_at = world.context.clock.now();
    let mut session = Session::new(world, till, claimed, started_at);
    session.hear(&made.collected);
    session.account(made.spent, true);
    session.finished.duration_ms = started_at.since(made.since).0;
    session.cut_short.clone_from(&made.cut_short);
    if let Err(failure) = session.take(&made.collected, cancel, events) {
        if cancel.is_asked() {
            return None;
        }
        session.fail(failure);
    }
    let ok = !matches!(session.finished.outcome, Outcome::Failed { .. });
    let ends = AgentEvent::finished(session.finished.summary.clone(), ok);
    session.tell(ends, events);
    Some(session.into_result())
}

/// The result of an attempt that ends without work; `began` says that the service had a session of
/// it, and `spent` what that is known to have spent.
pub(in crate::app::tick) fn failed(
    world: &World<'_>,
    till: &Till,
    claimed: &Claimed,
    (spent, began): (Option<Spent>, bool),
    cause: CutShort,
    events: &mut dyn FnMut(AgentEvent),
) -> ResultDoc {
    let CutShort { class, reason } = cause;
    let mut session = Session::new(world, till, claimed, world.context.clock.now());
    session.fail(Failure { class, reason });
    session.account(spent, began);
    let ends = AgentEvent::finished(session.finished.summary.clone(), false);
    session.tell(ends, events);
    session.into_result()
}

impl Session<'_> {
    /// What the service tells besides the work. An agent without an outbox speaks back in lines of
    /// JSON in its last message.
    fn hear(&mut self, collected: &Collected) {
        self.finished.usage = collected.usage;
        self.finished.cost = collected.cost;
        if collected.model.is_some() {
            self.finished.model.clone_from(&collected.model);
        }
        let speaks = |line: &&str| line.trim_start().starts_with("{\"kind\"");
        let mut said = String::new();
        let mut rest = Vec::new();
        for line in collected.final_message.lines() {
            if speaks(&line) {
                said.push_str(line.trim());
                said.push('\n');
            } else {
                rest.push(line);
            }
        }
        if let Some(url) = &collected.pull_request {
            // Fleet's own branch is what is reviewed: whoever looks must know of the other.
            let text = format!(
                "The service opened a pull request of its own, {url}. Its change is on this task's \
                 branch; close that one."
            );
            let note = serde_json::json!({ "kind": "note", "text": text });
            said.push_str(&format!("{note}\n"));
        }
        self.outbox = said.into_bytes();
        self.final_message = rest.join("\n").trim().to_owned();
    }

    /// Settles what it cost: as the service tells it now; else by the tokens and the price table;
    /// else as it was last seen; else as its agent is reckoned. Where the service never had a
    /// session, nothing was spent.
    fn account(&mut self, spent: Option<Spent>, began: bool) {
        let policy = self.world.policy;
        let agent = policy.agents.get(&self.doc.claim.agent);
        let finished = &mut self.finished;
        let model = finished.model.as_deref();
        let model = model.or_else(|| agent?.model.as_deref());
        let provider = self.doc.claim.provider.as_deref();
        let model = model.map(|model| prices::sold_by(provider, model));
        let now = self.world.context.clock.now();
        let known = policy
            .prices
            .cost_of(finished.cost, model.as_deref(), finished.usage, now)
            .or_else(|| {
                let spent = spent?;
                if finished.usage == Usage::default() {
                    finished.usage = spent.usage;
                }
                Some((spent.cost, spent.source))
            });
        let reckoned = match agent.map(|agent| agent.cost_estimate) {
            _ if !began => Some(MicroUsd(0)),
            estimate => estimate.filter(|estimate| *estimate > MicroUsd(0)),
        };
        let known = known.or_else(|| Some((reckoned?, CostSource::Estimated)));
        finished.cost = known.map(|(cost, _)| cost);
        finished.cost_source = known.map_or(CostSource::Unknown, |(_, source)| source);
    }

    fn take(
        &mut self,
        collected: &Collected,
        cancel: &Cancel,
        events: &mut dyn FnMut(AgentEvent),
    ) -> Result<(), Failure> {
        if self.asks_a_human() {
            self.finished.outcome = Outcome::Escalated;
            self.finished.summary = self.bounded("asked a human and stopped");
            return Ok(());
        }
        if self.cut_short.is_some() {
            return self.take_unfinished(collected, cancel, events);
        }
        if !collected.succeeded {
            return Err(Failure {
                class: FailureClass::AgentError,
                reason: collected.reason.clone(),
            });
        }
        if self.doc.deliverable != Deliverable::Pr {
            return self.hand_over_text();
        }
        let workspace = self.lay_out(&collected.work)?;
        let (imported, verdict) = self.import(&workspace)?;
        let request = self.request(&self.agent()?, &workspace);
        if let Verdict::Pass = verdict
            && let Some(failed) = self.verify(&request, cancel, events)
        {
            return Err(Failure {
                class: FailureClass::VerifyFailed,
                reason: format!(
                    "the check `{}` fails on what the service handed over",
                    failed.first().map_or("", |(command, _)| command.as_str())
                ),
            });
        }
        if cancel.is_asked() {
            return Err(Failure {
                class: FailureClass::Cancelled,
                reason: "stopped while its work was taken over".to_owned(),
            });
        }
        self.hand_over_work(&imported, verdict)
    }

    /// What it had done when it was stopped is kept, as that of any other agent. The reason of the
    /// stop is told even if nothing can be kept.
    fn take_unfinished(
        &mut self,
        collected: &Collected,
        cancel: &Cancel,
        events: &mut dyn FnMut(AgentEvent),
    ) -> Result<(), Failure> {
        let cut = self.cut_short.clone();
        let why = |lost: Failure| match cut {
            Some(CutShort { class, reason }) => Failure {
                class,
                reason: format!(
                    "stopped: {reason}; nothing of its work is kept: {}",
                    lost.reason
                ),
            },
            None => lost,
        };
        let laid = match &collected.work {
            _ if self.doc.deliverable != Deliverable::Pr => {
                return Err(why(Failure {
                    class: FailureClass::InvalidOutput,
                    reason: "its text was not written to its end".to_owned(),
                }));
            }
            work => self.lay_out(work),
        };
        let workspace = match laid {
            Ok(workspace) => workspace,
            Err(lost) => return Err(why(lost)),
        };
        let request = self.request(&self.agent()?, &workspace);
        self.keep_unfinished(&workspace, &request, cancel, events)?;
        if cancel.is_asked() {
            return Err(Failure {
                class: FailureClass::Cancelled,
                reason: "stopped while its work was taken over".to_owned(),
            });
        }
        Ok(())
    }

    /// The work as files: in the workspace that the service worked in, or as a patch in a new one.
    fn lay_out(&mut self, work: &RemoteWork) -> Result<Workspace, Failure> {
        let session = self.lease.session();
        let (patch, made_on) = match work {
            RemoteWork::Workspace => {
                let workspace = self.world.workspaces.at(session, &self.start());
                self.workspace = Some(workspace.clone());
                return Ok(workspace);
            }
            RemoteWork::Nothing => {
                return Err(Failure {
                    class: FailureClass::InvalidOutput,
                    reason: "the agent ended without changing any file".to_owned(),
                });
            }
            RemoteWork::Patch { text, base } => (text.clone(), base.clone()),
            RemoteWork::PullRequest { number } => {
                let max = self.world.policy.diff.max_bytes.saturating_mul(2);
                let patch = self.world.code.pull_patch(*number, &self.start(), max);
                let patch = patch.map_err(|error| Failure {
                    class: FailureClass::Infrastructure,
                    reason: format!("failed to {error}"),
                })?;
                (patch, None)
            }
        };
        let want = WorkspaceRequest {
            start: self.start(),
            paths: self.doc.paths.clone(),
            // A patch may touch any path, whatever the task expects.
            sparse: false,
        };
        let prepared = self.world.workspaces.prepare(self.lease, &want);
        let workspace = prepared.map_err(|error| self.trouble(&error))?;
        self.workspace = Some(workspace.clone());
        let applied = self.world.workspaces.apply(&workspace, &patch);
        applied.map_err(|error| {
            let mut failure = self.trouble(&error);
            if error.storage {
                return failure;
            }
            failure.class = FailureClass::InvalidOutput;
            if let Some(made_on) = made_on.filter(|made_on| *made_on != self.start()) {
                failure.reason.push_str(&format!(
                    " (it was made on {}, and this attempt starts from {})",
                    made_on.short(),
                    self.start().short()
                ));
            }
            failure
        })?;
        Ok(workspace)
    }
}
