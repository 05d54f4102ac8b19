//! Keys of `[intake]`: issues that become tasks.

use crate::config::schema::{Key, key};

pub(super) const INTAKE: &[Key] = &[
    key("", "intake", "", "issues that become tasks"),
    key(
        "intake",
        "enabled",
        "false",
        "every tick takes issues in; `fleet intake` works without it",
    ),
    key(
        "intake",
        "label",
        "\"fleet\"",
        "label that hands an issue to fleet",
    ),
    key(
        "intake",
        "limit",
        "200",
        "most tasks that one run adds or changes",
    ),
    key(
        "intake",
        "comment",
        "true",
        "say on issues what becomes of them, and ask questions on reviews and issues",
    ),
    key(
        "intake",
        "close",
        "true",
        "close the issue when its task is done",
    ),
    key(
        "intake",
        "ask_by_issue",
        "false",
        "open an issue for a question of a task that has none",
    ),
    key(
        "intake",
        "types",
        "the usual names",
        "task type by label, such as { defect = \"bug\" }",
    ),
    key(
        "intake",
        "priorities",
        "the usual names",
        "priority by label, such as { blocker = \"P0\" }",
    ),
];
