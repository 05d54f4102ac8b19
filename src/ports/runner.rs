//! Running agents and checks: one request, a stream of unified events, one end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde::{Deserialize, Serialize};

use crate::domain::ids::SessionUid;
use crate::domain::money::{MicroUsd, Usage};
use crate::domain::policy::{AgentSpec, SandboxMode, VerifyCommand};
use crate::domain::session::{FailureClass, VerifyResult};
use crate::domain::time::Timestamp;
use crate::ports::lease::Lease;
use crate::ports::sandbox::SandboxError;

/// What an agent is to do, and where.
#[derive(Debug, Clone)]
pub struct RunRequest {
    /// Name of the task for people and for `{task}`: `T-7`.
    pub task: String,
    /// Who works.
    pub agent: AgentSpec,
    /// Model, after routing.
    pub model: Option<String>,
    /// Whole prompt: role, task, context, rules, how to speak back.
    pub prompt: String,
    /// The plain clone that it works in.
    pub workdir: PathBuf,
    /// Folders outside `workdir` that it reads: the object stores that its repository borrows from.
    pub readable: Vec<PathBuf>,
    /// Its empty HOME.
    pub home: PathBuf,
    /// Its TMPDIR.
    pub tmp: PathBuf,
    /// `$FLEET_OUTBOX`.
    pub outbox: PathBuf,
    /// File with the prompt, outside the workdir.
    pub prompt_file: PathBuf,
    /// Journal of events, appended to as JSONL, bounded and redacted.
    pub journal: PathBuf,
    /// The agent's own session to resume, when the attempt continues it in the same workdir.
    pub resume: Option<String>,
}

/// A unified event of a running agent (the same for every kind).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum AgentEvent {
    /// It runs; its own session id if known.
    SessionStarted {
        /// The agent's own session id.
        agent_session: Option<String>,
        /// Model it says it uses.
        model: Option<String>,
    },
    /// Reasoning text.
    Thinking {
        /// Bounded text.
        text: String,
    },
    /// Text for the reader.
    Message {
        /// Bounded text.
        text: String,
    },
    /// It calls a tool.
    ToolCall {
        /// Call id.
        id: String,
        /// Tool name.
        name: String,
        /// One-line summary of the arguments.
        summary: String,
    },
    /// A tool answered.
    ToolResult {
        /// Call id.
        id: String,
        /// Whether it worked.
        ok: bool,
        /// One-line summary.
        summary: String,
    },
    /// Tokens so far in this run (not a difference).
    Usage {
        /// Tokens so far.
        usage: Usage,
        /// Money so far, if the agent says.
        cost: Option<MicroUsd>,
    },
    /// Something else worth a line: retry, compaction, rate-limit warning.
    Status {
        /// Bounded text.
        text: String,
    },
    /// The agent reports an error (it may go on).
    Error {
        /// Bounded text.
        text: String,
    },
    /// A check runs or ended.
    Verify {
        /// The command.
        command: String,
        /// `None` while it runs.
        passed: Option<bool>,
    },
    /// It asks a human (what it wrote to its outbox, or said by a tool).
    Escalation {
        /// What a human must know; bounded text.
        context: String,
        /// Offered answers.
        #[serde(default)]
        options: Vec<String>,
    },
    /// It noticed something besides its task.
    Finding {
        /// Bounded text.
        text: String,
    },
    /// It says how far it is.
    Progress {
        /// One line.
        text: String,
    },
    /// It ended.
    SessionFinished {
        /// One line.
        summary: String,
        /// Whether it did what was asked; `None` where that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ok: Option<bool>,
    },
}

impl AgentEvent {
    /// The end of a run or session, said by fleet itself.
    #[must_use]
    pub const fn finished(summary: String, ok: bool) -> Self {
        Self::SessionFinished {
            summary,
            ok: Some(ok),
        }
    }
}

