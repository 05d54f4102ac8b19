//! Tasks that say too little to be worked on well.

use std::collections::BTreeSet;

use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::domain::state::{Index, State};
use crate::domain::task::{Deliverable, Task};
use crate::domain::time::Timestamp;

/// Longest title that reads well in a list, in letters.
const LONG_TITLE: usize = 80;
/// Words that a title can be made of without saying anything.
const VAGUE: &[&str] = &[
    "fix",
    "bug",
    "bugs",
    "update",
    "improve",
    "improvements",
    "cleanup",
    "clean",
    "up",
    "misc",
    "stuff",
    "things",
    "thing",
    "todo",
    "wip",
    "refactor",
    "refactoring",
    "changes",
    "change",
    "work",
    "test",
    "tests",
    "code",
    "issue",
    "issues",
    "it",
    "the",
    "some",
    "this",
    "more",
    "new",
    "task",
    "docs",
    "various",
    "small",
    "minor",
];

/// Something that is missing or odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Stable name.
    pub code: &'static str,
    /// What is odd, in a sentence.
    pub what: String,
    /// What to do about it, with a command; `{}` stands for the task.
    pub hint: &'static str,
}

fn remark(code: &'static str, what: impl Into<String>, hint: &'static str) -> Remark {
    Remark {
        code,
        what: what.into(),
        hint,
    }
}

/// What is odd about an open task. `index` and `state` have its family.
#[must_use]
pub fn lint(
    state: &State,
    index: &Index,
    (uid, task): (TaskUid, &Task),
    now: Timestamp,
) -> Vec<Remark> {
    let mut found = Vec::new();
    title(task, &mut found);
    let edges = index.deps_to(uid);
    let parts: Vec<TaskUid> = edges
        .filter(|key| key.kind == DepKind::ParentChild)
        .map(|key| key.from)
        .collect();
    if parts.is_empty() {
        texts(task, &mut found);
    } else if parts
        .iter()
        .all(|part| state.tasks.get(part).is_some_and(|t| !t.is_open()))
    {
        found.push(remark(
            "parts_done",
            "all its parts are closed",
            "`fleet close {}` if it is done",
        ));
    }
    if parts.is_empty() && task.type_name() == "epic" {
        found.push(remark(
            "empty_epic",
            "it is an epic without parts",
            "`fleet dep add PART {} --kind parent-child`, or `fleet update {} -t implementation`",
        ));
    }
    if let Some(due) = task.details.due.value.filter(|due| *due < now) {
        found.push(remark(
            "overdue",
            format!("it was due {}", due.day()),
            "`fleet update {} --due \"next friday\"`, or --clear due",
        ));
    }
    if let Some(name) = &task.details.milestone.value
        && state.milestones.get(name).is_some_and(|m| m.closed.value)
    {
        found.push(remark(
            "closed_milestone",
            format!("its milestone {name} is over"),
            "`fleet update {} --milestone NEXT`, or --clear milestone",
        ));
    }
    unknown_deps(state, uid, &mut found);
    found
}

fn title(task: &Task, found: &mut Vec<Remark>) {
    let title = &task.title.value;
    let words: BTreeSet<String> = title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    if words.iter().all(|word| VAGUE.contains(&word.as_str())) || words.len() < 2 {
        found.push(remark(
            "vague_title",
            "its title does not say what is wanted",
            "`fleet update {} --title \"what is to be there afterwards\"`",
        ));
    }
    let length = title.chars().count();
    if length > LONG_TITLE {
        found.push(remark(
            "long_title",
            format!("its title has {length} letters"),
            "`fleet update {} --title …`; what is more goes into --body",
        ));
    }
}

fn texts(task: &Task, found: &mut Vec<Remark>) {
    if !task.kind.is_written() {
        found.push(remark(
            "no_type",
            "it has no type, so it counts as implementation",
            "`fleet update {} -t bug`, or the type that it is of",
        ));
    }
    if task.body.value.trim().is_empty() {
        found.push(remark(
            "no_body",
            "it has a title only",
            "`fleet update {} --body …` or `fleet edit {}`",
        ));
    }
    let makes = task.details.deliverable.value == Deliverable::Pr;
    if makes && task.details.acceptance.value.is_empty() {
        found.push(remark(
            "no_acceptance",
            "nothing says when it is done",
            "`fleet update {} --acceptance \"what holds then\"`",
        ));
    }
}

fn unknown_deps(state: &State, uid: TaskUid, found: &mut Vec<Remark>) {
    let unknown = |other: &TaskUid| state.tasks.get(other).is_none_or(|t| t.added.is_none());
    for key in state.deps_from(uid).filter(|key| unknown(&key.to)) {
        found.push(remark(
            "unknown_dep",
            format!("it depends ({}) on a task that is not known here", key.kind),
            "`fleet sync` may bring it; else `fleet dep rm {} ON`",
        ));
    }
}
