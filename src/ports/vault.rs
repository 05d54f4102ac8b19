//! Secrets of the project: kept encrypted beside the configuration, opened by one identity.

use std::collections::BTreeMap;

use secrecy::SecretString;

use crate::domain::time::Timestamp;

/// One value of a secret, encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    /// File below the top of the repository.
    pub file: String,
    /// When it was added.
    pub added: Timestamp,
    /// Whether the identity of this machine opens it; none if there is no identity here.
    pub opens: Option<bool>,
}

/// A secret with its values, the newest first. At most two are kept: the one before stays valid
/// until it is retired, so that a key can be changed without a pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSecret {
    /// The environment variable that it stands for.
    pub name: String,
    /// Its values.
    pub versions: Vec<SecretVersion>,
}

/// Somebody who can open every secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Public key, `age1…`.
    pub recipient: String,
    /// Who that is, in words.
    pub label: String,
    /// Whether it is the identity of this machine.
    pub here: bool,
}

/// What [`Vault::join`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Public key of this machine's identity.
    pub recipient: String,
    /// The identity's file, if it was made now.
    pub made: Option<String>,
    /// Whether it can open the secrets from now on; otherwise somebody who can has to share them.
    pub admitted: bool,
}

/// What [`Vault::put`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// The new file.
    pub file: String,
    /// The value before, valid until it is retired.
    pub previous: Option<String>,
    /// Files of older values, removed now.
    pub dropped: Vec<String>,
}

/// Values that could be opened, the newest of each name first, and what could not.
#[derive(Debug, Default)]
pub struct OpenedSecrets {
    /// By name.
    pub values: BTreeMap<String, Vec<SecretString>>,
    /// Sentences for a human: files that do not open, and why.
    pub troubles: Vec<String>,
}

/// Why a secret cannot be stored or read. Holds and prints no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaultError {
    /// Nobody can open anything yet.
    #[error("nobody could open the secret: {file} names no public key")]
    NoRecipients {
        /// The file of public keys.
        file: String,
    },
    /// This machine has no identity.
    #[error("there is no identity on this machine: {looked}")]
    NoIdentity {
        /// Where it was looked for.
        looked: String,
    },
    /// The identity cannot be used.
    #[error("the identity {place} cannot be used: {cause}")]
    BadIdentity {
        /// File or variable.
        place: String,
        /// Why.
        cause: String,
    },
    /// A name, value or public key breaks a rule.
    #[error("{what}")]
    Invalid {
        /// Which rule.
        what: String,
    },
    /// No such secret, or public key.
    #[error("there is no {what}")]
    Unknown {
        /// What was named.
        what: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A file cannot be read, opened or written.
    #[error("failed to {doing} {file}: {cause}")]
    File {
        /// `read`, `open` or `write`.
        doing: &'static str,
        /// Below the top of the repository.
        file: String,
        /// Why.
        cause: String,
    },
}

/// The secrets of one repository.
pub trait Vault {
    /// All secrets, by name.
    ///
    /// # Errors
    /// A file cannot be read.
    fn stored(&self) -> Result<Vec<StoredSecret>, VaultError>;

    /// Who can open them.
    ///
    /// # Errors
    /// The file of public keys cannot be read, or holds something else.
    fn parties(&self) -> Result<Vec<Party>, VaultError>;

    /// Makes an identity for this machine unless it has one, and admits it if nobody is admitted yet.
    ///
    /// # Errors
    /// The identity cannot be made or read.
    fn join(&self, label: &str) -> Result<Joined, VaultError>;

    /// Adds a value for everybody who is admitted; needs no identity. The value before stays.
    ///
    /// # Errors
    /// A wrong name, an empty or too long value, nobody admitted, or the disk.
    fn put(&self, name: &str, value: &SecretString) -> Result<Put, VaultError>;

    /// Removes all values of a secret but the newest; gives the files removed.
    ///
    /// # Errors
    /// No such secret, or the disk.
    fn retire(&self, name: &str) -> Result<Vec<String>, VaultError>;

    /// Removes a secret; gives the files removed.
    ///
    /// # Errors
    /// No such secret, or the disk.
    fn remove(&self, name: &str) -> Result<Vec<String>, VaultError>;

    /// Admits a public key and encrypts every value anew; gives how many. Safe to repeat.
    ///
    /// # Errors
    /// No identity that opens the values, or the disk.
    fn share(&self, recipient: &str, label: &str) -> Result<usize, VaultError>;

    /// Strikes a public key off and encrypts every value anew; gives how many. What its owner has
    /// read before stays known to them.
    ///
    /// # Errors
    /// No such key, the only one, no identity that opens the values, or the disk.
    fn unshare(&self, recipient: &str) -> Result<usize, VaultError>;

    /// Opens everything that this machine's identity opens.
    ///
    /// # Errors
    /// The folder cannot be read, or the identity cannot be used. Having none is no error while
    /// nothing is stored.
    fn open_all(&self) -> Result<OpenedSecrets, VaultError>;
}
