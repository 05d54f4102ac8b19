//! The vault: secrets of the project in `.orchestra/secrets/`, encrypted with age (age-encryption.org/v1).
//!
//! One armoured file per value, `.orchestra/secrets/<NAME>/<time>.age`, encrypted to every public key
//! of `.orchestra/secrets/recipients.txt`. Adding a value needs public keys only; reading needs the
//! identity of this machine: `FLEET_IDENTITY` (the key itself), `FLEET_IDENTITY_FILE`, or
//! `fleet/identity.txt` in the user's configuration folder.
//!
//! Invariants: no value and no identity is printed, logged or part of an error; nothing is written
//! but those files and a new identity; a link is never followed; an identity that others may read is
//! refused.
//!
//! May import: domain, ports.

#![expect(
    clippy::disallowed_methods,
    reason = "this room is the edge to the files of secrets"
)]

mod files;
mod identity;
mod seal;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::time::Timestamp;
use crate::ports::clock::Clock;
use crate::ports::vault::{
    Joined, OpenedSecrets, Party, Put, SecretVersion, StoredSecret, Vault, VaultError,
};

pub use identity::{IDENTITY_FILE_VARIABLE, IDENTITY_VARIABLE, IdentitySource};

/// Folder of everything here, below the top of the repository.
pub const SECRETS_DIR: &str = ".orchestra/secrets";
/// The public keys, one a line, what follows `#` is a label.
pub const RECIPIENTS_PATH: &str = ".orchestra/secrets/recipients.txt";
/// Longest value, in bytes.
const MAX_VALUE: usize = 64 << 10;
/// Most values of one name that are opened to be used.
const MAX_OPENED: usize = 64;
/// Longest name.
const MAX_NAME: usize = 64;

/// The vault of a work tree.
pub struct FileVault {
    top: PathBuf,
    identity: IdentitySource,
    clock: Arc<dyn Clock>,
}

impl FileVault {
    /// The vault of the work tree at `top`.
    #[must_use]
    pub fn new(top: &Path, identity: IdentitySource, clock: Arc<dyn Clock>) -> Self {
        Self {
            top: top.to_owned(),
            identity,
            clock,
        }
    }

    /// Whether anything is stored: a cheap look, so that those who have no secrets pay nothing.
    #[must_use]
    pub fn is_empty(top: &Path) -> bool {
        top.join(SECRETS_DIR).symlink_metadata().is_err()
    }

    /// Reads a value of this file.
    fn open(
        &self,
        identity: &age::x25519::Identity,
        file: &str,
    ) -> Result<SecretString, VaultError> {
        let sealed = files::read(&self.top, file)?;
        seal::open(identity, &sealed).map_err(|cause| VaultError::File {
            doing: "open",
            file: file.to_owned(),
            cause,
        })
    }

    /// Encrypts every value anew for `parties`.
    fn seal_anew(&self, parties: &[Party]) -> Result<usize, VaultError> {
        let stored = files::stored(&self.top)?;
        if stored.is_empty() {
            return Ok(0);
        }
        let identity = self.identity.read()?;
        let all: Vec<&String> = stored.values().flatten().map(|(file, _)| file).collect();
        // Everything is opened before anything is written: an identity that opens only a part
        // changes nothing.
        let mut opened = Vec::with_capacity(all.len());
        for file in all {
            opened.push((file, self.open(&identity, file)?));
        }
        for (file, value) in &opened {
            let sealed = seal::close(&recipients(parties), value)?;
            files::write(&self.top, file, &sealed)?;
        }
        Ok(opened.len())
    }

    fn newest_first(&self, name: &str) -> Result<Vec<(String, Timestamp)>, VaultError> {
        let mut stored = files::stored(&self.top)?;
        stored.remove(name).ok_or_else(|| VaultError::Unknown {
            what: format!("secret {}", said(name)),
            known: stored.into_keys().collect(),
        })
    }

    fn delete(&self, versions: &[(String, Timestamp)]) -> Result<Vec<String>, VaultError> {
        let mut gone = Vec::new();
        for (file, _) in versions {
            files::delete(&self.top, file)?;
            gone.push(file.clone());
        }
        Ok(gone)
    }
}

