//! The built-in agent: fleet's own loop around a model behind an API.
//!
//! Model → tool calls → answers, until it calls `done`, asks a human, falls silent or meets a limit.
//! The loop runs on the session's thread, in fleet's process: the key stays there, and no tool sees
//! it. What the tools start runs as any other agent's process does; what they write lies in the
//! workspace. Everything is told as unified events, and the outcome is that of any agent.

mod ask;
mod beneath;
mod context;
mod prompt;
mod run;
mod talk;
mod tell;
mod tools;
mod transcript;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::agents::api::beneath::Beneath;
use crate::agents::api::context::{Count, result_bytes};
use crate::agents::api::run::{Halt, Run, Start};
use crate::agents::api::talk::{Closing, Talk};
use crate::agents::api::tools::{Desk, Plan};
use crate::agents::api::transcript::Transcript;
use crate::agents::journal::Journal;
use crate::agents::lines::clip;
use crate::agents::reading::MAX_FINAL_BYTES;
use crate::agents::run::{millis, not_started};
use crate::agents::telling::Telling;
use crate::agents::{Setup, confine, environment};
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::policy::ApiBounds;
use crate::ports::lease::Lease;
use crate::ports::model::{Model, Models, Tokens, Turn};
use crate::ports::runner::{AgentEvent, Cancel, RunEnd, RunOutcome, RunRequest};

/// What tokens of a model cost, `provider/model`; `None` if nobody knows.
pub type Price = Arc<dyn Fn(&str, Usage) -> Option<MicroUsd> + Send + Sync>;

/// What the built-in agent works with besides what all agents have.
#[derive(Clone)]
pub struct ApiSetup {
    /// The configured providers.
    pub models: Arc<dyn Models>,
    /// The price table.
    pub price: Price,
    /// Counts tokens where a conversation comes near the model's window, and only there.
    pub tokens: Arc<dyn Tokens>,
    /// Environment variables that hold keys of providers: taken away from its tools even where the
    /// agent's `env` names them.
    pub key_names: BTreeSet<String>,
}

/// Window of a model that nobody knows anything about.
const USUAL_WINDOW: u64 = 128_000;

/// Runs the built-in agent to its end.
pub(crate) fn agent(
    setup: &Setup,
    lease: &Lease,
    request: &RunRequest,
    (provider, bounds): (&str, &ApiBounds),
    events: &mut dyn FnMut(AgentEvent),
    cancel: &Cancel,
) -> RunOutcome {
    let begun = Instant::now();
    let ready = prepare(setup, lease, request, provider);
    let (desk, model, wanted, turns) = match ready {
        Ok(ready) => ready,
        Err(reason) => return not_started(setup, request, reason, begun),
    };
    let session = lease.session().to_string();
    let journal = Journal::open(&request.journal, session.clone(), &request.task);
    let window = bounds
        .context_window
        .or_else(|| model.context_window(&wanted))
        .unwrap_or(USUAL_WINDOW);
    let count = counter(setup, &wanted);
    let mut run = Run::new(Start {
        desk,
        model,
        wanted: wanted.clone(),
        window,
        count,
        bounds: *bounds,
        price: setup.api.as_ref().map_or_else(
            || Arc::new(|_: &str, _| None) as Price,
            |api| api.price.clone(),
        ),
        teller: Telling::new(setup, journal, events),
        cancel,
        begun,
    });
    run.desk.answer_bytes = result_bytes(window);
    run.teller.tell(AgentEvent::SessionStarted {
        agent_session: Some(session.clone()),
        model: Some(wanted),
    });
    let mut talk = Talk::new(&run, turns, None, bounds.max_turns);
    let ended = talk.go(&mut run);
    finish(setup, request, run, &talk, ended, session)
}

/// Tokens as this model has them; of a bench without a tokenizer, as many as there can be.
fn counter(setup: &Setup, model: &str) -> Count {
    let Some(api) = &setup.api else {
        return Arc::new(|text: &str| text.len() as u64);
    };
    let (tokens, model) = (api.tokens.clone(), model.to_owned());
    Arc::new(move |text: &str| tokens.count(&model, text))
}

