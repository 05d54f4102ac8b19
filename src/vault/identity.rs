//! The identity of this machine: the one private key that opens every secret.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use secrecy::{ExposeSecret as _, SecretString};

use crate::ports::vault::VaultError;

/// The environment variable that holds the identity itself, for CI.
pub const IDENTITY_VARIABLE: &str = "FLEET_IDENTITY";
/// The environment variable that names its file.
pub const IDENTITY_FILE_VARIABLE: &str = "FLEET_IDENTITY_FILE";
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 10;

/// Where the identity is looked for.
#[derive(Debug, Clone, Default)]
pub struct IdentitySource {
    /// Value of [`IDENTITY_VARIABLE`].
    pub value: Option<SecretString>,
    /// The file: of [`IDENTITY_FILE_VARIABLE`], or in the user's configuration folder.
    pub file: Option<PathBuf>,
}

impl IdentitySource {
    /// Reads it.
    pub(super) fn read(&self) -> Result<Identity, VaultError> {
        if let Some(value) = &self.value {
            return parse(IDENTITY_VARIABLE, value.expose_secret());
        }
        let Some(file) = &self.file else {
            return Err(none("there is no HOME to look in"));
        };
        let place = file.display().to_string();
        let about = match fs::metadata(file) {
            Ok(about) => about,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(none(&format!(
                    "{IDENTITY_VARIABLE} is not set and {place} is not there"
                )));
            }
            Err(error) => return Err(bad(&place, &error.to_string())),
        };
        if about.permissions().mode() & 0o077 != 0 {
            return Err(bad(&place, "others may read it; give it mode 600"));
        }
        if !about.is_file() || about.len() > MAX_FILE {
            return Err(bad(&place, "it is no plain file of a few lines"));
        }
        let text = fs::read_to_string(file).map_err(|error| bad(&place, &error.to_string()))?;
        parse(&place, &text)
    }

    /// Makes one and keeps it in the file; never over another.
    pub(super) fn make(&self) -> Result<(Identity, String), VaultError> {
        let Some(file) = &self.file else {
            return Err(none("there is no HOME to keep one in"));
        };
        let identity = Identity::generate();
        let place = file.display().to_string();
        let public = identity.to_public();
        let private = identity.to_string();
        let text = format!("# public key: {public}\n{}\n", private.expose_secret());
        keep(file, &text).map_err(|error| bad(&place, &error.to_string()))?;
        Ok((identity, place))
    }
}

fn keep(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut options = fs::OpenOptions::new();
    let mut kept = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    kept.write_all(text.as_bytes())?;
    kept.sync_all()
}

/// The first identity in a text of age's key file format; comments begin with `#`.
fn parse(place: &str, text: &str) -> Result<Identity, VaultError> {
    let mut lines = text.lines().map(str::trim);
    let line = lines
        .find(|line| !line.is_empty() && !line.starts_with('#'))
        .ok_or_else(|| bad(place, "it is empty"))?;
    // The cause never repeats the text: it may be a damaged key.
    line.parse()
        .map_err(|_| bad(place, "it holds no line of the form AGE-SECRET-KEY-1…"))
}

fn none(looked: &str) -> VaultError {
    VaultError::NoIdentity {
        looked: looked.to_owned(),
    }
}

fn bad(place: &str, cause: &str) -> VaultError {
    VaultError::BadIdentity {
        place: place.to_owned(),
        cause: cause.to_owned(),
    }
}
