//! The files of the vault: names, public keys, plain reading and atomic writing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::domain::time::Timestamp;
use crate::ports::vault::{Party, VaultError};
use crate::vault::{RECIPIENTS_PATH, SECRETS_DIR, check_name, party};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 256 << 10;
/// How times are written in file names.
const TIME: &str = "%Y%m%dT%H%M%SZ";

/// File of a value.
pub(super) fn name_of(name: &str, at: Timestamp) -> String {
    let time = chrono::DateTime::from_timestamp_millis(i64::try_from(at.0).unwrap_or_default())
        .unwrap_or_default();
    format!("{SECRETS_DIR}/{name}/{}.age", time.format(TIME))
}

fn time_of(file: &str) -> Option<Timestamp> {
    let text = format!("{}+0000", file.strip_suffix(".age")?);
    let time = chrono::DateTime::parse_from_str(&text, &format!("{TIME}%z")).ok()?;
    let millis = time.timestamp_millis();
    Some(Timestamp(u64::try_from(millis).ok()?))
}

/// The second that a time lies in, as file names tell it.
pub(super) const fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp(at.0 - at.0 % 1000)
}

/// The second after.
pub(super) const fn next_second(at: Timestamp) -> Timestamp {
    Timestamp(at.0 + 1000)
}

/// Every secret with its files and times, the newest first.
pub(super) fn stored(top: &Path) -> Result<BTreeMap<String, Vec<(String, Timestamp)>>, VaultError> {
    let mut all = BTreeMap::new();
    for name in names_in(top, SECRETS_DIR)? {
        let folder = format!("{SECRETS_DIR}/{name}");
        // The file of public keys, and what somebody else put here.
        if check_name(&name).is_err() || !is_folder(top, &folder) {
            continue;
        }
        let mut versions: Vec<(String, Timestamp)> = names_in(top, &folder)?
            .into_iter()
            .filter_map(|file| Some((format!("{folder}/{file}"), time_of(&file)?)))
            .collect();
        versions.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
        if !versions.is_empty() {
            all.insert(name, versions);
        }
    }
    Ok(all)
}

fn is_folder(top: &Path, path: &str) -> bool {
    top.join(path)
        .symlink_metadata()
        .is_ok_and(|about| about.is_dir())
}

fn names_in(top: &Path, folder: &str) -> Result<Vec<String>, VaultError> {
    refuse_links(top, folder)?;
    let entries = match fs::read_dir(top.join(folder)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", folder, &error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| failed("read", folder, &error))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

/// The public keys, in the order of the file.
pub(super) fn parties(top: &Path) -> Result<Vec<Party>, VaultError> {
    let bytes = match read(top, RECIPIENTS_PATH) {
        Ok(bytes) => bytes,
        Err(_) if top.join(RECIPIENTS_PATH).symlink_metadata().is_err() => return Ok(Vec::new()),
        Err(other) => return Err(other),
    };
    let text = String::from_utf8_lossy(&bytes);
    let mut parties = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let (key, label) = line.split_once('#').unwrap_or((line, ""));
        if key.trim().is_empty() {
            continue;
        }
        let found = party(key, label.trim()).map_err(|error| VaultError::File {
            doing: "read",
            file: format!("{RECIPIENTS_PATH}:{}", at + 1),
            cause: error.to_string(),
        })?;
        parties.push(found);
    }
    Ok(parties)
}

/// Writes the public keys.
pub(super) fn write_parties(top: &Path, parties: &[Party]) -> Result<(), VaultError> {
    let mut text = String::from(
        "# Who can open the secrets beside this file, one public key a line.\n\
         # Change it with `fleet secret share` and `fleet secret unshare`.\n",
    );
    for party in parties {
        text.push_str(&party.recipient);
        if !party.label.is_empty() {
            text.push_str(" # ");
            text.push_str(&party.label);
        }
        text.push('\n');
    }
    write(top, RECIPIENTS_PATH, text.as_bytes())
}

/// The bytes of a plain file.
pub(super) fn read(top: &Path, file: &str) -> Result<Vec<u8>, VaultError> {
    refuse_links(top, file)?;
    let path = top.join(file);
    let about = path
        .symlink_metadata()
        .map_err(|e| failed("read", file, &e))?;
    if !about.is_file() || about.len() > MAX_FILE {
        let cause = format!("it is no plain file of at most {MAX_FILE} bytes");
        return Err(failed("read", file, &std::io::Error::other(cause)));
    }
    fs::read(path).map_err(|e| failed("read", file, &e))
}

/// Puts a file in its place at once: after a crash there is the old one or the new one.
pub(super) fn write(top: &Path, file: &str, bytes: &[u8]) -> Result<(), VaultError> {
    refuse_links(top, file)?;
    let put = || -> std::io::Result<()> {
        let path = top.join(file);
        let folder = path.parent().unwrap_or(top);
        fs::create_dir_all(folder)?;
        let mut new = tempfile::NamedTempFile::new_in(folder)?;
        new.write_all(bytes)?;
        // They are public: git and colleagues read them.
        let mode = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
        new.as_file().set_permissions(mode)?;
        new.as_file().sync_all()?;
        new.persist(&path).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    };
    put().map_err(|e| failed("write", file, &e))
}

/// Removes a file, and its folder with the last one.
pub(super) fn delete(top: &Path, file: &str) -> Result<(), VaultError> {
    refuse_links(top, file)?;
    let path = top.join(file);
    fs::remove_file(&path).map_err(|e| failed("write", file, &e))?;
    if let Some(folder) = path.parent() {
        // It may hold others.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// No part of the path may be a link: a branch could make one point out of the work tree.
fn refuse_links(top: &Path, file: &str) -> Result<(), VaultError> {
    let mut at = top.to_owned();
    for part in file.split('/') {
        at.push(part);
        if at.symlink_metadata().is_ok_and(|about| about.is_symlink()) {
            let cause = format!("{} is a link, which is not followed", at.display());
            return Err(failed("read", file, &std::io::Error::other(cause)));
        }
    }
    Ok(())
}

fn failed(doing: &'static str, file: &str, error: &std::io::Error) -> VaultError {
    VaultError::File {
        doing,
        file: file.to_owned(),
        cause: error.to_string(),
    }
}
