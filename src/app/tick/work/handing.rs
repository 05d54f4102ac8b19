//! What a session hands over at its end: text, or a commit, or why there is neither.

use crate::app::tick::checks::{self, Verdict};
use crate::app::tick::documents::{CutShort, HANDOVER_VERSION, Held, ResultDoc};
use crate::app::tick::work::{Failure, RECORD_PATHS, SUMMARY_BYTES, Session};
use crate::domain::ids::Oid;
use crate::domain::session::{FailureClass, Outcome};
use crate::domain::task::Deliverable;
use crate::engine::budget::Overdrawn;
use crate::engine::outbox::Saying;
use crate::engine::text;
use crate::ports::runner::{AgentEvent, Cancel, RunRequest};
use crate::ports::workspaces::{CommitRequest, Imported, Workspace};

/// What was used up, if that is why a run failed: a budget, a limit of the agent's own, its time.
pub(super) fn limit(
    class: FailureClass,
    reason: &str,
    over: Option<Overdrawn>,
) -> Option<CutShort> {
    let (class, reason) = match (over, class) {
        (Some(over), _) => (FailureClass::Budget, over.to_string()),
        (None, FailureClass::Budget | FailureClass::Timeout) => (class, reason.to_owned()),
        (None, _) => return None,
    };
    Some(CutShort { class, reason })
}

