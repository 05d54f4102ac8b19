//! The fields that a query can name.

/// What values a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of these words.
    Words(&'static [&'static str]),
    /// Any text.
    Text,
    /// A number.
    Number,
    /// Minutes of work, such as `4h`.
    Effort,
    /// A time in the past: a span is so long ago.
    Past,
    /// A time to come: a span is from now.
    Future,
}

macro_rules! fields {
    ($( $variant:ident = $name:literal $(| $alias:literal)* : $kind:expr, $help:literal; )+) => {
        /// A field of a task, as a query names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names and helps say it")]
        pub enum Field { $( $variant ),+ }

        impl Field {
            /// All of them.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $( Self::$variant => $name ),+ }
            }

            /// What it is, in a few words.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $( Self::$variant => $help ),+ }
            }

            /// What values it has.
            #[must_use]
            pub const fn kind(self) -> Kind {
                match self { $( Self::$variant => $kind ),+ }
            }

            /// The field of that name (lower-case), or of another name for it.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $( $name $(| $alias)* => Some(Self::$variant), )+
                    _ => None,
                }
            }
        }
    };
}

const PHASES: &[&str] = &[
    "draft",
    "deferred",
    "blocked",
    "ready",
    "waiting",
    "running",
    "in_review",
    "needs_human",
    "closed",
];
const FLAGS: &[&str] = &[
    "open", "closed", "ready", "blocked", "deferred", "running", "overdue", "epic", "leaf",
    "gated", "admitted", "held",
];
const THINGS: &[&str] = &[
    "label",
    "assignee",
    "due",
    "milestone",
    "estimate",
    "body",
    "acceptance",
    "parent",
    "part",
    "dep",
    "comment",
    "gate",
    "path",
    "ref",
    "session",
];

fields! {
    Status = "status" | "state": Kind::Words(&["open", "closed"]), "open or closed";
    Phase = "phase": Kind::Words(PHASES), "ready, blocked, running, in_review, …";
    Is = "is": Kind::Words(FLAGS), "ready, blocked, overdue, epic, leaf, gated, …";
    Has = "has": Kind::Words(THINGS), "label, due, milestone, acceptance, parent, dep, …";
    Type = "type" | "kind": Kind::Text, "bug, implementation, …";
    Priority = "prio" | "priority" | "p": Kind::Number, "0 to 4";
    Complexity = "complexity": Kind::Words(&["low", "medium", "high"]), "low, medium or high";
    Deliverable = "deliverable": Kind::Words(&["pr", "report", "plan"]), "pr, report or plan";
    Outcome = "outcome": Kind::Words(&["done", "wontdo", "duplicate", "failed"]), "how it was closed";
    Label = "label" | "labels" | "tag": Kind::Text, "a label";
    Path = "path": Kind::Text, "a path glob of the task";
    Assignee = "assignee" | "owner": Kind::Text, "the person who works on it";
    By = "by" | "author" | "creator": Kind::Text, "who added it";
    Agent = "agent": Kind::Text, "the agent asked for";
    Milestone = "milestone": Kind::Text, "its milestone";
    Ref = "ref" | "external": Kind::Text, "the same thing elsewhere";
    Title = "title": Kind::Text, "words in the title";
    Body = "body" | "description": Kind::Text, "words in the body";
    Comment = "comment": Kind::Text, "words in a comment";
    Id = "id": Kind::Text, "T-7";
    Parent = "parent" | "epic": Kind::Text, "T-1: its parts, and their parts";
    Dep = "dep" | "needs": Kind::Text, "T-1: what depends on it directly";
    Estimate = "estimate": Kind::Effort, "4h, 1d";
    Added = "created" | "added": Kind::Past, "when it was added";
    Updated = "updated" | "changed": Kind::Past, "when it last changed";
    Closed = "closed": Kind::Past, "when it was closed";
    Due = "due": Kind::Future, "when it is wanted";
    Defer = "defer" | "deferred": Kind::Future, "until when it is put off";
}

impl Field {
    /// The name that looks most like `wrong`, if one does.
    pub(super) fn near(wrong: &str) -> Option<&'static str> {
        nearest(wrong, Self::ALL.iter().map(|field| field.name()))
    }
}

/// Of some words, the one that differs from `wrong` by at most two letters, or begins as it does.
pub(super) fn nearest<'a>(
    wrong: &str,
    words: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let begins = words
        .clone()
        .find(|word| wrong.len() >= 2 && (word.starts_with(wrong) || wrong.starts_with(word)));
    begins.or_else(|| {
        words
            .map(|word| (distance(wrong, word), word))
            .filter(|(distance, _)| *distance <= 2)
            .min()
            .map(|(_, word)| word)
    })
}

/// How many letters have to be put in, taken out or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, x) in a.chars().take(40).enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (to, y) in b.iter().enumerate() {
            let change = before + usize::from(x != *y);
            before = row[to + 1];
            row[to + 1] = change.min(before + 1).min(row[to] + 1);
        }
    }
    row[b.len()]
}
