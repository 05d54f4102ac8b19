//! The inverse of a change of fields: every one that nobody wrote again.

use serde_json::Value;

use crate::app::tracker::change::admission::readmission;
use crate::app::tracker::undo::inverse::{Inverse, OVERTAKEN, Undoing, nothing};
use crate::domain::record::{Op, Record, TaskFields, TaskUpdated};
use crate::domain::register::{LwwSet, Reg, Stamp};
use crate::domain::task::{Acceptance, Task};

impl Undoing<'_> {
    /// Every field that the record wrote and nobody wrote since.
    pub(super) fn updated(&self, record: &Record, p: &TaskUpdated) -> Inverse {
        let (now, none) = (self.task(p.task), Task::default());
        let old = self.before().tasks.get(&p.task).unwrap_or(&none);
        let mine = |at: Stamp| at.id == record.id;
        let mut set = TaskFields::default();
        macro_rules! back {
            ($($field:ident in $now:expr, $old:expr);+ $(;)?) => { $(
                if p.set.$field.is_some() && mine($now.$field.at) {
                    set.$field = Some($old.$field.value.clone());
                }
            )+ };
        }
        back!(title in now, old; body in now, old; kind in now, old);
        back!(
            complexity in now.details, old.details;
            deliverable in now.details, old.details;
            assignee in now.details, old.details;
            due in now.details, old.details;
            defer_until in now.details, old.details;
            external_ref in now.details, old.details;
            agent in now.details, old.details;
            held_by in now.details, old.details;
            budget in now.details, old.details;
            milestone in now.details, old.details;
            estimate_minutes in now.details, old.details;
        );
        if p.set.priority.is_some() && mine(now.priority.at) {
            set.priority = Some(old.priority());
        }
        if p.set.acceptance.is_some() && mine(now.details.acceptance.at) {
            set.acceptance = Some(old.points());
        }
        for name in p.set.extra.keys() {
            let reg = |task: &Task| task.details.extra.get(name).cloned();
            if reg(now).is_some_and(|reg| mine(reg.at)) {
                let value = reg(old).map_or(Value::Null, |reg| reg.value);
                set.extra.insert(name.clone(), value);
            }
        }
        let updated = TaskUpdated {
            task: p.task,
            set,
            add_labels: changed(&p.rm_labels, &now.labels, &mine),
            rm_labels: changed(&p.add_labels, &now.labels, &mine),
            add_paths: changed(&p.rm_paths, &now.paths, &mine),
            rm_paths: changed(&p.add_paths, &now.paths, &mine),
            check: marked(&p.uncheck, now, old, true),
            uncheck: marked(&p.check, now, old, false),
        };
        if updated.changes_nothing() {
            return nothing(OVERTAKEN);
        }
        // As with any change of an agent's: what was admitted until now is pinned (R4). A human who
        // takes something back did not write the text that comes back, and admits nothing by it.
        let pin = if self.by_agent() {
            readmission(self.desk(), now, &updated)
        } else {
            None
        };
        let mut ops = vec![Op::TaskUpdated(updated)];
        ops.extend(pin);
        (ops, "values as before".to_owned())
    }
}

/// Elements that the record changed last.
fn changed(elements: &[String], set: &LwwSet, mine: &dyn Fn(Stamp) -> bool) -> Vec<String> {
    let last = |reg: Option<&Reg<bool>>| reg.is_some_and(|reg| mine(reg.at));
    let changed = elements.iter().filter(|element| last(set.get(element)));
    changed.cloned().collect()
}

/// Points that were `done` before and are not now.
fn marked(texts: &[String], now: &Task, old: &Task, done: bool) -> Vec<String> {
    let is = |points: &[Acceptance], text: &str| {
        points
            .iter()
            .find(|point| point.text == text)
            .map(|p| p.done)
    };
    let (now, old) = (now.points(), old.points());
    let back = texts
        .iter()
        .filter(|text| is(&old, text) == Some(done) && is(&now, text) == Some(!done));
    back.cloned().collect()
}
