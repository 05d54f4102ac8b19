//! What is known about a running agent, whoever it is, and the verdict on its end.

use crate::agents::limits::{self, Trouble};
use crate::agents::lines::{head, last_lines, one_line};
use crate::agents::process::{Ended, Stop};
use crate::agents::said::{Lines, Said};
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::policy::AgentSpec;
use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::ports::runner::{AgentEvent, RunEnd};

/// Longest final message that is kept.
pub(crate) const MAX_FINAL_BYTES: usize = 8 * 1024;
/// Longest message of a stream that is put together from pieces.
const MAX_STREAM_TEXT_BYTES: usize = 1024 * 1024;
/// Longest reason for a human.
const MAX_REASON_BYTES: usize = 600;

/// The agent's own last word about the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Terminal {
    /// It says that it did what was asked.
    Good,
    /// It says that it failed.
    Bad {
        /// In which way.
        trouble: Trouble,
        /// Class, where it differs from the trouble's.
        class: FailureClass,
        /// What it said.
        reason: String,
    },
}

/// Counts tokens of a text for a model; for agents that tell none.
pub type CountTokens = Box<dyn Fn(&str, &str) -> u64>;

/// Collected while lines are read.
#[derive(Default)]
pub(crate) struct Reading {
    /// The agent's own session id.
    pub(crate) agent_session: Option<String>,
    /// Model that answers.
    pub(crate) model: Option<String>,
    /// Tokens of this run so far.
    pub(crate) usage: Usage,
    /// Money of this run so far.
    pub(crate) cost: Option<MicroUsd>,
    /// The last message, bounded.
    pub(crate) final_message: String,
    /// The last word, once said.
    pub(crate) terminal: Option<Terminal>,
    /// The last error it reported: HTTP status if known, and text.
    pub(crate) last_error: Option<(Option<u16>, String)>,
    /// Wall clock at the current line.
    pub(crate) now: Timestamp,
    /// When the source says that the current line happened.
    pub(crate) said_at: Option<Timestamp>,
    /// Events of the current line, unless they are written at once.
    pub(crate) events: Vec<AgentEvent>,
    /// Where events are written at once, as lines of JSON.
    pub(crate) lines: Option<Lines>,
    /// Lines that were no JSON object where one had to be.
    pub(crate) broken: u64,
    /// Counts tokens where the agent tells none.
    pub(crate) counter: Option<CountTokens>,
    /// Tokens so far as the lines of the source carry them.
    pub(crate) told: u64,
    /// Tokens counted here.
    pub(crate) counted: u64,
}

impl Reading {
    /// Longest text that is put together from pieces.
    pub(crate) const fn piece_limit(&self) -> usize {
        match self.lines {
            Some(_) => MAX_STREAM_TEXT_BYTES,
            None => MAX_FINAL_BYTES,
        }
    }

    /// Takes an event: keeps it, or writes it as a line.
    pub(crate) fn emit(&mut self, said: Said<'_>) {
        let Some(lines) = &mut self.lines else {
            self.events.push(said.event());
            return;
        };
        let told = self.usage.total().max(self.told);
        if let (0, Some(count)) = (told, &self.counter) {
            let model = self.model.as_deref().unwrap_or_default();
            self.counted += count(model, said.counted());
        }
        let estimated = told == 0 && self.counted > 0;
        let tokens = if estimated { self.counted } else { told };
        lines.write(&said, self.said_at.unwrap_or(self.now), tokens, estimated);
    }

    /// Notes session id and model, and says so once.
    pub(crate) fn started(&mut self, session: Option<&str>, model: Option<&str>) {
        let news = session.is_some() && session != self.agent_session.as_deref();
        if let (true, Some(session)) = (news, session) {
            if let Some(lines) = &mut self.lines {
                lines.adopt(session, "");
            }
            self.agent_session = Some(session.to_owned());
        }
        if model.is_some() && model != self.model.as_deref() {
            self.model = model.map(str::to_owned);
        }
        if news {
            let model = self.model.clone();
            self.emit(Said::Started {
                agent_session: session,
                model: model.as_deref(),
            });
        }
    }

