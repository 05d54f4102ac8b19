//! Reading what `git push --porcelain` says. The exit code alone proves nothing: a push that was
//! "up to date" exits 0, and one whose acknowledgement was lost exits 1 (security.md §0.3, §0.5).

use super::process::Output;
use super::push_advice::with_advice;

/// What a push came to, as far as its own words tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every ref moved and git is content.
    Moved,
    /// A ref was not what was expected; nothing moved.
    Lost(String),
    /// The remote refuses for a reason that stays; nothing moved.
    Denied(String),
    /// A ref is locked on the remote: by a push under way, or by a lock file left behind.
    Locked(String),
    /// The words do not tell whether anything moved. `refused` if they speak of missing rights.
    Unknown {
        /// What git said.
        cause: String,
        /// Whether a remote that has not moved refuses, rather than fails to answer.
        refused: bool,
    },
}

/// One status line: `<flag>\t<from>:<to>\t<summary>`.
struct Line<'a> {
    flag: char,
    to: &'a str,
    summary: &'a str,
}

fn status_line(line: &str) -> Option<Line<'_>> {
    let mut parts = line.splitn(3, '\t');
    let (flag, refs, summary) = (parts.next()?, parts.next()?, parts.next()?);
    let mut flag_chars = flag.chars();
    let flag = flag_chars.next()?;
    if flag_chars.next().is_some() {
        return None;
    }
    let (_, to) = refs.rsplit_once(':')?;
    Some(Line { flag, to, summary })
}

/// Words of a refusal that means: somebody else was first.
const LOST: &[&str] = &[
    "stale info",
    "fetch first",
    "non-fast-forward",
    "needs force",
    "remote ref updated since checkout",
    "reference already exists",
    "incorrect old value",
    "but expected",
    "unable to resolve reference",
];

/// Words of a remote that says no and will say no again.
const REFUSED: &[&str] = &[
    "hook declined",
    "protected branch",
    "gh006",
    "gh013",
    "rule violations",
    "refusing to allow",
    "permission denied",
    "permission to ",
    "access denied",
    "write access",
    "not authorized",
    "authentication failed",
    "could not read username",
    "could not read password",
    "invalid username or password",
    "returned error: 401",
    "returned error: 403",
    "shallow update not allowed",
    "does not support --atomic",
    "does not support push",
    "read-only",
    "no space left",
    "archived",
];

