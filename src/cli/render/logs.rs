//! A journal, for people: a line an event, longer texts below it.

use crate::app::tracker::logs::{AgentEvent, LogsHead, Told};
use crate::cli::render::page::{Page, Tone, cell};

/// Columns before the text of an event.
const INDENT: usize = 10;

/// Whose journal it is.
pub fn head(head: &LogsHead, page: &mut Page) {
    let whose = format!("attempt {} by {}", head.attempt, head.agent);
    page.table(
        0,
        &[vec![
            cell(&head.id, Tone::Id),
            cell(whose, Tone::Strong),
            cell(&head.title, Tone::Plain),
        ]],
    );
    page.line(format!("session {} on {}", head.session, head.host));
    page.gap();
}

/// One event.
pub fn event(told: &Told, page: &mut Page) {
    let Some((word, tone, text)) = words(&told.event, told.tokens) else {
        return;
    };
    // 2026-11-21T14:00:05.000Z: the time of day is what tells events apart.
    let at = told.at.to_string();
    let clock = at.get(11..19).unwrap_or(&at).to_owned();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    page.table(
        0,
        &[vec![
            cell(clock, Tone::Dim),
            cell(word, tone),
            cell(first, Tone::Plain),
        ]],
    );
    let rest: Vec<&str> = lines.collect();
    page.block(&rest.join("\n"), INDENT);
}

/// Kind, tone and text of an event; none if a reader would learn nothing.
fn words(event: &AgentEvent, tokens: u64) -> Option<(&'static str, Tone, String)> {
    let plain = |word, text: &String| (word, Tone::Plain, text.clone());
    Some(match event {
        AgentEvent::SessionStarted {
            agent_session,
            model,
        } => {
            let parts: Vec<&str> = model
                .iter()
                .chain(agent_session)
                .map(String::as_str)
                .collect();
            ("started", Tone::Strong, parts.join(", "))
        }
        AgentEvent::Thinking { text } => ("thinks", Tone::Dim, text.clone()),
        AgentEvent::Message { text } => plain("says", text),
        AgentEvent::ToolCall { name, summary, .. } => {
            ("calls", Tone::Plain, format!("{name} {summary}"))
        }
        AgentEvent::ToolResult {
            ok: true, summary, ..
        } if summary.is_empty() => return None,
        AgentEvent::ToolResult {
            ok: true, summary, ..
        } => ("gets", Tone::Dim, summary.clone()),
        AgentEvent::ToolResult {
            ok: false, summary, ..
        } => ("fails", Tone::Warn, summary.clone()),
        AgentEvent::Usage { cost, .. } => {
            let cost = cost.map_or_else(String::new, |cost| format!(", {cost}"));
            ("spent", Tone::Dim, format!("{tokens} tokens{cost}"))
        }
        AgentEvent::Status { text } => ("status", Tone::Dim, text.clone()),
        AgentEvent::Error { text } => ("error", Tone::Bad, text.clone()),
        AgentEvent::Verify { passed: None, .. } => return None,
        AgentEvent::Verify {
            command,
            passed: Some(true),
        } => ("passed", Tone::Good, command.clone()),
        AgentEvent::Verify {
            command,
            passed: Some(false),
        } => ("FAILED", Tone::Bad, command.clone()),
        AgentEvent::Escalation { context, options } => {
            let options: Vec<String> = options.iter().map(|o| format!("\n- {o}")).collect();
            ("asks", Tone::Warn, format!("{context}{}", options.concat()))
        }
        AgentEvent::Finding { text } => ("found", Tone::Plain, text.clone()),
        AgentEvent::Progress { text } => plain("does", text),
        AgentEvent::SessionFinished { summary, ok } => match ok {
            Some(false) => ("failed", Tone::Bad, summary.clone()),
            Some(true) | None => ("finished", Tone::Good, summary.clone()),
        },
    })
}
