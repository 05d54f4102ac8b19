//! The rules that finished work must keep, as the run and the publish phase both apply them.

use crate::app::tick::documents::Held;
use crate::domain::policy::DiffPolicy;
use crate::engine::gates::{self, Change};
use crate::engine::secrets::Scanner;
use crate::engine::text;
use crate::ports::workspaces::{Imported, PathChange};

/// What the rules say about a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It may be published.
    Pass,
    /// There is nothing in it.
    Empty,
    /// A human must decide.
    Held(Held),
}

/// Judges an imported tree.
pub(super) fn judge(policy: &DiffPolicy, imported: &Imported, allowed: &[String]) -> Verdict {
    let refused: Vec<String> = imported
        .refused
        .iter()
        .map(|(path, rule)| format!("{rule}: {path}"))
        .collect();
    if !refused.is_empty() {
        return Verdict::Held(Held {
            protected: false,
            reasons: refused,
        });
    }
    judge_changes(policy, &imported.changes, allowed)
}

/// Judges a list of changes. `allowed`: the lines about protected paths that a human was shown and
/// allowed; what was not on that list is asked about anew.
pub(super) fn judge_changes(
    policy: &DiffPolicy,
    changes: &[PathChange],
    allowed: &[String],
) -> Verdict {
    if changes.is_empty() && !planted!("exit-0-is-work") {
        return Verdict::Empty;
    }
    let paths: Vec<Change> = changes
        .iter()
        .map(|c| Change {
            path: c.path.clone(),
            old_mode: c.old_mode,
            new_mode: c.new_mode,
            bytes: c.bytes,
        })
        .collect();
    let violations: Vec<_> = gates::check_changes(policy, &paths)
        .into_iter()
        .filter(|v| !(v.rule.needs_human() && allowed.contains(&v.to_string())))
        .collect();
    if violations.is_empty() {
        return Verdict::Pass;
    }
    Verdict::Held(Held {
        protected: violations.iter().all(|v| v.rule.needs_human()),
        reasons: violations
            .iter()
            .take(20)
            .map(ToString::to_string)
            .collect(),
    })
}

/// The rule that text from the agent breaks if it holds a known secret: which one, never what.
pub(super) fn secret_in(secrets: &Scanner, bytes: &[u8]) -> Option<String> {
    let mut leaks = secrets.scan(bytes).into_iter();
    let leak = leaks.next().filter(|_| !planted!("secret-goes-out"))?;
    Some(format!("known-secret: the change contains {}", leak.name))
}

/// A title as the first line of a commit message: one line, safe, at most 72 letters.
pub(super) fn subject_line(title: &str) -> String {
    let line = text::one_line(title);
    let short: String = line.chars().take(72).collect();
    if short.is_empty() {
        "Work without a title".to_owned()
    } else {
        short
    }
}

/// An agent's words as the body of a commit message: safe, bounded, and without lines that git or
/// fleet would read as trailers.
pub(super) fn message_body(words: &str) -> String {
    let safe = text::display_safe(words.trim());
    let safe = text::truncated(&safe, 2_000);
    let lines: Vec<String> = safe
        .lines()
        .map(|line| {
            let first = line.split(' ').next().unwrap_or("");
            if first.len() > 1 && first.ends_with(':') {
                format!("  {line}")
            } else {
                line.to_owned()
            }
        })
        .collect();
    lines.join("\n").trim().to_owned()
}
