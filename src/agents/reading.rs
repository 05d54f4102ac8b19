//! What is known about a running agent, whoever it is, and the verdict on its end.

use crate::agents::limits::{self, Trouble};
use crate::agents::lines::{clip, last_lines, one_line};
use crate::agents::process::{Ended, Stop};
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::policy::AgentSpec;
use crate::domain::session::FailureClass;
use crate::domain::time::Timestamp;
use crate::ports::runner::{AgentEvent, RunEnd};

/// Longest final message that is kept.
pub(crate) const MAX_FINAL_BYTES: usize = 8 * 1024;
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

/// Collected while lines are read.
#[derive(Debug, Default)]
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
    /// Events of the current line.
    pub(crate) events: Vec<AgentEvent>,
}

impl Reading {
    /// Notes session id and model, and says so once.
    pub(crate) fn started(&mut self, session: Option<String>, model: Option<String>) {
        let news = session.is_some() && session != self.agent_session;
        self.agent_session = session.or_else(|| self.agent_session.take());
        self.model = model.or_else(|| self.model.take());
        if news {
            self.events.push(AgentEvent::SessionStarted {
                agent_session: self.agent_session.clone(),
                model: self.model.clone(),
            });
        }
    }

    /// A finished message.
    pub(crate) fn message(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        self.final_message = clip(text, MAX_FINAL_BYTES);
        self.events.push(AgentEvent::Message {
            text: text.to_owned(),
        });
    }

    /// Something worth a line.
    pub(crate) fn status(&mut self, text: &str) {
        let text = one_line(text, 400);
        if !text.is_empty() {
            self.events.push(AgentEvent::Status { text });
        }
    }

    /// A reported error that does not yet decide.
    pub(crate) fn error(&mut self, status: Option<u16>, text: &str) {
        let text = one_line(text, MAX_REASON_BYTES);
        self.last_error = Some((status, text.clone()));
        self.events.push(AgentEvent::Error { text });
    }

    /// Tokens and money so far.
    pub(crate) fn spent(&mut self, usage: Usage, cost: Option<MicroUsd>) {
        let news = usage != self.usage || (cost.is_some() && cost != self.cost);
        self.usage = usage;
        self.cost = cost.or(self.cost);
        if news {
            self.events.push(AgentEvent::Usage {
                usage,
                cost: self.cost,
            });
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
