//! Keys of `[archive]`: texts of old closed tasks.

use crate::config::schema::{Key, key};

pub(super) const ARCHIVE: &[Key] = &[
    key("", "archive", "", "texts of old closed tasks"),
    key(
        "archive",
        "after",
        "never",
        "ticks summarise texts of tasks that were closed that long ago, such as \"90d\"",
    ),
    key(
        "archive",
        "least_bytes",
        "500",
        "of tasks with so much text at least",
    ),
    key("archive", "limit", "500", "most tasks of one day"),
];
