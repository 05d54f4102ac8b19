//! `[providers.<name>]`: where models behind an API are, above what is known of the usual ones.

use std::collections::BTreeMap;

use crate::config::reader::Section;
use crate::config::sections::{checked_url, env_names};
use crate::domain::policy::ForgePolicy;
use crate::domain::provider::{CallLimits, ProviderKind, ProviderSpec};

pub(super) fn read(top: &Section<'_, '_>, forge: &ForgePolicy) -> BTreeMap<String, ProviderSpec> {
    let mut providers = ProviderSpec::known();
    for (name, section) in top.named("providers", "providers.*") {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            section.bad(
                "kind",
                "a provider's name is made of letters, digits, - _ and .",
            );
        }
        if let Some(spec) = provider(&name, &section, providers.get(&name)) {
            for env in spec.key_env.iter().filter(|env| forge.is_token(env)) {
                let what = format!(
                    "`{env}` holds the right to push, or to speak for CI; no model's provider gets it"
                );
                section.bad("key_env", &what);
            }
            providers.insert(name, spec);
        }
    }
    providers
}

fn provider(
    name: &str,
    section: &Section<'_, '_>,
    known: Option<&ProviderSpec>,
) -> Option<ProviderSpec> {
    let kind = match section.get("kind") {
        Some(_) => section.choice("kind", ProviderKind::ALL)?,
        None => match known {
            Some(known) => known.kind,
            None => {
                let words: Vec<_> = ProviderKind::ALL.iter().map(|(word, _)| *word).collect();
                section.bad("kind", &format!("it is required: {}", words.join(", ")));
                return None;
            }
        },
    };
    let mut spec = ProviderSpec::of_kind(name, kind);
    if let Some(url) = section.text("base_url") {
        match checked_url(&url).and_then(unencrypted_stays_here) {
            Ok(url) => spec.base_url = url,
            Err(what) => section.bad("base_url", &what),
        }
    } else if spec.base_url.is_empty() {
        let what = "it is required for this kind: the address of the API, such as \
                    \"https://host/v1\"";
        section.bad("base_url", what);
    }
    if section.get("key_env").is_some() {
        spec.key_env = env_names(section, "key_env");
    }
    spec.models = section.texts("models").unwrap_or_default();
    spec.context_window = section.number("context_window", 1..u32::MAX).map(u64::from);
    spec.headers = headers(section);
    spec.stream = section.flag("stream").unwrap_or(true);
    spec.limits = limits(section);
    Some(spec)
}

/// A key, and the code that is shown to a model, go unencrypted only to this machine.
fn unencrypted_stays_here(url: String) -> Result<String, String> {
    let Some(rest) = url.strip_prefix("http://") else {
        return Ok(url);
    };
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let address = host.parse::<std::net::IpAddr>();
    if host == "localhost" || address.is_ok_and(|address| address.is_loopback()) {
        Ok(url)
    } else {
        Err(format!(
            "`{url}` would send prompts and key unencrypted over the network; use https"
        ))
    }
}

fn headers(section: &Section<'_, '_>) -> BTreeMap<String, String> {
    let headers: BTreeMap<String, String> = section
        .text_map("headers")
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    const OURS: &[&str] = &[
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "host",
        "content-length",
        "content-type",
        "accept",
        "transfer-encoding",
        "connection",
    ];
    for (name, value) in &headers {
        let token = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        let what = if OURS.contains(&name.as_str()) {
            format!("`{name}` is set by fleet; keys go into `key_env`")
        } else if !token || value.chars().any(|c| !(' '..='~').contains(&c)) {
            format!("`{}` is no header that can be sent", name.escape_debug())
        } else {
            continue;
        };
        section.bad("headers", &what);
    }
    headers
}

fn limits(section: &Section<'_, '_>) -> CallLimits {
    let default = CallLimits::default();
    let limits = CallLimits {
        max_retries: section
            .number("max_retries", 0..21)
            .unwrap_or(default.max_retries),
        max_wait: section.duration("max_wait").unwrap_or(default.max_wait),
        connect: section
            .duration("connect_timeout")
            .unwrap_or(default.connect),
        first_byte: section
            .duration("first_byte_timeout")
            .unwrap_or(default.first_byte),
        idle: section.duration("idle_timeout").unwrap_or(default.idle),
        total: section.duration("total_timeout").unwrap_or(default.total),
        max_answer_bytes: section
            .bytes("max_answer")
            .unwrap_or(default.max_answer_bytes),
    };
    for (key, limit) in [
        ("connect_timeout", limits.connect),
        ("first_byte_timeout", limits.first_byte),
        ("idle_timeout", limits.idle),
        ("total_timeout", limits.total),
    ] {
        if limit.0 == 0 {
            section.bad(key, "it must be longer than nothing");
        }
    }
    limits
}
