//! Keys of `[providers.<name>]`.

use crate::config::schema::{Key, key};

pub(super) const PROVIDERS: &[Key] = &[
    key(
        "",
        "providers",
        "the known ones",
        "models behind an API, by name",
    ),
    key(
        "providers.*",
        "kind",
        "known from the name",
        "what it speaks: `anthropic`, `openai`, `openai-chat`, `gemini`, `xai`, `openrouter`, `groq`, `ollama`, `openai-compatible`",
    ),
    key(
        "providers.*",
        "base_url",
        "the kind's own",
        "address of the API, version included; needed for `openai-compatible`",
    ),
    key(
        "providers.*",
        "key_env",
        "the kind's usual variable",
        "names of environment variables with keys, the newest first; all are valid",
    ),
    key(
        "providers.*",
        "models",
        "[]",
        "models that agents may ask for; none named = any",
    ),
    key(
        "providers.*",
        "context_window",
        "what is known of the model",
        "most tokens of prompt and answer, for all its models",
    ),
    key(
        "providers.*",
        "headers",
        "{}",
        "headers that are sent along; not for keys",
    ),
    key(
        "providers.*",
        "stream",
        "true",
        "ask for answers as a stream",
    ),
    key("providers.*", "max_retries", "3", "tries after the first"),
    key(
        "providers.*",
        "max_wait",
        "\"30s\"",
        "longest wait before a retry; a provider that asks for more rests until then",
    ),
    key(
        "providers.*",
        "connect_timeout",
        "\"10s\"",
        "time for a connection",
    ),
    key(
        "providers.*",
        "first_byte_timeout",
        "\"5m\"",
        "time until an answer begins",
    ),
    key(
        "providers.*",
        "idle_timeout",
        "\"2m\"",
        "time without a byte in an answer",
    ),
    key(
        "providers.*",
        "total_timeout",
        "\"15m\"",
        "time for one try",
    ),
    key("providers.*", "max_answer", "\"32 MiB\"", "largest answer"),
];
