//! The rules for values of fields, checked before anything is recorded.

use globset::Glob;

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::request::{Edits, PointEdits, When};
use crate::domain::record::TaskFields;
use crate::domain::task::{Acceptance, MAX_PRIORITY};
use crate::ports::clock::Clock;

/// Longest title, in characters.
pub const TITLE_MAX_CHARS: usize = 500;
/// Longest body, comment or answer, in bytes: a record stays well below the size of a segment.
pub const TEXT_MAX_BYTES: usize = 48 * 1024;
/// Longest label, type, agent, assignee, key or reference, in characters.
pub const WORD_MAX_CHARS: usize = 200;

fn invalid(what: impl Into<String>, hint: impl Into<String>) -> TrackerError {
    TrackerError::Invalid {
        what: what.into(),
        hint: hint.into(),
    }
}

/// Checks and trims a title.
pub(in crate::app::tracker) fn title(text: &str) -> Result<String, TrackerError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(invalid(
            "the title is empty",
            "say in a line what is wanted",
        ));
    }
    if text.chars().any(|c| c.is_control()) {
        return Err(invalid(
            "the title has a line break or another control character",
            "keep the title to one line; more goes into --body",
        ));
    }
    let count = text.chars().count();
    if count > TITLE_MAX_CHARS {
        return Err(invalid(
            format!("the title has {count} characters, the limit is {TITLE_MAX_CHARS}"),
            "shorten it; more goes into --body",
        ));
    }
    Ok(text.to_owned())
}

/// Checks a longer text.
pub(in crate::app::tracker) fn text(what: &str, text: &str) -> Result<String, TrackerError> {
    if text.len() > TEXT_MAX_BYTES {
        return Err(invalid(
            format!(
                "the {what} has {} bytes, the limit is {TEXT_MAX_BYTES}",
                text.len()
            ),
            "keep long texts in a file of the repository, and name the file",
        ));
    }
    Ok(text.trim_end().to_owned())
}

/// Checks a text that must say something.
pub(in crate::app::tracker) fn said(what: &str, given: &str) -> Result<String, TrackerError> {
    let kept = text(what, given)?;
    if kept.trim().is_empty() {
        return Err(invalid(format!("the {what} is empty"), ""));
    }
    Ok(kept)
}

fn word(what: &str, given: &str) -> Result<String, TrackerError> {
    let given = given.trim();
    let bad = given.is_empty()
        || given.chars().count() > WORD_MAX_CHARS
        || given.chars().any(|c| c.is_control());
    if bad {
        return Err(invalid(
            format!(
                "{what} `{}` is empty, too long, or has control characters",
                given.escape_debug()
            ),
            format!("use 1 to {WORD_MAX_CHARS} plain characters"),
        ));
    }
    Ok(given.to_owned())
}

/// Checks a key.
pub(in crate::app::tracker) fn key(given: &str) -> Result<String, TrackerError> {
    word("the key", given)
}

/// Checks the name of a person.
pub(in crate::app::tracker) fn person(given: &str) -> Result<String, TrackerError> {
    word("the name", given)
}

fn kind(given: &str) -> Result<String, TrackerError> {
    let given = given.trim();
    let plain = (1..=40).contains(&given.len())
        && given
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    if plain {
        return Ok(given.to_owned());
    }
    Err(invalid(
        format!("`{}` is not a type", given.escape_debug()),
        "types are 1 to 40 lower-case letters, digits, - and _, such as implementation or bug",
    ))
}

fn path(given: &str) -> Result<String, TrackerError> {
    let given = given.strip_prefix("./").unwrap_or(given);
    let outside = given.starts_with('/') || given.split('/').any(|part| part == "..");
    if given.is_empty() || outside || given.chars().any(|c| c.is_control()) {
        return Err(invalid(
            format!(
                "`{}` is not a path inside the repository",
                given.escape_debug()
            ),
            "globs are relative to the repository's root, such as src/parser/**",
        ));
    }
    Glob::new(given).map_err(|e| {
        invalid(
            format!("`{}` is not a glob: {}", given.escape_debug(), e.kind()),
            "globs look like src/parser/** or docs/*.md",
        )
    })?;
    Ok(given.to_owned())
}

fn each(
    list: &[String],
    check: impl Fn(&str) -> Result<String, TrackerError>,
) -> Result<Vec<String>, TrackerError> {
    let mut kept: Vec<String> = Vec::new();
    for element in list {
        let element = check(element)?;
        if !kept.contains(&element) {
            kept.push(element);
        }
    }
    Ok(kept)
}

