//! What is odd in the queue: tasks that say too little, that were forgotten, or that are there twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::{name, title};
use crate::app::tracker::report::{
    DuplicatePair, DuplicateReport, LintReport, LintRow, OrphanReport, OrphanRow,
};
use crate::domain::dep::DepKind;
use crate::domain::ids::{TaskSelector, TaskUid};
use crate::domain::state::State;
use crate::engine::{lint, similar};
use crate::ports::code_repo::CodeRepo;
use crate::store::Scope;

/// Everything that is odd about open tasks, most urgent tasks first.
///
/// # Errors
/// Unreadable state.
pub fn lint(desk: Desk<'_>, limit: Option<usize>) -> Result<LintReport, TrackerError> {
    let reading = desk.read(Scope::Live)?;
    let state = &reading.loaded.state;
    let index = state.index();
    let now = desk.now();
    let mut open: Vec<_> = state
        .tasks
        .iter()
        .filter(|(_, task)| task.is_open() && task.added.is_some())
        .collect();
    open.sort_by_key(|(uid, task)| (task.priority(), task.number.value, **uid));
    let mut rows = Vec::new();
    for (uid, task) in &open {
        let label = name(state, **uid);
        for remark in lint::lint(state, &index, (**uid, task), now) {
            rows.push(LintRow {
                id: label.clone(),
                title: task.title.value.clone(),
                code: remark.code,
                what: remark.what,
                hint: remark.hint.replace("{}", &label),
            });
        }
    }
    let total = rows.len();
    rows.truncate(limit.unwrap_or(usize::MAX));
    Ok(LintReport {
        tasks: open.len(),
        has_more: rows.len() < total,
        rows,
        total,
    })
}

/// Open tasks of which commits say that they are worked on or done, edges to tasks that nobody
/// knows, and open parts of closed wholes. `commits` newest commits of the base branch are read.
///
/// # Errors
/// The code or the state cannot be read.
pub fn orphans(
    desk: Desk<'_>,
    code: &dyn CodeRepo,
    commits: usize,
) -> Result<OrphanReport, TrackerError> {
    let reading = desk.skim(Scope::Live)?;
    let state = &reading.loaded.state;
    let mut rows = Vec::new();
    let said = code
        .messages(commits)
        .map_err(|e| TrackerError::State(format!("read the commits: {e}")))?;
    let mut mentions: BTreeMap<TaskUid, Vec<String>> = BTreeMap::new();
    for commit in &said {
        for selector in mentioned(&commit.text) {
            if let Ok(uid) = state.resolve(&selector)
                && state.tasks[&uid].is_open()
            {
                let subject = commit.text.lines().next().unwrap_or("");
                let line = format!("{} {subject}", commit.id.short());
                mentions.entry(uid).or_default().push(line);
            }
        }
    }
    let index = state.index();
    for (uid, commits) in mentions {
        // Work in progress is no orphan.
        let held = index.lease_holder(state, uid).is_some();
        let reviews = index.reviews_of(uid).iter();
        let in_review = reviews
            .filter_map(|id| state.reviews.get(id))
            .any(|review| review.is_open());
        if !held && !in_review {
            rows.push(orphan(state, uid, "mentioned_in_commits", commits));
        }
    }
    edges(state, &mut rows);
    rows.sort_by(|a, b| (a.code, &a.id).cmp(&(b.code, &b.id)));
    Ok(OrphanReport {
        commits: said.len(),
        total: rows.len(),
        rows,
        has_more: false,
    })
}

fn orphan(state: &State, uid: TaskUid, code: &'static str, because: Vec<String>) -> OrphanRow {
    OrphanRow {
        id: name(state, uid),
        title: title(state, uid),
        code,
        because,
    }
}

fn edges(state: &State, rows: &mut Vec<OrphanRow>) {
    for key in state.live_deps() {
        let open = |uid: &TaskUid| state.tasks.get(uid).is_some_and(|t| t.is_open());
        if !open(&key.from) {
            continue;
        }
        let known = state.tasks.get(&key.to).is_some_and(|t| t.added.is_some());
        if !known {
            let because = vec![format!("{} {}", key.kind, name(state, key.to))];
            rows.push(orphan(state, key.from, "unknown_dep", because));
        } else if key.kind == DepKind::ParentChild && !open(&key.to) {
            let because = vec![format!("its whole {} is closed", name(state, key.to))];
            rows.push(orphan(state, key.from, "closed_parent", because));
        }
    }
}

/// Ids of tasks in a text, each once.
fn mentioned(text: &str) -> BTreeSet<TaskSelector> {
    let mut found = BTreeSet::new();
    let bytes = text.as_bytes();
    for (at, _) in text.match_indices("T-") {
        // `FOO-T-7` and `AT-7` are something else, and `agent/T-7` is the task.
        let before = at.checked_sub(1).map(|before| bytes[before]);
        if before.is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            continue;
        }
        let digits = text[at + 2..]
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        let end = at + 2 + digits;
        let cut = bytes
            .get(end)
            .is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
        if let (false, Ok(selector)) = (cut, text[at..end].parse()) {
            found.insert(selector);
        }
    }
    found
}

/// Pairs of open tasks that say nearly the same.
///
/// # Errors
/// Unreadable state.
pub fn duplicates(
    desk: Desk<'_>,
    least_percent: usize,
    limit: Option<usize>,
) -> Result<DuplicateReport, TrackerError> {
    let reading = desk.read(Scope::Live)?;
    let state = &reading.loaded.state;
    let open: Vec<_> = state
        .tasks
        .iter()
        .filter(|(_, task)| task.is_open() && task.added.is_some())
        .collect();
    let sets: Vec<_> = open
        .iter()
        .map(|(_, task)| similar::shingles(&task.title.value, &task.body.value))
        .collect();
    let mut pairs = Vec::new();
    for (a, b, likeness) in similar::pairs(&sets, least_percent * 10) {
        let (a, b) = (*open[a].0, *open[b].0);
        let tied = state
            .deps_from(a)
            .chain(state.deps_from(b))
            .any(|key| [a, b].contains(&key.to) && [a, b].contains(&key.from));
        if tied {
            // Somebody knows of both: they are parts, blockers or twins of each other.
            continue;
        }
        pairs.push(DuplicatePair {
            id: name(state, a),
            title: title(state, a),
            other: name(state, b),
            other_title: title(state, b),
            likeness_percent: likeness / 10,
        });
    }
    let total = pairs.len();
    pairs.truncate(limit.unwrap_or(usize::MAX));
    Ok(DuplicateReport {
        has_more: pairs.len() < total,
        pairs,
        total,
    })
}

#[cfg(test)]
mod tests {
    use super::mentioned;

    #[test]
    fn ids_are_found_where_they_stand_for_tasks() {
        let text =
            "fix dates (T-7), see agent/T-12\n\nTask: T-7\nAT-9 T-1x T-0 T-~k3f9q FOO-T-3 T-4_5";
        let found: Vec<_> = mentioned(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["T-7", "T-12"]);
    }
}
