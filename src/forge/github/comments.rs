//! What fleet says on pull requests and issues: each thing once, known by a hidden marker in a
//! comment of its own. Somebody else's comment with that marker counts for nothing.
//!
//! An answer to a review also stands in each of its threads that nobody marked as resolved.

use serde_json::json;

use crate::forge::github::answers::Comment;
use crate::forge::github::api::{Api, Ask, parse};
use crate::forge::github::places::{Places, Thread};
use crate::forge::github::refusal::{self, Answer};
use crate::forge::github::text::{bounded, head};
use crate::forge::github::{places, publish};
use crate::ports::forge::{ForgeError, ForgeSaying};

/// As for bodies of pull requests, with room for the marker.
pub(super) const TEXT_MAX_BYTES: usize = 59_000;
/// Threads of one review that are answered.
const THREADS_MAX: usize = 10;
/// Of the text, what a thread gets.
const REPLY_MAX_BYTES: usize = 600;

/// Posts the saying, unless a comment with its marker is there, and answers the threads that it is
/// an answer to. Where it stands.
pub(super) fn say(api: &mut Api<'_>, saying: &ForgeSaying) -> Result<Option<String>, ForgeError> {
    let marker = marker(&saying.key);
    let review = saying.in_answer_to.as_deref().and_then(review_of);
    let Places { said, threads } = places::find(api, saying.number, &marker, review)?;
    let url = match said {
        Some(url) => url,
        None => post(api, saying, &marker)?,
    };
    let open = threads.into_iter().filter(|thread| !thread.answered);
    let reply = reply(&saying.text, url.as_deref(), &marker);
    for thread in open.take(THREADS_MAX) {
        answer(api, saying.number, &thread, &reply)?;
    }
    Ok(url)
}

pub(super) fn marker(key: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || ":._-".contains(c);
    let key: String = key.chars().map(|c| if safe(c) { c } else { '.' }).collect();
    format!("<!-- fleet:{key} -->")
}

/// The review that a key of feedback speaks of.
fn review_of(key: &str) -> Option<u64> {
    key.strip_prefix("review:")?.parse().ok()
}

/// The text with its marker, and no other one.
pub(super) fn marked(text: &str, max: usize, marker: &str) -> String {
    let mut text = text.to_owned();
    // What is taken out may bring its neighbours together.
    while text.contains("<!-- fleet:") {
        text = text.replace("<!-- fleet:", "<!-- ");
    }
    format!("{}\n\n{marker}", bounded(&text, max))
}

fn post(
    api: &mut Api<'_>,
    saying: &ForgeSaying,
    marker: &str,
) -> Result<Option<String>, ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot comment on #{} of {repo}", saying.number);
    let route = format!("/repos/{repo}/issues/{}/comments", saying.number);
    let mut send = |max: usize| -> Result<Answer, ForgeError> {
        let text = marked(&saying.text, max, marker);
        api.call(&what, Ask::Post(&json!({ "body": text })), &route)
    };
    let mut answer = send(TEXT_MAX_BYTES)?;
    if publish::too_long(&answer) {
        answer = send(saying.text.len().min(TEXT_MAX_BYTES) / 2)?;
    }
    if !answer.is_success() {
        return Err(refusal::refused(&what, &answer, api.names));
    }
    Ok(parse::<Comment>(&what, &answer)?.html_url)
}

/// The first paragraph, and where the rest stands.
fn reply(text: &str, url: Option<&str>, marker: &str) -> String {
    let text = text.trim();
    let first = text.split("\n\n").next().unwrap_or_default();
    let mut reply = first.to_owned();
    if first.len() < text.len() || first.len() > REPLY_MAX_BYTES {
        reply = head(first, REPLY_MAX_BYTES).trim_end().to_owned();
        let more = url.map_or_else(|| " …".to_owned(), |url| format!(" ([more]({url}))"));
        reply.push_str(&more);
    }
    marked(&reply, TEXT_MAX_BYTES, marker)
}

/// Answers one thread. That it may not be answered is a note: the comment stands.
fn answer(api: &mut Api<'_>, number: u64, thread: &Thread, text: &str) -> Result<(), ForgeError> {
    let repo = api.names.repo.clone();
    let what = format!("cannot answer a review thread of #{number} of {repo}");
    let route = format!(
        "/repos/{repo}/pulls/{number}/comments/{}/replies",
        thread.top
    );
    let answer = api.call(&what, Ask::Post(&json!({ "body": text })), &route)?;
    if !answer.is_success() {
        let error = refusal::refused(&what, &answer, api.names);
        api.note(error.to_string());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{marked, marker, reply, review_of};

    #[test]
    fn a_marker_is_closed_and_a_text_brings_no_other_one_along() {
        assert_eq!(marker("t:1.done-a"), "<!-- fleet:t:1.done-a -->");
        assert_eq!(marker("a> b"), "<!-- fleet:a..b -->");
        let text = marked("hi <!-- fleet:other --> there", 100, "<!-- fleet:x -->");
        insta::assert_snapshot!(text, @r"
        hi <!-- other --> there

        <!-- fleet:x -->
        ");
        for nested in [
            "<!-- <!-- fleet:fleet:x -->",
            "<!-- fleet:fleet:fleet:x -->",
            "<!-- <!-- <!-- fleet:fleet:fleet:x -->",
        ] {
            let text = marked(nested, 100, "M");
            assert!(!text.contains("<!-- fleet:"), "{text}");
        }
        let cut = marked(&"€".repeat(100), 50, "<!-- fleet:x -->");
        assert!(
            cut.len() < 80 && cut.ends_with("(cut)\n\n<!-- fleet:x -->"),
            "{cut}"
        );
    }

    #[test]
    fn a_thread_gets_the_first_paragraph_and_where_the_rest_stands() {
        assert_eq!(reply("Done.\n", Some("u"), "M"), "Done.\n\nM");
        assert_eq!(
            reply("Done.\n\nAll of it.", Some("u"), "M"),
            "Done. ([more](u))\n\nM"
        );
        assert_eq!(reply("Done.\n\nAll of it.", None, "M"), "Done. …\n\nM");
        assert!(reply(&"ä".repeat(1000), Some("u"), "M").len() < 650);
        assert_eq!(
            (
                review_of("review:7"),
                review_of("checks:7"),
                review_of("review:x")
            ),
            (Some(7), None, None)
        );
    }
}
