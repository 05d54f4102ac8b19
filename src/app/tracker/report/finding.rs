//! Answers of the commands that find, count and judge tasks.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::tracker::report::{Delivery, TaskRow};
use crate::domain::time::Timestamp;

/// A task that a search found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hit {
    /// The task.
    #[serde(flatten)]
    pub task: TaskRow,
    /// How well it fits; only to be compared within one answer.
    pub score: usize,
    /// A line of the body or of a comment that has one of the words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
}

macro_rules! lists {
    ($( $(#[$doc:meta])* $name:ident { $( $(#[$fdoc:meta])* $field:ident : $ty:ty ),+ $(,)? } )+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[expect(missing_docs, reason = "the names say it")]
        pub struct $name {
            $( $(#[$fdoc])* pub $field: $ty, )+
            pub total: usize,
            pub has_more: bool,
        }
    )+ };
}

lists! {
    /// Answer of `search`, best first.
    SearchReport { hits: Vec<Hit> }
    /// Answer of `query --list`.
    SavedList { queries: Vec<SavedRow> }
    /// Answer of `count`; `tasks` is how many were counted.
    CountReport { by: &'static str, rows: Vec<CountRow>, tasks: usize }
    /// Answer of `stale`, longest first.
    StaleReport { tasks: Vec<StaleRow> }
    /// Answer of `lint`; `tasks` is how many were looked at.
    LintReport { rows: Vec<LintRow>, tasks: usize }
    /// Answer of `orphans`; `commits` is how many were read.
    OrphanReport { rows: Vec<OrphanRow>, commits: usize }
    /// Answer of `duplicates`, most alike first.
    DuplicateReport { pairs: Vec<DuplicatePair> }
    /// Answer of `merge`. `waits_for_admission` = no human admitted the text of the task that stays.
    MergeReport {
        id: String,
        title: String,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        waits_for_admission: bool,
        merged: Vec<MergedRow>,
        #[serde(flatten)]
        delivery: Delivery,
    }
    /// Answer of `changelog`.
    ChangelogReport {
        since: Option<Timestamp>,
        until: Timestamp,
        groups: Vec<ChangelogGroup>,
    }
    /// Answer of `graph`. `critical_minutes` counts an hour for each task without an estimate.
    NetworkReport {
        root: Option<String>,
        nodes: Vec<NodeRow>,
        edges: Vec<EdgeRow>,
        critical_path: Vec<String>,
        critical_minutes: u64,
        unblocks_most: Vec<LeverRow>,
    }
}

macro_rules! rows {
    ($( $(#[$doc:meta])* $name:ident { $( $field:ident : $ty:ty ),+ $(,)? } )+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        #[expect(missing_docs, reason = "the names say it")]
        pub struct $name { $( pub $field: $ty ),+ }
    )+ };
}

rows! {
    /// A saved query.
    SavedRow { name: String, query: String }
    /// How many tasks have a value.
    CountRow { value: String, count: usize }
    /// Something odd about a task: a stable code, a sentence, and what to do.
    LintRow {
        id: String,
        title: String,
        code: &'static str,
        what: String,
        hint: String,
    }
    /// A forgotten task: `mentioned_in_commits`, `unknown_dep` or `closed_parent`.
    OrphanRow { id: String, title: String, code: &'static str, because: Vec<String> }
    /// Two tasks that are alike.
    DuplicatePair {
        id: String,
        title: String,
        other: String,
        other_title: String,
        likeness_percent: usize,
    }
    /// A task that was merged into another; not changed if it was so already.
    MergedRow { id: String, title: String, changed: bool }
    /// A task that was done.
    ChangelogEntry {
        id: String,
        title: String,
        external_ref: Option<String>,
        closed_at: Timestamp,
    }
    /// Tasks of a type that were done.
    ChangelogGroup { heading: String, kind: String, tasks: Vec<ChangelogEntry> }
    /// A task of a graph.
    NodeRow {
        id: String,
        title: String,
        status: &'static str,
        phase: &'static str,
        priority: u8,
        critical: bool,
    }
    /// An edge of a graph: `from` depends on `to`; of `parent-child`, `from` is the part.
    EdgeRow { from: String, to: String, kind: &'static str, critical: bool }
    /// A task that others wait for: directly, and in all.
    LeverRow { id: String, title: String, direct: usize, all: usize }
}

/// A task that nobody touched for long.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StaleRow {
    #[serde(flatten)]
    pub task: TaskRow,
    pub touched_at: Timestamp,
    pub idle_days: u64,
}

/// A query that was saved or taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct SavedChange {
    pub name: String,
    pub query: Option<String>,
    pub changed: bool,
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// Answer of `stats`. `types` and `priorities` count open tasks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[expect(missing_docs, reason = "the names say it")]
pub struct StatsReport {
    pub total: usize,
    pub open: usize,
    pub closed: usize,
    pub phases: BTreeMap<&'static str, usize>,
    pub types: BTreeMap<String, usize>,
    pub priorities: BTreeMap<String, usize>,
    pub overdue: usize,
    pub unassigned: usize,
    pub estimate_open_minutes: u64,
    pub added_last_7_days: usize,
    pub closed_last_7_days: usize,
    /// From adding to closing, the middle one of all closed tasks.
    pub lead_time_median_ms: Option<u64>,
}
