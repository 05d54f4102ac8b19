//! Secrets of the project: put, list, retire, and who can open them. Values pass through; nothing
//! here keeps or prints one.

use secrecy::SecretString;
use serde::Serialize;

use crate::app::tracker::error::TrackerError;
use crate::domain::time::Timestamp;
use crate::ports::vault::{Vault, VaultError};

/// Something that has a vault.
pub trait HasVault {
    /// The vault.
    fn vault(&self) -> &dyn Vault;

    /// The person who acts, as a label.
    fn actor(&self) -> &str;

    /// Whether a variable holds the right to push, by the configuration.
    fn is_token(&self, name: &str) -> bool;
}

/// Answer of `secret init`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretInitReport {
    /// Public key of this machine's identity.
    pub recipient: String,
    /// The identity's file, if it was made now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_made: Option<String>,
    /// Whether it can open the secrets of this repository.
    pub admitted: bool,
}

/// Answer of `secret set`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretSetReport {
    /// Name.
    pub name: String,
    /// The new file.
    pub file: String,
    /// The value before, still valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// Files of older values, removed now.
    pub removed: Vec<String>,
}

/// Answer of `secret list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretListReport {
    /// One row a secret, by name.
    pub secrets: Vec<SecretRow>,
    /// Number of them.
    pub total: usize,
    /// Always false: all are listed.
    pub has_more: bool,
    /// Who can open them.
    pub recipients: Vec<RecipientRow>,
}

/// A secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretRow {
    /// The environment variable that it stands for.
    pub name: String,
    /// Its values, the newest first.
    pub values: Vec<ValueRow>,
}

/// One value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ValueRow {
    /// File below the top of the repository.
    pub file: String,
    /// When it was added.
    pub added: Timestamp,
    /// Whether this machine opens it; none without an identity.
    pub opens: Option<bool>,
}

/// Somebody who can open the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RecipientRow {
    /// Public key.
    pub recipient: String,
    /// Who that is.
    pub label: String,
    /// Whether it is this machine's.
    pub here: bool,
}

/// Answer of `secret retire` and `secret rm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretRemovedReport {
    /// Name.
    pub name: String,
    /// Files removed.
    pub removed: Vec<String>,
}

/// Answer of `secret share` and `secret unshare`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretShareReport {
    /// Public key, or label.
    pub recipient: String,
    /// Whether it can open the secrets from now on.
    pub admitted: bool,
    /// Values that were encrypted anew.
    pub encrypted: usize,
}

/// Makes this machine's identity unless it has one, and admits the first one.
///
/// # Errors
/// The identity cannot be made or read.
pub fn init(place: &dyn HasVault, label: Option<&str>) -> Result<SecretInitReport, TrackerError> {
    let joined = place.vault().join(label.unwrap_or_else(|| place.actor()))?;
    Ok(SecretInitReport {
        recipient: joined.recipient,
        identity_made: joined.made,
        admitted: joined.admitted,
    })
}

/// Stores a value; the one before stays valid.
///
/// # Errors
/// A wrong name or value, the forge's token, nobody who could open it, or the disk.
pub fn set(
    place: &dyn HasVault,
    name: &str,
    value: &SecretString,
) -> Result<SecretSetReport, TrackerError> {
    if place.is_token(name) {
        return Err(TrackerError::Invalid {
            what: format!(
                "{name} is a token or key of the forge; such are not stored: the key of the secrets is where agents run"
            ),
            hint: "set it in the environment of `fleet tick`, or as a secret of the CI for the claim and publish phases"
                .to_owned(),
        });
    }
    let put = place.vault().put(name, value)?;
    Ok(SecretSetReport {
        name: name.to_owned(),
        file: put.file,
        previous: put.previous,
        removed: put.dropped,
    })
}

/// What is stored, and who can open it.
///
/// # Errors
/// A file cannot be read.
pub fn list(place: &dyn HasVault) -> Result<SecretListReport, TrackerError> {
    let secrets: Vec<SecretRow> = place
        .vault()
        .stored()?
        .into_iter()
        .map(|secret| SecretRow {
            name: secret.name,
            values: secret
                .versions
                .into_iter()
                .map(|v| ValueRow {
                    file: v.file,
                    added: v.added,
                    opens: v.opens,
                })
                .collect(),
        })
        .collect();
    let recipients = place.vault().parties()?.into_iter();
    Ok(SecretListReport {
        total: secrets.len(),
        has_more: false,
        secrets,
        recipients: recipients
            .map(|party| RecipientRow {
                recipient: party.recipient,
                label: party.label,
                here: party.here,
            })
            .collect(),
    })
}

/// Removes every value but the newest: the end of a rotation.
///
/// # Errors
/// No such secret, or the disk.
pub fn retire(place: &dyn HasVault, name: &str) -> Result<SecretRemovedReport, TrackerError> {
    Ok(SecretRemovedReport {
        removed: place.vault().retire(name)?,
        name: name.to_owned(),
    })
}

/// Removes a secret.
///
/// # Errors
/// No such secret, or the disk.
pub fn remove(place: &dyn HasVault, name: &str) -> Result<SecretRemovedReport, TrackerError> {
    Ok(SecretRemovedReport {
        removed: place.vault().remove(name)?,
        name: name.to_owned(),
    })
}

/// Lets somebody else open the secrets.
///
/// # Errors
/// No public key, or the values do not open here.
pub fn share(
    place: &dyn HasVault,
    recipient: &str,
    label: &str,
) -> Result<SecretShareReport, TrackerError> {
    Ok(SecretShareReport {
        encrypted: place.vault().share(recipient, label)?,
        recipient: recipient.to_owned(),
        admitted: true,
    })
}

/// Takes that back.
///
/// # Errors
/// No such key, the only one, or the values do not open here.
pub fn unshare(place: &dyn HasVault, recipient: &str) -> Result<SecretShareReport, TrackerError> {
    Ok(SecretShareReport {
        encrypted: place.vault().unshare(recipient)?,
        recipient: recipient.to_owned(),
        admitted: false,
    })
}

impl From<VaultError> for TrackerError {
    fn from(error: VaultError) -> Self {
        let what = error.to_string();
        let config = |hint: &str| Self::Config {
            what: what.clone(),
            hint: hint.to_owned(),
        };
        match error {
            VaultError::NoRecipients { .. } => {
                config("`fleet secret init` makes an identity and admits it")
            }
            VaultError::NoIdentity { .. } => config(
                "`fleet secret init` makes one; then somebody who can open the secrets runs \
                 `fleet secret share <PUBLIC KEY>`. In CI, put the identity into FLEET_IDENTITY",
            ),
            VaultError::BadIdentity { .. } => {
                config("mend the identity, or name another file with FLEET_IDENTITY_FILE")
            }
            VaultError::Invalid { .. } => Self::Invalid {
                what,
                hint: "`fleet secret --help` shows examples".to_owned(),
            },
            VaultError::Unknown { known, .. } => Self::NotThere {
                what,
                hint: if known.is_empty() {
                    "there are none yet".to_owned()
                } else {
                    format!("there are {}", known.join(", "))
                },
            },
            VaultError::File { doing: "write", .. } => {
                Self::Write(what.trim_start_matches("failed to ").to_owned())
            }
            VaultError::File { doing: "read", .. } => config(
                "mend or restore that file; `git log -- .orchestra/secrets` shows how it was",
            ),
            VaultError::File { .. } => config(
                "`fleet secret list` shows which values open here; a colleague who can open them \
                 shares them with `fleet secret share`",
            ),
        }
    }
}
