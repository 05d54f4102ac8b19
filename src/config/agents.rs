//! `[agents.<name>]`: the configured workers.

use std::collections::BTreeMap;

use crate::config::reader::{Section, nearest};
use crate::config::remote;
use crate::config::sandbox::MODES;
use crate::config::sections::{argv, env_names};
use crate::domain::money::MicroUsd;
use crate::domain::policy::{AgentKind, AgentSpec, ApiBounds, CliKind, ForgePolicy, SandboxPolicy};
use crate::domain::provider::{ProviderKind, ProviderSpec};
use crate::domain::task::Complexity;
use crate::domain::time::DurationMs;

pub(super) const COMPLEXITIES: &[(&str, Complexity)] = &[
    ("low", Complexity::Low),
    ("medium", Complexity::Medium),
    ("high", Complexity::High),
];

const CLIS: &[(&str, CliKind)] = &[
    ("claude", CliKind::Claude),
    ("codex", CliKind::Codex),
    ("gemini", CliKind::Gemini),
    ("opencode", CliKind::OpenCode),
    ("aider", CliKind::Aider),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cli,
    Command,
    Api,
    Session,
    Demo,
}

/// How long an attempt at a service may take if nothing is said: it waits in a queue, too.
const AT_A_SERVICE: DurationMs = DurationMs::mins(180);

const KINDS: &[(&str, Kind)] = &[
    ("cli", Kind::Cli),
    ("command", Kind::Command),
    ("api", Kind::Api),
    ("session", Kind::Session),
    ("demo", Kind::Demo),
];

/// Keys that only one kind has.
const OF_KIND: &[(&str, Kind)] = &[
    ("cli", Kind::Cli),
    ("program", Kind::Cli),
    ("argv", Kind::Command),
    ("prompt_stdin", Kind::Command),
    ("max_turns", Kind::Api),
    ("max_tokens", Kind::Api),
    ("max_cost", Kind::Api),
    ("context_window", Kind::Api),
    ("service", Kind::Session),
    ("base_url", Kind::Session),
    ("key_env", Kind::Session),
    ("user", Kind::Session),
    ("source", Kind::Session),
    ("plans", Kind::Session),
    ("pull_request", Kind::Session),
    ("poll", Kind::Session),
    ("settle", Kind::Session),
];

pub(super) fn read(
    top: &Section<'_, '_>,
    roles: &BTreeMap<String, String>,
    forge: &ForgePolicy,
    sandbox: &SandboxPolicy,
) -> BTreeMap<String, AgentSpec> {
    let mut agents = BTreeMap::new();
    for (name, section) in top.named("agents", "agents.*") {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > 40 || !name.chars().all(plain) {
            section.bad(
                "kind",
                "an agent's name is made of letters, digits, - _ and .",
            );
        }
        if let Some(spec) = agent(&name, &section, roles, sandbox, forge) {
            no_tokens(&section, &spec, forge);
            remote::no_promise(&section, &spec);
            agents.insert(name, spec);
        }
    }
    agents
}

/// An agent is never given what may push or speak for CI (R1).
fn no_tokens(section: &Section<'_, '_>, spec: &AgentSpec, forge: &ForgePolicy) {
    let given = spec.env.iter().map(|name| ("env", name));
    let set = spec.set_env.keys().map(|name| ("set_env", name));
    for (key, name) in given.chain(set) {
        if forge.is_token(name) {
            let what = format!(
                "`{name}` holds the right to push, or to speak for CI; no agent gets it. Take it off \
                 the list, and give the agent a key of its own under another name"
            );
            section.bad(key, &what);
        }
    }
}

