//! `[intake]`: issues that become tasks.

use crate::config::reader::Section;
use crate::domain::policy::IntakePolicy;
use crate::domain::task::MAX_PRIORITY;

/// Longest label, in characters: GitHub takes 50.
const LABEL_MAX_CHARS: usize = 100;

pub(super) fn read(section: &Section<'_, '_>) -> IntakePolicy {
    let usual = IntakePolicy::default();
    let mut policy = IntakePolicy {
        enabled: section.flag("enabled").unwrap_or(usual.enabled),
        label: label(section).unwrap_or(usual.label),
        limit: section.number("limit", 1..10_001).unwrap_or(usual.limit),
        comment: section.flag("comment").unwrap_or(usual.comment),
        close: section.flag("close").unwrap_or(usual.close),
        ask_by_issue: section.flag("ask_by_issue").unwrap_or(usual.ask_by_issue),
        types: usual.types,
        priorities: usual.priorities,
    };
    for (label, kind) in section.text_map("types").unwrap_or_default() {
        if is_type(&kind) {
            policy.types.insert(label.to_lowercase(), kind);
        } else {
            let what = format!(
                "`{kind}` is not a type; types are 1 to 40 lower-case letters, digits, - and _"
            );
            section.bad("types", &what);
        }
    }
    for (label, priority) in section.text_map("priorities").unwrap_or_default() {
        match priority_of(&priority) {
            Some(priority) => {
                policy.priorities.insert(label.to_lowercase(), priority);
            }
            None => {
                let what = format!("`{priority}` is not a priority; write \"P0\" to \"P4\"");
                section.bad("priorities", &what);
            }
        }
    }
    policy
}

fn label(section: &Section<'_, '_>) -> Option<String> {
    let label = section.text("label")?;
    let plain = |c: char| !c.is_control() && c != ',' && c != '"';
    let fits = (1..=LABEL_MAX_CHARS).contains(&label.chars().count());
    if fits && label.trim() == label && label.chars().all(plain) {
        return Some(label);
    }
    let what = format!(
        "it is the name of a label: 1 to {LABEL_MAX_CHARS} characters, without commas, quotes and \
         outer blanks"
    );
    section.bad("label", &what);
    None
}

fn is_type(kind: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=40).contains(&kind.len()) && kind.bytes().all(plain)
}

fn priority_of(text: &str) -> Option<u8> {
    let digit = text.strip_prefix(['P', 'p']).unwrap_or(text);
    let plain = digit.len() == 1;
    let value: u8 = digit.parse().ok().filter(|_| plain)?;
    (value <= MAX_PRIORITY).then_some(value)
}