fn clearable(
    what: &str,
    given: &Option<Option<String>>,
) -> Result<Option<Option<String>>, TrackerError> {
    match given {
        None => Ok(None),
        Some(None) => Ok(Some(None)),
        Some(Some(text)) if text.is_empty() => Ok(Some(None)),
        Some(Some(text)) => word(what, text).map(|t| Some(Some(t))),
    }
}

/// Edits, checked, with times made absolute.
#[derive(Debug, Clone, PartialEq, Default)]
pub(in crate::app::tracker) struct Checked {
    pub(in crate::app::tracker) set: TaskFields,
    pub(in crate::app::tracker) add_labels: Vec<String>,
    pub(in crate::app::tracker) rm_labels: Vec<String>,
    pub(in crate::app::tracker) add_paths: Vec<String>,
    pub(in crate::app::tracker) rm_paths: Vec<String>,
    pub(in crate::app::tracker) meet: Vec<usize>,
    pub(in crate::app::tracker) unmeet: Vec<usize>,
    pub(in crate::app::tracker) points: PointEdits,
}

/// Checks all values of an edit.
pub(in crate::app::tracker) fn check(
    edits: &Edits,
    clock: &dyn Clock,
) -> Result<Checked, TrackerError> {
    if let Some(priority) = edits.priority.filter(|p| *p > MAX_PRIORITY) {
        return Err(invalid(
            format!("{priority} is not a priority"),
            format!("priorities are 0 (most urgent) to {MAX_PRIORITY}"),
        ));
    }
    let acceptance = match &edits.acceptance {
        None => None,
        Some(points) => Some(
            each(points, |p| said("acceptance point", p))?
                .into_iter()
                .map(|text| Acceptance { text, done: false })
                .collect(),
        ),
    };
    let mut points = edits.points.clone();
    if let Some((_, after)) = &mut points.lists {
        *after = each(after, |p| said("acceptance point", p))?;
    }
    let now = clock.now();
    let instant = |when: When| when.resolve(now, &|at| clock.offset_secs(at));
    let set = TaskFields {
        title: edits.title.as_deref().map(title).transpose()?,
        body: edits.body.as_deref().map(|t| text("body", t)).transpose()?,
        kind: edits.kind.as_deref().map(kind).transpose()?,
        priority: edits.priority,
        complexity: edits.complexity,
        deliverable: edits.deliverable,
        acceptance,
        assignee: clearable("the assignee", &edits.assignee)?,
        due: edits.due.map(|due| due.map(instant)),
        defer_until: edits.defer_until.map(|until| until.map(instant)),
        external_ref: clearable("the reference", &edits.external_ref)?,
        agent: clearable("the agent", &edits.agent)?,
        // Who takes a wait back takes a stop back.
        held_by: (edits.defer_until == Some(None)).then_some(None),
        budget: None,
        milestone: clearable("the milestone", &edits.milestone)?,
        estimate_minutes: edits.estimate,
        extra: std::collections::BTreeMap::new(),
    };
    Ok(Checked {
        set,
        add_labels: each(&edits.add_labels, |l| word("label", l))?,
        rm_labels: edits.rm_labels.clone(),
        add_paths: each(&edits.add_paths, path)?,
        rm_paths: edits.rm_paths.clone(),
        meet: edits.meet.clone(),
        unmeet: edits.unmeet.clone(),
        points,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::{DurationMs, Timestamp};

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp(0)
        }

        fn pause(&self, _: DurationMs) {}
    }

    #[test]
    fn a_title_is_one_line_that_says_something() {
        assert_eq!(title("  Parse dates ").expect("fits"), "Parse dates");
        for bad in ["", "  ", "a\nb", "a\u{1b}[31mb", &"x".repeat(501)] {
            assert!(title(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn paths_stay_inside_the_repository() {
        assert_eq!(path("./src/**").expect("fits"), "src/**");
        for bad in ["", "/etc/passwd", "../x", "a/../../b", "src/[", "a\0b"] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_name_clears() {
        let edits = Edits {
            assignee: Some(Some(String::new())),
            ..Edits::default()
        };
        let checked = check(&edits, &Stopped).expect("fits");
        assert_eq!(checked.set.assignee, Some(None));
    }
}
