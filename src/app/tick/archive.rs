//! Decay by rule, as the last thing of a tick: at most once a day, and nothing where nothing is due.
//!
//! Old closed work is not among what a tick reads, so this reads everything. A note of this clone
//! keeps it from doing so more than once a day; where there is no note, as in a fresh clone of a CI
//! job, the records themselves say whether today's share is done.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};

use crate::app::decay::{self, Rule};
use crate::app::end::End;
use crate::app::publish::{self, ChangeError, Decision, How, Terms};
use crate::app::tick::World;
use crate::app::tick::report::TickReport;
use crate::domain::ids::TaskUid;
use crate::domain::state::State;
use crate::domain::time::{DurationMs, Timestamp};
use crate::ports::state_repo::Freshness;
use crate::store::{Checkpoint, Scope};

/// Name of the note.
const NOTE: &str = "archive.json";
/// How often texts are looked at.
const EVERY: DurationMs = DurationMs::secs(86_400);

/// When this clone looked last.
#[derive(Serialize, Deserialize)]
struct Note {
    looked_at: Timestamp,
}

/// Summarises what is due by `[archive]`. Trouble is a note: another tick does it.
pub(super) fn step(world: &World<'_>, end: End, report: &mut TickReport) {
    let policy = &world.policy.archive;
    let Some(older_than) = policy.after else {
        return;
    };
    let now = world.context.clock.now();
    if end.is_over(world.context) || looked_within_a_day(world, now) {
        return;
    }
    let rule = Rule {
        older_than,
        least_bytes: usize::try_from(policy.least_bytes).unwrap_or(usize::MAX),
        limit: usize::try_from(policy.limit).unwrap_or(usize::MAX),
    };
    let count = if report.dry_run {
        would(world, rule)
    } else {
        summarise(world, rule, end).map_err(|error| error.to_string())
    };
    match count {
        Ok(0) => {}
        Ok(count) => {
            let things = if count == 1 { "task" } else { "tasks" };
            report.reconciled.push(format!(
                "texts of {count} old closed {things} summarised; `fleet show --full` has every word"
            ));
        }
        Err(error) => {
            let note = format!("texts of old tasks were left as they are: {error}");
            report.notes.push(note);
            return;
        }
    }
    if !report.dry_run
        && let Ok(bytes) = serde_json::to_vec(&Note { looked_at: now })
        && let Err(error) = world.own.put(NOTE, &bytes)
    {
        report.notes.push(format!("failed to {error}"));
    }
}

/// By the note of this clone. One from the future says nothing: a clock was wrong.
fn looked_within_a_day(world: &World<'_>, now: Timestamp) -> bool {
    let bytes = world.own.get(NOTE).ok().flatten();
    let note = bytes.and_then(|bytes| serde_json::from_slice::<Note>(&bytes).ok());
    note.is_some_and(|note| note.looked_at <= now && now.since(note.looked_at) < EVERY)
}

/// What is due in a state, unless somebody summarised within a day.
fn due(state: &State, rule: Rule, now: Timestamp) -> Vec<(TaskUid, usize)> {
    match decay::last(state) {
        Some(last) if now.since(last) < EVERY => Vec::new(),
        _ => decay::due(state, rule, now),
    }
}

fn would(world: &World<'_>, rule: Rule) -> Result<usize, String> {
    let view = world.context.repo.view(Freshness::Local);
    let view = view.map_err(|error| format!("failed to {error}"))?;
    let loaded = world.context.load(&view, Scope::All);
    let loaded = loaded.map_err(|error| format!("failed to {error}"))?;
    Ok(due(&loaded.state, rule, world.context.clock.now()).len())
}

fn summarise(world: &World<'_>, rule: Rule, end: End) -> Result<usize, ChangeError<Infallible>> {
    let terms = Terms {
        scope: Scope::All,
        freshness: Freshness::Local,
        how: How::Must(end.left(world.context)),
        checkpoint: Checkpoint::IfGrown,
    };
    let changed = publish::change(world.context, &terms, |loaded, minter| {
        minter.act_as("fleet");
        let old = due(&loaded.state, rule, minter.now());
        decay::mint(&loaded.state, &old, minter);
        Ok(match old.len() {
            0 => Decision::Nothing(0),
            count => Decision::write(count, format!("summarise {count} old tasks")),
        })
    })?;
    Ok(changed.value)
}
