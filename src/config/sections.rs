//! From the document to the policy, section by section, with every default in one place.

use std::collections::BTreeMap;

use toml::de::DeTable;

use crate::config::env::Env;
use crate::config::problems::Problem;
use crate::config::reader::{Document, Section};
use crate::config::{
    CONFIG_PATH, agents, archive, budget, env, forge, intake, providers, routes, sandbox,
};
use crate::domain::policy::{
    DiffPolicy, ForgeKind, LeasePolicy, Policy, PushMode, RetryPolicy, ReviewPolicy, StatePolicy,
    TickPolicy, UnblockOn, VerifyCommand, Weights,
};
use crate::domain::prices::Prices;
use crate::domain::time::DurationMs;

/// Branch of the records, where none is configured.
const STATE_BRANCH: &str = "fleet/state";

/// Lockfiles: a change of what is installed needs a human, unless `diff.protected` says else.
const LOCKFILES: &[&str] = &[
    "**/Cargo.lock",
    "**/package-lock.json",
    "**/npm-shrinkwrap.json",
    "**/yarn.lock",
    "**/pnpm-lock.yaml",
    "**/bun.lock",
    "**/bun.lockb",
    "**/deno.lock",
    "**/uv.lock",
    "**/poetry.lock",
    "**/Pipfile.lock",
    "**/pdm.lock",
    "**/Gemfile.lock",
    "**/composer.lock",
    "**/go.sum",
    "**/flake.lock",
    "**/gradle.lockfile",
    "**/packages.lock.json",
    "**/mix.lock",
    "**/pubspec.lock",
    "**/Package.resolved",
];

/// Reads everything; what is wrong goes to `problems` and a default stands in its place.
pub(super) fn policy(
    text: &str,
    roles: BTreeMap<String, String>,
    env: &Env,
    problems: &mut Vec<Problem>,
) -> Policy {
    let (table, syntax) = DeTable::parse_recoverable(text);
    let document = Document::new(CONFIG_PATH, text);
    for error in &syntax {
        document.problem(error.span().unwrap_or(0..0), error.message().to_owned());
    }
    let top = Section::new(&document, "", "", Some(table.get_ref()), 0..0);
    let forge_section = top.sub("forge");
    let forge = forge::policy(&forge_section);
    let sandbox = sandbox::read(&top.sub("sandbox"), env);
    let mut agents = agents::read(&top, &roles, &forge, &sandbox);
    let providers = providers::read(&top, &forge);
    agents::check_providers(&top, &agents, &providers);
    agents::local_is_free(&mut agents, &providers);
    let routes = routes::read(&top, &agents, &roles);
    let budget = budget::read(&top.sub("budget"), &agents, &providers, &routes);
    let mut policy = Policy {
        state: state(&top),
        base_branch: branch(&top, "base_branch").unwrap_or_else(|| "main".to_owned()),
        remote: top.text("remote").unwrap_or_else(|| "origin".to_owned()),
        forge,
        intake: intake::read(&top.sub("intake")),
        archive: archive::read(&top.sub("archive")),
        agents,
        providers,
        roles,
        routes,
        weights: weights(&top.sub("weights")),
        tick: tick(&top.sub("tick")),
        leases: leases(&top.sub("leases")),
        retry: retry(&top.sub("retry")),
        review: review(&top.sub("review")),
        budget,
        prices: Prices::default(),
        diff: diff(&top.sub("diff")),
        verify: verify(&top),
        sandbox,
        unblock_on: top.choice("unblock_on", UNBLOCK).unwrap_or_default(),
        admit_subtasks: top.flag("admit_subtasks").unwrap_or(false),
        sparse_workspaces: top.flag("sparse_workspaces").unwrap_or(false),
        secret_env: env_names(&top, "secret_env"),
    };
    let url_is_set =
        forge_section.get("base_url").is_some() || env.get("FLEET_FORGE_URL").is_some();
    let mut found = document.into_problems();
    if !syntax.is_empty() {
        // What was recovered of a broken text means nothing: only where it breaks is true.
        found.truncate(syntax.len());
    }
    problems.extend(found);
    overlay(env, &mut policy, problems);
    env::fill_from_ci(env, &mut policy, url_is_set);
    policy
}

