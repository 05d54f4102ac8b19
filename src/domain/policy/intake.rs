//! How issues of the forge become tasks, as configured.

use std::collections::BTreeMap;

/// Intake settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakePolicy {
    /// Every tick takes issues in; `fleet intake` works without it.
    pub enabled: bool,
    /// Label that hands an issue to fleet.
    pub label: String,
    /// Most tasks that one run adds or changes; the next run goes on.
    pub limit: u32,
    /// Say on the issue what becomes of it.
    pub comment: bool,
    /// Close the issue when its task is done.
    pub close: bool,
    /// Open an issue for a question of a task that has none.
    pub ask_by_issue: bool,
    /// Task type by label, in lower case: the usual ones, overlaid by the owner's.
    pub types: BTreeMap<String, String>,
    /// Priority by label, in lower case: the usual ones, overlaid by the owner's.
    pub priorities: BTreeMap<String, u8>,
}

/// Labels that people use for kinds of work, and the type that each means.
const USUAL_TYPES: [(&str, &str); 14] = [
    ("bug", "bug"),
    ("type: bug", "bug"),
    ("kind/bug", "bug"),
    ("enhancement", "implementation"),
    ("feature", "implementation"),
    ("type: feature", "implementation"),
    ("kind/feature", "implementation"),
    ("documentation", "documentation"),
    ("docs", "documentation"),
    ("type: docs", "documentation"),
    ("tests", "testing"),
    ("testing", "testing"),
    ("refactoring", "implementation"),
    ("architecture", "architecture"),
];

/// Labels that people use for urgency, and the priority that each means.
const USUAL_PRIORITIES: [(&str, u8); 19] = [
    ("p0", 0),
    ("p1", 1),
    ("p2", 2),
    ("p3", 3),
    ("p4", 4),
    ("priority: critical", 0),
    ("priority: high", 1),
    ("priority: medium", 2),
    ("priority: low", 3),
    ("priority/critical", 0),
    ("priority/high", 1),
    ("priority/medium", 2),
    ("priority/low", 3),
    ("critical", 0),
    ("urgent", 0),
    ("high priority", 1),
    ("low priority", 3),
    ("security", 1),
    ("nice to have", 4),
];

impl Default for IntakePolicy {
    fn default() -> Self {
        let types = USUAL_TYPES.map(|(label, kind)| (label.to_owned(), kind.to_owned()));
        let priorities = USUAL_PRIORITIES.map(|(label, p)| (label.to_owned(), p));
        Self {
            enabled: false,
            label: "fleet".to_owned(),
            limit: 200,
            comment: true,
            close: true,
            ask_by_issue: false,
            types: types.into(),
            priorities: priorities.into(),
        }
    }
}
