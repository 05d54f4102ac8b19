//! From an issue to a task: what it says, and whose word counts (R4).
//!
//! Nothing here knows a forge: labels, acts and times come in as values.

use crate::domain::command::Verb;
use crate::domain::policy::IntakePolicy;
use crate::domain::task::Acceptance;
use crate::domain::time::Timestamp;
use crate::engine::admission::text_hash;
use crate::engine::clean::{self, LeftOut};
use crate::engine::commands;
use crate::engine::text::truncated;

/// Longest title, in characters.
const TITLE_MAX_CHARS: usize = 300;
/// Longest body, in bytes.
const BODY_MAX_BYTES: usize = 48 << 10;
/// Longest acceptance point, in bytes.
const POINT_MAX_BYTES: usize = 500;
/// Most acceptance points.
const POINTS_MAX: usize = 50;
/// Longest label, in characters.
const LABEL_MAX_CHARS: usize = 100;
/// Most labels.
const LABELS_MAX: usize = 30;
/// Title of a task whose issue shows none.
const NO_TITLE: &str = "(without a title)";

/// What an issue says, as a task holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// One line.
    pub title: String,
    /// Markdown, as a human sees it.
    pub body: String,
    /// Its checklist.
    pub acceptance: Vec<Acceptance>,
    /// Type, if a label says one.
    pub kind: Option<String>,
    /// Priority, if a label says one; the most urgent of several.
    pub priority: Option<u8>,
    /// Labels that say neither.
    pub labels: Vec<String>,
    /// What of the text is not in it.
    pub left_out: LeftOut,
}

impl Reading {
    /// sha256 of the text, as a human admits it.
    #[must_use]
    pub fn hash(&self) -> String {
        text_hash(&self.title, &self.body, &self.acceptance)
    }
}

/// Reads an issue.
#[must_use]
pub fn read(title: &str, body: &str, labels: &[String], policy: &IntakePolicy) -> Reading {
    let title = clean::line(title);
    let body = clean::markdown(body);
    let mut left_out = title.left_out;
    left_out.and(&body.left_out);
    if body.text.len() > BODY_MAX_BYTES {
        left_out.cut();
    }
    let short: String = title.text.chars().take(TITLE_MAX_CHARS).collect();
    if short.len() < title.text.len() {
        left_out.cut();
    }
    let title = if short.is_empty() {
        NO_TITLE.to_owned()
    } else {
        short
    };
    let body = truncated(&body.text, BODY_MAX_BYTES).into_owned();
    let mut reading = Reading {
        acceptance: checklist(&body),
        title,
        body,
        kind: None,
        priority: None,
        labels: Vec::new(),
        left_out,
    };
    for label in labels {
        reading.take_label(label, policy);
    }
    reading
}

impl Reading {
    fn take_label(&mut self, label: &str, policy: &IntakePolicy) {
        let lower = label.to_lowercase();
        if lower == policy.label.to_lowercase() {
            return;
        }
        if let Some(kind) = policy.types.get(&lower) {
            self.kind.get_or_insert_with(|| kind.clone());
        }
        if let Some(priority) = policy.priorities.get(&lower) {
            self.priority = Some(self.priority.map_or(*priority, |p| p.min(*priority)));
            return;
        }
        let label: String = clean::line(label)
            .text
            .chars()
            .take(LABEL_MAX_CHARS)
            .collect();
        if !label.is_empty() && !self.labels.contains(&label) && self.labels.len() < LABELS_MAX {
            self.labels.push(label);
        }
    }
}

/// The points of a checklist, outside of code.
fn checklist(body: &str) -> Vec<Acceptance> {
    let mut points: Vec<Acceptance> = Vec::new();
    let mut fence: Option<&str> = None;
    for line in body.lines() {
        let bare = line.trim_start();
        let run = &bare[..bare.len() - bare.trim_start_matches(['`', '~']).len()];
        if run.len() >= 3 {
            fence = match fence {
                Some(open) if run.starts_with(open) => None,
                Some(open) => Some(open),
                None => Some(run),
            };
            continue;
        }
        if fence.is_some() {
            continue;
        }
        if let Some(point) = point(bare)
            && points.len() < POINTS_MAX
            && points.iter().all(|known| known.text != point.text)
        {
            points.push(point);
        }
    }
    points
}