impl Session<'_> {
    /// A report or a plan: text, no branch.
    pub(super) fn hand_over_text(&mut self) -> Result<(), Failure> {
        let plan = self.doc.deliverable == Deliverable::Plan;
        let empty = if plan {
            !self.says(|saying| matches!(saying, Saying::Subtask(_)))
        } else {
            self.final_message.trim().is_empty()
        };
        if empty {
            return Err(Failure {
                class: FailureClass::InvalidOutput,
                reason: if plan {
                    "the agent handed over no subtask".to_owned()
                } else {
                    "the agent's last message, which is the report, is empty".to_owned()
                },
            });
        }
        self.finished.outcome = Outcome::Succeeded;
        self.finished.summary = self.bounded(&self.final_message);
        Ok(())
    }

    /// What an agent had done that came to a limit: taken in and checked as any work, and kept on its
    /// branch, where the next attempt goes on. It is not shown for review.
    pub(super) fn keep_unfinished(
        &mut self,
        workspace: &Workspace,
        request: &RunRequest,
        cancel: &Cancel,
        events: &mut dyn FnMut(AgentEvent),
    ) -> Result<(), Failure> {
        let Some(CutShort { class, reason: why }) = self.cut_short.take() else {
            return Ok(());
        };
        if self.doc.deliverable != Deliverable::Pr {
            let reason = format!("stopped: {why}");
            return Err(Failure { class, reason });
        }
        let (imported, verdict) = match self.import(workspace) {
            Ok(imported) => imported,
            // A hung agent may leave anything behind; that it hung is what is wrong with it.
            Err(_) if class == FailureClass::Timeout && self.storage.is_none() => {
                let reason = format!("stopped: {why}; what it left could not be taken in");
                return Err(Failure { class, reason });
            }
            Err(failure) => return Err(failure),
        };
        let reason = match &verdict {
            Verdict::Empty => Some(format!("stopped: {why}; it had changed no file yet")),
            Verdict::Held(held) if class == FailureClass::Timeout => {
                let rules = held.reasons.join("; ");
                Some(format!("stopped: {why}; its work is not kept: {rules}"))
            }
            Verdict::Pass | Verdict::Held(_) => None,
        };
        if let Some(reason) = reason {
            return Err(Failure { class, reason });
        }
        let failed = match verdict {
            Verdict::Pass => self.verify(request, cancel, events),
            Verdict::Empty | Verdict::Held(_) => None,
        };
        self.hand_over_work(&imported, verdict)?;
        let checks = match failed.as_deref() {
            Some([(command, _), ..]) => format!("; the check `{command}` fails as yet"),
            Some([]) | None => String::new(),
        };
        let said = self.final_message.trim();
        let summary =
            format!("stopped: {why}. What it had done is kept on its branch{checks}.\n\n{said}");
        self.finished.outcome = Outcome::Failed { class };
        self.finished.summary = self.bounded(&summary);
        Ok(())
    }

    pub(super) fn hand_over_work(
        &mut self,
        imported: &Imported,
        verdict: Verdict,
    ) -> Result<(), Failure> {
        self.finished.paths = imported
            .changes
            .iter()
            .take(RECORD_PATHS)
            .map(|c| c.path.clone())
            .collect();
        if !self.left_marked.is_empty() {
            return Err(Failure {
                class: FailureClass::VerifyFailed,
                reason: format!(
                    "marks of a conflict are left in {}",
                    self.left_marked.join(", ")
                ),
            });
        }
        match verdict {
            Verdict::Pass => {}
            Verdict::Empty => {
                return Err(Failure {
                    class: FailureClass::InvalidOutput,
                    reason: "the agent ended without changing any file".to_owned(),
                });
            }
            Verdict::Held(held) => {
                let reason = held.reasons.join("; ");
                self.held = Some(held);
                return Err(Failure {
                    class: FailureClass::PolicyRefused,
                    reason,
                });
            }
        }
        self.finished.outcome = Outcome::Succeeded;
        self.finished.summary = self.bounded(&self.final_message);
        let commit = self
            .world
            .workspaces
            .commit(&CommitRequest {
                tree: imported.tree.clone(),
                parent: self.start(),
                merged: self.doc.claim.merges.clone(),
                message: self.message(),
                author_name: format!("{} (fleet)", self.doc.claim.agent),
                author_email: "fleet@localhost".to_owned(),
                time_secs: i64::try_from(self.world.context.clock.now().0 / 1000).unwrap_or(0),
            })
            .map_err(|error| Failure::infrastructure(&error))?;
        self.whole_diff(&commit);
        let ground = self.ground()?;
        let text = self
            .world
            .code
            .added_text(&ground, &commit, self.world.policy.diff.max_bytes)
            .map_err(|error| Failure {
                class: FailureClass::Infrastructure,
                reason: format!("failed to {error}"),
            })?;
        if let Some(rule) = checks::secret_in(self.world.secrets, &text) {
            self.held = Some(Held {
                protected: false,
                reasons: vec![rule.clone()],
            });
            return Err(Failure {
                class: FailureClass::PolicyRefused,
                reason: rule,
            });
        }
        self.finished.head = Some(commit);
        Ok(())
    }

    /// What the branch changes in all, for those that may not touch the same: an attempt that goes
    /// on from another one changes only a part of it.
    fn whole_diff(&mut self, commit: &Oid) {
        let claim = &self.doc.claim;
        if claim.continues.is_none() {
            return;
        }
        let base = claim.merges.as_ref().unwrap_or(&claim.base);
        if let Ok(shown) = self.world.code.shown(base, commit, 0) {
            let files = shown.files.into_iter().take(RECORD_PATHS);
            self.finished.paths = files.map(|file| file.path).collect();
        }
    }

    /// Commit message: title, what the agent says, trailers.
    fn message(&self) -> String {
        let title = checks::subject_line(&self.doc.title);
        let body = self.world.secrets.redact(&self.final_message);
        let body = checks::message_body(&body);
        let gap = if body.is_empty() { "" } else { "\n\n" };
        format!(
            "{title}{gap}{body}\n\nTask: {}\nSession: {}\nAgent: {}\n",
            self.doc.task,
            self.lease.session(),
            match &self.finished.model {
                // A model is told by the agent: one line, so that it cannot add trailers of its own.
                Some(model) => format!("{} ({})", self.doc.claim.agent, text::one_line(model)),
                None => self.doc.claim.agent.clone(),
            }
        )
    }

    pub(super) fn bounded(&self, words: &str) -> String {
        text::truncated(&self.world.secrets.redact(words.trim()), SUMMARY_BYTES).into_owned()
    }

    pub(super) fn fail(&mut self, failure: Failure) {
        let said = self.final_message.trim();
        let summary = if said.is_empty() || failure.class == FailureClass::PolicyRefused {
            failure.reason
        } else {
            format!("{}\n\nThe agent's last words: {said}", failure.reason)
        };
        self.finished.head = None;
        self.finished.outcome = Outcome::Failed {
            class: failure.class,
        };
        self.finished.summary = self.bounded(&summary);
    }

    pub(super) fn into_result(self) -> ResultDoc {
        let start = self.start();
        ResultDoc {
            version: HANDOVER_VERSION,
            claim: self.doc.clone(),
            finished: self.finished,
            start,
            final_message: self.world.secrets.redact(&self.final_message),
            outbox: self
                .world
                .secrets
                .redact(&String::from_utf8_lossy(&self.outbox)),
            held: self.held,
            bundled: false,
            retry_at: self.retry_at,
            started_at: self.started_at,
            storage: self.storage,
            unstarted: self.unstarted,
        }
    }
}

/// A result whose commit could not be handed to the next phase is no result.
pub(in crate::app::tick) fn lost_in_handover(result: &mut ResultDoc, error: &str) {
    result.finished.head = None;
    result.finished.outcome = Outcome::Failed {
        class: FailureClass::Infrastructure,
    };
    result.finished.summary = format!("the work could not be handed over: failed to {error}");
}
