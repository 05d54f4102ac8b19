//! What is said to a remote agent so that it can be found again, and what its words ask.

use serde_json::Value;

use crate::agents::remote::http::bounded;

/// Most bytes of a message that are kept.
pub(super) const MESSAGE_BYTES: usize = 48 << 10;

/// A message with the sign by which a later look finds it.
pub(super) fn signed(about: &str, text: &str) -> String {
    format!("{text}\n\n[{}]", sign(about))
}

/// A message without that sign.
pub(super) fn unsigned(text: &str) -> &str {
    text.split_once("\n\n[fleet-message ")
        .map_or(text, |(said, _)| said)
}

fn sign(about: &str) -> String {
    format!("fleet-message {about}")
}

/// Which of these were said, by their signs in `text`.
pub(super) fn heard_in(text: &str, unheard: &[String]) -> Vec<String> {
    let said = unheard.iter().filter(|about| text.contains(&sign(about)));
    said.cloned().collect()
}

/// The question in a last message: a line of JSON `{"kind":"escalate","context":…}`, which is how
/// agents without an outbox speak back.
pub(super) fn question_in(text: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let line = line.trim();
        if !line.starts_with('{') {
            return None;
        }
        let value: Value = serde_json::from_str(line).ok()?;
        (value.get("kind")?.as_str()? == "escalate").then_some(())?;
        let context = value.get("context")?.as_str()?.trim();
        let options: Vec<&str> = value
            .get("options")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut asked = bounded(context, MESSAGE_BYTES).to_owned();
        if !options.is_empty() {
            asked.push_str(&format!("\n\nOffered answers: {}", options.join(" / ")));
        }
        Some(asked)
    })
}

/// A text field of a JSON object.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// Everything that was said to an OpenCode session.
pub(super) fn told_in(messages: &[Value]) -> String {
    let told = messages
        .iter()
        .filter(|message| text(message, "/info/role") == "user");
    told.map(words).collect::<Vec<_>>().join("\n")
}

/// The texts of a message there.
pub(super) fn words(message: &Value) -> String {
    let parts = message.get("parts").and_then(Value::as_array);
    let texts: Vec<&str> = parts
        .into_iter()
        .flatten()
        .filter(|p| text(p, "/type") == "text")
        .map(|p| text(p, "/text"))
        .collect();
    texts.join("\n")
}
