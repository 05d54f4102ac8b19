//! The journal of one run: events as JSON lines, redacted and bounded.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::agents::Redact;
use crate::agents::lines::clip;
use crate::domain::time::Timestamp;
use crate::ports::runner::{AgentEvent, Told};

/// Largest journal; a note stands where it ends.
const MAX_JOURNAL_BYTES: u64 = 1024 * 1024;
/// Longest text of an event.
pub(crate) const MAX_TEXT_BYTES: usize = 4096;
/// Longest summary of an event.
pub(crate) const MAX_SUMMARY_BYTES: usize = 200;
/// Most offered answers of a question.
const MAX_OPTIONS: usize = 20;

/// End of a journal in which its last count of tokens is looked for.
const TAIL_BYTES: u64 = 16 * 1024;

/// Appends events to a file. A journal that cannot be written never ends a run.
pub(crate) struct Journal {
    file: Option<File>,
    room: u64,
    session: String,
    task: String,
    /// Tokens of earlier runs of the session, and of this one so far.
    tokens: (u64, u64),
}

impl Journal {
    /// Opens `path` for appending; what an earlier run of the session wrote counts.
    pub(crate) fn open(path: &Path, session: String, task: &str) -> Self {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(path)
            .ok();
        let size = file
            .as_ref()
            .and_then(|f| f.metadata().ok())
            .map_or(0, |m| m.len());
        let mut end = Vec::new();
        if let Some(file) = &mut file
            && file
                .seek(SeekFrom::Start(size.saturating_sub(TAIL_BYTES)))
                .is_ok()
        {
            // What cannot be read counts as nothing: tokens are kept in the record as well.
            let _ = file.take(TAIL_BYTES).read_to_end(&mut end);
        }
        Self {
            file,
            room: MAX_JOURNAL_BYTES.saturating_sub(size),
            session,
            task: task.to_owned(),
            tokens: (Told::last_of(&end).map_or(0, |told| told.tokens), 0),
        }
    }

    /// Appends one event.
    pub(crate) fn write(&mut self, at: Timestamp, event: &AgentEvent) {
        if let AgentEvent::Usage { usage, .. } = event {
            self.tokens.1 = usage.total();
        }
        let told = match event {
            // The end of a run is not that of the session: checks follow, and maybe another run.
            AgentEvent::SessionFinished { summary, .. } => self.told(
                at,
                AgentEvent::Status {
                    text: format!("the agent ended: {summary}"),
                },
            ),
            event => self.told(at, event.clone()),
        };
        let mut line = line_of(&told);
        let over = line.len() as u64 > self.room;
        if over {
            line = line_of(&self.told(
                at,
                AgentEvent::Status {
                    text: "the journal is full; later events are not kept".to_owned(),
                },
            ));
        }
        self.room = self.room.saturating_sub(line.len() as u64);
        let Some(file) = &mut self.file else {
            return;
        };
        // One write per line: a crash tears at most the last one.
        if file.write_all(&line).is_err() || over {
            self.file = None;
        }
    }

    fn told(&self, at: Timestamp, event: AgentEvent) -> Told {
        Told {
            at,
            session: self.session.clone(),
            task: self.task.clone(),
            tokens: self.tokens.0.saturating_add(self.tokens.1),
            estimated: false,
            event,
        }
    }
}

fn line_of(told: &Told) -> Vec<u8> {
    // An event is made of texts and numbers, which are always JSON.
    let mut line = serde_json::to_vec(told).unwrap_or_default();
    line.push(b'\n');
    line
}

/// Bounds and redacts every text of an event, once, before anybody sees it (R8).
pub(crate) fn scrub(event: AgentEvent, redact: &Redact) -> AgentEvent {
    // Redact first: a secret cut in two would pass.
    let text = |t: String| clip(&redact(&t), MAX_TEXT_BYTES);
    let short = |t: String| clip(&redact(&t), MAX_SUMMARY_BYTES);
    match event {
        AgentEvent::SessionStarted {
            agent_session,
            model,
        } => AgentEvent::SessionStarted {
            agent_session: agent_session.map(short),
            model: model.map(short),
        },
        AgentEvent::Thinking { text: t } => AgentEvent::Thinking { text: text(t) },
        AgentEvent::Message { text: t } => AgentEvent::Message { text: text(t) },
        AgentEvent::Status { text: t } => AgentEvent::Status { text: text(t) },
        AgentEvent::Error { text: t } => AgentEvent::Error { text: text(t) },
        AgentEvent::ToolCall { id, name, summary } => AgentEvent::ToolCall {
            id: short(id),
            name: short(name),
            summary: short(summary),
        },
        AgentEvent::ToolResult { id, ok, summary } => AgentEvent::ToolResult {
            id: short(id),
            ok,
            summary: short(summary),
        },
        AgentEvent::Verify { command, passed } => AgentEvent::Verify {
            command: short(command),
            passed,
        },
        AgentEvent::Escalation { context, options } => AgentEvent::Escalation {
            context: text(context),
            options: options.into_iter().take(MAX_OPTIONS).map(short).collect(),
        },
        AgentEvent::Finding { text: t } => AgentEvent::Finding { text: text(t) },
        AgentEvent::Progress { text: t } => AgentEvent::Progress { text: short(t) },
        AgentEvent::SessionFinished { summary, ok } => AgentEvent::SessionFinished {
            summary: short(summary),
            ok,
        },
        event @ AgentEvent::Usage { .. } => event,
    }
}
