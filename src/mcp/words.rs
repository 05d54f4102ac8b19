//! Reports in few words: an agent pays for each. What others wrote is escaped and marked as theirs.

use crate::app::tracker::brief::brief;
use crate::app::tracker::report::{
    AddReport, ChangeReport, ClaimReport, Delivery, TaskDetail, TaskList, TaskRow,
};
use crate::app::tracker::text::display_safe;

/// Most tokens of one task.
const TASK_TOKENS: usize = 4_000;
/// Most characters of a title in a list.
const TITLE_CHARS: usize = 120;

/// `text` with everything escaped that hides or moves, on one line.
pub(super) fn safe(text: &str) -> String {
    let flat: Vec<&str> = text.split_whitespace().collect();
    display_safe(&flat.join(" "))
}

pub(super) fn ready(list: &TaskList) -> String {
    if list.total == 0 {
        return "nothing is ready; `search` with phase \"blocked\" shows what waits\n".to_owned();
    }
    self::list(list)
}

pub(super) fn list(list: &TaskList) -> String {
    let mut text: String = list.tasks.iter().map(row).collect();
    if list.has_more {
        let (shown, total) = (list.tasks.len(), list.total);
        text.push_str(&format!(
            "{shown} of {total} shown; a higher limit shows more\n"
        ));
    }
    if list.total == 0 {
        text.push_str("no task fits\n");
    }
    text
}

fn row(task: &TaskRow) -> String {
    let holder = task.assignee.as_ref();
    let holder = holder.map_or_else(String::new, |who| format!(" @{}", safe(who)));
    let title: String = safe(&task.title).chars().take(TITLE_CHARS).collect();
    let (kind, phase) = (safe(&task.kind), task.phase);
    format!(
        "{} P{} {kind} {phase}{holder}: {title}\n",
        task.id, task.priority
    )
}

pub(super) fn task(detail: &TaskDetail) -> String {
    brief(detail, TASK_TOKENS).text
}

pub(super) fn claimed(report: &ClaimReport) -> String {
    match &report.task {
        Some(task) => format!(
            "{} is yours{}: {}\n{}`show` has its text\n",
            task.id,
            since(report),
            safe(&task.title),
            delivery(&report.delivery)
        ),
        None => "nothing is ready\n".to_owned(),
    }
}

/// A claim of what one holds is told from a new one.
fn since(report: &ClaimReport) -> String {
    let since = report.held_since;
    since.map_or_else(String::new, |at| format!(" already, since {at}"))
}

pub(super) fn added(report: &AddReport, waits: bool) -> String {
    let what = if report.existed {
        "was there already"
    } else {
        "added"
    };
    let mut text = format!("{} {what}: {}\n", report.id, safe(&report.title));
    if waits && !report.existed {
        text.push_str(&format!(
            "a human admits it before agents may start it: `fleet admit {}`\n",
            report.id
        ));
    }
    text + &delivery(&report.delivery)
}

pub(super) fn changed(report: &ChangeReport) -> String {
    let mut text = String::new();
    for task in &report.tasks {
        let done = if task.changed {
            report.action
        } else {
            "unchanged"
        };
        let note = if task.note.is_empty() {
            String::new()
        } else {
            format!(" ({})", safe(&task.note))
        };
        text.push_str(&format!("{} {done}{note}\n", task.id));
    }
    text + &delivery(&report.delivery)
}

fn delivery(delivery: &Delivery) -> String {
    let why = delivery.unpublished_because.as_ref();
    why.map_or_else(String::new, |why| {
        format!("kept on this machine, not published yet: {}\n", safe(why))
    })
}
