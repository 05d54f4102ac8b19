//! A task as a Markdown file with front matter: what `edit` opens, and what templates are.
//!
//! ```text
//! ---
//! title: Parse dates
//! type: bug
//! priority: 1
//! labels: api, core
//! acceptance:
//! - [ ] leap years
//! - [x] time zones
//! ---
//! What is wanted, in Markdown.
//! ```

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::request::{Edits, When};
use crate::domain::dates::Spoken;
use crate::domain::task::{Complexity, Deliverable, MAX_PRIORITY, Task};

/// Fields of a sheet, in the order in which they are written.
const FIELDS: [&str; 15] = [
    "title",
    "type",
    "priority",
    "complexity",
    "deliverable",
    "labels",
    "paths",
    "assignee",
    "due",
    "defer",
    "milestone",
    "estimate",
    "external-ref",
    "agent",
    "acceptance",
];

/// A sheet, read. Fields that it does not name are untouched; an empty one is cleared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// Values, but for labels and paths.
    pub edits: Edits,
    /// All labels, if it names them.
    pub labels: Option<Vec<String>>,
    /// All paths, if it names them.
    pub paths: Option<Vec<String>>,
    /// Acceptance points that are met, by place from 1.
    pub met: Vec<usize>,
}

fn wrong(line: usize, what: impl std::fmt::Display) -> TrackerError {
    TrackerError::Invalid {
        what: format!("failed to read the sheet, line {line}: {what}"),
        hint: format!(
            "a sheet is `---`, lines `field: value`, `---`, text; fields are {}",
            FIELDS.join(", ")
        ),
    }
}

/// Reads a sheet.
///
/// # Errors
/// What is wrong, with its line.
pub fn read(text: &str) -> Result<Sheet, TrackerError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    if lines
        .next()
        .is_none_or(|(_, line)| line.trim_end() != "---")
    {
        return Err(wrong(1, "it does not begin with `---`"));
    }
    let mut sheet = Sheet::default();
    let mut points: Option<Vec<String>> = None;
    let mut body = None;
    for (number, line) in lines.by_ref() {
        let line = line.trim_end();
        if line == "---" {
            body = Some(number);
            break;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if let (Some(list), Some(point)) = (&mut points, line.trim_start().strip_prefix("- ")) {
            let (met, text) = mark(point);
            list.push(text.to_owned());
            if met {
                sheet.met.push(list.len());
            }
            continue;
        }
        let Some((field, value)) = line.split_once(':') else {
            return Err(wrong(number, format!("`{line}` is no `field: value`")));
        };
        let field = field.trim().to_lowercase();
        if field == "acceptance" {
            points = Some(Vec::new());
        } else {
            put(&mut sheet, &field, unquoted(value.trim())).map_err(|what| wrong(number, what))?;
        }
    }
    let Some(body) = body else {
        return Err(wrong(text.lines().count(), "the second `---` is missing"));
    };
    let rest: Vec<&str> = text.lines().skip(body).collect();
    sheet.edits.body = Some(rest.join("\n").trim().to_owned());
    sheet.edits.acceptance = points;
    sheet.edits.meet.clone_from(&sheet.met);
    Ok(sheet)
}

fn mark(point: &str) -> (bool, &str) {
    let point = point.trim();
    for (prefix, met) in [("[ ]", false), ("[x]", true), ("[X]", true)] {
        if let Some(text) = point.strip_prefix(prefix) {
            return (met, text.trim());
        }
    }
    (false, point)
}

fn unquoted(value: &str) -> &str {
    let inner = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
    inner.unwrap_or(value)
}

fn list(value: &str) -> Vec<String> {
    let value = value.trim_start_matches('[').trim_end_matches(']');
    value
        .split(',')
        .map(|element| unquoted(element.trim()).to_owned())
        .filter(|element| !element.is_empty())
        .collect()
}

/// Sets a field from its text; what is wrong is said without a place.
pub(in crate::app::tracker) fn put(
    sheet: &mut Sheet,
    field: &str,
    value: &str,
) -> Result<(), String> {
    let edits = &mut sheet.edits;
    let some = || (!value.is_empty()).then(|| value.to_owned());
    let time = || -> Result<Option<When>, String> {
        if value.is_empty() {
            return Ok(None);
        }
        Ok(Some(When::Said(Spoken::read(value)?)))
    };
    match field {
        "title" => edits.title = some(),
        "type" => edits.kind = some(),
        "priority" if value.is_empty() => {}
        "priority" => {
            let digits = value.trim_start_matches(['P', 'p']);
            let number = digits.parse::<u8>().ok().filter(|n| *n <= MAX_PRIORITY);
            let number =
                number.ok_or_else(|| format!("`{value}` is no priority, 0 to {MAX_PRIORITY}"))?;
            edits.priority = Some(number);
        }
        "complexity" => edits.complexity = one_of(value, &COMPLEXITIES)?,
        "deliverable" => edits.deliverable = one_of(value, &DELIVERABLES)?,
        "labels" => sheet.labels = Some(list(value)),
        "paths" => sheet.paths = Some(list(value)),
        "assignee" => edits.assignee = Some(some()),
        "due" => edits.due = Some(time()?),
        "defer" => edits.defer_until = Some(time()?),
        "milestone" => edits.milestone = Some(some()),
        "estimate" => {
            edits.estimate = Some(match value {
                "" => None,
                text => Some(
                    text.trim_end_matches('m')
                        .parse()
                        .map_err(|_| format!("`{text}` is no estimate in minutes, such as 90m"))?,
                ),
            });
        }
        "external-ref" => edits.external_ref = Some(some()),
        "agent" => edits.agent = Some(some()),
        other => return Err(format!("`{other}` is no field of a task")),
    }
    Ok(())
}

