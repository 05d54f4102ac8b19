//! The outbox: what an agent says besides its diff, one JSON object a line in `$FLEET_OUTBOX`.
//!
//! | kind | fields |
//! |---|---|
//! | `escalate` | `context`, `options` (list of texts, may be absent) |
//! | `subtask` | `title`, `body`, `type`, `paths`, `priority`, `complexity`, `acceptance` (all but `title` may be absent) |
//! | `finding` `note` `progress` | `text` |
//!
//! It is read tolerantly and within bounds: a bad line is reported and the rest counts.

use serde::Deserialize;

use crate::domain::task::{Complexity, MAX_PRIORITY};
use crate::engine::overlap::validate_glob;
use crate::engine::text::{one_line, truncated};

/// Most bytes that are read.
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most lines that are read.
pub const MAX_LINES: usize = 200;
/// Most subtasks that one run may propose.
pub const MAX_SUBTASKS: usize = 50;
const MAX_TITLE: usize = 200;
const MAX_TEXT: usize = 16 * 1024;
const MAX_LIST: usize = 50;
/// Most bytes of one acceptance point.
const MAX_POINT: usize = 1000;

/// A task that an agent proposes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Subtask {
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// Type; empty = the default.
    pub kind: String,
    /// Valid path globs.
    pub paths: Vec<String>,
    /// 0 to 4.
    pub priority: Option<u8>,
    /// How hard.
    pub complexity: Option<Complexity>,
    /// Acceptance points.
    pub acceptance: Vec<String>,
}

/// One thing that an agent says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saying {
    /// It asks a human and stops.
    Escalate {
        /// What a human must know.
        context: String,
        /// Offered answers.
        options: Vec<String>,
    },
    /// It proposes a task.
    Subtask(Subtask),
    /// It noticed something besides its task.
    Finding {
        /// Bounded text.
        text: String,
    },
    /// It wants something to be remembered on the task.
    Note {
        /// Bounded text.
        text: String,
    },
    /// It says how far it is.
    Progress {
        /// One line.
        text: String,
    },
}

/// Everything that was said, and what could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbox {
    /// In order.
    pub sayings: Vec<Saying>,
    /// Lines that were left out, as sentences with their number.
    pub problems: Vec<String>,
}

impl Outbox {
    /// The first question, if it asks one.
    #[must_use]
    pub fn question(&self) -> Option<(&str, &[String])> {
        self.sayings.iter().find_map(|saying| match saying {
            Saying::Escalate { context, options } => Some((context.as_str(), options.as_slice())),
            Saying::Subtask(_)
            | Saying::Finding { .. }
            | Saying::Note { .. }
            | Saying::Progress { .. } => None,
        })
    }
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Escalate {
        context: String,
        #[serde(default)]
        options: Vec<String>,
    },
    Subtask {
        title: String,
        #[serde(default)]
        body: String,
        #[serde(default, rename = "type")]
        kind: String,
        #[serde(default)]
        paths: Vec<String>,
        #[serde(default)]
        priority: Option<u8>,
        #[serde(default)]
        complexity: Option<Complexity>,
        #[serde(default)]
        acceptance: Vec<String>,
    },
    Finding {
        text: String,
    },
    Note {
        text: String,
    },
    Progress {
        text: String,
    },
}

/// Reads an outbox. Never fails.
#[must_use]
pub fn parse(bytes: &[u8]) -> Outbox {
    let mut outbox = Outbox::default();
    if bytes.len() > MAX_BYTES {
        outbox.problems.push(format!(
            "the outbox has {} bytes; only the first {MAX_BYTES} were read",
            bytes.len()
        ));
    }
    let read = &bytes[..bytes.len().min(MAX_BYTES)];
    let text = String::from_utf8_lossy(read);
    let lines = text
        .trim_start_matches('\u{feff}')
        .split('\n')
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    for (count, (at, line)) in lines.enumerate() {
        if count == MAX_LINES {
            outbox.problems.push(format!(
                "the outbox has more than {MAX_LINES} lines; the rest was left out"
            ));
            break;
        }
        match serde_json::from_str::<Line>(line) {
            Ok(line) => take(line, at + 1, &mut outbox),
            Err(error) => outbox.problems.push(format!(
                "outbox line {}: {}",
                at + 1,
                truncated(&one_line(&error.to_string()), 200)
            )),
        }
    }
    outbox
}

fn bounded(text: &str) -> String {
    text_of(text, MAX_TEXT)
}

/// Text of at most `max` bytes, without control characters: each would take six bytes in a record,
/// and a record has a limit that one saying must not reach.
fn text_of(text: &str, max: usize) -> String {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    let text: String = text.chars().filter(|c| plain(*c)).collect();
    truncated(text.trim(), max).into_owned()
}

fn take(line: Line, at: usize, outbox: &mut Outbox) {
    let saying = match line {
        Line::Escalate { context, options } => Saying::Escalate {
            context: bounded(&context),
            options: options
                .iter()
                .take(MAX_LIST)
                .map(|o| truncated(&one_line(o), MAX_TITLE).into_owned())
                .collect(),
        },
        Line::Finding { text } => Saying::Finding {
            text: bounded(&text),
        },
        Line::Note { text } => Saying::Note {
            text: bounded(&text),
        },
        Line::Progress { text } => Saying::Progress {
            text: truncated(&one_line(&text), MAX_TITLE).into_owned(),
        },
        Line::Subtask {
            title,
            body,
            kind,
            paths,
            priority,
            complexity,
            acceptance,
        } => {
            let proposed = outbox
                .sayings
                .iter()
                .filter(|s| matches!(s, Saying::Subtask(_)))
                .count();
            if proposed >= MAX_SUBTASKS {
                let problem = format!("outbox line {at}: more than {MAX_SUBTASKS} subtasks");
                outbox.problems.push(problem);
                return;
            }
            let (paths, bad): (Vec<_>, Vec<_>) = paths
                .into_iter()
                .take(MAX_LIST)
                .partition(|glob| validate_glob(glob).is_ok());
            if let Some(glob) = bad.first() {
                let problem = validate_glob(glob).err().unwrap_or_default();
                outbox.problems.push(format!(
                    "outbox line {at}: {} bad paths, such as: {}",
                    bad.len(),
                    truncated(&one_line(&problem), 200)
                ));
            }
            Saying::Subtask(Subtask {
                title: truncated(&one_line(&title), MAX_TITLE).into_owned(),
                body: bounded(&body),
                kind: truncated(&one_line(&kind), 40).into_owned(),
                paths,
                priority: priority.map(|p| p.min(MAX_PRIORITY)),
                complexity,
                acceptance: acceptance
                    .iter()
                    .take(MAX_LIST)
                    .map(|a| text_of(a, MAX_POINT))
                    .collect(),
            })
        }
    };
    if says_nothing(&saying) {
        let problem = format!("outbox line {at}: it is empty");
        outbox.problems.push(problem);
    } else {
        outbox.sayings.push(saying);
    }
}

const fn says_nothing(saying: &Saying) -> bool {
    match saying {
        Saying::Escalate { context: text, .. }
        | Saying::Finding { text }
        | Saying::Note { text }
        | Saying::Progress { text } => text.is_empty(),
        Saying::Subtask(subtask) => subtask.title.is_empty(),
    }
}
