//! The keys of `kind = "session"`: which service, and how it is reached.

use crate::config::reader::Section;
use crate::domain::policy::{
    AgentSpec, ForgePolicy, PlanApproval, RemoteKind, RemoteService, SandboxMode,
};
use crate::domain::time::DurationMs;

const SERVICES: &[(&str, RemoteKind)] = &[
    ("opencode", RemoteKind::OpenCode),
    ("jules", RemoteKind::Jules),
];

const PLANS: &[(&str, PlanApproval)] = &[("auto", PlanApproval::Auto), ("ask", PlanApproval::Ask)];

/// Reads the service of an agent; the agent may be called like it.
pub(super) fn service(
    name: &str,
    section: &Section<'_, '_>,
    forge: &ForgePolicy,
) -> Option<RemoteService> {
    let kind = if section.get("service").is_some() {
        section.choice("service", SERVICES)?
    } else if let Some((_, kind)) = SERVICES.iter().find(|(word, _)| *word == name) {
        *kind
    } else {
        section.bad("service", "it is required: opencode or jules");
        return None;
    };
    let (base_url, key_env, settle) = match kind {
        RemoteKind::OpenCode => ("http://127.0.0.1:4096", None, DurationMs::mins(2)),
        RemoteKind::Jules => (
            "https://jules.googleapis.com/v1alpha",
            Some("JULES_API_KEY"),
            DurationMs::mins(10),
        ),
    };
    let key_env = section
        .text("key_env")
        .or_else(|| key_env.map(str::to_owned));
    if let Some(name) = &key_env {
        check_key(section, name, forge);
    }
    let source = section.text("source").or_else(|| {
        let repo = forge.repo.as_ref()?;
        (kind == RemoteKind::Jules).then(|| format!("sources/github/{repo}"))
    });
    if kind == RemoteKind::Jules && source.is_none() {
        section.bad(
            "source",
            "it is required: the repository as Jules names it, \"sources/github/<owner>/<name>\"",
        );
    }
    let base_url = section
        .text("base_url")
        .unwrap_or_else(|| base_url.to_owned());
    check_url(section, &base_url);
    Some(RemoteService {
        kind,
        base_url: base_url.trim_end_matches('/').to_owned(),
        key_env,
        user: section
            .text("user")
            .unwrap_or_else(|| "opencode".to_owned()),
        source,
        plans: section.choice("plans", PLANS).unwrap_or_default(),
        pull_request: section.flag("pull_request").unwrap_or(false),
        poll: section.duration("poll").unwrap_or(DurationMs::secs(60)),
        settle: section
            .duration("settle")
            .map_or(settle, |given| DurationMs(given.0.max(60_000))),
    })
}

/// What runs at a service is confined there or not at all: fleet promises nothing for it.
pub(super) fn no_promise(section: &Section<'_, '_>, agent: &AgentSpec) {
    if agent.kind.service().is_some() && agent.sandbox == SandboxMode::Require {
        section.bad(
            "sandbox",
            "`require` cannot be kept for kind \"session\": what runs at a service is confined by that \
             service, not by fleet. Write sandbox = \"auto\" for this agent if that is enough; the checks \
             of its work then run in the strongest sandbox that works here",
        );
    }
}

/// The key is a name, and not that of a token which may push (R1).
fn check_key(section: &Section<'_, '_>, name: &str, forge: &ForgePolicy) {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !plain {
        section.bad(
            "key_env",
            "it is the name of an environment variable (a name only, no value)",
        );
    } else if forge.is_token(name) {
        section.bad(
            "key_env",
            &format!("`{name}` holds the right to push; a service gets a key of its own"),
        );
    }
}

/// A key is not sent unencrypted over a network.
fn check_url(section: &Section<'_, '_>, url: &str) {
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .any(|start| {
            url.strip_prefix(start)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        });
    if !local && !url.starts_with("https://") {
        section.bad(
            "base_url",
            "it is https://…, or http:// to this machine itself",
        );
    } else if url.contains('@') {
        section.bad("base_url", "it holds no user name; `key_env` names the key");
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::read;
    use crate::domain::policy::SandboxMode;

    #[test]
    fn a_sandbox_that_is_required_is_not_promised_for_a_service() {
        for (general, own) in [("require", ""), ("auto", "sandbox = \"require\"\n")] {
            let error = read(&format!(
                "[sandbox]\nmode = \"{general}\"\n[agents.opencode]\nkind = \"session\"\n{own}"
            ))
            .unwrap_err();
            assert!(error.contains("agents.opencode.sandbox"), "{error}");
            assert!(error.contains("confined by that service"), "{error}");
        }
        let policy = read(
            "[sandbox]\nmode = \"require\"\n\
             [agents.opencode]\nkind = \"session\"\nsandbox = \"auto\"\n",
        )
        .unwrap();
        assert_eq!(policy.agents["opencode"].sandbox, SandboxMode::Auto);
        assert_eq!(policy.sandbox.mode, SandboxMode::Require);
    }
}