impl Vault for FileVault {
    fn stored(&self) -> Result<Vec<StoredSecret>, VaultError> {
        let identity = match self.identity.read() {
            Ok(identity) => Some(identity),
            Err(VaultError::NoIdentity { .. }) => None,
            Err(other) => return Err(other),
        };
        let secrets = files::stored(&self.top)?.into_iter();
        Ok(secrets
            .map(|(name, versions)| StoredSecret {
                name,
                versions: versions
                    .into_iter()
                    .enumerate()
                    .map(|(at, (file, added))| SecretVersion {
                        opens: identity
                            .as_ref()
                            .filter(|_| at < MAX_OPENED)
                            .map(|id| self.open(id, &file).is_ok()),
                        file,
                        added,
                    })
                    .collect(),
            })
            .collect())
    }

    fn parties(&self) -> Result<Vec<Party>, VaultError> {
        let own = self
            .identity
            .read()
            .ok()
            .map(|id| id.to_public().to_string());
        let mut parties = files::parties(&self.top)?;
        for party in &mut parties {
            party.here = own.as_ref() == Some(&party.recipient);
        }
        Ok(parties)
    }

    fn join(&self, label: &str) -> Result<Joined, VaultError> {
        let (identity, made) = match self.identity.read() {
            Ok(identity) => (identity, None),
            Err(VaultError::NoIdentity { .. }) => {
                let (identity, place) = self.identity.make()?;
                (identity, Some(place))
            }
            Err(other) => return Err(other),
        };
        let recipient = identity.to_public().to_string();
        let mut parties = files::parties(&self.top)?;
        let known = parties.iter().any(|party| party.recipient == recipient);
        let first = parties.is_empty();
        if first {
            parties.push(party(&recipient, label)?);
            files::write_parties(&self.top, &parties)?;
        }
        Ok(Joined {
            recipient,
            made,
            admitted: known || first,
        })
    }

    fn put(&self, name: &str, value: &SecretString) -> Result<Put, VaultError> {
        check_name(name)?;
        check_value(name, value)?;
        let parties = files::parties(&self.top)?;
        if parties.is_empty() {
            return Err(VaultError::NoRecipients {
                file: RECIPIENTS_PATH.to_owned(),
            });
        }
        let sealed = seal::close(&recipients(&parties), value)?;
        let before = files::stored(&self.top)?.remove(name).unwrap_or_default();
        // Two values of one second, or a clock that went back: the newer still sorts first.
        let now = self.clock.now();
        let at = match before.first() {
            Some((_, newest)) if *newest >= files::whole_second(now) => files::next_second(*newest),
            _ => now,
        };
        let file = files::name_of(name, at);
        files::write(&self.top, &file, &sealed)?;
        let dropped = self.delete(before.get(1..).unwrap_or_default())?;
        Ok(Put {
            file,
            previous: before.first().map(|(file, _)| file.clone()),
            dropped,
        })
    }

    fn retire(&self, name: &str) -> Result<Vec<String>, VaultError> {
        let versions = self.newest_first(name)?;
        self.delete(versions.get(1..).unwrap_or_default())
    }

    fn remove(&self, name: &str) -> Result<Vec<String>, VaultError> {
        let versions = self.newest_first(name)?;
        self.delete(&versions)
    }

    fn share(&self, recipient: &str, label: &str) -> Result<usize, VaultError> {
        let new = party(recipient, label)?;
        let mut parties = files::parties(&self.top)?;
        if !parties.iter().any(|party| party.recipient == new.recipient) {
            parties.push(new);
        }
        // The values first: should this end half-way, nobody is named who cannot open them all, and
        // the same call again goes on.
        let count = self.seal_anew(&parties)?;
        files::write_parties(&self.top, &parties)?;
        Ok(count)
    }

