//! The workflow that runs ticks in GitHub Actions, from the template in `workflows/`.
//!
//! Every action is pinned by commit: a tag can be moved. The commits were read from clones of those
//! repositories, tag by tag.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::domain::policy::{AgentKind, CliKind, Policy};
use crate::ports::forge_setup::{JobFile, JobProgram};

/// Path of the workflow, below the top.
pub const PATH: &str = ".github/workflows/fleet.yml";
/// Label that wakes a tick up when it is put on an issue.
pub const WAKE_LABEL: &str = "fleet";

const TEMPLATE: &str = include_str!("workflows/fleet.yml");
const CHECKOUT: &str = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1";
const UPLOAD: &str = "actions/upload-artifact@bbbca2ddaa5d8feaa63e36b76fdaad77386f024f # v7.0.0";
const DOWNLOAD: &str =
    "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1";
/// The linter would have a lock file.
const EXEMPT: &str = "# zizmor: ignore[adhoc-packages] pinned by version";
const RUNNER: &str = "ubuntu-24.04";
/// Jobs of one run at once, unless the repository's variable says otherwise.
const PARALLEL: u32 = 20;
/// GitHub ends a hosted job after six hours.
const MOST_MINUTES: u64 = 360;
/// Added to the time of a tick for what is around it in a job.
const AROUND_MINUTES: u64 = 15;

/// The files, for a repository with this policy. With `stored_secrets` the run phase gets the key that
/// opens those.
///
/// # Errors
/// `program` is not what can stand in a workflow; a sentence.
pub fn files(
    policy: &Policy,
    stored_secrets: bool,
    program: &JobProgram,
) -> Result<Vec<JobFile>, String> {
    let action = step(&program.step)?;
    let release = match &program.release {
        None => String::new(),
        Some(release) => {
            plain("a version", &release.version, |c| c == '.' || c == '-')?;
            if release.sha256.len() != 64 || !release.sha256.chars().all(|c| c.is_ascii_hexdigit())
            {
                return Err(format!("`{}` is no sha256 in hex", release.sha256));
            }
            format!(
                "\n        with:\n          version: \"{}\"\n          sha256: {}",
                release.version, release.sha256
            )
        }
    };
    // An action of this repository must be there before it can be used.
    let source = if action.starts_with("./") {
        format!(
            "      - uses: {CHECKOUT}\n        with:\n          fetch-depth: 0\n          persist-credentials: false\n"
        )
    } else {
        String::new()
    };
    let minutes = policy.tick.time_budget.0.div_ceil(60_000) + AROUND_MINUTES;
    let tools = tools(policy);
    let run_env = run_env(policy, stored_secrets);
    let claim_env = secrets(&service_keys(policy));
    let app_key = policy
        .forge
        .app
        .iter()
        .filter_map(|app| app.key_env.clone());
    let forge_env = secrets(&app_key.collect());
    let mut text = TEMPLATE.to_owned();
    for (name, value) in [
        ("{source}", source.as_str()),
        ("{action}", &action),
        ("{release}", &release),
        ("{checkout}", CHECKOUT),
        ("{upload}", UPLOAD),
        ("{download}", DOWNLOAD),
        ("{runner}", RUNNER),
        ("{label}", WAKE_LABEL),
        ("{state_branch}", &policy.state.branch),
        ("{token_env}", &policy.forge.token_env),
        ("{parallel}", &PARALLEL.to_string()),
        ("{run_minutes}", &minutes.min(MOST_MINUTES).to_string()),
        ("{tools}", &tools),
        ("{run_env}", &secrets(&run_env)),
        ("{claim_env}", &claim_env),
        ("{forge_env}", &forge_env),
    ] {
        text = text.replace(name, value);
    }
    Ok(vec![JobFile {
        path: PATH.to_owned(),
        text,
    }])
}

