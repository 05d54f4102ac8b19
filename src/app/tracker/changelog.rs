//! What was done in a span of time, as release notes want it.

use std::collections::BTreeMap;

use crate::app::tracker::desk::Desk;
use crate::app::tracker::error::TrackerError;
use crate::app::tracker::names::name;
use crate::app::tracker::report::{ChangelogEntry, ChangelogGroup, ChangelogReport};
use crate::app::tracker::request::When;
use crate::domain::record::CloseOutcome;
use crate::domain::task::Task;
use crate::domain::time::Timestamp;
use crate::store::Scope;

/// Headings of the types that have one of their own, in their order.
const HEADINGS: [(&str, &str); 8] = [
    ("feature", "Features"),
    ("implementation", "Added and changed"),
    ("bug", "Fixed"),
    ("architecture", "Design"),
    ("documentation", "Documentation"),
    ("testing", "Tests"),
    ("chore", "Housekeeping"),
    ("review", "Reviews"),
];

/// Tasks closed as done in `[since, until)`, by type, in the order in which they were closed.
///
/// # Errors
/// A span that ends before it begins, or unreadable state.
pub fn changelog(
    desk: Desk<'_>,
    since: Option<When>,
    until: Option<When>,
    milestone: Option<&str>,
) -> Result<ChangelogReport, TrackerError> {
    let clock = desk.context.clock;
    let since = since.map(|when| when.back(clock));
    let until = until.map_or_else(
        || clock.now().plus(crate::domain::time::DurationMs(1)),
        |when| when.back(clock),
    );
    let begin = since.unwrap_or(Timestamp(0));
    if begin >= until {
        return Err(TrackerError::Invalid {
            what: format!("nothing is between {begin} and {until}"),
            hint: "`fleet changelog --since 30d`, or --since DATE --until DATE".to_owned(),
        });
    }
    let reading = desk.skim(Scope::All)?;
    let state = &reading.loaded.state;
    let mut done: Vec<_> = state
        .tasks
        .iter()
        .filter(|(_, task)| task.outcome() == Some(CloseOutcome::Done))
        .map(|(uid, task)| (task.status.at.ts.wall(), *uid, task))
        .filter(|(at, _, _)| (begin..until).contains(at))
        .filter(|(_, _, task)| {
            milestone.is_none_or(|name| task.details.milestone.value.as_deref() == Some(name))
        })
        .collect();
    done.sort_by_key(|(at, uid, _)| (*at, *uid));
    let total = done.len();
    let mut groups: BTreeMap<(usize, String), Vec<ChangelogEntry>> = BTreeMap::new();
    for (at, uid, task) in done {
        groups.entry(place(task)).or_default().push(ChangelogEntry {
            id: name(state, uid),
            title: task.title.value.clone(),
            external_ref: task.details.external_ref.value.clone(),
            closed_at: at,
        });
    }
    let groups = groups
        .into_iter()
        .map(|((at, kind), tasks)| ChangelogGroup {
            heading: HEADINGS
                .get(at)
                .map_or_else(|| capitalised(&kind), |(_, heading)| (*heading).to_owned()),
            kind,
            tasks,
        })
        .collect();
    Ok(ChangelogReport {
        since,
        until,
        groups,
        total,
        has_more: false,
    })
}

fn place(task: &Task) -> (usize, String) {
    let kind = task.type_name();
    let at = HEADINGS.iter().position(|(name, _)| *name == kind);
    (at.unwrap_or(HEADINGS.len()), kind.to_owned())
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().collect::<String>());
    first.unwrap_or_default() + letters.as_str()
}
