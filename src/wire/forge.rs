//! The forge that the configuration names.

use std::sync::Arc;

use secrecy::SecretString;

use crate::domain::policy::{ForgeKind, Policy};
use crate::forge::github::remote::target;
use crate::forge::github::{AppConfig, GitHubConfig, GitHubForge};
use crate::forge::local::LocalForge;
use crate::git::place::Place;
use crate::git::remote::Remote;
use crate::ports::clock::Clock;
use crate::ports::forge::{Forge, ForgeError};
use crate::ports::forge_setup::ForgeSetup;
use crate::ports::tickets::Tickets;
use crate::wire::site::ProjectSite;
use crate::wire::state_options;

pub(super) enum ForgeOf {
    Local(LocalForge),
    GitHub(Box<GitHubForge>),
}

impl ForgeOf {
    pub(super) fn forge(&self) -> &dyn Forge {
        match self {
            Self::Local(forge) => forge,
            Self::GitHub(forge) => &**forge,
        }
    }

    /// Where people ask for work, if it has such a place.
    pub(super) fn tickets(&self) -> Option<&dyn Tickets> {
        match self {
            Self::Local(_) => None,
            Self::GitHub(forge) => Some(&**forge),
        }
    }

    /// Remarks for a report.
    pub(super) fn take_notes(&self) -> Vec<String> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::GitHub(forge) => forge.take_notes(),
        }
    }
}

/// What knows the settings of the forge; `None` if reviews are local.
pub(super) fn forge_setup(
    site: &ProjectSite,
    policy: &Policy,
    clock: &Arc<dyn Clock>,
) -> Result<Option<Box<dyn ForgeSetup>>, String> {
    let settings = site.settings().map_err(|error| error.to_string())?;
    let choice = state_options(policy, &site.remote_names()).remote;
    let remote = Remote::choose(site.git(), site.place(), &choice);
    let remote = remote.map_err(|error| format!("failed to {error}"))?;
    let keys = (settings.forge_token, settings.forge_app_key);
    let forge = forge(policy, keys, remote.as_ref(), (site.place(), clock));
    match forge.map_err(|error| error.to_string())? {
        ForgeOf::Local(_) => Ok(None),
        ForgeOf::GitHub(forge) => Ok(Some(forge)),
    }
}

/// Builds it. The token, or the key of an App, stays in its client.
pub(super) fn forge(
    policy: &Policy,
    (token, app_key): (Option<SecretString>, Option<SecretString>),
    remote: Option<&Remote>,
    (place, clock): (&Place, &Arc<dyn Clock>),
) -> Result<ForgeOf, ForgeError> {
    let ForgeKind::GitHub = policy.forge.kind else {
        return Ok(ForgeOf::Local(LocalForge));
    };
    let settings = &policy.forge;
    let target = target(
        settings.repo.as_deref(),
        Some(&settings.base_url),
        remote.map(Remote::url),
    )?;
    let mut config = GitHubConfig::new(
        target,
        token.unwrap_or_else(|| "".into()),
        &settings.token_env,
    );
    config.draft = settings.draft;
    config.labels.clone_from(&settings.labels);
    config.reviewers.clone_from(&settings.reviewers);
    config.max_calls = settings.max_calls;
    config.app = settings.app.as_ref().map(|app| AppConfig {
        id: app.id.clone(),
        key: app_key.unwrap_or_else(|| "".into()),
        key_place: app.key_place().to_owned(),
        installation_id: app.installation_id,
    });
    config.cache_dir = Some(place.owned_dir().join("forge-answers"));
    Ok(ForgeOf::GitHub(Box::new(GitHubForge::new(
        config,
        clock.clone(),
    ))))
}
