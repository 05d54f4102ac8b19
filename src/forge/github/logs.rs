//! Logs of failed jobs of GitHub Actions, cut to what matters. Text of strangers: never run.

use crate::forge::github::answers::CheckRun;
use crate::forge::github::api::{Api, Ask};
use crate::forge::github::text::{bounded, tail};
use crate::ports::forge::ForgeError;

/// Bytes of one log that are kept.
const KEPT_MAX_BYTES: usize = 3 << 10;
/// Lines before an error that are kept, and after it.
const BEFORE: usize = 30;
const AFTER: usize = 3;
/// Errors that are shown, the last ones.
const ERRORS_MAX: usize = 3;
/// Lines of the end that are kept.
const END: usize = 10;
const LINE_MAX_BYTES: usize = 400;
/// From here on a job cleans up, which says nothing about its failure.
const CLEAN_UP: &str = "Post job cleanup.";

/// What matters of the log of a check that GitHub Actions ran; else nothing.
pub(super) fn of_run(api: &mut Api<'_>, run: &CheckRun) -> Result<String, ForgeError> {
    let slug = run.app.as_ref().and_then(|app| app.slug.as_deref());
    if slug != Some("github-actions") {
        return Ok(String::new());
    }
    let what = format!("cannot read the log of check {}", run.id);
    // The number of such a check is that of its job.
    let route = format!("/repos/{}/actions/jobs/{}/logs", api.names.repo, run.id);
    let answer = api.call(&what, Ask::GetElsewhere, &route)?;
    let Some(url) = answer
        .location
        .filter(|_| (300..400).contains(&answer.status))
    else {
        // Logs are kept for a while only, and need a right of their own.
        api.note(format!("{what} (the forge answered {})", answer.status));
        return Ok(String::new());
    };
    let limit = api.config.timeout.std();
    let client = api.session.client.as_ref();
    let fetched = client.and_then(|client| client.wait(client.fetch_elsewhere(&url, limit)));
    match fetched.unwrap_or_else(|| Err("the client broke down".into())) {
        Ok(bytes) => Ok(shown(&trimmed(&String::from_utf8_lossy(&bytes)))),
        Err(cause) => {
            api.note(format!("{what}: {cause}"));
            Ok(String::new())
        }
    }
}

fn shown(log: &str) -> String {
    if log.is_empty() {
        return String::new();
    }
    format!("From its log:\n{log}\n")
}

/// The lines around the last errors, and the end, without times, colours and marks. Pure.
pub(super) fn trimmed(log: &str) -> String {
    let lines: Vec<String> = log.lines().filter_map(plain).collect();
    let is_error = |line: &String| line.starts_with("error: ");
    let first_error = lines.iter().position(is_error);
    // What a job does after it failed is clean up.
    let end = first_error
        .and_then(|first| lines[first..].iter().position(|line| line == CLEAN_UP))
        .map_or(lines.len(), |after| first_error.unwrap_or(0) + after);
    let lines = &lines[..end];
    let errors: Vec<usize> = (0..lines.len())
        .filter(|at| is_error(&lines[*at]))
        .collect();
    let last_errors = &errors[errors.len().saturating_sub(ERRORS_MAX)..];
    let near = |at: usize| {
        at + END >= lines.len()
            || last_errors
                .iter()
                .any(|error| at + BEFORE >= *error && at <= error + AFTER)
    };
    let (mut kept, mut gap): (String, bool) = (String::new(), false);
    for (at, line) in lines.iter().enumerate() {
        if !near(at) {
            gap = true;
            continue;
        }
        if std::mem::take(&mut gap) {
            kept.push_str("…\n");
        }
        kept.push_str(line);
        kept.push('\n');
    }
    let kept = kept.trim_end();
    if kept.len() <= KEPT_MAX_BYTES {
        return kept.to_owned();
    }
    // The failure is told at the end.
    let part = tail(kept, KEPT_MAX_BYTES - "…\n".len());
    let whole = part.split_once('\n').map_or(part, |(_, rest)| rest);
    format!("…\n{whole}")
}