/// There is a kind, and every key is one that it has.
fn keys_of_kind(section: &Section<'_, '_>, kind: Option<Kind>) {
    if section.get("kind").is_none() {
        section.bad(
            "kind",
            "it is required: \"cli\", \"api\", \"command\" or \"session\"",
        );
    }
    for (key, of) in OF_KIND {
        let wrong = kind.is_some_and(|kind| kind != *of);
        if wrong && section.get(key).is_some() {
            let word = KINDS
                .iter()
                .find(|(_, k)| k == of)
                .map_or("", |(word, _)| word);
            section.bad(key, &format!("it is for kind \"{word}\" only"));
        }
    }
}

fn agent(
    name: &str,
    section: &Section<'_, '_>,
    roles: &BTreeMap<String, String>,
    sandbox: &SandboxPolicy,
    forge: &ForgePolicy,
) -> Option<AgentSpec> {
    let role = section.text("role");
    if let Some(role) = &role {
        check_role(section, role, roles);
    }
    let kind = section.choice("kind", KINDS);
    keys_of_kind(section, kind);
    let estimate = match kind {
        Some(Kind::Cli | Kind::Api | Kind::Session) => 1_000_000,
        _ => 0,
    };
    let usual = AgentSpec::usual(name, AgentKind::Demo);
    let spec = AgentSpec {
        name: name.to_owned(),
        model: section.text("model"),
        shares: (kind != Some(Kind::Api))
            .then(|| section.text("provider"))
            .flatten(),
        role,
        fits: complexities(section, "fits"),
        max_parallel: section
            .number("max_parallel", 1..1001)
            .unwrap_or(usual.max_parallel),
        idle_timeout: section
            .duration("idle_timeout")
            .unwrap_or(usual.idle_timeout),
        total_timeout: section.duration("total_timeout").unwrap_or(
            if kind == Some(Kind::Session) {
                AT_A_SERVICE
            } else {
                usual.total_timeout
            },
        ),
        max_output_bytes: section
            .bytes("max_output")
            .unwrap_or(usual.max_output_bytes),
        env: env_names(section, "env"),
        set_env: section.text_map("set_env").into_iter().flatten().collect(),
        home_files: home_files(section),
        args: section.texts("args").unwrap_or_default(),
        cost_estimate: section.money("cost_estimate").unwrap_or(MicroUsd(estimate)),
        estimated: section.get("cost_estimate").is_some(),
        sandbox: section.choice("sandbox", MODES).unwrap_or(sandbox.mode),
        network: section.flag("network").unwrap_or(sandbox.network),
        kind: match kind? {
            Kind::Cli => cli(name, section)?,
            Kind::Command => AgentKind::Command {
                argv: argv(section)?,
                prompt_stdin: section.flag("prompt_stdin").unwrap_or(false),
            },
            Kind::Api => api(name, section),
            Kind::Session => AgentKind::Session {
                service: remote::service(name, section, forge)?,
            },
            Kind::Demo => AgentKind::Demo,
        },
    };
    for (key, limit) in [
        ("idle_timeout", spec.idle_timeout),
        ("total_timeout", spec.total_timeout),
    ] {
        if limit.0 == 0 {
            section.bad(key, "it must be longer than nothing");
        }
    }
    Some(spec)
}

/// Which known program: named, or the agent is called like it.
fn cli(name: &str, section: &Section<'_, '_>) -> Option<AgentKind> {
    let cli = if section.get("cli").is_some() {
        section.choice("cli", CLIS)?
    } else if let Some((_, cli)) = CLIS.iter().find(|(word, _)| *word == name) {
        *cli
    } else {
        section.bad(
            "cli",
            "it is required: claude, codex, gemini, opencode or aider",
        );
        return None;
    };
    Some(AgentKind::Cli {
        cli,
        program: section.text("program"),
    })
}

