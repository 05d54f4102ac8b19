//! Trying an agent out: does it start, does it answer, how long does it take, what does it cost?
//!
//! It gets one question in an empty repository of its own, under its usual limits and environment. A
//! program that the configuration names (`command`) may be part of the repository: it gets a workspace
//! with the base commit, as in a tick. Nothing is claimed, published or recorded.

use std::path::PathBuf;

use serde::Serialize;

use crate::app::tracker::agents::{find, how};
use crate::app::tracker::error::TrackerError;
use crate::domain::ids::{Oid, SessionUid, TaskUid};
use crate::domain::money::{CostSource, MicroUsd, Usage};
use crate::domain::policy::{AgentKind, AgentSpec, Policy};
use crate::domain::prices;
use crate::domain::record::SessionClaimed;
use crate::domain::session::FailureClass;
use crate::domain::time::{DurationMs, Timestamp};
use crate::engine::secrets::Scanner;
use crate::engine::text::{one_line, truncated};
use crate::ports::clock::{Clock, Ids};
use crate::ports::lease::Lease;
use crate::ports::remote_session::{Fate, RemoteSessions};
use crate::ports::runner::{AgentEvent, Cancel, RunEnd, RunRequest, Runner};
use crate::ports::workspaces::{Workspace, WorkspaceRequest, Workspaces};

/// What it is asked.
const PROMPT: &str = "This is a test of the connection. Reply with the single word: ready\n\
                      Do not use any tool and do not change any file.\n";
/// Most characters of the answer that are told.
const MAX_ANSWER: usize = 200;
/// Most characters of why a service does not work.
const MAX_REASON: usize = 400;

/// What a trial needs.
pub struct TrialBench<'a> {
    /// What the owner decided.
    pub policy: &'a Policy,
    /// Runs agents.
    pub runner: &'a dyn Runner,
    /// Services that run agents by themselves.
    pub remotes: &'a dyn RemoteSessions,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Identities.
    pub ids: &'a dyn Ids,
    /// Known secrets.
    pub secrets: &'a Scanner,
    /// Makes workspaces.
    pub workspaces: &'a dyn Workspaces,
    /// The commit that work starts from, if there is one.
    pub base: Option<Oid>,
    /// An empty folder of this trial alone, with an empty repository `work` in it; whoever made it
    /// removes it afterwards.
    pub dir: PathBuf,
}

impl std::fmt::Debug for TrialBench<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrialBench")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

/// Answer of `agents test`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrialReport {
    /// The agent.
    pub agent: String,
    /// How it is driven.
    pub how: String,
    /// Whether it ended well.
    pub working: bool,
    /// Model that answered, or that was asked for.
    pub model: Option<String>,
    /// Its answer, cut.
    pub answer: String,
    /// Class of the failure, such as `rate_limited`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureClass>,
    /// What went wrong, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When a rate limit ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// Until its first sign of life, in milliseconds; none if there was none.
    pub first_event_ms: Option<u64>,
    /// Until its end, in milliseconds.
    pub duration_ms: u64,
    /// Tokens.
    pub usage: Usage,
    /// Money: as the agent says, else by its tokens and the price table.
    pub cost: Option<MicroUsd>,
    /// By whose word.
    pub cost_source: CostSource,
    /// How it was confined.
    pub sandbox: String,
}

/// Tries the agent of that name, for at most `limit`.
///
/// # Errors
/// No such agent, or its workspace cannot be made. An agent that does not work is an answer, not an
/// error.
pub fn trial(
    bench: &TrialBench<'_>,
    name: &str,
    limit: DurationMs,
    cancel: &Cancel,
    on: &mut dyn FnMut(AgentEvent),
) -> Result<TrialReport, TrackerError> {
    let mut agent = find(bench.policy, name)?.clone();
    agent.total_timeout = agent.total_timeout.min(limit);
    agent.idle_timeout = agent.idle_timeout.min(limit);
    if agent.kind.service().is_some() {
        return Ok(at_service(bench, &agent, limit));
    }
    let lease = lease(bench, name);
    let workspace = workspace(bench, &agent, &lease)?;
    let request = request(bench, agent, workspace.as_ref());
    let begun = bench.clock.now();
    let mut first = None;
    let outcome = bench.runner.run(
        &lease,
        &request,
        &mut |event| {
            // That the built-in agent began is fleet's own word, not a sign of the model.
            let own = matches!(request.agent.kind, AgentKind::Api { .. })
                && matches!(event, AgentEvent::SessionStarted { .. });
            if !own {
                first.get_or_insert_with(|| bench.clock.now().since(begun).0);
            }
            on(event);
        },
        cancel,
    );
    if let Some(workspace) = &workspace {
        bench.workspaces.discard(workspace);
    }
    let safe =
        |text: &str| truncated(&one_line(&bench.secrets.redact(text)), MAX_ANSWER).into_owned();
    let (failure, reason, retry_at) = match outcome.end {
        RunEnd::Completed => (None, None, None),
        RunEnd::Failed {
            class,
            reason,
            retry_at,
        } => (Some(class), Some(safe(&reason)), retry_at),
    };
    let model = outcome.model.or(request.model);
    let provider = request.agent.provider(model.as_deref());
    let sold = model.as_deref();
    let sold = sold.map(|model| prices::sold_by(provider.as_deref(), model));
    let known = bench.policy.prices.cost_of(
        outcome.cost,
        sold.as_deref(),
        outcome.usage,
        bench.clock.now(),
    );
    Ok(TrialReport {
        agent: name.to_owned(),
        how: how(&request.agent),
        working: failure.is_none(),
        model,
        answer: safe(&outcome.final_message),
        failure,
        reason,
        retry_at,
        first_event_ms: first,
        duration_ms: outcome.duration_ms,
        usage: outcome.usage,
        cost: known.map(|(cost, _)| cost),
        cost_source: known.map_or(CostSource::Unknown, |(_, source)| source),
        sandbox: outcome.sandbox,
    })
}