const UNBLOCK: &[(&str, UnblockOn)] = &[("merge", UnblockOn::Merge), ("review", UnblockOn::Review)];
const PUSH: &[(&str, PushMode)] = &[
    ("auto", PushMode::Auto),
    ("always", PushMode::Always),
    ("never", PushMode::Never),
];
pub(super) const FORGES: &[(&str, ForgeKind)] =
    &[("local", ForgeKind::Local), ("github", ForgeKind::GitHub)];

/// Environment variables stand above the file.
fn overlay(env: &Env, policy: &mut Policy, problems: &mut Vec<Problem>) {
    for (name, key) in env::VARIABLES {
        let Some(value) = env.get(name) else { continue };
        if let Err(what) = set(policy, key, value) {
            problems.push(Problem::of_file(name, what));
        }
    }
}

/// Sets one key from a text.
fn set(policy: &mut Policy, key: &str, value: &str) -> Result<(), String> {
    use crate::config::units;
    let text = || value.trim().to_owned();
    match key {
        "base_branch" => policy.base_branch = checked_branch(value)?,
        "remote" => policy.remote = text(),
        "state.branch" => policy.state.branch = checked_branch(value)?,
        "sync.push" => policy.state.push = one_of(value, PUSH)?,
        "sync.timeout" => policy.state.push_timeout = units::duration(value)?,
        "forge.kind" => policy.forge.kind = one_of(value, FORGES)?,
        "forge.base_url" => policy.forge.base_url = checked_url(value)?,
        "forge.repo" => policy.forge.repo = Some(checked_repo(value)?),
        "tick.time_budget" => policy.tick.time_budget = units::duration(value)?,
        "budget.per_day" => policy.budget.per_day = Some(units::money(value)?),
        other => return Err(format!("`{other}` cannot be set by the environment")),
    }
    Ok(())
}

fn one_of<T: Copy>(value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(word, _)| *word == value);
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
        format!("`{value}` is not one of {}", words.join(", "))
    })
}

/// A branch name that git takes (`git check-ref-format --branch`), and no shell or option reads.
fn checked_branch(name: &str) -> Result<String, String> {
    let bad = name.is_empty()
        || name.starts_with(['-', '/', '.'])
        || name.ends_with(['/', '.'])
        || name.ends_with(".lock")
        || name.contains("..")
        || name.contains("//")
        || name.contains("@{")
        || name == "@"
        || name.starts_with("refs/")
        || name
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c));
    if bad {
        Err(format!("`{}` is not a branch name", name.escape_debug()))
    } else {
        Ok(name.to_owned())
    }
}

pub(super) fn checked_url(url: &str) -> Result<String, String> {
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match rest {
        Some(host) if !host.is_empty() && !host.contains(['@', ' ', '?', '#']) => {
            Ok(url.trim_end_matches('/').to_owned())
        }
        _ => Err(format!(
            "`{}` is not an address such as https://api.github.com (without a name or password)",
            url.escape_debug()
        )),
    }
}

