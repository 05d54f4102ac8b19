//! Tasks as a checklist: parts below what they are part of.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::dep::DepKind;
use crate::domain::ids::TaskUid;
use crate::exchange::out::{Outgoing, OutgoingTask};

/// Deepest nesting that is written.
const DEPTH_MAX: usize = 12;

/// Writes it.
pub(super) fn write(outgoing: &Outgoing<'_>) -> String {
    let mut all: Vec<&OutgoingTask<'_>> = outgoing.tasks.iter().collect();
    all.sort_by_key(|t| {
        (
            !t.task.is_open(),
            t.task.priority(),
            t.task.number.value,
            t.uid,
        )
    });
    let here: BTreeSet<TaskUid> = all.iter().map(|task| task.uid).collect();
    let mut parts: BTreeMap<TaskUid, Vec<&OutgoingTask<'_>>> = BTreeMap::new();
    let mut roots = Vec::new();
    for task in all {
        let mut parents = task
            .edges
            .iter()
            .filter(|(kind, ..)| *kind == DepKind::ParentChild);
        match parents.find(|(_, to, _)| here.contains(to)) {
            Some((_, parent, _)) => parts.entry(*parent).or_default().push(task),
            None => roots.push(task),
        }
    }
    let mut page = Page {
        outgoing,
        parts,
        text: String::new(),
        written: BTreeSet::new(),
    };
    for root in roots {
        page.task(root, 0);
    }
    // What is part of itself, over some others, has no root.
    for task in &outgoing.tasks {
        page.task(task, 0);
    }
    page.text
}

struct Page<'a> {
    outgoing: &'a Outgoing<'a>,
    parts: BTreeMap<TaskUid, Vec<&'a OutgoingTask<'a>>>,
    text: String,
    written: BTreeSet<TaskUid>,
}

impl<'a> Page<'a> {
    fn task(&mut self, out: &OutgoingTask<'_>, depth: usize) {
        if !self.written.insert(out.uid) {
            return;
        }
        let indent = "  ".repeat(depth);
        let mark = if out.task.is_open() { " " } else { "x" };
        let blockers = out
            .edges
            .iter()
            .filter(|(kind, ..)| *kind == DepKind::Blocks);
        let blockers: Vec<&str> = blockers
            .filter_map(|(_, to, _)| self.outgoing.names.get(to).map(String::as_str))
            .collect();
        let after = if blockers.is_empty() {
            String::new()
        } else {
            format!(" (after {})", blockers.join(", "))
        };
        let (title, name) = (&out.task.title.value, &out.name);
        self.text
            .push_str(&format!("{indent}- [{mark}] {title} ({name}){after}\n"));
        if depth < DEPTH_MAX {
            for part in self.parts.get(&out.uid).cloned().unwrap_or_default() {
                self.task(part, depth + 1);
            }
        }
    }
}