/// A workspace with the base commit, for a program that may be part of it.
fn workspace(
    bench: &TrialBench<'_>,
    agent: &AgentSpec,
    lease: &Lease,
) -> Result<Option<Workspace>, TrackerError> {
    let (AgentKind::Command { .. }, Some(start)) = (&agent.kind, &bench.base) else {
        return Ok(None);
    };
    let want = WorkspaceRequest {
        start: start.clone(),
        paths: Vec::new(),
        sparse: false,
    };
    let made = bench.workspaces.prepare(lease, &want);
    made.map(Some)
        .map_err(|error| TrackerError::Write(error.to_string()))
}

fn request(bench: &TrialBench<'_>, agent: AgentSpec, workspace: Option<&Workspace>) -> RunRequest {
    let dir = |part: &str| bench.dir.join(part);
    let or = |own: Option<&PathBuf>, part: &str| own.cloned().unwrap_or_else(|| dir(part));
    RunRequest {
        task: "trial".to_owned(),
        model: agent.model.clone(),
        prompt: PROMPT.to_owned(),
        workdir: or(workspace.map(|w| &w.dir), "work"),
        readable: workspace.map_or_else(Vec::new, |w| w.borrowed.clone()),
        home: or(workspace.map(|w| &w.home), "home"),
        tmp: or(workspace.map(|w| &w.tmp), "tmp"),
        outbox: or(workspace.map(|w| &w.outbox), "out/outbox.jsonl"),
        prompt_file: or(workspace.map(|w| &w.prompt_file), "out/prompt.md"),
        journal: dir("out/journal.jsonl"),
        resume: None,
        agent,
    }
}

/// A service is asked for a sign of life; a session there would be work, and some are paid for.
fn at_service(bench: &TrialBench<'_>, agent: &AgentSpec, limit: DurationMs) -> TrialReport {
    let begun = bench.clock.moment();
    let answer = bench.remotes.health(agent, limit);
    let took = bench.clock.moment().since(begun).0;
    let safe =
        |text: &str| truncated(&one_line(&bench.secrets.redact(text)), MAX_REASON).into_owned();
    let (class, until) = match answer.as_ref().err().map(|error| &error.fate) {
        Some(Fate::Refused { class, until }) => (Some(*class), *until),
        Some(Fate::Unknown) => (Some(FailureClass::Timeout), None),
        None => (None, None),
    };
    TrialReport {
        agent: agent.name.clone(),
        how: how(agent),
        working: answer.is_ok(),
        model: agent.model.clone(),
        answer: answer.as_deref().map(safe).unwrap_or_default(),
        failure: class,
        reason: answer
            .err()
            .map(|error| safe(&format!("failed to {error}"))),
        retry_at: until,
        first_event_ms: class.is_none().then_some(took),
        duration_ms: took,
        usage: Usage::default(),
        cost: Some(MicroUsd(0)),
        cost_source: CostSource::Reported,
        sandbox: "remote".to_owned(),
    }
}

/// A trial starts from no commit.
fn nothing() -> Oid {
    Oid::try_from("0".repeat(40)).expect("forty zeros are a name of git's form")
}

/// The right to run once, for no task of anybody.
fn lease(bench: &TrialBench<'_>, name: &str) -> Lease {
    let now = bench.clock.now();
    let session = SessionUid::created_by(bench.ids.record(now));
    Lease::trial(
        session,
        SessionClaimed {
            nonce: bench.ids.nonce(),
            ..SessionClaimed::first(
                TaskUid::created_by(bench.ids.record(now)),
                name,
                nothing(),
                now,
            )
        },
    )
}