pub(super) fn checked_repo(repo: &str) -> Result<String, String> {
    let plain = |s: &str| {
        !s.is_empty()
            && !s.starts_with('.')
            && s.chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    match repo.split_once('/') {
        Some((owner, name)) if plain(owner) && plain(name) => Ok(repo.to_owned()),
        _ => Err(format!(
            "`{}` is not of the form owner/name",
            repo.escape_debug()
        )),
    }
}

/// Reads a text with a check of its own.
pub(super) fn checked(
    section: &Section<'_, '_>,
    name: &str,
    check: impl Fn(&str) -> Result<String, String>,
) -> Option<String> {
    let text = section.text(name)?;
    check(&text).map_err(|what| section.bad(name, &what)).ok()
}

fn branch(section: &Section<'_, '_>, name: &str) -> Option<String> {
    checked(section, name, checked_branch)
}

/// Names of environment variables.
pub(super) fn env_names(section: &Section<'_, '_>, name: &str) -> Vec<String> {
    let names = section.texts(name).unwrap_or_default();
    for text in &names {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !plain || text.is_empty() {
            let what = format!(
                "`{}` is not the name of an environment variable (names only, no values)",
                text.escape_debug()
            );
            section.bad(name, &what);
        }
    }
    names
}

fn state(top: &Section<'_, '_>) -> StatePolicy {
    let sync = top.sub("sync");
    StatePolicy {
        branch: branch(&top.sub("state"), "branch").unwrap_or_else(|| STATE_BRANCH.to_owned()),
        push: sync.choice("push", PUSH).unwrap_or_default(),
        push_timeout: sync.duration("timeout").unwrap_or(DurationMs::secs(3)),
    }
}

fn weights(section: &Section<'_, '_>) -> Weights {
    let default = Weights::default();
    let weight = |name, default| section.number(name, 0..1001).unwrap_or(default);
    Weights {
        complexity_fit: weight("complexity_fit", default.complexity_fit),
        file_overlap: weight("file_overlap", default.file_overlap),
        dependencies: weight("dependencies", default.dependencies),
        priority: weight("priority", default.priority),
        agent_load: weight("agent_load", default.agent_load),
    }
}

fn tick(section: &Section<'_, '_>) -> TickPolicy {
    TickPolicy {
        max_parallel: section.number("max_parallel", 1..1001).unwrap_or(2),
        max_claims: section.number("max_claims", 1..10_001).unwrap_or(10),
        time_budget: section
            .duration("time_budget")
            .unwrap_or(DurationMs::mins(55)),
    }
}

fn leases(section: &Section<'_, '_>) -> LeasePolicy {
    let lease = section.duration("lease").unwrap_or(DurationMs::mins(30));
    if lease < DurationMs::secs(10) {
        section.bad(
            "lease",
            "it must be at least 10s, so that it can be renewed in time",
        );
    }
    LeasePolicy {
        lease,
        lock: section.duration("lock").unwrap_or(DurationMs::mins(30)),
        skew_allowance: section
            .duration("skew_allowance")
            .unwrap_or(DurationMs::mins(2)),
    }
}

fn retry(section: &Section<'_, '_>) -> RetryPolicy {
    let backoff = section.spanned_texts("backoff").map(|texts| {
        texts
            .iter()
            .filter_map(|(text, span)| {
                crate::config::units::duration(text)
                    .map_err(|what| {
                        let what = format!("`retry.backoff`: {what}");
                        section.document.problem(span.clone(), what);
                    })
                    .ok()
            })
            .collect()
    });
    RetryPolicy {
        max_attempts: section.number("max_attempts", 1..101).unwrap_or(3),
        backoff: backoff.unwrap_or_else(|| [1, 5, 15].into_iter().map(DurationMs::mins).collect()),
        max_escalations: section.number("max_escalations", 0..101).unwrap_or(3),
        max_review_rounds: section.number("max_review_rounds", 0..101).unwrap_or(5),
    }
}

fn review(section: &Section<'_, '_>) -> ReviewPolicy {
    let usual = ReviewPolicy::default();
    ReviewPolicy {
        max_check_repairs: section
            .number("max_check_repairs", 0..101)
            .unwrap_or(usual.max_check_repairs),
        max_comments: section
            .number("max_comments", 0..1001)
            .unwrap_or(usual.max_comments),
        max_task_budget: section.money("max_task_budget"),
    }
}

fn diff(section: &Section<'_, '_>) -> DiffPolicy {
    DiffPolicy {
        protected: section
            .globs("protected")
            .unwrap_or_else(|| LOCKFILES.iter().map(|&glob| glob.to_owned()).collect()),
        max_files: section.number("max_files", 1..1_000_001).unwrap_or(100),
        max_bytes: section.bytes("max_bytes").unwrap_or(4 << 20),
    }
}

fn verify(top: &Section<'_, '_>) -> Vec<VerifyCommand> {
    let mut commands = Vec::new();
    for section in top.each("verify", "verify[]") {
        if let Some(argv) = argv(&section) {
            commands.push(VerifyCommand {
                argv,
                timeout: section.duration("timeout").unwrap_or(DurationMs::mins(10)),
                network: section.flag("network").unwrap_or(false),
            });
        }
    }
    commands
}

/// A program with its arguments.
pub(super) fn argv(section: &Section<'_, '_>) -> Option<Vec<String>> {
    if section.get("argv").is_none() {
        section.bad(
            "argv",
            "it is required: a list such as [\"cargo\", \"test\"]",
        );
        return None;
    }
    let argv = section.texts("argv")?;
    if argv.first().is_none_or(|program| program.trim().is_empty()) {
        section.bad("argv", "its first element is the program");
        return None;
    }
    if argv.iter().any(|arg| arg.contains('\0')) {
        section.bad("argv", "an argument holds a NUL character");
        return None;
    }
    Some(argv)
}
