//! What records say that cannot be meant.

use std::collections::BTreeMap;

use crate::app::tracker::deps::cycles_of;
use crate::app::tracker::doctor::{COLLISION, Sheet};
use crate::app::tracker::names::name;
use crate::domain::handles::unambiguous_handle;
use crate::domain::ids::TaskUid;
use crate::domain::state::State;
use crate::engine::deps::living;

/// Numbers and references of two tasks, circles, and what names nothing.
pub(super) fn look_at_meaning(state: &State, sheet: &mut Sheet) {
    for (n, uids) in state.collisions() {
        let handles: Vec<_> = uids
            .iter()
            .map(|uid| unambiguous_handle(state, *uid))
            .collect();
        let what = format!(
            "{} tasks have the number {n}: {}",
            uids.len(),
            handles.join(", ")
        );
        let next = "`fleet doctor --fix` gives all but the first a new number";
        sheet.find(("error", COLLISION), n.to_string(), what, next);
    }
    for cycle in cycles_of(state) {
        let what = format!("these tasks wait for each other: {}", cycle.join(", "));
        let next = "`fleet dep rm` takes one of the edges away";
        sheet.find(("warning", "dependency_cycle"), "", what, next);
    }
    doubled_references(state, sheet);
    for key in state.live_deps() {
        let unknown = |uid| state.tasks.get(&uid).is_none_or(|t| t.added.is_none());
        if let Some(missing) = [key.from, key.to].into_iter().find(|uid| unknown(*uid)) {
            let from = name(state, key.from);
            let what = format!("a dependency of {from} names task {missing}, which is not here");
            let next = "`fleet sync`, where that task was added";
            sheet.find(("warning", "unknown_task"), from, what, next);
        }
    }
    if !state.unknown.is_empty() {
        let mut ops: Vec<_> = state.unknown.values().map(String::as_str).collect();
        ops.sort_unstable();
        ops.dedup();
        let what = format!(
            "{} records of a newer fleet are kept and not understood: {}",
            state.unknown.len(),
            ops.join(", ")
        );
        sheet.find(
            ("note", "unknown_records"),
            "",
            what,
            "install a newer fleet",
        );
    }
}

/// Two tasks that carry one reference: an import would take one of them for it, by chance of its age.
/// Tasks that were merged into one another are one.
fn doubled_references(state: &State, sheet: &mut Sheet) {
    let mut carriers: BTreeMap<&str, Vec<TaskUid>> = BTreeMap::new();
    for (uid, task) in &state.tasks {
        if let Some(reference) = task.details.external_ref.value.as_deref() {
            let uid = living(state, *uid);
            let known = carriers.entry(reference).or_default();
            if !known.contains(&uid) {
                known.push(uid);
            }
        }
    }
    for (reference, uids) in carriers.into_iter().filter(|(_, uids)| uids.len() > 1) {
        let names: Vec<_> = uids.iter().map(|uid| name(state, *uid)).collect();
        let what = format!(
            "{} carry the reference {reference}; an import takes {} for it",
            names.join(" and "),
            names[0]
        );
        let next = format!(
            "`fleet merge {}` makes one of them, `fleet update {} --clear external-ref` parts them",
            names.join(" "),
            names[1..].join(" ")
        );
        sheet.find(
            ("warning", "doubled_reference"),
            names[0].clone(),
            what,
            next,
        );
    }
}
