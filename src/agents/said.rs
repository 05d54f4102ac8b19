//! What an agent said, borrowed from the line that it stood in: kept as an event of a run, or
//! written at once as a line of `fleet stream`.

use crate::domain::money::{MicroUsd, Usage};
use crate::domain::time::Timestamp;
use crate::ports::runner::AgentEvent;

/// An event that owns nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Said<'a> {
    Started {
        agent_session: Option<&'a str>,
        model: Option<&'a str>,
    },
    Thinking(&'a str),
    Message(&'a str),
    ToolCall {
        id: &'a str,
        name: &'a str,
        summary: &'a str,
    },
    ToolResult {
        id: &'a str,
        ok: bool,
        summary: &'a str,
    },
    Usage {
        usage: Usage,
        cost: Option<MicroUsd>,
    },
    Status(&'a str),
    Error(&'a str),
    Verify {
        command: &'a str,
        passed: Option<bool>,
    },
    Escalation {
        context: &'a str,
        options: &'a [String],
    },
    Finding(&'a str),
    Progress(&'a str),
    Finished {
        summary: &'a str,
        ok: Option<bool>,
    },
}

impl Said<'_> {
    /// As an event of its own.
    pub(crate) fn event(self) -> AgentEvent {
        let text = str::to_owned;
        match self {
            Said::Started {
                agent_session,
                model,
            } => AgentEvent::SessionStarted {
                agent_session: agent_session.map(text),
                model: model.map(text),
            },
            Said::Thinking(t) => AgentEvent::Thinking { text: text(t) },
            Said::Message(t) => AgentEvent::Message { text: text(t) },
            Said::ToolCall { id, name, summary } => AgentEvent::ToolCall {
                id: text(id),
                name: text(name),
                summary: text(summary),
            },
            Said::ToolResult { id, ok, summary } => AgentEvent::ToolResult {
                id: text(id),
                ok,
                summary: text(summary),
            },
            Said::Usage { usage, cost } => AgentEvent::Usage { usage, cost },
            Said::Status(t) => AgentEvent::Status { text: text(t) },
            Said::Error(t) => AgentEvent::Error { text: text(t) },
            Said::Verify { command, passed } => AgentEvent::Verify {
                command: text(command),
                passed,
            },
            Said::Escalation { context, options } => AgentEvent::Escalation {
                context: text(context),
                options: options.to_vec(),
            },
            Said::Finding(t) => AgentEvent::Finding { text: text(t) },
            Said::Progress(t) => AgentEvent::Progress { text: text(t) },
            Said::Finished { summary, ok } => AgentEvent::SessionFinished {
                summary: text(summary),
                ok,
            },
        }
    }

    /// Text whose tokens a model produced or was given, for counting where nobody tells.
    pub(crate) const fn counted(&self) -> &str {
        match self {
            Said::Thinking(text) | Said::Message(text) => text,
            Said::ToolCall { summary, .. } | Said::ToolResult { summary, .. } => summary,
            _ => "",
        }
    }
}

/// Lines of JSON in one buffer, written by hand: the same bytes as serde would write for
/// [`crate::ports::runner::Told`], which a test holds it to, at a fraction of the time.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    /// Complete lines that nobody took yet.
    pub(crate) bytes: Vec<u8>,
    /// Events written so far.
    pub(crate) events: u64,
    /// Session that every line names.
    pub(crate) session: String,
    /// Task that every line names.
    pub(crate) task: String,
    /// Whether the two were given, and the source's own names do not count.
    pub(crate) given: (bool, bool),
    /// The last time that was written, and its text.
    pub(crate) time: (Timestamp, String),
}

impl Lines {
    /// Takes over what a line of the source says whose it is.
    pub(crate) fn adopt(&mut self, session: &str, task: &str) {
        let (session_given, task_given) = self.given;
        if !session_given && !session.is_empty() && session != self.session {
            session.clone_into(&mut self.session);
        }
        if !task_given && !task.is_empty() && task != self.task {
            task.clone_into(&mut self.task);
        }
    }

    /// Appends one event as a line.
    pub(crate) fn write(&mut self, said: &Said<'_>, at: Timestamp, tokens: u64, estimated: bool) {
        if self.time.1.is_empty() || self.time.0 != at {
            self.time = (at, at.to_string());
        }
        self.events += 1;
        let out = &mut self.bytes;
        out.extend_from_slice(b"{\"at\":\"");
        out.extend_from_slice(self.time.1.as_bytes());
        out.push(b'"');
        texts(out, &[("session", &self.session), ("task", &self.task)]);
        out.extend_from_slice(b",\"tokens\":");
        number(out, tokens);
        if estimated {
            out.extend_from_slice(b",\"estimated\":true");
        }
        out.extend_from_slice(b",\"event\":");
        self.fields(said);
        self.bytes.extend_from_slice(b"}\n");
    }

    fn fields(&mut self, said: &Said<'_>) {
        let out = &mut self.bytes;
        let named = |out: &mut Vec<u8>, name: &str, pairs: &[(&str, &str)]| {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.push(b'"');
            texts(out, pairs);
        };
        match *said {
            Said::Started {
                agent_session,
                model,
            } => {
                named(out, "session_started", &[]);
                maybe(out, "agent_session", agent_session);
                maybe(out, "model", model);
            }
            Said::Thinking(t) => named(out, "thinking", &[("text", t)]),
            Said::Message(t) => named(out, "message", &[("text", t)]),
            Said::ToolCall { id, name, summary } => {
                let pairs = [("id", id), ("name", name), ("summary", summary)];
                named(out, "tool_call", &pairs);
            }
            Said::ToolResult { id, ok, summary } => {
                named(out, "tool_result", &[("id", id)]);
                flag(out, "ok", Some(ok));
                texts(out, &[("summary", summary)]);
            }
            Said::Usage { usage, cost } => {
                named(out, "usage", &[]);
                out.extend_from_slice(b",\"usage\":");
                // Rare, and the ledger's to say which fields there are. A Vec takes everything.
                drop(serde_json::to_writer(&mut *out, &usage));
                out.extend_from_slice(b",\"cost\":");
                match cost {
                    Some(cost) => number(out, cost.0),
                    None => out.extend_from_slice(b"null"),
                }
            }
            Said::Status(t) => named(out, "status", &[("text", t)]),
            Said::Error(t) => named(out, "error", &[("text", t)]),
            Said::Verify { command, passed } => {
                named(out, "verify", &[("command", command)]);
                flag(out, "passed", passed);
            }
            Said::Escalation { context, options } => {
                named(out, "escalation", &[("context", context)]);
                out.extend_from_slice(b",\"options\":[");
                for (n, option) in options.iter().enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    string(out, option);
                }
                out.push(b']');
            }
            Said::Finding(t) => named(out, "finding", &[("text", t)]),
            Said::Progress(t) => named(out, "progress", &[("text", t)]),
            Said::Finished { summary, ok } => {
                named(out, "session_finished", &[("summary", summary)]);
                if ok.is_some() {
                    flag(out, "ok", ok);
                }
            }
        }
    }
}

/// `,"name":"text"` for each.
fn texts(out: &mut Vec<u8>, pairs: &[(&str, &str)]) {
    for (name, text) in pairs {
        key(out, name);
        string(out, text);
    }
}

fn maybe(out: &mut Vec<u8>, name: &str, text: Option<&str>) {
    key(out, name);
    match text {
        Some(text) => string(out, text),
        None => out.extend_from_slice(b"null"),
    }
}

fn flag(out: &mut Vec<u8>, name: &str, yes: Option<bool>) {
    key(out, name);
    let word: &[u8] = match yes {
        Some(true) => b"true",
        Some(false) => b"false",
        None => b"null",
    };
    out.extend_from_slice(word);
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn number(out: &mut Vec<u8>, mut n: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// How a byte is written inside a JSON string: as it is (0), as `\` and this letter, or as `\u00..`.
const ESCAPE: [u8; 256] = {
    let mut table = [0_u8; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// A JSON string: runs of plain bytes are copied whole.
fn string(out: &mut Vec<u8>, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| ESCAPE[usize::from(*b)] != 0) {
        out.extend_from_slice(&rest[..at]);
        let byte = rest[at];
        match ESCAPE[usize::from(byte)] {
            b'u' => {
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
            letter => out.extend_from_slice(&[b'\\', letter]),
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::runner::Told;

    fn all<'a>(text: &'a str, options: &'a [String]) -> Vec<Said<'a>> {
        let usage = Usage {
            input: 1,
            output: u64::MAX,
            reasoning: 2,
            ..Usage::default()
        };
        vec![
            Said::Started {
                agent_session: Some(text),
                model: None,
            },
            Said::Thinking(text),
            Said::Message(text),
            Said::ToolCall {
                id: text,
                name: "n",
                summary: text,
            },
            Said::ToolResult {
                id: "",
                ok: false,
                summary: text,
            },
            Said::Usage { usage, cost: None },
            Said::Usage {
                usage: Usage::default(),
                cost: Some(MicroUsd(0)),
            },
            Said::Status(text),
            Said::Error(text),
            Said::Verify {
                command: text,
                passed: None,
            },
            Said::Verify {
                command: text,
                passed: Some(true),
            },
            Said::Escalation {
                context: text,
                options,
            },
            Said::Finding(text),
            Said::Progress(text),
            Said::Finished {
                summary: text,
                ok: None,
            },
            Said::Finished {
                summary: text,
                ok: Some(false),
            },
        ]
    }

    #[test]
    fn a_line_written_by_hand_is_the_line_that_serde_writes() {
        let every: String = (0..=0x2ff).filter_map(char::from_u32).collect();
        let options = ["a\"".to_owned(), "\u{1f980}\n".to_owned()];
        for text in ["", "plain", every.as_str(), "\u{2028}\u{1f980}\\\\\""] {
            for (n, said) in all(text, &options).into_iter().enumerate() {
                let at = Timestamp(1_795_000_000_000 + n as u64);
                let mut lines = Lines {
                    session: text.to_owned(),
                    task: "T-7".to_owned(),
                    ..Lines::default()
                };
                lines.write(&said, at, n as u64 * 1_000, n % 2 == 1);
                let told = Told {
                    at,
                    session: text.to_owned(),
                    task: "T-7".to_owned(),
                    tokens: n as u64 * 1_000,
                    estimated: n % 2 == 1,
                    event: said.event(),
                };
                let want = serde_json::to_string(&told).expect("JSON") + "\n";
                assert_eq!(String::from_utf8(lines.bytes).expect("UTF-8"), want);
                let back: Told = serde_json::from_str(&want).expect(&want);
                assert_eq!(back, told);
            }
        }
    }
}
