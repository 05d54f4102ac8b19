//! Decay: the texts of old closed tasks become summaries, by rule. The log keeps every word.

use crate::app::context::Minter;
use crate::domain::ids::TaskUid;
use crate::domain::record::Op;
use crate::domain::register::Stamp;
use crate::domain::state::State;
use crate::domain::task::{Status, Task};
use crate::domain::time::{DurationMs, Timestamp};
use crate::domain::tracking::TaskDecayed;
use crate::engine::text::truncated;

/// Which tasks decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Those closed longer ago than this.
    pub older_than: DurationMs,
    /// Those whose body and remarks have at least so many bytes together.
    pub least_bytes: usize,
    /// So many of them at most.
    pub limit: usize,
}

/// Tasks that the rule means now, and the bytes of their texts.
pub(in crate::app) fn due(state: &State, rule: Rule, now: Timestamp) -> Vec<(TaskUid, usize)> {
    let before = now.minus(rule.older_than);
    state
        .tasks
        .iter()
        .filter(|(_, task)| !task.is_open() && task.status.at.ts.wall() < before)
        .map(|(uid, task)| (*uid, weight(task)))
        .filter(|(_, bytes)| *bytes >= rule.least_bytes)
        .take(rule.limit)
        .collect()
}

/// Mints the summaries of tasks.
pub(in crate::app) fn mint(state: &State, tasks: &[(TaskUid, usize)], minter: &mut Minter<'_>) {
    for (uid, _) in tasks {
        minter.add(Op::TaskDecayed(TaskDecayed {
            task: *uid,
            summary: summary(&state.tasks[uid]),
        }));
    }
}

/// When a text was summarised last.
pub(in crate::app) fn last(state: &State) -> Option<Timestamp> {
    let decayed = state.tasks.values().map(|task| task.details.decayed);
    let last = decayed.filter(|at| *at != Stamp::NOBODY).max();
    last.map(|at| at.ts.wall())
}

/// Bytes of text that decay would take away; 0 once it did.
fn weight(task: &Task) -> usize {
    let comments = task.details.comments.values();
    let comments: usize = comments.map(|comment| comment.text.len()).sum();
    let body = if task.details.decayed != Stamp::NOBODY && task.body.at == task.details.decayed {
        0
    } else {
        task.body.value.len()
    };
    body + comments
}

/// What stays: the first paragraph, how it ended, and how much there was.
fn summary(task: &Task) -> String {
    let mut lines = Vec::new();
    let first: Vec<&str> = task
        .body
        .value
        .trim()
        .lines()
        .take_while(|line| !line.trim().is_empty())
        .collect();
    if !first.is_empty() {
        let first = first.join(" ");
        lines.push(truncated(&first, 280).into_owned());
    }
    if let Status::Closed { outcome, reason } = &task.status.value {
        let reason = truncated(reason.lines().next().unwrap_or(""), 200);
        let colon = if reason.is_empty() { "" } else { ": " };
        lines.push(format!("Closed as {}{colon}{reason}.", outcome.name()));
    }
    let (done, total) = task.checklist();
    if total > 0 {
        lines.push(format!("{done} of {total} acceptance points were met."));
    }
    let comments = match task.comments().len() {
        1 => "1 comment is".to_owned(),
        count => format!("{count} comments are"),
    };
    lines.push(format!(
        "(Summarised; {} bytes of text and {comments} in the history: \
         `fleet show --full`.)",
        task.body.value.len()
    ));
    lines.join("\n\n")
}
