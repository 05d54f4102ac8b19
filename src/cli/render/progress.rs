//! Progress while agents run: on a terminal one living line each, elsewhere one plain line per
//! thing that happens. Goes to stderr; stdout is data.

use std::collections::BTreeMap;

use crate::app::tick::report::{AgentEvent, TickEvent};
use crate::app::tracker::text::display_safe;
use crate::cli::render::page::Tone;
use crate::cli::render::sink::Sink;
use crate::cli::render::tick::{ended, seconds};
use crate::domain::ids::SessionUid;
use crate::domain::time::{DurationMs, Timestamp};

/// Least time between two redraws.
const REDRAW: DurationMs = DurationMs(200);

struct Line {
    task: String,
    agent: String,
    since: Option<Timestamp>,
    last: String,
}

/// The display.
pub struct Progress {
    sink: Sink,
    /// Columns of the terminal that stderr is; none if it is not one.
    width: Option<usize>,
    lines: BTreeMap<SessionUid, Line>,
    drawn: usize,
    drawn_at: Timestamp,
}

impl Progress {
    /// A display on stderr.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self {
            width: sink.words_width(),
            sink,
            lines: BTreeMap::new(),
            drawn: 0,
            drawn_at: Timestamp(0),
        }
    }

    /// Shows what happened.
    pub fn take(&mut self, event: &TickEvent) {
        match event {
            TickEvent::Step(_) => {}
            TickEvent::Claimed {
                session,
                task,
                title,
                attempt,
                agent,
            } => {
                let try_ = if *attempt > 1 {
                    format!(", attempt {attempt}")
                } else {
                    String::new()
                };
                self.say(&format!("{task}  {agent} starts{try_}: {title}"));
                let line = Line {
                    task: task.clone(),
                    agent: agent.clone(),
                    since: None,
                    last: "starting".to_owned(),
                };
                self.lines.insert(*session, line);
            }
            TickEvent::Agent {
                session,
                task,
                at,
                event,
            } => {
                let Some(words) = words(event) else { return };
                if let Some(line) = self.lines.get_mut(session) {
                    line.since.get_or_insert(*at);
                    line.last.clone_from(&words);
                }
                if self.width.is_none() && is_worth_a_line(event) {
                    self.say(&format!("{task}  {words}"));
                }
                self.redraw(*at);
            }
            TickEvent::Ended {
                session,
                task,
                ended: how,
            } => {
                self.lines.remove(session);
                let (word, tone) = ended(*how);
                let style = tone.style();
                self.say(&format!("{task}  {style}{word}{style:#}"));
            }
            TickEvent::Note(text) => self.say(&format!("note: {}", display_safe(text))),
            TickEvent::Pulse { at } => self.redraw(*at),
        }
    }

    /// Takes the living lines away.
    pub fn clear(&mut self) {
        if self.drawn > 0 {
            self.sink.words(&format!("\x1b[{}A\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }

    /// One line that stays.
    fn say(&mut self, text: &str) {
        self.clear();
        self.sink.words(&format!("{text}\n"));
    }

    fn redraw(&mut self, now: Timestamp) {
        let Some(width) = self.width else { return };
        if now.since(self.drawn_at) < REDRAW {
            return;
        }
        self.drawn_at = now;
        self.clear();
        let (id, dim) = (Tone::Id.style(), Tone::Dim.style());
        let mut text = String::new();
        for line in self.lines.values() {
            let elapsed = line
                .since
                .map_or_else(String::new, |since| seconds(now.since(since).0));
            let head = format!("{}  {}  {elapsed}  ", line.task, line.agent);
            let room = width.saturating_sub(head.chars().count() + 1);
            let last: String = line.last.chars().take(room).collect();
            text.push_str(&format!(
                "{id}{}{id:#}  {}  {dim}{elapsed}{dim:#}  {last}\n",
                line.task, line.agent
            ));
        }
        self.drawn = self.lines.len();
        self.sink.words(&text);
    }
}

/// An event in a few words, on one line, safe to show.
fn words(event: &AgentEvent) -> Option<String> {
    let text = match event {
        AgentEvent::SessionStarted { .. } => "started".to_owned(),
        AgentEvent::Thinking { .. } => "thinks".to_owned(),
        AgentEvent::Message { text } => text.clone(),
        AgentEvent::ToolCall { name, summary, .. } => format!("{name} {summary}"),
        AgentEvent::ToolResult { .. } | AgentEvent::Usage { .. } => return None,
        AgentEvent::Status { text } => text.clone(),
        AgentEvent::Error { text } => format!("error: {text}"),
        AgentEvent::Verify { command, passed } => match passed {
            None => format!("checks: {command}"),
            Some(true) => format!("check passed: {command}"),
            Some(false) => format!("check FAILED: {command}"),
        },
        AgentEvent::Escalation { context, .. } => format!("asks: {context}"),
        AgentEvent::Finding { text } => format!("found: {text}"),
        AgentEvent::Progress { text } => text.clone(),
        AgentEvent::SessionFinished { .. } => "finished".to_owned(),
    };
    let flat: Vec<&str> = text.split_whitespace().collect();
    Some(display_safe(&flat.join(" ")))
}

/// Where lines stay, only the turning points get one.
const fn is_worth_a_line(event: &AgentEvent) -> bool {
    matches!(
        event,
        AgentEvent::Message { .. }
            | AgentEvent::Error { .. }
            | AgentEvent::Escalation { .. }
            | AgentEvent::Finding { .. }
            | AgentEvent::Progress { .. }
            | AgentEvent::Verify {
                passed: Some(_),
                ..
            }
    )
}