    /// A finished message.
    pub(crate) fn message(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.final_words(text);
        self.emit(Said::Message(text));
    }

    /// Keeps the last message, in the memory of the one before.
    pub(crate) fn final_words(&mut self, text: &str) {
        let kept = head(text, MAX_FINAL_BYTES);
        self.final_message.clear();
        self.final_message.push_str(kept);
        if kept.len() < text.len() {
            self.final_message.push('…');
        }
    }

    /// Something worth a line.
    pub(crate) fn status(&mut self, text: &str) {
        let text = one_line(text, 400);
        if !text.is_empty() {
            self.emit(Said::Status(&text));
        }
    }

    /// A reported error that does not yet decide.
    pub(crate) fn error(&mut self, status: Option<u16>, text: &str) {
        let text = one_line(text, MAX_REASON_BYTES);
        self.emit(Said::Error(&text));
        self.last_error = Some((status, text));
    }

    /// Tokens and money so far.
    pub(crate) fn spent(&mut self, usage: Usage, cost: Option<MicroUsd>) {
        let news = usage != self.usage || (cost.is_some() && cost != self.cost);
        if cost.is_none() && usage.total() > self.usage.total() {
            // What was told does not hold for what came after it.
            self.cost = None;
        }
        self.usage = usage;
        self.cost = cost.or(self.cost);
        if news {
            let cost = self.cost;
            self.emit(Said::Usage { usage, cost });
        }
    }

    /// A line that should have been a JSON object and is none.
    pub(crate) fn chatter(&mut self, text: &str) {
        self.broken += 1;
        // A filter counts them and says so at its end; in a run each is a sign of trouble.
        if self.lines.is_none() {
            self.status(text);
        }
    }

    /// The negative last word.
    pub(crate) fn failed(&mut self, status: Option<u16>, text: &str) {
        let trouble = limits::judge(status, text, self.now);
        self.failed_as(trouble, trouble.class(), text);
    }

    /// The negative last word of a known kind.
    pub(crate) fn failed_as(&mut self, trouble: Trouble, class: FailureClass, text: &str) {
        self.terminal = Some(Terminal::Bad {
            trouble,
            class,
            reason: one_line(text, MAX_REASON_BYTES),
        });
    }
}

/// Reads one kind of agent.
pub(crate) trait Parser {
    /// One line of standard output.
    fn line(&mut self, text: &str, reading: &mut Reading);

    /// One line of standard error.
    fn chatter(&mut self, text: &str, reading: &mut Reading) {
        reading.status(text);
    }

    /// Whether it must say that it is done; a plain command only exits.
    fn needs_terminal(&self) -> bool {
        true
    }

    /// What an exit code means to this program, where it means more than failure.
    fn exit_means(&self, _code: i32) -> Option<Trouble> {
        None
    }

    /// Called once when the process has ended, before the verdict.
    fn ended(&mut self, _reading: &mut Reading) {}

    /// Which variables carry its key, for hints.
    fn key_names(&self) -> &'static str {
        ""
    }
}

/// The verdict. Success needs exit 0, the agent's own positive last word, and that fleet did not
/// stop it before that word (test-infra.md §2.6).
pub(crate) fn verdict(
    spec: &AgentSpec,
    parser: &dyn Parser,
    reading: &Reading,
    ended: &Ended,
    stderr_tail: &str,
) -> RunEnd {
    if let Some(stop) = ended.stopped {
        return stopped(spec, stop);
    }
    match &reading.terminal {
        Some(Terminal::Good) if ended.code == Some(0) || ended.lingered => RunEnd::Completed,
        Some(Terminal::Good) => fail(
            FailureClass::AgentError,
            format!("it reported success but {}", how(ended)),
        ),
        Some(Terminal::Bad {
            trouble,
            class,
            reason,
        }) => {
            // Where the words say nothing, the exit code may.
            let told = ended.code.and_then(|c| parser.exit_means(c));
            let (trouble, class) = match told {
                Some(told) if *trouble == Trouble::Other => (told, told.class()),
                _ => (*trouble, *class),
            };
            RunEnd::Failed {
                class,
                reason: with_hint(reason, trouble, parser, spec),
                retry_at: trouble.retry_at(),
            }
        }
        None if !parser.needs_terminal() && ended.code == Some(0) => RunEnd::Completed,
        None => without_last_word(spec, parser, reading, ended, stderr_tail),
    }
}

