//! `fleet tick`

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::app::publish::ChangeError;
use crate::app::tick::report::{HandedOver, TickEvent, TickReport};
use crate::app::tick::{Phase, TickError, TickOptions};
use crate::app::tracker::error::TrackerError;
use crate::cli::commands::attach::refused;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::host::Between;
use crate::cli::render::progress::Progress;
use crate::cli::render::{summary, tick};
use crate::cli::session::Session;
use crate::domain::ids::TaskSelector;
use crate::domain::time::DurationMs;

/// Run what is ready: claim, work, check, publish, open reviews
///
/// A tick holds no memory of its own: it reads the records, closes what was merged, claims what is
/// ready, runs the agents, publishes their checked work as branches `agent/T-n`, and opens reviews.
/// It may be started at any time, on any number of machines. Ctrl-C stops it politely, a second
/// Ctrl-C at once; either way the next tick goes on from there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  fleet tick --dry-run             Show the plan, with reasons
  fleet tick --only T-7            Run one task
  fleet tick --max 2 --time-budget 20m

Phases, for a write token that is never where an agent is:
  fleet tick --phase claim   --handover work    (may push; runs no agent)
  fleet tick --phase run     --handover work    (runs agents; needs no right at all)
  fleet tick --phase publish --handover work    (may push; reads the agents' work as data)")]
pub struct Args {
    /// Show what would be done and why; write nothing, run nothing
    #[arg(long)]
    dry_run: bool,
    /// Claim at most so many tasks
    #[arg(long, value_name = "N")]
    max: Option<u32>,
    /// Run only this task (repeatable)
    #[arg(long, value_name = "TASK")]
    only: Vec<TaskSelector>,
    /// Stop what runs after this time, such as 20m
    #[arg(long, value_name = "SPAN", value_parser = span)]
    time_budget: Option<DurationMs>,
    /// Do only this part of a tick
    #[arg(long, value_name = "PHASE", value_parser = phase(), requires = "handover")]
    phase: Option<Phase>,
    /// Directory that passes work between the phases
    #[arg(long, value_name = "DIR", requires = "phase")]
    handover: Option<PathBuf>,
    /// Run only the N-th of the claims, from 0: for indexed jobs of a cluster
    #[arg(long, value_name = "N", requires = "phase")]
    job: Option<usize>,
    /// SHA-256 of claims.json as the claim phase told it; anything else is refused
    #[arg(long, value_name = "HEX", requires = "phase")]
    claims_sha256: Option<String>,
    /// Where results of run jobs were unpacked, as DIR/fleet-result-SESSION/
    #[arg(long, value_name = "DIR", requires = "phase")]
    results: Option<PathBuf>,
    /// Show each running agent in a window of a tmux server of fleet's own
    #[arg(long)]
    tmux: bool,
    /// Exit with 6 if nothing was ready, 11 if a budget held work back, 12 if a human is asked
    #[arg(long)]
    exit_code: bool,
}

pub(super) fn span(text: &str) -> Result<DurationMs, String> {
    let span = humantime::parse_duration(text)
        .map_err(|_| format!("`{text}` is no span of time; write 90s, 20m or 2h"))?;
    u64::try_from(span.as_millis())
        .map(DurationMs)
        .map_err(|_| format!("`{text}` is too long"))
}

fn phase() -> impl TypedValueParser<Value = Phase> {
    PossibleValuesParser::new(["claim", "run", "publish"]).map(|text| match text.as_str() {
        "claim" => Phase::Claim,
        "run" => Phase::Run,
        _ => Phase::Publish,
    })
}

/// Runs it.
///
/// # Errors
/// As the use-case.
pub fn run(args: Args, session: &mut Session<'_>) -> Result<Exit, CliError> {
    let works = session.works(Between {
        handover: args.handover.as_deref(),
        results: args.results.as_deref(),
    })?;
    let options = TickOptions {
        phase: args.phase.unwrap_or_default(),
        max: args.max,
        only: args.only,
        job: args.job,
        time_budget: args.time_budget,
        dry_run: args.dry_run,
        claims_sha256: args.claims_sha256,
    };
    let mut progress = Progress::new(session.sink());
    let windows = args.tmux.then(|| session.windows()).transpose();
    let windows = windows.map_err(refused)?;
    if let Some(windows) = &windows {
        let how = windows.invitation();
        session.note(&format!(
            "each agent gets a window; look at them with `{how}`"
        ));
    }
    let done = works.tick(&options, &mut |event| {
        if let (Some(windows), Some((task, id))) = (&windows, begins(&event))
            && let Err(why) = windows.open(task, &id)
        {
            progress.take(&TickEvent::Note(why));
        }
        progress.take(&event);
    });
    progress.clear();
    // A tick leaves no process (I9), a window least of all.
    if let Some(windows) = &windows {
        windows.close();
    }
    let report = done?;
    if works.wants_step_summary()
        && let Err(error) = works.step_summary(&summary::markdown(&report))
    {
        session.note(&error);
    }
    if let Some(handed) = &report.handed
        && let Err(error) = works.job_outputs(&outputs(handed))
    {
        return Err(CliError::new(
            Exit::Internal,
            "job_outputs",
            error,
            "what was claimed waits until its leases end, and `fleet inbox` asks then; see to that file first",
        ));
    }
    session.answer(&report, tick::report)?;
    Ok(exit(&report, args.exit_code))
}

/// What the jobs after a claim phase need: how many there are, the matrix, and the digest.
fn outputs(handed: &HandedOver) -> [(&'static str, String); 3] {
    let matrix = serde_json::json!({ "include": handed.jobs });
    [
        ("claimed", handed.jobs.len().to_string()),
        ("matrix", matrix.to_string()),
        ("claims-sha256", handed.claims_sha256.clone()),
    ]
}

/// The task and session of the event by which an agent begins.
fn begins(event: &TickEvent) -> Option<(&str, String)> {
    match event {
        TickEvent::Claimed { session, task, .. } => Some((task, session.to_string())),
        _ => None,
    }
}

/// How a tick ends that came to its end. Without `--exit-code` that is success: cron and CI are not
/// to be alarmed by an empty queue.
const fn exit(report: &TickReport, asked: bool) -> Exit {
    if !asked {
        return Exit::Ok;
    }
    if report.budget_stop {
        Exit::Budget
    } else if report.open_questions > 0 {
        Exit::NeedsHuman
    } else if report.claimed.is_empty() && report.sessions.is_empty() {
        Exit::NothingReady
    } else {
        Exit::Ok
    }
}

impl From<TickError> for CliError {
    fn from(error: TickError) -> Self {
        let message = error.to_string();
        let new = |exit, code, hint: &str| Self::new(exit, code, message.clone(), hint);
        match error {
            TickError::Change(change) => match change {
                ChangeError::Refused(never) => match never {},
                ChangeError::Store(inner) => of_state(inner.into()),
                ChangeError::Repo(inner) => of_state(inner.into()),
                ChangeError::Lost { .. } => {
                    retry(new(Exit::LostRace, "lost_race", "run `fleet tick` again"))
                }
                ChangeError::Denied { .. } => new(
                    Exit::Denied,
                    "denied",
                    "check the token's rights and the remote's rules for the state branch and agent/*; finished work is kept and published by the next tick",
                ),
                ChangeError::Unreachable { .. } => retry(new(
                    Exit::Unreachable,
                    "unreachable",
                    "run `fleet tick` again when the remote answers; finished work is kept",
                )),
            },
            TickError::NotInitialised { branch } => TrackerError::NotInitialised {
                branch,
                unasked: None,
            }
            .into(),
            TickError::Store(inner) => of_state(inner.into()),
            TickError::Repo(inner) => of_state(inner.into()),
            TickError::Unreachable { .. } => retry(new(
                Exit::Unreachable,
                "unreachable",
                "nothing is claimed without the newest state; run `fleet tick` again when the remote answers",
            )),
            TickError::NoSuchTask { .. } => new(
                Exit::NotFound,
                "task_not_found",
                "`fleet list --all` shows every task",
            ),
            TickError::Storage { .. } => new(
                Exit::Internal,
                "storage",
                "make room or mend the rights there, or name another folder in FLEET_WORKSPACES; tasks that were not started are ready again and no attempt was counted",
            ),
            // The cause names what to set or make: it differs from case to case.
            TickError::NoBase { .. } => new(Exit::Config, "no_base", ""),
            TickError::Sandbox(_) => new(
                Exit::Config,
                "sandbox_unavailable",
                "`fleet doctor` says what was tried; `sandbox.mode` in .orchestra/config.toml demands it",
            ),
            TickError::Handover(_) | TickError::Document { .. } => new(
                Exit::Usage,
                "handover",
                "the phases are claim, run, publish, in this order, with one directory",
            ),
        }
    }
}

const REPO_HINT: &str = "check free space and rights of the repository; `fleet doctor` looks at it";

/// Trouble with the state is told as every other command tells it.
fn of_state(error: TrackerError) -> CliError {
    let mut error = CliError::from(error);
    if error.exit == Exit::Internal {
        // What was published before it stays, so not "nothing was recorded".
        REPO_HINT.clone_into(&mut error.hint);
    }
    error
}

pub(super) const fn retry(mut error: CliError) -> CliError {
    error.retryable = true;
    error
}
