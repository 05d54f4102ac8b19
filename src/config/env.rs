//! The environment, read once.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::policy::{ForgeKind, Policy};

/// The variable with the identity that opens stored secrets; nobody but fleet sees it.
const IDENTITY: &str = "FLEET_IDENTITY";

/// Environment variables as they were at the start, with stored secrets behind them. `Debug` shows
/// names only.
#[derive(Clone, Default)]
pub struct Env {
    vars: BTreeMap<String, String>,
    /// Stored secrets by the variable that each stands for, the newest first.
    stored: BTreeMap<String, Vec<SecretString>>,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.vars.keys().chain(self.stored.keys());
        f.debug_set().entries(names).finish()
    }
}

/// A secret's name and value. `Debug` shows the name only.
pub type Secret = (String, SecretString);

impl Env {
    /// Reads the environment of this process. Names and values that are not UTF-8 are left out.
    #[must_use]
    pub fn of_process() -> Self {
        Self {
            vars: std::env::vars_os()
                .filter_map(|(name, value)| {
                    Some((name.into_string().ok()?, value.into_string().ok()?))
                })
                .collect(),
            stored: BTreeMap::new(),
        }
    }

    /// The same with stored secrets: a variable that is not set has the newest value.
    #[must_use]
    pub fn with_stored(&self, stored: BTreeMap<String, Vec<SecretString>>) -> Self {
        Self {
            vars: self.vars.clone(),
            stored,
        }
    }

    /// An environment made of these, for tests and embedders.
    #[must_use]
    pub fn of<'a>(vars: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self {
            vars: vars
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            stored: BTreeMap::new(),
        }
    }

    /// All variables, for the allow-lists of agents: the newest of stored secrets, where the variable
    /// is not set; never the identity that opens them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let vars = self.vars.iter();
        let vars = vars.map(|(name, value)| (name.as_str(), value.as_str()));
        let unset = |name: &str| self.vars.get(name).is_none_or(String::is_empty);
        let stored = self.stored.iter().filter(move |(name, _)| unset(name));
        let newest = stored.filter_map(|(name, all)| Some((name.as_str(), all.first()?)));
        vars.filter(|(name, _)| *name != IDENTITY)
            .chain(newest.map(|(name, value)| (name, value.expose_secret())))
    }

    /// Every value of a variable that may be tried: the one that is set, then the stored ones, the
    /// newest first.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<SecretString> {
        let set = self.vars.get(name).filter(|value| !value.is_empty());
        let stored = self.stored.get(name).into_iter().flatten();
        let stored = stored.filter(|value| set.is_none_or(|set| set != value.expose_secret()));
        set.map(|value| SecretString::from(value.as_str()))
            .into_iter()
            .chain(stored.cloned())
            .collect()
    }

    /// The value of a variable, or the newest stored one; an empty one counts as unset.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let set = self.vars.get(name).map(String::as_str);
        set.filter(|value| !value.is_empty()).or_else(|| {
            let newest = self.stored.get(name)?.first()?;
            Some(newest.expose_secret())
        })
    }
}

/// Variables that set something, the key that each stands above, and what it is.
pub(super) const VARIABLES: &[(&str, &str)] = &[
    ("FLEET_BASE_BRANCH", "base_branch"),
    ("FLEET_REMOTE", "remote"),
    ("FLEET_STATE_BRANCH", "state.branch"),
    ("FLEET_SYNC_PUSH", "sync.push"),
    ("FLEET_SYNC_TIMEOUT", "sync.timeout"),
    ("FLEET_FORGE", "forge.kind"),
    ("FLEET_FORGE_URL", "forge.base_url"),
    ("FLEET_FORGE_REPO", "forge.repo"),
    ("FLEET_TIME_BUDGET", "tick.time_budget"),
    ("FLEET_BUDGET_PER_DAY", "budget.per_day"),
];

/// What CI says of itself where nothing is configured: which repository, which server.
pub(super) fn fill_from_ci(env: &Env, policy: &mut Policy, url_is_set: bool) {
    if policy.forge.kind != ForgeKind::GitHub {
        return;
    }
    if policy.forge.repo.is_none() {
        policy.forge.repo = env.get("GITHUB_REPOSITORY").map(str::to_owned);
    }
    if let Some(url) = env.get("GITHUB_API_URL").filter(|_| !url_is_set) {
        url.trim_end_matches('/')
            .clone_into(&mut policy.forge.base_url);
    }
}

/// Largest file that is read as the key of an App.
const KEY_MAX_BYTES: u64 = 64 << 10;

/// The private key of the forge's App: from its variable, else from its file. `None` also if the
/// file cannot be read, which is said when the key is needed.
fn app_key(env: &Env, policy: &Policy) -> Option<SecretString> {
    let app = policy.forge.app.as_ref()?;
    let named = app.key_env.as_deref().and_then(|name| env.get(name));
    if let Some(key) = named {
        return Some(key.into());
    }
    let file = app.key_file.as_deref()?;
    let small = std::fs::metadata(file).is_ok_and(|meta| meta.len() <= KEY_MAX_BYTES);
    let text = small
        .then(|| std::fs::read_to_string(file).ok())
        .flatten()?;
    Some(text.into())
}

/// What the forge is spoken to with: its token, and the key of an App.
pub(super) type ForgeSecrets = (Option<SecretString>, Option<SecretString>);

/// The forge's token and App key, and every value that must not leak.
pub(super) fn secrets(env: &Env, policy: &Policy) -> (ForgeSecrets, Vec<Secret>) {
    let token = env.get(&policy.forge.token_env).map(SecretString::from);
    let key = app_key(env, policy);
    let mut named: Vec<&str> = vec![&policy.forge.token_env];
    named.extend(["GITHUB_TOKEN", "GH_TOKEN", "ACTIONS_RUNTIME_TOKEN"]);
    named.extend(policy.secret_env.iter().map(String::as_str));
    let keys = policy.providers.values().flat_map(|spec| &spec.key_env);
    named.extend(keys.map(String::as_str));
    let services = policy.agents.values().filter_map(|a| a.kind.service());
    named.extend(services.filter_map(|service| service.key_env.as_deref()));
    let given = policy.agents.values().flat_map(|agent| &agent.env);
    named.extend(
        given
            .map(String::as_str)
            .filter(|name| is_secret_name(name)),
    );
    let mut found: BTreeMap<&str, &str> = named
        .into_iter()
        .filter_map(|name| Some((name, env.get(name)?)))
        .collect();
    for agent in policy.agents.values() {
        let set = agent.set_env.iter();
        found.extend(
            set.filter(|(name, _)| is_secret_name(name))
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
    }
    if let Some(identity) = env.get(IDENTITY) {
        // The key itself: what stands around it in the file is public.
        let key = identity
            .lines()
            .find(|line| line.starts_with("AGE-SECRET-KEY-"));
        found.insert(IDENTITY, key.unwrap_or(identity));
    }
    if let Some(key) = &key {
        found.insert("forge.app_key", key.expose_secret());
    }
    let stored = env.stored.iter().flat_map(|(name, values)| {
        let values = values.iter().map(SecretString::expose_secret);
        values.map(move |value| (name.as_str(), value))
    });
    let secrets = found
        .into_iter()
        .chain(stored)
        .map(|(name, value)| (name.to_owned(), SecretString::from(value)))
        .filter(|(_, value)| !value.expose_secret().is_empty())
        .collect();
    ((token, key), secrets)
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"]
        .iter()
        .any(|part| name.contains(part))
}
