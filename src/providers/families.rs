//! What is known of models by their names. Pure; a name that is not known gets the usual treatment.

/// A model's name without a provider before it: `openai/gpt-5` → `gpt-5`.
pub(super) fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

/// Major and minor version: the first numbers in the name that are no date.
fn version(name: &str) -> Option<(u32, u32)> {
    let mut numbers = name
        .split(|c: char| !c.is_ascii_digit())
        .filter(|digits| !digits.is_empty() && digits.len() < 4)
        .filter_map(|digits| digits.parse().ok());
    let major = numbers.next()?;
    Some((major, numbers.next().unwrap_or(0)))
}

/// Claude from 4.6 on: it decides itself how long it thinks, is told an effort, and refuses a
/// budget of tokens (from 4.7 on).
pub(super) fn thinks_adaptively(model: &str) -> bool {
    version(bare(model)).is_some_and(|version| version >= (4, 6))
}

/// Claude that can think at all: from 3.7 on.
pub(super) fn thinks(model: &str) -> bool {
    version(bare(model)).is_some_and(|version| version >= (3, 7))
}

/// OpenAI's reasoning models: o1, o3, …, gpt-5 and newer but for their chat variants, codex, gpt-oss.
pub(super) fn reasons(model: &str) -> bool {
    let name = bare(model);
    if name.contains("codex") || name.starts_with("gpt-oss") {
        return true;
    }
    if let Some(rest) = name.strip_prefix("gpt-") {
        let major = rest.split(|c: char| !c.is_ascii_digit()).next();
        let major = major.and_then(|digits| digits.parse::<u32>().ok());
        return major.is_some_and(|major| (5..100).contains(&major)) && !name.contains("chat");
    }
    let digit = name.strip_prefix('o').and_then(|rest| rest.chars().next());
    digit.is_some_and(|c| c.is_ascii_digit())
}

/// Generation of a Gemini: 2.5 → (2, 5).
pub(super) fn gemini(model: &str) -> Option<(u32, u32)> {
    version(bare(model).strip_prefix("gemini-")?)
}

/// Most tokens of prompt and answer together, as the providers document it.
pub(super) fn window(model: &str) -> Option<u64> {
    let name = bare(model).to_ascii_lowercase();
    const KNOWN: &[(&str, u64)] = &[
        ("claude-", 200_000),
        ("gpt-5-chat", 128_000),
        ("gpt-5", 400_000),
        ("gpt-4.1", 1_047_576),
        ("gpt-4o", 128_000),
        ("gpt-oss", 131_072),
        ("codex-", 200_000),
        ("o1", 200_000),
        ("o3", 200_000),
        ("o4", 200_000),
        ("gemini-", 1_048_576),
        ("grok-4-fast", 2_000_000),
        ("grok-4-1-fast", 2_000_000),
        ("grok-code-fast", 256_000),
        ("grok-4", 256_000),
        ("grok-3", 131_072),
        ("llama-3.1", 131_072),
        ("llama-3.3", 131_072),
    ];
    let found = KNOWN.iter().find(|(prefix, _)| name.starts_with(prefix));
    found.map(|(_, window)| *window)
}

#[cfg(test)]
mod tests {
    use super::{gemini, reasons, thinks, thinks_adaptively, window};

    #[test]
    fn generations_are_told_apart_by_name() {
        for name in [
            "claude-opus-4-6",
            "claude-sonnet-5",
            "anthropic/claude-opus-4.7",
            "claude-opus-5-5",
        ] {
            assert!(thinks_adaptively(name), "{name}");
        }
        for name in [
            "claude-sonnet-4-5-20250929",
            "claude-3-7-sonnet-20250219",
            "claude-haiku-4-5",
            "claude-opus-4-20250514",
        ] {
            assert!(!thinks_adaptively(name) && thinks(name), "{name}");
        }
        assert!(!thinks("claude-3-5-haiku-20241022") && !thinks("scripted"));
        for name in [
            "o3",
            "o4-mini",
            "gpt-5",
            "gpt-5.2-codex",
            "openai/gpt-6-mini",
            "gpt-oss-120b",
            "codex-mini-latest",
        ] {
            assert!(reasons(name), "{name}");
        }
        for name in [
            "gpt-4o",
            "gpt-4.1-mini",
            "gpt-5-chat-latest",
            "gpt-3.5-turbo",
            "opus",
            "llama3",
        ] {
            assert!(!reasons(name), "{name}");
        }
        assert_eq!(gemini("gemini-2.5-flash"), Some((2, 5)));
        assert_eq!(gemini("gemini-3-pro-preview"), Some((3, 0)));
        assert_eq!(gemini("gemma-3"), None);
        assert_eq!(window("anthropic/claude-sonnet-4-5"), Some(200_000));
        assert_eq!(window("mystery"), None);
    }
}