/// `- [ ] text`.
fn point(line: &str) -> Option<Acceptance> {
    let item = line.strip_prefix(['-', '*', '+'])?.trim_start();
    let (mark, text) = item.strip_prefix('[')?.split_once("] ")?;
    let done = match mark {
        " " => false,
        "x" | "X" => true,
        _ => return None,
    };
    let text = truncated(text.trim(), POINT_MAX_BYTES).into_owned();
    (!text.is_empty()).then_some(Acceptance { text, done })
}

/// Since when a text is what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// As it was written first, then.
    Unedited(Timestamp),
    /// Edited last at that time.
    Edited(Timestamp),
    /// Nobody says.
    Unknown,
}

/// A label was put on, or taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct LabelAct<'a> {
    /// A person; none is a program.
    pub by: Option<&'a str>,
    pub at: Timestamp,
    pub label: &'a str,
    pub put: bool,
}

/// Somebody said something to fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Word<'a> {
    pub by: &'a str,
    pub at: Timestamp,
    pub text: &'a str,
}

/// Somebody handed exactly the present text to fleet, if that person may.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Handing {
    pub by: String,
    pub at: Timestamp,
}

/// Who may have handed the present text over, newest first and each person once: by putting the
/// label on, or by `/fleet admit`, after the text was last changed and after the label was last
/// taken off. Whether they may is still to be asked.
///
/// Times are whole seconds at a forge: what happened in the second of an edit does not count.
#[must_use]
pub fn handings(
    since: Since,
    acts: &[LabelAct<'_>],
    words: &[Word<'_>],
    labels: &[String],
    policy: &IntakePolicy,
) -> Vec<Handing> {
    let is_ours = |label: &str| label.to_lowercase() == policy.label.to_lowercase();
    if !labels.iter().any(|label| is_ours(label)) {
        return Vec::new();
    }
    let is_after = |at: Timestamp| match since {
        Since::Unedited(written) => at >= written,
        Since::Edited(edited) => at > edited,
        Since::Unknown => false,
    };
    let taken = acts.iter().filter(|act| !act.put && is_ours(act.label));
    let taken = taken.map(|act| act.at).max();
    let counts = |at: Timestamp| is_after(at) && taken.is_none_or(|taken| at >= taken);
    let put = acts
        .iter()
        .filter(|act| act.put && is_ours(act.label))
        .filter_map(|act| Some((act.by?, act.at)));
    let said = words
        .iter()
        .filter(|word| commands::parse(word.text).is_some_and(|c| c.command == Verb::Admit))
        .map(|word| (word.by, word.at));
    let mut found: Vec<Handing> = Vec::new();
    for (by, at) in put.chain(said).filter(|(_, at)| counts(*at)) {
        let by = by.to_owned();
        found.push(Handing { by, at });
    }
    found.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.by.cmp(&b.by)));
    let mut seen = Vec::new();
    found.retain(|handing| {
        let new = !seen.contains(&handing.by);
        seen.push(handing.by.clone());
        new
    });
    found
}