/// A model behind an API: the provider is named, or the agent is called like it.
fn api(name: &str, section: &Section<'_, '_>) -> AgentKind {
    if section.get("model").is_none() {
        section.bad("model", "it is required for kind \"api\"");
    }
    if section.get("args").is_some() {
        section.bad("args", "kind \"api\" starts no program");
    }
    let max_cost = section.money("max_cost");
    if max_cost == Some(MicroUsd(0)) {
        section.bad("max_cost", "it must be more than nothing");
    }
    let usual = ApiBounds::default();
    AgentKind::Api {
        provider: section.text("provider").unwrap_or_else(|| name.to_owned()),
        bounds: ApiBounds {
            max_turns: section
                .number("max_turns", 1..10_001)
                .unwrap_or(usual.max_turns),
            max_tokens: section.number("max_tokens", 1000..u32::MAX).map(u64::from),
            max_cost,
            context_window: section
                .number("context_window", 4000..100_000_001)
                .map(u64::from),
        },
    }
}

/// A model on this machine costs nothing, unless its owner says else.
pub(super) fn local_is_free(
    agents: &mut BTreeMap<String, AgentSpec>,
    providers: &BTreeMap<String, ProviderSpec>,
) {
    for spec in agents.values_mut() {
        let AgentKind::Api { provider, .. } = &spec.kind else {
            continue;
        };
        let local = providers
            .get(provider)
            .is_some_and(|found| found.kind == ProviderKind::Ollama);
        if local && !spec.estimated {
            spec.cost_estimate = MicroUsd(0);
        }
    }
}

/// An agent's provider is one of those that are known or configured, and offers its model.
pub(super) fn check_providers(
    top: &Section<'_, '_>,
    agents: &BTreeMap<String, AgentSpec>,
    providers: &BTreeMap<String, ProviderSpec>,
) {
    for (name, section) in top.named("agents", "agents.*") {
        let Some(spec) = agents.get(&name) else {
            continue;
        };
        let AgentKind::Api { provider, .. } = &spec.kind else {
            continue;
        };
        let key = if section.get("provider").is_some() {
            "provider"
        } else {
            "kind"
        };
        match (providers.get(provider), &spec.model) {
            (None, _) => {
                let known = providers.keys().map(String::as_str);
                let known = known.collect::<Vec<_>>().join(", ");
                let what = format!(
                    "there is no provider `{provider}`; known are {known}. Another one is a section \
                     [providers.{provider}]"
                );
                section.bad(key, &what);
            }
            (Some(found), Some(model))
                if !found.models.is_empty() && !found.models.contains(model) =>
            {
                let offered = found.models.join(", ");
                let what = format!("provider `{provider}` is set to offer {offered} only");
                section.bad("model", &what);
            }
            (Some(_), _) => {}
        }
    }
}

/// Targets stay inside the agent's HOME.
fn home_files(section: &Section<'_, '_>) -> BTreeMap<String, String> {
    let files: BTreeMap<String, String> = section
        .text_map("home_files")
        .into_iter()
        .flatten()
        .collect();
    for target in files.values() {
        let outside = target.is_empty()
            || target.starts_with(['/', '~'])
            || target
                .split('/')
                .any(|part| matches!(part, "" | "." | ".."));
        if outside {
            let what = format!("`{target}` must be a path inside the agent's HOME");
            section.bad("home_files", &what);
        }
    }
    files
}

pub(super) fn complexities(section: &Section<'_, '_>, name: &str) -> Vec<Complexity> {
    let mut found = Vec::new();
    for (text, span) in section.spanned_texts(name).into_iter().flatten() {
        match COMPLEXITIES.iter().find(|(word, _)| *word == text) {
            Some((_, complexity)) => found.push(*complexity),
            None => {
                let what = format!("`{text}` is not low, medium or high");
                section.document.problem(span, what);
            }
        }
    }
    found
}

pub(super) fn check_role(section: &Section<'_, '_>, role: &str, roles: &BTreeMap<String, String>) {
    if roles.contains_key(role) {
        return;
    }
    let known = || roles.keys().map(String::as_str);
    let hint = match nearest(role, known()) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("known are {}", known().collect::<Vec<_>>().join(", ")),
    };
    let what =
        format!("there is no role `{role}`; {hint} A new one is a file .orchestra/roles/{role}.md");
    section.bad("role", &what);
}