const COMPLEXITIES: [(&str, Complexity); 3] = [
    ("low", Complexity::Low),
    ("medium", Complexity::Medium),
    ("high", Complexity::High),
];
const DELIVERABLES: [(&str, Deliverable); 3] = [
    ("pr", Deliverable::Pr),
    ("report", Deliverable::Report),
    ("plan", Deliverable::Plan),
];

fn one_of<T: Copy>(value: &str, all: &[(&str, T)]) -> Result<Option<T>, String> {
    if value.is_empty() {
        return Ok(None);
    }
    let found = all.iter().find(|(name, _)| *name == value);
    let names = || {
        all.iter()
            .map(|(name, _)| *name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match found {
        Some((_, one)) => Ok(Some(*one)),
        None => Err(format!("`{value}` is none of {}", names())),
    }
}

/// Writes a task as a sheet. Reading it again changes nothing.
#[must_use]
pub fn write(task: &Task) -> String {
    let details = &task.details;
    let opt = |value: &Option<String>| value.clone().unwrap_or_default();
    let join = |list: Vec<&str>| list.join(", ");
    let name = |all: &[(&'static str, Complexity)]| {
        let found = all.iter().find(|(_, one)| *one == details.complexity.value);
        found.map_or("", |(name, _)| *name)
    };
    let hands = DELIVERABLES
        .iter()
        .find(|(_, one)| *one == details.deliverable.value)
        .map_or("", |(name, _)| *name);
    let values = [
        task.title.value.clone(),
        task.type_name().to_owned(),
        task.priority().to_string(),
        name(&COMPLEXITIES).to_owned(),
        hands.to_owned(),
        join(task.labels.iter().collect()),
        join(task.paths.iter().collect()),
        opt(&details.assignee.value),
        details
            .due
            .value
            .map(|at| at.to_string())
            .unwrap_or_default(),
        details
            .defer_until
            .value
            .map(|at| at.to_string())
            .unwrap_or_default(),
        opt(&details.milestone.value),
        details
            .estimate_minutes
            .value
            .map(|minutes| format!("{minutes}m"))
            .unwrap_or_default(),
        opt(&details.external_ref.value),
        opt(&details.agent.value),
        String::new(),
    ];
    let mut text = String::from("---\n");
    for (field, value) in FIELDS.iter().zip(values) {
        text.push_str(format!("{field}: {value}").trim_end());
        text.push('\n');
    }
    for (point, met) in task.acceptance() {
        let mark = if met { 'x' } else { ' ' };
        let point = point.replace('\n', " ");
        text.push_str(&format!("- [{mark}] {point}\n"));
    }
    text.push_str("---\n\n");
    text.push_str(&task.body.value);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::register::{Reg, Stamp};

    fn said(text: &str) -> String {
        read(text).expect_err(text).to_string()
    }

    #[test]
    fn a_sheet_is_read_as_it_is_written() {
        let mut task = Task {
            title: Reg {
                value: "Parse: dates".to_owned(),
                at: Stamp::NOBODY,
            },
            ..Task::default()
        };
        task.body.value = "All of them.\n\n---\n\nEven odd ones.".to_owned();
        task.details.milestone.value = Some("v1".to_owned());
        task.details.estimate_minutes.value = Some(90);
        task.labels.write("api", true, Stamp::NOBODY);
        let sheet = read(&write(&task)).expect("it was written so");
        assert_eq!(sheet.edits.title.as_deref(), Some("Parse: dates"));
        assert_eq!(sheet.edits.body.as_deref(), Some(task.body.value.as_str()));
        assert_eq!(sheet.edits.milestone, Some(Some("v1".to_owned())));
        assert_eq!(sheet.edits.estimate, Some(Some(90)));
        assert_eq!(sheet.edits.assignee, Some(None));
        assert_eq!(sheet.labels, Some(vec!["api".to_owned()]));
    }

    #[test]
    fn what_is_wrong_with_a_sheet_is_told_with_its_line() {
        assert!(said("title: x").contains("line 1: it does not begin"));
        assert!(said("---\ntitle: x\n").contains("the second `---` is missing"));
        assert!(said("---\ntitel: x\n---\n").contains("line 2: `titel` is no field"));
        assert!(said("---\n\npriority: 9\n---\n").contains("line 3: `9` is no priority"));
        assert!(said("---\ndue: soon\n---\n").contains("line 2: `soon` is no time"));
        assert!(said("---\nnonsense\n---\n").contains("line 2: `nonsense` is no `field: value`"));
    }

    #[test]
    fn points_keep_their_marks() {
        let sheet = read("---\nacceptance:\n- [ ] a\n- [x] b\n- c\n---\n").expect("it is one");
        let points = sheet.edits.acceptance.expect("it names them");
        assert_eq!(points, ["a", "b", "c"]);
        assert_eq!(sheet.met, [2]);
    }
}
