//! Streams of agents, made one kind: what is asked of a filter, and what it tells at its end.

/// Whose stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Claude Code, `--output-format stream-json`.
    Claude,
    /// Codex, `exec --json`.
    Codex,
    /// Gemini CLI, `-o stream-json`.
    Gemini,
    /// OpenCode, `run --format json`.
    OpenCode,
    /// Unified events, journals, and chat logs with `role` and `content`.
    Jsonl,
}

impl Source {
    /// All, in the order of help texts.
    pub const ALL: [Self; 5] = [
        Self::Claude,
        Self::Codex,
        Self::Gemini,
        Self::OpenCode,
        Self::Jsonl,
    ];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
            Self::OpenCode => "opencode",
            Self::Jsonl => "jsonl",
        }
    }
}

/// How a stream is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamRequest {
    /// Whose it is.
    pub from: Source,
    /// Session that every line is to name; the source's own if none.
    pub session: Option<String>,
    /// Task that every line is to name; the source's own, or empty, if none.
    pub task: Option<String>,
    /// Count tokens until the source tells some.
    pub count_tokens: bool,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamReport {
    /// Lines, empty ones included.
    pub lines: u64,
    /// Events written.
    pub events: u64,
    /// Lines that were no JSON object, or too long.
    pub broken: u64,
    /// Number (from 1) and beginning of the first broken one.
    pub first_broken: Option<(u64, String)>,
    /// Whether the source's own last word came.
    pub ended: bool,
    /// Whether that word was good.
    pub ok: bool,
    /// Whether the reader of the events went away: then nothing is known of the rest.
    pub unread: bool,
}