/// When the label was last taken off, if it is off now.
#[must_use]
pub fn taken_off(
    acts: &[LabelAct<'_>],
    labels: &[String],
    policy: &IntakePolicy,
    updated: Timestamp,
) -> Option<Timestamp> {
    let is_ours = |label: &str| label.to_lowercase() == policy.label.to_lowercase();
    if labels.iter().any(|label| is_ours(label)) {
        return None;
    }
    let taken = acts.iter().filter(|act| !act.put && is_ours(act.label));
    // Where acts are not told, it was some time before the last change.
    Some(taken.map(|act| act.at).max().unwrap_or(updated))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> IntakePolicy {
        IntakePolicy::default()
    }

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn an_issue_becomes_title_text_checklist_type_and_priority() {
        let body = "It panics.\n\n- [ ] no panic\n* [x] a test\n- [ ] no panic\n- [y] no\n\n```\n- [ ] in code\n```\n";
        let labels = words(&["Fleet", "Bug", "priority: high", "P2", "area/parser"]);
        let read = read("  Parser\npanics ", body, &labels, &policy());
        assert_eq!(read.title, "Parser panics");
        let point = |text: &str, done| Acceptance {
            text: text.to_owned(),
            done,
        };
        assert_eq!(
            read.acceptance,
            [point("no panic", false), point("a test", true)]
        );
        assert_eq!(
            (read.kind.as_deref(), read.priority),
            (Some("bug"), Some(1))
        );
        assert_eq!(read.labels, ["Bug", "area/parser"]);
        assert!(read.left_out.is_empty());
    }

    #[test]
    fn an_issue_of_a_megabyte_is_cut_and_one_without_a_title_has_a_name() {
        let read = read("\u{200b}", &"ä".repeat(1 << 19), &[], &policy());
        assert_eq!(read.title, NO_TITLE);
        assert!(read.body.len() <= BODY_MAX_BYTES && read.body.ends_with('…'));
        assert_eq!(
            read.left_out.to_string(),
            "1 invisible character, 2 over-long ends"
        );
    }

    const T: [Timestamp; 6] = [
        Timestamp(0),
        Timestamp(1000),
        Timestamp(2000),
        Timestamp(3000),
        Timestamp(4000),
        Timestamp(5000),
    ];

    const fn put(by: &str, at: Timestamp) -> LabelAct<'_> {
        LabelAct {
            by: Some(by),
            at,
            label: "fleet",
            put: true,
        }
    }

    const fn took(by: &str, at: Timestamp) -> LabelAct<'_> {
        LabelAct {
            put: false,
            ..put(by, at)
        }
    }

    fn who(since: Since, acts: &[LabelAct<'_>], said: &[Word<'_>]) -> Vec<String> {
        let found = handings(since, acts, said, &words(&["fleet"]), &policy());
        found.into_iter().map(|h| h.by).collect()
    }

    #[test]
    fn only_what_came_after_the_last_edit_hands_the_present_text_over() {
        assert_eq!(
            who(Since::Unedited(T[1]), &[put("ann", T[1])], &[]),
            ["ann"]
        );
        assert_eq!(who(Since::Edited(T[1]), &[put("ann", T[2])], &[]), ["ann"]);
        assert!(who(Since::Edited(T[3]), &[put("ann", T[2])], &[]).is_empty());
        assert!(who(Since::Edited(T[2]), &[put("ann", T[2])], &[]).is_empty());
        assert!(who(Since::Unknown, &[put("ann", T[2])], &[]).is_empty());
    }

    #[test]
    fn a_label_that_was_taken_off_hands_nothing_over_any_more() {
        let acts = [put("ann", T[1]), took("bob", T[2]), put("triager", T[3])];
        assert_eq!(who(Since::Unedited(T[0]), &acts, &[]), ["triager"]);
        let none = handings(
            Since::Unedited(T[0]),
            &acts,
            &[],
            &words(&["bug"]),
            &policy(),
        );
        assert!(none.is_empty());
        assert_eq!(
            taken_off(&acts, &words(&["bug"]), &policy(), T[5]),
            Some(T[2])
        );
        assert_eq!(taken_off(&acts, &words(&["FLEET"]), &policy(), T[5]), None);
        assert_eq!(taken_off(&[], &[], &policy(), T[5]), Some(T[5]));
    }

    #[test]
    fn threat_admission_a_word_hands_over_and_programs_never_do() {
        let program = LabelAct {
            by: None,
            ..put("", T[1])
        };
        let word = |by, at, text| Word { by, at, text };
        let said = [
            word("ann", T[3], "/fleet admit"),
            word("eve", T[4], "please /fleet admit"),
            word("bob", T[5], "/fleet status"),
            word("cid", T[4], "/fleet admit, thanks"),
        ];
        assert_eq!(who(Since::Edited(T[2]), &[program], &said), ["ann"]);
    }

    #[test]
    fn the_newest_comes_first_and_each_person_once() {
        let acts = [put("ann", T[1]), put("bob", T[2]), put("ann", T[3])];
        assert_eq!(who(Since::Unedited(T[0]), &acts, &[]), ["ann", "bob"]);
    }
}