/// A line without its time, colours and marks. `None` for one that says nothing.
fn plain(line: &str) -> Option<String> {
    let line = line.trim_start_matches('\u{feff}');
    let line = without_time(line);
    let line = without_escapes(line);
    // Progress overwrites itself: only what stands there at last is seen.
    let line = line.trim_end().rsplit('\r').next().unwrap_or_default();
    let line = match line
        .strip_prefix("##[")
        .and_then(|rest| rest.split_once(']'))
    {
        Some(("endgroup" | "debug" | "save-state" | "add-matcher", _)) => return None,
        Some(("error", text)) => format!("error: {text}"),
        Some(("warning", text)) => format!("warning: {text}"),
        Some((_, text)) => text.to_owned(),
        None => line.to_owned(),
    };
    (!line.trim().is_empty()).then(|| bounded(line.trim_end(), LINE_MAX_BYTES).replace('\n', " "))
}

/// `2026-11-21T08:00:00.1234567Z text` → `text`.
fn without_time(line: &str) -> &str {
    let Some((first, rest)) = line.split_once(' ') else {
        return if is_time(line) { "" } else { line };
    };
    if is_time(first) { rest } else { line }
}

fn is_time(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() >= 20
        && bytes.len() <= 30
        && bytes[4] == b'-'
        && bytes[10] == b'T'
        && bytes.ends_with(b"Z")
        && bytes
            .iter()
            .all(|b| b.is_ascii_digit() || b"-T:.Z".contains(b))
}

/// Takes out ANSI sequences and other control characters, except tabs and returns.
fn without_escapes(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\u{1b}', Some('[')) => {
                chars.next();
                // Parameters, then one letter.
                for c in chars.by_ref() {
                    if ('\u{40}'..='\u{7e}').contains(&c) {
                        break;
                    }
                }
            }
            ('\u{1b}', Some(']')) => {
                // Text for the terminal, up to a bell or a backslash.
                for c in chars.by_ref() {
                    if c == '\u{7}' || c == '\\' {
                        break;
                    }
                }
            }
            ('\t' | '\r', _) => out.push(c),
            _ if c.is_control() => {}
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{KEPT_MAX_BYTES, trimmed};

    /// In the shape of a job's log as GitHub gives it out.
    fn log(steps: &str) -> String {
        steps
            .lines()
            .map(|line| format!("2026-11-21T08:00:00.1234567Z {line}\r\n"))
            .collect()
    }

    #[test]
    fn what_stands_around_the_error_is_kept_and_the_clean_up_is_not() {
        let setup: String = (0..200)
            .map(|n| format!("downloading crate {n}\n"))
            .collect();
        let text = format!(
            "\u{feff}##[group]Run cargo test\n{setup}##[endgroup]\n\u{1b}[1m\u{1b}[32m   Compiling\u{1b}[0m greet\n\
             test greets ... \u{1b}[31mFAILED\u{1b}[0m\n\n   \nexpected `hello`, found `hullo`\n\
             ##[error]Process completed with exit code 101.\nPost job cleanup.\n\
             [command]/usr/bin/git version\nCleaning up orphan processes\n"
        );
        let shown = trimmed(&log(&text));
        assert!(shown.starts_with("…\ndownloading crate 173\n"), "{shown}");
        insta::assert_snapshot!(shown.lines().rev().take(5).collect::<Vec<_>>().join("\n"), @r"
        error: Process completed with exit code 101.
        expected `hello`, found `hullo`
        test greets ... FAILED
           Compiling greet
        downloading crate 199
        ");
    }

    #[test]
    fn without_an_error_mark_the_end_is_kept() {
        let text: String = (0..50).map(|n| format!("line {n}\n")).collect();
        let shown = trimmed(&text);
        assert!(
            shown.starts_with("…\nline 40\n") && shown.ends_with("line 49"),
            "{shown}"
        );
        assert_eq!(trimmed(""), "");
        assert_eq!(trimmed("2026-11-21T08:00:00Z\n\u{1b}[0m\n"), "");
    }

    #[test]
    fn progress_escapes_and_very_long_lines_are_tamed() {
        let text =
            "10%\r50%\r100% done\n\u{1b}]0;title\u{7}in a window\na\u{0}b\u{8}c\n##[debug]no\n";
        insta::assert_snapshot!(trimmed(text), @r"
        100% done
        in a window
        abc
        ");
        let long = trimmed(&"€".repeat(10_000));
        assert!(long.len() <= 400 && long.ends_with("(cut)"), "{long}");
        let many: String = (0..100)
            .map(|n| format!("##[error]{n} {}\n", "x".repeat(300)))
            .collect();
        let shown = trimmed(&many);
        assert!(shown.len() <= KEPT_MAX_BYTES && shown.starts_with("…\nerror: "));
        assert!(shown.contains("error: 99 x"), "the last error is there");
    }
}