    fn unshare(&self, recipient: &str) -> Result<usize, VaultError> {
        let parties = files::parties(&self.top)?;
        let (gone, left): (Vec<_>, Vec<_>) = parties
            .into_iter()
            .partition(|party| party.recipient == recipient || party.label == recipient);
        let labels = |parties: &[Party]| parties.iter().map(|p| p.recipient.clone()).collect();
        match (gone.as_slice(), left.as_slice()) {
            ([], _) => Err(VaultError::Unknown {
                what: format!("public key {} in {RECIPIENTS_PATH}", said(recipient)),
                known: labels(&left),
            }),
            ([_, _, ..], _) => Err(VaultError::Invalid {
                what: format!("{recipient} names several public keys: {}", gone.len()),
            }),
            (_, []) => Err(VaultError::Invalid {
                what: format!("{recipient} is the only one who can open the secrets"),
            }),
            _ => {
                let count = self.seal_anew(&left)?;
                files::write_parties(&self.top, &left)?;
                Ok(count)
            }
        }
    }

    fn open_all(&self) -> Result<OpenedSecrets, VaultError> {
        let stored = files::stored(&self.top)?;
        let mut opened = OpenedSecrets::default();
        if stored.is_empty() {
            return Ok(opened);
        }
        let identity = self.identity.read()?;
        for (name, versions) in stored {
            for (file, _) in versions.into_iter().take(MAX_OPENED) {
                match self.open(&identity, &file) {
                    Ok(value) => opened.values.entry(name.clone()).or_default().push(value),
                    Err(error) => opened.troubles.push(error.to_string()),
                }
            }
        }
        Ok(opened)
    }
}

/// What somebody wrote, for a sentence: as it is, unless it may be a secret in the wrong place. A
/// public key is none; words and names are short, and few of them hold digits.
fn said(text: &str) -> String {
    let text = text.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.+/=".contains(c);
    let capitals = text.to_ascii_uppercase();
    if capitals.contains("AGE-SECRET-KEY") {
        return "a private key (AGE-SECRET-KEY-…)".to_owned();
    }
    const KEYS: &[&str] = &[
        "SK-",
        "GHP_",
        "GHO_",
        "GHU_",
        "GHS_",
        "GHR_",
        "GITHUB_PAT_",
        "GLPAT-",
        "AIZA",
        "AKIA",
        "ASIA",
        "XOX",
        "NPM_",
        "PYPI-",
        "HF_",
        "GSK_",
        "XAI-",
    ];
    let shaped = KEYS.iter().any(|key| capitals.starts_with(key));
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let long = text.len() >= 20 && digits >= 2 && text.chars().all(plain);
    let public = text.starts_with("age1");
    if capitals.contains("PRIVATE KEY") || (!public && (shaped || long || text.len() > 100)) {
        return "what was given (not repeated here, because it may be a secret)".to_owned();
    }
    format!("`{text}`")
}

fn party(recipient: &str, label: &str) -> Result<Party, VaultError> {
    let parsed: age::x25519::Recipient =
        recipient
            .trim()
            .parse()
            .map_err(|cause| VaultError::Invalid {
                what: format!(
                    "{} is no public key of the form age1…: {cause}",
                    said(recipient)
                ),
            })?;
    let line = |c: char| !c.is_control() && c != '#';
    Ok(Party {
        recipient: parsed.to_string(),
        label: label.chars().filter(|c| line(*c)).collect(),
        here: false,
    })
}

fn recipients(parties: &[Party]) -> Vec<age::x25519::Recipient> {
    // They were checked when they were read.
    parties
        .iter()
        .filter_map(|p| p.recipient.parse().ok())
        .collect()
}

fn check_name(name: &str) -> Result<(), VaultError> {
    let good = !name.is_empty()
        && name.len() <= MAX_NAME
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    if good {
        return Ok(());
    }
    Err(VaultError::Invalid {
        what: format!(
            "{} is no name of a secret: it stands for an environment variable, such as \
             ANTHROPIC_API_KEY (capital letters, digits, _, at most {MAX_NAME})",
            said(name)
        ),
    })
}

fn check_value(name: &str, value: &SecretString) -> Result<(), VaultError> {
    let value = value.expose_secret();
    let what = if value.trim().is_empty() {
        format!("the value of {name} is empty")
    } else if value.len() > MAX_VALUE {
        format!("the value of {name} is longer than {MAX_VALUE} bytes")
    } else if value.contains('\0') {
        format!("the value of {name} holds a NUL byte")
    } else {
        return Ok(());
    };
    Err(VaultError::Invalid { what })
}