type Ready<'a> = (Desk<'a>, Arc<dyn Model>, String, Vec<Turn>);

fn prepare<'a>(
    setup: &'a Setup,
    lease: &'a Lease,
    request: &'a RunRequest,
    provider: &str,
) -> Result<Ready<'a>, String> {
    let api = setup
        .api
        .as_ref()
        .ok_or("no provider of models is set up here")?;
    let said = |e: crate::ports::model::ModelError| {
        let hint = if e.hint.is_empty() {
            String::new()
        } else {
            format!("; {}", e.hint)
        };
        format!("{e}{hint}")
    };
    let model = api.models.model(provider).map_err(said)?;
    let wanted = request
        .model
        .clone()
        .ok_or_else(|| format!("agent `{}` names no `model`", request.agent.name))?;
    if !request.workdir.is_dir() {
        return Err(format!(
            "the workspace {} is not there",
            request.workdir.display()
        ));
    }
    environment::prepare(request)?;
    environment::fresh_outbox(&request.outbox)?;
    let mut desk = Desk {
        files: Beneath::open(&request.workdir)?,
        setup,
        lease,
        request,
        hidden: api.key_names.clone(),
        known: BTreeSet::new(),
        plan: Plan::default(),
        answer_bytes: 0,
    };
    let mut turns = Vec::new();
    if request.resume.is_some() {
        let kept = Transcript::load(&transcript::path(&request.journal))?;
        // Signatures of another provider mean nothing to this one; its own adapter leaves them out.
        turns = kept.turns;
        desk.plan = kept.plan;
    }
    turns.push(Turn::User(request.prompt.clone()));
    Ok((desk, model, wanted, turns))
}

fn finish(
    setup: &Setup,
    request: &RunRequest,
    mut run: Run<'_>,
    talk: &Talk,
    ended: Result<Closing, Halt>,
    session: String,
) -> RunOutcome {
    let redact = &setup.redact;
    let (end, said) = match ended {
        Ok(Closing::Done(text) | Closing::Silent(text)) => (RunEnd::Completed, text),
        Ok(Closing::Asked) => (RunEnd::Completed, run.said.clone()),
        Err(halt) => {
            let end = RunEnd::Failed {
                class: halt.class,
                reason: redact(&halt.reason),
                retry_at: halt.retry_at,
            };
            (end, run.said.clone())
        }
    };
    let kept = Transcript::new(
        run.model.provider(),
        &run.wanted,
        talk.context.turns(),
        &run.desk.plan,
    )
    .keep(&transcript::path(&request.journal), redact);
    let summary = match &end {
        RunEnd::Completed => "completed".to_owned(),
        RunEnd::Failed { class, reason, .. } => format!("{class}: {reason}"),
    };
    run.teller
        .tell(AgentEvent::finished(summary, end == RunEnd::Completed));
    RunOutcome {
        end,
        agent_session: kept.then_some(session),
        model: run.answered.clone().or_else(|| request.model.clone()),
        usage: run.usage,
        cost: run.cost,
        final_message: clip(&redact(&with_plan(said, &run.desk.plan)), MAX_FINAL_BYTES),
        duration_ms: millis(run.begun.elapsed()),
        output_bytes: 0,
        sandbox: confine::level(setup, request).to_string(),
        outbox: environment::read_outbox(&request.outbox),
    }
}

/// The plan goes into the record with the last words.
fn with_plan(said: String, plan: &Plan) -> String {
    let (done, all) = plan.count();
    if all == 0 {
        return said;
    }
    format!(
        "{}\n\nPlan, {done} of {all} done:\n{}",
        said.trim_end(),
        plan.text()
    )
}

/// Whether the agent could start: its provider is known and has a key.
///
/// # Errors
/// A sentence that says what is missing.
pub(crate) fn available(setup: &Setup, provider: &str) -> Result<(), String> {
    let api = setup
        .api
        .as_ref()
        .ok_or("no provider of models is set up here")?;
    api.models.model(provider).map(|_| ()).map_err(|e| {
        if e.hint.is_empty() {
            e.to_string()
        } else {
            format!("{e}; {}", e.hint)
        }
    })
}
