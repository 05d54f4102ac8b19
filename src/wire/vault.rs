//! The vault of a repository, and the environment with what it holds.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;

use crate::app::tracker::error::TrackerError;
use crate::app::tracker::secret::HasVault;
use crate::config::Env;
use crate::domain::policy::ForgePolicy;
use crate::git::place::Place;
use crate::ports::clock::Clock;
use crate::ports::vault::{Vault, VaultError};
use crate::vault::{FileVault, IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE, IdentitySource};

/// A vault, and who uses it.
pub(super) struct ProjectVault {
    vault: FileVault,
    actor: String,
    forge: Option<ForgePolicy>,
}

impl ProjectVault {
    pub(super) fn open(
        place: &Place,
        env: &Env,
        clock: Arc<dyn Clock>,
        actor: &str,
        forge: Option<ForgePolicy>,
    ) -> Result<Self, TrackerError> {
        if place.is_bare() {
            return Err(TrackerError::NoRepository {
                on: place.top().display().to_string(),
                cause: "it has no work tree, where secrets are kept; run this in a clone"
                    .to_owned(),
            });
        }
        Ok(Self {
            vault: FileVault::new(place.top(), identity_source(env), clock),
            actor: actor.strip_prefix("human:").unwrap_or(actor).to_owned(),
            forge,
        })
    }
}

impl HasVault for ProjectVault {
    fn vault(&self) -> &dyn Vault {
        &self.vault
    }

    fn actor(&self) -> &str {
        &self.actor
    }

    fn is_token(&self, name: &str) -> bool {
        self.forge.as_ref().is_some_and(|f| f.is_token(name))
    }
}

/// The environment with the stored secrets behind it, and what a person should be told of those
/// that do not open. What `kept_out` names is not used: the key of the secrets is in the jobs of agents
/// too, where a right to push has no place (R1). Without stored secrets this costs one look at a folder.
pub(super) fn with_secrets(
    env: &Env,
    place: &Place,
    clock: Arc<dyn Clock>,
    kept_out: impl Fn(&str) -> bool,
) -> (Env, Vec<String>) {
    if place.is_bare() || FileVault::is_empty(place.top()) {
        return (env.clone(), Vec::new());
    }
    let vault = FileVault::new(place.top(), identity_source(env), clock);
    match vault.open_all() {
        Ok(mut opened) => {
            opened.values.retain(|name, _| !kept_out(name));
            (env.with_stored(opened.values), opened.troubles)
        }
        Err(error @ VaultError::NoIdentity { .. }) => {
            let note = format!("stored secrets are not used: {error}; `fleet secret init` helps");
            (env.clone(), vec![note])
        }
        Err(error) => (
            env.clone(),
            vec![format!("stored secrets are not used: {error}")],
        ),
    }
}

fn identity_source(env: &Env) -> IdentitySource {
    let named = env.get(IDENTITY_FILE_VARIABLE).map(PathBuf::from);
    let config = env
        .get("XDG_CONFIG_HOME")
        .filter(|path| Path::new(path).is_absolute())
        .map(PathBuf::from)
        .or_else(|| env.get("HOME").map(|home| Path::new(home).join(".config")));
    IdentitySource {
        value: env.get(IDENTITY_VARIABLE).map(SecretString::from),
        file: named.or_else(|| Some(config?.join("fleet").join("identity.txt"))),
    }
}