/// One line of a journal or of `fleet stream`: an event with when, whose, and tokens so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// When it was seen, or when the source says that it happened.
    pub at: Timestamp,
    /// The session: fleet's own id in a journal, the agent's in `fleet stream`; may be empty.
    #[serde(default)]
    pub session: String,
    /// The task, such as `T-7`; empty where none is known.
    #[serde(default)]
    pub task: String,
    /// All tokens of the session so far; 0 until the agent told any.
    #[serde(default)]
    pub tokens: u64,
    /// Whether `tokens` was counted here because the agent told none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// What happened.
    #[serde(flatten)]
    pub event: AgentEvent,
}

impl Told {
    /// The last line of a journal's end that can be read.
    #[must_use]
    pub fn last_of(bytes: &[u8]) -> Option<Self> {
        let mut lines = bytes.rsplit(|b| *b == b'\n');
        lines.find_map(|line| serde_json::from_slice(line).ok())
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEnd {
    /// Exit 0, its own positive terminal event, and fleet did not stop it.
    Completed,
    /// It failed.
    Failed {
        /// In which way.
        class: FailureClass,
        /// What was seen: a sentence for a human.
        reason: String,
        /// For rate limits: when to come back.
        retry_at: Option<Timestamp>,
    },
}

/// Everything known after a run. The whole process tree is gone when this exists (I9).
#[derive(Debug, Clone, PartialEq)]
pub struct RunOutcome {
    /// How it ended.
    pub end: RunEnd,
    /// The agent's own session id.
    pub agent_session: Option<String>,
    /// Model that answered.
    pub model: Option<String>,
    /// Tokens of this run.
    pub usage: Usage,
    /// Money of this run, if the agent says.
    pub cost: Option<MicroUsd>,
    /// Its last message, bounded.
    pub final_message: String,
    /// Wall time.
    pub duration_ms: u64,
    /// Bytes of output read.
    pub output_bytes: u64,
    /// How it was confined.
    pub sandbox: String,
    /// What it wrote to its outbox, at most 1 MiB (cut at a line end).
    pub outbox: Vec<u8>,
}

/// Asks running work to stop: 0 = go on, 1 = stop politely, 2 = stop at once.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    own: Arc<AtomicU8>,
    /// Of the work that this is a part of.
    above: Option<Arc<AtomicU8>>,
}

impl Cancel {
    /// For a part of the work: it stops with the whole, and may be stopped alone.
    #[must_use]
    pub fn under(&self) -> Self {
        Self {
            own: Arc::default(),
            above: Some(Arc::clone(&self.own)),
        }
    }

    fn level(&self) -> u8 {
        let above = self.above.as_ref().map_or(0, |a| a.load(Ordering::SeqCst));
        self.own.load(Ordering::SeqCst).max(above)
    }

    /// Asks for a polite stop; asking again asks for an immediate one.
    pub fn ask(&self) {
        let _ = self
            .own
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| {
                (n < 2).then(|| n + 1)
            });
    }

    /// True once asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.level() > 0
    }

    /// True once asked twice.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.level() > 1
    }
}

/// Runs agents and checks. Called from one thread per session; every call ends within its limits.
pub trait Runner: Send + Sync {
    /// Runs an agent to its end. Demands the lease: nothing runs without one.
    fn run(
        &self,
        lease: &Lease,
        request: &RunRequest,
        events: &mut dyn FnMut(AgentEvent),
        cancel: &Cancel,
    ) -> RunOutcome;

    /// Runs one check in the workspace, confined as the agent is (R5).
    fn verify(
        &self,
        lease: &Lease,
        request: &RunRequest,
        command: &VerifyCommand,
        cancel: &Cancel,
    ) -> VerifyResult;

    /// Ends what is left running of a session whose fleet process died, found by its mark; gives how
    /// many processes that was. Called before such a session is taken for dead (I9).
    fn end_leftovers(&self, session: SessionUid) -> usize;

    /// Whether a run in this mode of confinement could start here.
    ///
    /// # Errors
    /// It is demanded and nothing on this machine confines.
    fn admits(&self, mode: SandboxMode) -> Result<(), SandboxError>;

    /// Whether the agent could be started here: the program is found, and it can be confined if it
    /// must be.
    ///
    /// # Errors
    /// A sentence that says what is missing and what to do.
    fn available(&self, agent: &AgentSpec) -> Result<(), String>;
}
