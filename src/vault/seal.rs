//! Encryption of one value, by the age crate.

use std::io::{Read as _, Write as _};
use std::iter;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::x25519::{Identity, Recipient};
use age::{Decryptor, Encryptor};
use secrecy::{ExposeSecret as _, SecretString};

use crate::ports::vault::VaultError;
use crate::vault::MAX_VALUE;

/// The value, armoured, for all of these.
pub(super) fn close(to: &[Recipient], value: &SecretString) -> Result<Vec<u8>, VaultError> {
    let failed = |cause: String| VaultError::Invalid {
        what: format!("the value cannot be encrypted: {cause}"),
    };
    let all = to.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = Encryptor::with_recipients(all).map_err(|e| failed(e.to_string()))?;
    let mut sealed = Vec::new();
    let write = || -> std::io::Result<()> {
        let armor = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(value.expose_secret().as_bytes())?;
        writer.finish()?.finish()?;
        Ok(())
    };
    write().map_err(|e| failed(e.to_string()))?;
    Ok(sealed)
}

/// The value; the cause in words otherwise.
pub(super) fn open(identity: &Identity, sealed: &[u8]) -> Result<SecretString, String> {
    let decryptor =
        Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(|e| e.to_string())?;
    let reader = decryptor
        .decrypt(iter::once(identity as &dyn age::Identity))
        .map_err(|e| e.to_string())?;
    let mut value = String::new();
    reader
        .take(MAX_VALUE as u64 + 1)
        .read_to_string(&mut value)
        .map_err(|e| e.to_string())?;
    if value.len() > MAX_VALUE {
        return Err(format!("the value is longer than {MAX_VALUE} bytes"));
    }
    Ok(SecretString::from(value))
}