fn without_last_word(
    spec: &AgentSpec,
    parser: &dyn Parser,
    reading: &Reading,
    ended: &Ended,
    stderr_tail: &str,
) -> RunEnd {
    let (status, said) = reading
        .last_error
        .clone()
        .unwrap_or_else(|| (None, last_lines(stderr_tail, 3, MAX_REASON_BYTES)));
    let known = reading
        .last_error
        .as_ref()
        .map(|(status, text)| limits::judge(*status, text, reading.now))
        .filter(|t| *t != Trouble::Other);
    if ended.code == Some(0) && known.is_none() {
        let seen = if said.is_empty() {
            String::new()
        } else {
            format!("; it said: {said}")
        };
        return fail(
            FailureClass::InvalidOutput,
            format!("it exited 0 without its final event{seen}"),
        );
    }
    let told = ended.code.and_then(|c| parser.exit_means(c));
    // A plain program's chatter decides nothing: only errors that it reported as such are judged.
    let judged = parser.needs_terminal() || reading.last_error.is_some();
    let trouble = match told {
        Some(Trouble::RateLimited(_)) => {
            Trouble::RateLimited(limits::retry_time(&said.to_lowercase(), reading.now))
        }
        Some(trouble) => trouble,
        None if judged => limits::judge(status, &said, reading.now),
        None => Trouble::Other,
    };
    let reason = if said.is_empty() {
        how(ended)
    } else {
        format!("{}: {said}", how(ended))
    };
    RunEnd::Failed {
        class: trouble.class(),
        reason: with_hint(&reason, trouble, parser, spec),
        retry_at: trouble.retry_at(),
    }
}

fn stopped(spec: &AgentSpec, stop: Stop) -> RunEnd {
    let secs = |ms: u64| format!("{} s", ms.div_ceil(1000));
    match stop {
        Stop::Idle => fail(
            FailureClass::Timeout,
            format!("no output for {}", secs(spec.idle_timeout.0)),
        ),
        Stop::Total => fail(
            FailureClass::Timeout,
            format!("ran longer than {}", secs(spec.total_timeout.0)),
        ),
        Stop::Output => fail(
            FailureClass::InvalidOutput,
            format!("printed more than {} bytes", spec.max_output_bytes),
        ),
        Stop::Cancelled => fail(FailureClass::Cancelled, "stopped on request".to_owned()),
    }
}

/// `exited 3`, `was killed by signal 9`.
pub(crate) fn how(ended: &Ended) -> String {
    match (ended.code, ended.signal) {
        (Some(code), _) => format!("exited {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended in an unknown way".to_owned(),
    }
}

pub(crate) const fn fail(class: FailureClass, reason: String) -> RunEnd {
    RunEnd::Failed {
        class,
        reason,
        retry_at: None,
    }
}

/// A refused key is the owner's to mend: say which variable and where to name it.
fn with_hint(reason: &str, trouble: Trouble, parser: &dyn Parser, spec: &AgentSpec) -> String {
    let names = parser.key_names();
    if trouble != Trouble::Auth || names.is_empty() {
        return reason.to_owned();
    }
    format!(
        "{reason} (set {names} where fleet runs and name it in `env` of agent `{}`)",
        spec.name
    )
}