fn has(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

/// Whether a failed git speaks of missing rights rather than a missing answer.
fn speaks_of_rights(said: &str) -> bool {
    has(said, REFUSED)
}

/// What the remote's side said, in one line, for people.
fn remote_words(stderr: &str) -> String {
    let words: Vec<&str> = stderr
        .lines()
        .filter_map(|line| line.strip_prefix("remote:"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(6)
        .collect();
    let mut text = words.join("; ");
    if text.len() > 600 {
        text.truncate(text.floor_char_boundary(600));
        text.push('…');
    }
    text
}

/// Judges a push of `state` and perhaps other refs.
#[must_use]
pub fn judge(output: &Output, state: &str) -> Verdict {
    let text = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<Line<'_>> = text.lines().filter_map(status_line).collect();
    let words = remote_words(&output.stderr);
    let with_words = |summary: &str| match words.as_str() {
        "" => summary.to_owned(),
        words => format!("{summary}: {words}"),
    };

    let refusals = || {
        lines
            .iter()
            .filter(|line| line.flag == '!' && !line.summary.contains("atomic push fail"))
    };
    for line in refusals() {
        // "failed to update ref" and "atomic transaction failed" only say why beside the status.
        let vague = has(
            line.summary,
            &["failed to update ref", "transaction failed"],
        );
        let why = if vague { words.as_str() } else { line.summary };
        if has(why, LOST) {
            return Verdict::Lost(format!("{} {}", line.to, with_words(line.summary)));
        }
        if has(why, &["file exists", ".lock'"]) {
            return Verdict::Locked(format!("{} {}", line.to, with_words(line.summary)));
        }
    }
    let unsure = ["remote failure", "failed to report status", "no match"];
    if let Some(line) = refusals().find(|line| !has(line.summary, &unsure)) {
        let refusal = format!("{} {}", line.to, with_words(line.summary));
        return Verdict::Denied(with_advice(refusal));
    }
    let state_line = lines.iter().find(|line| line.to == state);
    if let Some(line) = state_line.filter(|line| line.flag == '=') {
        return Verdict::Lost(format!("{} {}", line.to, line.summary));
    }
    let moved = state_line.is_some_and(|line| matches!(line.flag, '*' | ' ' | '+'));
    let all = lines
        .iter()
        .all(|line| matches!(line.flag, '*' | ' ' | '+' | '='));
    if moved && all && output.ok() {
        return Verdict::Moved;
    }
    let cause = with_advice(output.cause());
    let refused = !output.timed_out && speaks_of_rights(&output.stderr);
    Verdict::Unknown { cause, refused }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};
    use crate::git::process::Output;
    use crate::git::push_advice::advice;

    const STATE: &str = "refs/heads/fleet/state";

    fn said(code: i32, stdout: &str, stderr: &str) -> Verdict {
        let output = Output {
            code: Some(code),
            signal: None,
            stdout: stdout.as_bytes().to_vec(),
            stderr: stderr.to_owned(),
            timed_out: false,
            truncated: false,
        };
        judge(&output, STATE)
    }

    fn line(flag: &str, summary: &str) -> String {
        format!("To somewhere\n{flag}\tabc:{STATE}\t{summary}\nDone\n")
    }

    #[test]
    fn only_a_moved_ref_and_a_content_git_are_a_win() {
        for flag in ["*", " ", "+"] {
            assert_eq!(said(0, &line(flag, "a..b"), ""), Verdict::Moved);
            // A lost acknowledgement: moved, they say, and yet a failure.
            let lost_ack = said(1, &line(flag, "a..b"), "error: hung up");
            assert!(matches!(lost_ack, Verdict::Unknown { refused: false, .. }));
        }
        assert!(matches!(
            said(0, &line("=", "[up to date]"), ""),
            Verdict::Lost(_)
        ));
        assert!(matches!(said(0, "", ""), Verdict::Unknown { .. }));
    }

    #[test]
    fn being_second_is_known_by_every_spelling() {
        for summary in [
            "[rejected] (stale info)",
            "[rejected] (fetch first)",
            "[rejected] (non-fast-forward)",
            "[remote rejected] (reference already exists)",
            "[remote rejected] (incorrect old value provided)",
            "[remote rejected] (cannot lock ref 'x': is at b but expected a)",
        ] {
            let verdict = said(1, &line("!", summary), "");
            assert!(
                matches!(verdict, Verdict::Lost(_)),
                "{summary}: {verdict:?}"
            );
        }
        let vague = line("!", "[remote rejected] (failed to update ref)");
        let words = "remote: error: cannot lock ref 'refs/heads/x': is at b but expected a\n";
        assert!(matches!(said(1, &vague, words), Verdict::Lost(_)));
        let words = "remote: error: cannot lock ref 'r': Unable to create '/r.lock': File exists.";
        assert!(matches!(said(1, &vague, words), Verdict::Locked(_)));
    }

    #[test]
    fn the_other_ref_of_an_atomic_push_tells_the_reason() {
        let out = format!(
            "To x\n!\ta:{STATE}\t[rejected] (atomic push failed)\n\
             !\tb:refs/heads/agent/T-1\t[rejected] (stale info)\nDone\n"
        );
        let Verdict::Lost(cause) = said(1, &out, "") else {
            panic!("not lost");
        };
        assert_eq!(cause, "refs/heads/agent/T-1 [rejected] (stale info)");
        let denied = out.replace(
            "[rejected] (stale info)",
            "[remote rejected] (hook declined)",
        );
        assert!(matches!(said(1, &denied, ""), Verdict::Denied(_)));
    }

    #[test]
    fn refusals_carry_the_words_of_the_remote() {
        let out = line("!", "[remote rejected] (pre-receive hook declined)");
        let words = "remote: GH013: Repository rule violations found\nremote: \n";
        let verdict = said(1, &out, words);
        assert_eq!(
            verdict,
            Verdict::Denied(format!(
                "{STATE} [remote rejected] (pre-receive hook declined): GH013: Repository rule \
                 violations found; {}",
                advice("gh013").unwrap()
            ))
        );
        for words in [
            "remote: Permission to o/r.git denied to me.\nfatal: The requested URL returned error: 403",
            "fatal: Authentication failed for 'https://h/r'",
        ] {
            let verdict = said(128, "", words);
            assert!(
                matches!(verdict, Verdict::Unknown { refused: true, .. }),
                "{verdict:?}"
            );
        }
        let away = said(128, "", "fatal: Could not resolve host: github.com");
        assert!(matches!(away, Verdict::Unknown { refused: false, .. }));
    }

    #[test]
    fn garbage_is_no_win() {
        for out in [
            "\0\u{7f}\t\t\t",
            "*\t\t",
            "* refs ok",
            "**\ta:refs/heads/fleet/state\tx",
            "\n\n",
        ] {
            assert!(
                matches!(said(0, out, ""), Verdict::Unknown { .. }),
                "{out:?}"
            );
        }
    }
}
