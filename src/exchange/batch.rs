//! What an import reads: issues, and notes about what was strange or broken.

use std::fmt;

use crate::domain::dep::DepKind;
use crate::domain::record::{CloseOutcome, TaskFields};
use crate::domain::time::Timestamp;
use crate::domain::tracking::GateKind;
use crate::exchange::kept::{Kept, KeptComment, label_prints, print};
use crate::exchange::sums::Field;

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Format {
    Beads,
    Github,
    Gitlab,
    Jira,
    Linear,
    Taskwarrior,
    Backlog,
    Markdown,
    Csv,
}

impl Format {
    /// Every format, in the order of the help text.
    pub const ALL: [Self; 9] = [
        Self::Beads,
        Self::Github,
        Self::Gitlab,
        Self::Jira,
        Self::Linear,
        Self::Taskwarrior,
        Self::Backlog,
        Self::Markdown,
        Self::Csv,
    ];

    /// Its name on the command line, and before the colon of a reference such as `beads:bd-12`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Beads => "beads",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Jira => "jira",
            Self::Linear => "linear",
            Self::Taskwarrior => "taskwarrior",
            Self::Backlog => "backlog",
            Self::Markdown => "markdown",
            Self::Csv => "csv",
        }
    }

    /// The format with that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where something stands in the input. Line and column count from 1; 0 means "not known".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// Which of [`Batch::files`].
    pub file: u32,
    /// Line.
    pub line: u32,
    /// Byte in the line.
    pub column: u32,
}

impl Place {
    /// A line as a whole.
    #[must_use]
    pub const fn line(file: u32, line: u32) -> Self {
        Self {
            file,
            line,
            column: 0,
        }
    }
}

/// A remark on the input, or what is broken in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where.
    pub place: Place,
    /// The issue's reference; empty if it has none that could be read.
    pub about: String,
    /// What is strange or wrong, as a sentence without period.
    pub what: String,
}

/// An edge to another issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What it means here.
    pub kind: DepKind,
    /// Reference of the issue that it leads to, such as `beads:bd-12`.
    pub to: String,
    /// True if it leads from `to` to the issue that names it.
    pub reversed: bool,
}

/// A comment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// Its name at the source; empty if it has none.
    pub id: String,
    /// Who.
    pub by: String,
    /// Markdown.
    pub text: String,
}

/// What an issue waits for besides other issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingGate {
    /// For what.
    pub kind: GateKind,
    /// For a timer: until when.
    pub until: Option<Timestamp>,
    /// For `pr` and `ci`: which.
    pub subject: Option<String>,
}

/// One issue, in the words of this tracker.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Incoming {
    /// Where it begins.
    pub place: Place,
    /// Reference, source-qualified: `beads:bd-12`, `github:owner/repo#9`.
    pub key: String,
    /// Identity of the task it was exported from, if it was exported from here.
    pub uid: Option<String>,
    /// Values. `external_ref`, `held_by` and `extra` are written by whoever imports it.
    pub set: TaskFields,
    /// Labels.
    pub labels: Vec<String>,
    /// How and why it ended; none while it is open.
    pub closed: Option<(CloseOutcome, String)>,
    /// Why it is not worked on at the source though it is open; it is held here.
    pub holds: Vec<String>,
    /// Edges.
    pub links: Vec<Link>,
    /// What it waits for besides.
    pub gate: Option<IncomingGate>,
    /// Comments, in order.
    pub comments: Vec<Said>,
    /// Last change at the source.
    pub updated: Option<Timestamp>,
    /// False if its text comes from somebody whom the source does not vouch for.
    pub trusted: bool,
    /// What is kept beside the task.
    pub kept: Kept,
    /// What older versions called it, if that was another name.
    pub formerly: Option<String>,
    /// Values that the source says nothing about: a table without that column, a time that is none.
    pub silent: Vec<Field>,
    /// Kinds of edges of which the source names all that there are.
    pub whole: Vec<DepKind>,
}

impl Incoming {
    /// Everything of it that is kept beside the task, but for the fingerprints.
    #[must_use]
    pub fn remembered(&self) -> Kept {
        let back = self.links.iter().filter(|link| link.reversed);
        Kept {
            labels: label_prints(self.labels.iter().map(String::as_str)),
            back: back
                .map(|link| (link.kind.name().to_owned(), link.to.clone()))
                .collect(),
            uid: self.uid.clone(),
            ..self.kept.clone()
        }
    }

    /// A comment: its name at the source, who said it, and when as the source wrote it (JSON).
    pub(crate) fn hear(&mut self, id: &str, by: &str, text: &str, at: &str) {
        let fields = format!("{{\"created_at\":{at}}}");
        let kept = KeptComment(id.to_owned(), print(by, text), fields);
        self.kept.comments.push(kept);
        self.comments.push(Said {
            id: id.to_owned(),
            by: by.to_owned(),
            text: text.to_owned(),
        });
    }
}

/// Everything that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The format it was read as.
    pub format: Format,
    /// Names of the files.
    pub files: Vec<String>,
    /// The issues, in the order of the input.
    pub issues: Vec<Incoming>,
    /// What could not be read: an issue, or all of a file, is missing from `issues`.
    pub damage: Vec<Note>,
    /// What is strange, and how it was understood.
    pub remarks: Vec<Note>,
}

impl Batch {
    /// Nothing yet.
    #[must_use]
    pub const fn new(format: Format) -> Self {
        Self {
            format,
            files: Vec::new(),
            issues: Vec::new(),
            damage: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// `file:line:column` as far as it is known.
    #[must_use]
    pub fn shown(&self, place: Place) -> String {
        let name = self
            .files
            .get(place.file as usize)
            .map_or("input", String::as_str);
        match (place.line, place.column) {
            (0, _) => name.to_owned(),
            (line, 0) => format!("{name}:{line}"),
            (line, column) => format!("{name}:{line}:{column}"),
        }
    }

    pub(crate) fn broken(&mut self, place: Place, about: &str, what: impl Into<String>) {
        self.damage.push(Note {
            place,
            about: about.to_owned(),
            what: what.into(),
        });
    }

    pub(crate) fn remark(&mut self, place: Place, about: &str, what: impl Into<String>) {
        self.remarks.push(Note {
            place,
            about: about.to_owned(),
            what: what.into(),
        });
    }
}