/// `owner/name[/path]@<40 hex>`, with a comment allowed behind it, or `./path`.
fn step(text: &str) -> Result<String, String> {
    let wrong = |why: &str| {
        Err(format!(
            "`{text}` {why}; write owner/name@<commit>, with all 40 digits of a commit of fleet's repository, or \
             ./path of this one"
        ))
    };
    let path = |c: char| matches!(c, '/' | '.' | '-' | '_');
    if let Some(local) = text.strip_prefix("./") {
        let plain = local.chars().all(|c| c.is_ascii_alphanumeric() || path(c));
        return if plain && !local.split('/').any(|part| part == "..") {
            Ok(text.to_owned())
        } else {
            wrong("is no plain path")
        };
    }
    let Some((name, commit)) = text.split_once('@') else {
        return wrong("names no commit");
    };
    if commit.len() != 40 || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
        return wrong("is not pinned by a whole commit id");
    }
    let parts = name.split('/').filter(|part| !part.is_empty()).count();
    if parts < 2 || !name.chars().all(|c| c.is_ascii_alphanumeric() || path(c)) {
        return wrong("is no repository");
    }
    Ok(format!("{text} # {}", env!("CARGO_PKG_VERSION")))
}

fn plain(what: &str, text: &str, more: impl Fn(char) -> bool) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || more(c);
    if text.is_empty() || !text.chars().all(good) {
        return Err(format!("`{text}` is no plain text for {what}"));
    }
    Ok(())
}

/// Steps that install the agents' programs, at versions that fleet was tried with.
fn tools(policy: &Policy) -> String {
    let (mut npm, mut pip) = (BTreeSet::new(), BTreeSet::new());
    for agent in policy.agents.values() {
        let AgentKind::Cli { cli, program: None } = &agent.kind else {
            continue;
        };
        match cli {
            CliKind::Claude => npm.insert("@anthropic-ai/claude-code@2.1.329"),
            CliKind::Codex => npm.insert("@openai/codex@0.169.0"),
            CliKind::Gemini => npm.insert("@google/gemini-cli@0.61.0"),
            CliKind::OpenCode => npm.insert("opencode-ai@1.18.33"),
            CliKind::Aider => pip.insert("aider-chat==0.86.2"),
        };
    }
    let mut steps = String::new();
    for (command, programs) in [
        ("npm install --global --no-audit --no-fund", npm),
        ("pipx install", pip),
    ] {
        if !programs.is_empty() {
            let programs: Vec<_> = programs.into_iter().collect();
            // Writing to a String cannot fail.
            let _ = write!(
                steps,
                "      - name: Programs of the agents\n        run: {command} {} {EXEMPT}\n",
                programs.join(" ")
            );
        }
    }
    steps
}

/// Variables that the run phase needs: what agents may see, keys of providers, and the key of the
/// stored secrets. None that could push or speak for CI (R1) but for the last, which fleet keeps.
fn run_env(policy: &Policy, stored_secrets: bool) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for agent in policy.agents.values() {
        names.extend(agent.env.iter().cloned());
        let used = match &agent.kind {
            AgentKind::Api { provider, .. } => policy.providers.get(provider),
            AgentKind::Cli { .. }
            | AgentKind::Command { .. }
            | AgentKind::Session { .. }
            | AgentKind::Demo => None,
        };
        names.extend(used.and_then(|provider| provider.key_env.first().cloned()));
    }
    names.retain(|name| !policy.forge.is_token(name));
    if stored_secrets {
        names.insert("FLEET_IDENTITY".to_owned());
    }
    names
}

/// Keys of services whose sessions outlive a tick: the claim phase speaks to those.
fn service_keys(policy: &Policy) -> BTreeSet<String> {
    let services = policy.agents.values().filter_map(|a| a.kind.service());
    services.filter_map(|s| s.key_env.clone()).collect()
}

fn secrets(names: &BTreeSet<String>) -> String {
    let usable = |name: &&String| {
        !name.to_ascii_uppercase().starts_with("GITHUB_")
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    names
        .iter()
        .filter(usable)
        .fold(String::new(), |mut text, name| {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n          {name}: ${{{{ secrets.{name} }}}}");
            text
        })
}
