//! Providers of models behind an API: which wire they speak, where they are, and the limits of a call.

use std::collections::BTreeMap;

use crate::domain::time::DurationMs;

/// A provider, as configured or as known by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderSpec {
    /// Its name in the configuration.
    pub name: String,
    /// What it speaks.
    pub kind: ProviderKind,
    /// Address of the API, version included, without a slash at its end: `https://api.openai.com/v1`.
    pub base_url: String,
    /// Environment variables with keys, newest key first; all are valid. Empty = the provider has no
    /// key (a model on this machine).
    pub key_env: Vec<String>,
    /// Models that agents may ask for; empty = any.
    pub models: Vec<String>,
    /// Most tokens of prompt and answer, for all its models, instead of what is known of them.
    pub context_window: Option<u64>,
    /// Headers that are sent along. Not for keys.
    pub headers: BTreeMap<String, String>,
    /// Whether answers are asked for as a stream.
    pub stream: bool,
    /// Limits of a call.
    pub limits: CallLimits,
}

/// Limits of one call to a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Tries after the first.
    pub max_retries: u32,
    /// Longest wait before a retry that is slept; a provider that asks for more is rate limited.
    pub max_wait: DurationMs,
    /// Time for a connection.
    pub connect: DurationMs,
    /// Time until the answer begins.
    pub first_byte: DurationMs,
    /// Time without a byte once it began.
    pub idle: DurationMs,
    /// Time for one try.
    pub total: DurationMs,
    /// Largest answer in bytes.
    pub max_answer_bytes: u64,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            max_retries: 3,
            max_wait: DurationMs::secs(30),
            connect: DurationMs::secs(10),
            // Reasoning models may be silent for minutes before their first byte.
            first_byte: DurationMs::mins(5),
            idle: DurationMs::mins(2),
            total: DurationMs::mins(15),
            max_answer_bytes: 32 << 20,
        }
    }
}

/// Which API a provider speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProviderKind {
    /// Anthropic Messages.
    Anthropic,
    /// OpenAI Responses.
    OpenAi,
    /// OpenAI Chat Completions at OpenAI itself.
    OpenAiChat,
    /// Gemini `generateContent`.
    Gemini,
    /// xAI, on the Chat Completions wire.
    Xai,
    /// OpenRouter, on the Chat Completions wire.
    OpenRouter,
    /// Groq, on the Chat Completions wire.
    Groq,
    /// Ollama, on the Chat Completions wire.
    Ollama,
    /// Anything else on the Chat Completions wire.
    Compatible,
}

impl ProviderKind {
    /// Every kind with its word in the configuration.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("anthropic", Self::Anthropic),
        ("openai", Self::OpenAi),
        ("openai-chat", Self::OpenAiChat),
        ("gemini", Self::Gemini),
        ("xai", Self::Xai),
        ("openrouter", Self::OpenRouter),
        ("groq", Self::Groq),
        ("ollama", Self::Ollama),
        ("openai-compatible", Self::Compatible),
    ];

    /// Its word in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
            Self::OpenAiChat => "openai-chat",
            Self::Gemini => "gemini",
            Self::Xai => "xai",
            Self::OpenRouter => "openrouter",
            Self::Groq => "groq",
            Self::Ollama => "ollama",
            Self::Compatible => "openai-compatible",
        }
    }

    /// Usual address; `None` if it has to be configured.
    #[must_use]
    pub const fn base_url(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
            Self::OpenAi | Self::OpenAiChat => Some("https://api.openai.com/v1"),
            Self::Gemini => Some("https://generativelanguage.googleapis.com/v1beta"),
            Self::Xai => Some("https://api.x.ai/v1"),
            Self::OpenRouter => Some("https://openrouter.ai/api/v1"),
            Self::Groq => Some("https://api.groq.com/openai/v1"),
            Self::Ollama => Some("http://127.0.0.1:11434/v1"),
            Self::Compatible => None,
        }
    }

    /// Usual environment variables of its key.
    #[must_use]
    pub const fn key_env(self) -> &'static [&'static str] {
        match self {
            Self::Anthropic => &["ANTHROPIC_API_KEY"],
            Self::OpenAi | Self::OpenAiChat => &["OPENAI_API_KEY"],
            Self::Gemini => &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
            Self::Xai => &["XAI_API_KEY"],
            Self::OpenRouter => &["OPENROUTER_API_KEY"],
            Self::Groq => &["GROQ_API_KEY"],
            Self::Ollama | Self::Compatible => &[],
        }
    }
}

impl ProviderSpec {
    /// A provider of that kind with its usual address, keys and limits.
    #[must_use]
    pub fn of_kind(name: &str, kind: ProviderKind) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            base_url: kind.base_url().unwrap_or_default().to_owned(),
            key_env: kind.key_env().iter().map(|&env| env.to_owned()).collect(),
            models: Vec::new(),
            context_window: None,
            headers: BTreeMap::new(),
            stream: true,
            limits: CallLimits::default(),
        }
    }

    /// The providers that need no configuration, by name: every kind that has a usual address.
    #[must_use]
    pub fn known() -> BTreeMap<String, Self> {
        ProviderKind::ALL
            .iter()
            .filter(|(_, kind)| kind.base_url().is_some())
            .map(|(name, kind)| ((*name).to_owned(), Self::of_kind(name, *kind)))
            .collect()
    }
}
